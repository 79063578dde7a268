"""The stand-in array refuses each thing that CuPy refuses: a test for every line of ``cupy_limits.py``."""

import inspect
import operator

import numpy as np
import pytest
from tests.devices import cupy_limits as limits
from tests.devices.standin import Strict, counting

BINARY = sorted(
    {u.__name__ for u in vars(np).values() if isinstance(u, np.ufunc) and (u.nin, u.nout, u.signature) == (2, 1, None)}
)  # those that have methods


def array(*shape, dtype="float64"):
    return Strict(np.ones(shape or (3,), dtype))


FIRST = Strict(np.array([0]))


def numpys(name):
    return operator.attrgetter(name)(np)


@pytest.mark.parametrize("name", limits.MISSING)
def test_functions_that_are_missing(name):
    function, x = numpys(name), array(2, 2)
    if isinstance(function, np.ufunc):
        answer = x.__array_ufunc__(function, "__call__", *[x] * function.nin)
    else:
        answer = x.__array_function__(function, (Strict,), (x,), {})
    assert answer is NotImplemented


@pytest.mark.parametrize(
    ("name", "parameter"), [(n, p) for n, limit in limits.PARAMETERS.items() for p in limit.lacks.split()]
)
def test_parameters_that_are_missing(name, parameter):
    assert parameter not in limits.PARAMETERS[name].has.split()
    assert parameter in inspect.signature(numpys(name)).parameters or name == "arange"
    with pytest.raises(TypeError, match="cupy"):
        array().__array_function__(numpys(name), (Strict,), (), {parameter: array()})


@pytest.mark.parametrize("method", limits.METHODS)
@pytest.mark.parametrize("name", BINARY)
def test_methods_of_ufuncs(name, method):
    ufunc = getattr(np, name)
    arguments = {"at": (FIRST, 1), "reduceat": (FIRST,)}.get(method, ())
    kind = limits.AT_DTYPES.get(name, "float64").split()[0] if method == "at" else "float64"
    if name in limits.METHODS[method]:
        getattr(ufunc, method)(array(dtype=kind), *arguments)
    else:
        with pytest.raises(NotImplementedError, match="not supported yet"):
            getattr(ufunc, method)(array(), *arguments)


@pytest.mark.parametrize(
    ("method", "parameter"), [("reduce", "where"), ("reduce", "initial"), ("__call__", "where"), ("__call__", "order")]
)
def test_parameters_of_ufuncs(method, parameter):
    value = {"where": True, "initial": 0, "order": "C"}[parameter]
    with pytest.raises(TypeError):
        getattr(np.add, method)(*[array()] * (2 if method == "__call__" else 1), **{parameter: value})


@pytest.mark.parametrize("name", limits.AT_DTYPES)
@pytest.mark.parametrize(
    "dtype", "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 complex64".split()
)
def test_dtypes_of_at(name, dtype):
    x = array(dtype=dtype)
    if dtype in limits.AT_DTYPES[name].split():
        getattr(np, name).at(x, FIRST, array(1, dtype=dtype))
    else:
        with pytest.raises(TypeError, match="only supports"):
            getattr(np, name).at(x, FIRST, array(1, dtype=dtype))


@pytest.mark.parametrize(("name", "dtype"), [(n, d) for n, (ds, _) in limits.NO_LOOPS.items() for d in ds.split()])
def test_dtypes_without_a_loop(name, dtype):
    ufunc = getattr(np, name)
    with pytest.raises(TypeError, match="wrong type"):
        ufunc(*[array(dtype=dtype)] * ufunc.nin)


@pytest.mark.parametrize("name", limits.SEVERAL_RESULTS)
def test_out_of_several_results(name):
    ufunc = getattr(np, name)
    with pytest.raises(ValueError, match="exactly one"):
        ufunc(*[array()] * ufunc.nin, out=(array(), array()))


@pytest.mark.parametrize("name", limits.ARRAY_METHODS)
def test_parameters_of_methods(name):
    has = limits.ARRAY_METHODS[name].replace("*", "").split()
    assert callable(getattr(array(), name))
    for parameter in {"initial", "where", "order", "mode", "correction", "type"} - {*has}:
        with pytest.raises(TypeError):
            getattr(array(), name)(**{parameter: 1})


def test_attributes():
    numpys = {name for name in dir(np.ndarray) if not name.startswith("__")}
    missing = numpys - {*limits.ARRAY_METHODS} - {*limits.ARRAY_ATTRIBUTES}
    assert {"ctypes", "setflags", "getfield", "resize"} <= missing
    assert {name for name in missing if hasattr(array(), name)} == set()
    assert {name for name in dir(array().flags) if not name.startswith("_")} == {*limits.FLAGS}


def test_places_of_at():
    """ndarray.__array_ufunc__ (cupy/_core/core.pyx) takes arrays and numbers: several arrays, or a slice, are no argument."""
    for places in ((FIRST, FIRST), [0], slice(1), None):
        with pytest.raises(TypeError):
            np.add.at(array(2, 2), places, 1.0)


