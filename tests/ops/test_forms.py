"""Forms that PyTorch programs use: operators in place that ask the other operand, old arguments, attributes that are set."""

import numpy as np
import pytest

import metagrad


class Other:
    """Answers to being added to a tensor."""

    def __radd__(self, x):
        return "added"

    __rsub__ = __rmul__ = __rtruediv__ = __rfloordiv__ = __rmod__ = __rpow__ = __rand__ = __ror__ = __rxor__ = __radd__
    __rlshift__ = __rrshift__ = __radd__


@pytest.mark.parametrize("sign", ["+", "-", "*", "/", "//", "%", "**", "&", "|", "^", "<<", ">>"])
def test_an_operator_in_place_asks_the_other_operand(sign):
    names = {"x": metagrad.tensor([1, 2]), "other": Other()}
    exec(f"x {sign}= other", names)
    assert names["x"] == "added"
    names = {"x": metagrad.tensor([1, 2])}
    with pytest.raises(TypeError):
        exec(f"x {sign}= 'text'", names)


def test_an_operator_in_place_writes_in_place():
    x = y = metagrad.tensor([1.0, 2.0])
    x += 1
    x *= metagrad.tensor([2.0, 3.0])
    assert x is y and y.tolist() == [4.0, 9.0]


def test_the_class_called_with_data_makes_float32():
    for data in ([1, 2], np.array([1, 2]), np.array([1.0, 2.0]), (1, 2)):
        x = metagrad.Tensor(data)
        assert x.dtype is metagrad.float32 and x.tolist() == [1.0, 2.0]
    x = metagrad.Tensor([1, 2])
    x[0] = 0.5
    assert x.tolist() == [0.5, 2.0]
    assert metagrad.Tensor([1, 2, 3], requires_grad=True).requires_grad
    assert metagrad.Tensor([1, 2], dtype=metagrad.int64).dtype is metagrad.int64
    assert metagrad.Tensor(metagrad.tensor([1, 2])).dtype is metagrad.int64  # another tensor of the same numbers
    assert metagrad.nn.Parameter(np.array([1.0])).dtype is metagrad.float64
    assert metagrad.nn.Buffer(np.array([1])).dtype is metagrad.int64


def test_the_parts_of_a_complex_tensor_may_be_set():
    x = metagrad.tensor([1 + 2j, 3 + 4j])
    x.real = metagrad.tensor([5.0, 6.0])
    x.imag = 0
    assert x.tolist() == [5, 6]
    y = metagrad.tensor([1.0, 2.0])
    y.real = 7
    assert y.tolist() == [7.0, 7.0]
    with pytest.raises(RuntimeError):
        y.imag = 1


def old_forms(lib):
    a, b, c = lib.tensor([1.0, 2.0]), lib.tensor([3.0, 4.0]), lib.tensor([5.0, 8.0])
    return [
        lib.addcmul(a, 2, b, c).tolist(), lib.addcdiv(a, 2, b, c).tolist(), a.addcmul(2, b, c).tolist(),
        a.clone().addcmul_(2, b, c).tolist(),
        a.addcdiv(2, b, c).tolist(), a.clone().addcdiv_(2, b, c).tolist(), lib.addcmul(a, b, c, value=2).tolist(),
    ]  # fmt: skip


def test_the_factor_may_come_second():
    found = old_forms(metagrad)
    assert found[0] == found[2] == found[3] == found[6] == [31.0, 66.0]
    assert found[1] == found[4] == found[5]
    np.testing.assert_allclose(found[1], [2.2, 3.0])


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
def test_the_factor_may_come_second_as_in_pytorch(torch):
    np.testing.assert_allclose(old_forms(metagrad), old_forms(torch), rtol=1e-6)


@pytest.mark.oracle
def test_histogram_without_bins(torch):
    values = [0.1, 0.5, 0.9, 0.5]
    found, expected = (lib.histogram(lib.tensor(values)) for lib in (metagrad, torch))
    assert found.hist.tolist() == expected.hist.tolist()
    np.testing.assert_allclose(found.bin_edges.tolist(), expected.bin_edges.tolist(), rtol=1e-6)


@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft", "fftn", "fft2", "rfftn", "ifft2"])
def test_transforms_take_axis(name):
    x, op = metagrad.arange(12.0).reshape(3, 4), getattr(metagrad.fft, name)
    named = {"axis": (0, 1), "dim": (0, 1)} if name.endswith(("n", "2")) else {"axis": 0, "dim": 0}
    assert op(x, axis=named["axis"]).tolist() == op(x, dim=named["dim"]).tolist()


def test_memory():
    x = metagrad.arange(3)
    assert x.to_dense() is x and x.to_dense(metagrad.float32).dtype is metagrad.float32
    assert x[1:]._is_view() and not x._is_view() and not x.clone()._is_view()
    array = np.arange(3)
    shared, copied = metagrad.from_dlpack(array), metagrad.from_dlpack(array, copy=True)
    array[0] = 7
    assert shared.tolist() == [7, 1, 2] and copied.tolist() == [0, 1, 2]


@pytest.mark.parametrize("name", ["erf", "erfc", "erfinv", "logit", "i0", "lgamma"])
@pytest.mark.parametrize("dtype", [metagrad.int64, metagrad.uint8, metagrad.bool])
def test_special_functions_take_integers_and_bools_for_numbers(name, dtype):
    function, x = getattr(metagrad, name), metagrad.tensor([1, 0], dtype=dtype)
    assert function(x).dtype is metagrad.float32
    assert function(x).tolist() == function(x.float()).tolist()
    with pytest.raises(NotImplementedError, match="not implemented for 'ComplexFloat'"):
        function(x.to(metagrad.complex64))