@pytest.mark.parametrize("name", limits.NO_SPECIAL_METHODS)
def test_special_methods(name):
    with pytest.raises(TypeError):
        range(Strict(np.array(3))) if name == "__index__" else 1 in array()


def test_sorting():
    x = Strict(np.array([[2.0, 1.0], [0.0, 3.0]]))
    for call in (
        lambda: np.sort(x, kind="quicksort"),
        lambda: np.argsort(x, kind="mergesort"),
        lambda: x.sort(kind="heapsort"),
    ):
        with pytest.raises(ValueError, match="stable"):
            call()
    with pytest.raises(NotImplementedError, match="non-contiguous"):
        x.T.sort()
    with pytest.raises(np.exceptions.AxisError):
        np.sort(Strict(np.array(1.0)))
    with pytest.raises(TypeError):
        np.lexsort((x[0], x[1]))
    assert np.sort(x, kind="stable").get().tolist() == [[1.0, 2.0], [0.0, 3.0]]


def test_nothing_becomes_numpys_by_itself():
    x = array()
    for call in (lambda: np.asarray(x), lambda: x + np.ones(3), lambda: np.concatenate([x, np.ones(3)])):
        with pytest.raises(TypeError):
            call()
    with pytest.raises(ValueError, match="0d"):
        np.nonzero(Strict(np.array(1.0)))
    with pytest.raises(TypeError, match="float16"):
        np.linalg.solve(array(2, 2, dtype="float16"), array(2, 2, dtype="float16"))


def test_indices_out_of_range_wrap_around():
    x = Strict(np.arange(4.0))
    assert x[Strict(np.array([1, 5, -1]))].get().tolist() == [1.0, 1.0, 3.0]
    x[[6]] = 9.0
    assert x.get().tolist() == [0.0, 1.0, 9.0, 3.0]
    assert Strict(np.arange(6).reshape(2, 3))[..., Strict(np.array([3]))].get().tolist() == [[0], [3]]
    with pytest.raises(IndexError):
        x[4]


def test_one_element_written_to_several_times():
    """cupy/_core/core.pyx, __setitem__: the value that is stored is undefined."""
    x = Strict(np.zeros(3))
    x[Strict(np.array([1, 1]))] = 2.0
    x[Strict(np.array([1, 1]))] = Strict(np.array([5.0, 5.0]))
    x[Strict(np.array([0, 2]))] = Strict(np.array([3.0, 4.0]))
    assert x.get().tolist() == [3.0, 5.0, 4.0]
    with pytest.raises(TypeError, match="any of them"):
        x[Strict(np.array([1, 1]))] = Strict(np.array([1.0, 2.0]))


@pytest.mark.parametrize("mode", [*limits.PAD_MODES, "median"])
def test_modes_of_pad(mode):
    if mode in limits.PAD_MODES:
        np.pad(array(), 1, mode)
    else:
        with pytest.raises(ValueError, match="not supported"):
            np.pad(array(), 1, mode)


@pytest.mark.parametrize("parameter", ["out", "order", "casting"])
def test_parameters_of_einsum(parameter):
    assert parameter not in limits.EINSUM
    with pytest.raises(TypeError, match=parameter):
        np.einsum("i->", array(), **{parameter: array() if parameter == "out" else "K"})


@pytest.mark.parametrize("dtype", limits.NO_DTYPES)
def test_dtypes_of_arrays(dtype):
    with pytest.raises(ValueError, match="Unsupported dtype"):
        Strict(np.zeros(2, dtype))


WAITING = {
    "choose": lambda x: np.choose(Strict(np.array([0, 0, 0])), [x, x]), "compress": lambda x: np.compress(x > 0, x),
    "extract": lambda x: np.extract(x > 0, x), "place": lambda x: np.place(x, x > 0, x),
    "unravel_index": lambda x: np.unravel_index(Strict(np.array([1])), (2, 2)), "array_equal": lambda x: np.array_equal(x, x),
    "bincount": lambda x: np.bincount(Strict(np.array([1]))), "allclose": lambda x: np.allclose(x, x),
}  # fmt: skip


@pytest.mark.parametrize("name", limits.WAITS)
def test_functions_that_wait(name):
    with counting() as waits:
        WAITING.get(name, getattr(np, name))(array())
    assert waits == [name]


def test_repeating_by_an_array_waits():
    with counting() as waits:
        np.repeat(array(), 2)
        assert not waits
        np.repeat(array(), Strict(np.array([1, 2, 0])))
    assert waits == ["repeat"] and limits.REPEAT_WAITS


def test_results_without_dimensions_are_arrays():
    assert (
        isinstance(array().sum(), Strict)
        and isinstance(array()[0], Strict)
        and isinstance(np.add.reduce(array()), Strict)
    )


def test_what_brings_a_value_to_the_cpu_is_counted():
    x = array()
    with counting() as waits:
        x + x
        assert not waits
        x.sum().item(), bool(x[0]), x[x > 0], np.flatnonzero(x)
    assert waits == ["item", "__bool__", "mask", "flatnonzero"]
