"""What every row of the op table is tested for: PyTorch's results, finite differences, the in-place form, errors."""

import inspect
import re
import types

import pytest
from tests.ops.rows import Fixed, Made, Numbers, difference, find, flat, outcome, shape_variants
from tests.ops.table import EXEMPT, ROWS, WRITES

import metagrad
from metagrad.autograd import gradcheck, gradgradcheck


def in_place_name(name):
    """add -> add_, __add__ -> __iadd__, fill_ -> fill_; None if there is no such method, or it has a row of its own."""
    if name in WRITTEN:
        return name
    written = f"__i{name[2:]}" if name.startswith("__") else f"{name}_"
    return written if written not in {"detach_", *WRITTEN} and hasattr(metagrad.Tensor, written) else None


def in_place(name):
    """A function that calls an in-place method on a copy of its first argument."""

    def function(x, *args, **kwargs):
        copy = x.clone()
        out = getattr(copy, name)(*args, **kwargs)
        assert out is copy, f"{name} must return the tensor it was called on"
        return out

    return function


def function_of(lib, row):
    return in_place(row.name) if row.name in WRITTEN else find(lib, row.name)


WRITTEN = {name for r in WRITES for name in r.names}
CALLS = [(r, f"{r.name}-{i}", c) for r in [*ROWS, *WRITES] for i, c in enumerate(r.calls)]
ERRORS = [(r, f"{r.name}-{i}", c) for r in [*ROWS, *WRITES] for i, c in enumerate(r.errors)]
IN_PLACE = [
    (r, f"{in_place_name(n)}-{i}", c, n)
    for r in ROWS
    for n in r.names
    if in_place_name(n) and (n == r.name or n.startswith("__"))
    for i, c in enumerate(r.calls)
    if not (c.kwargs and n.startswith("__")) and isinstance(c.args[0], (Numbers, Fixed))
]


def is_operator(name):
    """Whether this method of two operands leaves what it does not know to the other operand."""
    return name.startswith("__") and find(metagrad, name).__module__ == "metagrad.tensors.methods.operators"


OPERATORS = [
    (r, f"{n}-{i}", c, n)
    for r in ROWS
    for n in r.names
    if is_operator(n) and n != r.name
    for i, c in enumerate(r.calls)
    if not c.kwargs and isinstance(c.args[0], (Numbers, Fixed)) and len(c.args) == 2
]


def table(cases, *more):
    """Parameters (row, call, …) with readable names."""
    return [
        pytest.param(r, c, *rest, *m, id="-".join((name, *m))) for r, name, c, *rest in cases for m in (more or [()])
    ]


def by_dtype(cases):
    return [pytest.param(r, c, *rest, d, id=f"{name}-{d}") for r, name, c, *rest in cases for d in r.dtypes]


# ------------------------------------------------ no op is left out


def public_names():
    """Each name under which the public has a function of ``metagrad.ops``."""
    for place in (metagrad, metagrad.Tensor, metagrad.nn.functional):
        for name in dir(place):
            value = getattr(place, name)
            module = value.__module__ if isinstance(value, types.FunctionType) else ""
            if module.startswith("metagrad.ops.") and module != "metagrad.ops.create.random":
                yield f"nn.functional.{name}" if place is metagrad.nn.functional else name


def test_every_public_op_has_a_row():
    names = {n for r in [*ROWS, *WRITES] for n in r.names}
    covered = names | {n.removeprefix("nn.functional.") for n in names} | {in_place_name(n) for n in names} | EXEMPT
    assert {n for n in public_names() if n.removeprefix("nn.functional.") not in covered} == set()


def test_the_exempt_exist():
    assert EXEMPT <= {*public_names()}


@pytest.mark.parametrize("row", [pytest.param(r, id=r.name) for r in [*ROWS, *WRITES] if len(r.names) > 1])
def test_other_names_are_the_same_function(row):
    # a function at the top may take out=, where the method is the bare function
    functions = {inspect.unwrap(find(metagrad, n)) for n in row.names if not is_operator(n)}
    assert functions <= {inspect.unwrap(find(metagrad, row.name))}


@pytest.mark.parametrize("name", sorted({n for n in public_names() if "." not in n}))
def test_the_method_is_the_function(name):
    places = [inspect.unwrap(getattr(place, name)) for place in (metagrad, metagrad.Tensor) if hasattr(place, name)]
    assert len({f for f in places if getattr(f, "__module__", "").startswith("metagrad.ops.")}) == 1


# ------------------------------------------------ equal to PyTorch


def cases_of(row, call, dtype):
    """The call as it stands, then in other memory layouts, shapes and numbers: (what, call, layout, values)."""
    ordinary = "distinct" if "tied" in row.without else "spread"
    cases = [("plain", call, "plain", ordinary), ("strided", call, "strided", ordinary)]
    cases += [(what, other, "plain", ordinary) for what, other in shape_variants(call).items()]
    cases += [("tied: expanded", call, "expanded", ordinary)]
    if dtype.startswith("float"):
        cases += [("tied", call, "plain", "tied"), ("special", call, "plain", "special")]
    return [case for case in cases if case[0].split(":")[0] not in row.without]


def pytorchs(torch, function, row, what, *case):
    """PyTorch's outcome, and whether it has gradients; None if its error only says that nobody wrote this kernel."""
    grad = not (what == "special" and "special gradients" in row.without)
    found = outcome(torch, function, *case, grad)
    if re.search("derivative for|invalid gradient", str(found.raised)):
        grad = False
        found = outcome(torch, function, *case, grad)
    unwritten = re.search("not implemented for|support bool", str(found.raised))
    return None if unwritten and isinstance(found.raised, RuntimeError) else (found, grad)


def compare(torch, ours, theirs, row, call, dtype, gradients=True):
    """Raise where metagrad's outcome of a case differs from PyTorch's; return how many cases were compared."""
    compared = 0
    for what, case, layout, values in cases_of(row, call, dtype):
        reference = pytorchs(torch, theirs, row, what, case, dtype, layout, values)
        if reference is None:
            continue
        compared += 1
        expected, grad = reference
        found = outcome(metagrad, ours, case, dtype, layout, values, grad)
        assert found.error is expected.error, f"{what}: {found.raised!r}, expected {expected.raised!r}"
        wrong = difference(found.values, expected.values, f"{what}: result")
        if gradients:
            wrong = wrong or difference(found.gradients, expected.gradients, f"{what}: gradient")
        assert not wrong, wrong
    if not compared and dtype.startswith("float"):
        raise AssertionError("PyTorch has no such op for floating-point numbers: the row is wrong")
    return compared


@pytest.mark.oracle
@pytest.mark.parametrize(("row", "call", "dtype"), by_dtype(CALLS))
def test_results_and_gradients_equal_pytorchs(torch, row, call, dtype):
    compared = compare(torch, function_of(metagrad, row), function_of(torch, row), row, call, dtype)
    if not compared:
        pytest.skip(f"PyTorch has no kernel for {dtype}")


@pytest.mark.oracle
@pytest.mark.parametrize(("row", "call", "name"), table(OPERATORS))
def test_operators_equal_pytorchs(torch, row, call, name):
    assert compare(torch, find(metagrad, name), find(torch, name), row, call, row.dtypes[0])


@pytest.mark.oracle
@pytest.mark.parametrize(("row", "call", "name", "dtype"), by_dtype(IN_PLACE))
def test_in_place_results_and_gradients_equal_pytorchs(torch, row, call, name, dtype):
    function = in_place(in_place_name(name))
    if not compare(torch, function, function, row, call, dtype, gradients=row.grad):
        pytest.skip(f"PyTorch has no kernel for {dtype}")


# ------------------------------------------------ finite differences


@pytest.mark.parametrize("layout", ["plain", "strided"])
@pytest.mark.parametrize(("row", "call"), table(CALLS))
def test_derivatives(row, call, layout):
    if "float64" not in row.dtypes or "derivative" in row.without:
        pytest.skip("not differentiable")
    function = function_of(metagrad, row)
    made = Made(metagrad, call, "float64", layout)

    def results(*leaves):
        args, kwargs = made.arguments(leaves)
        return tuple(r for r in flat(function(*args, **kwargs)) if isinstance(r, metagrad.Tensor))

    try:
        found = results(*made.leaves)
    except RuntimeError as error:
        assert (
            "view" in row.name
            and layout == "strided"
            and "contiguous" in str(error)
            or "next to each other" in str(error)
        )
        return
    differentiable = [r for r in found if r.requires_grad]
    if not row.grad:
        assert not differentiable
        return
    assert differentiable or not made.leaves or not any(r.dtype.category >= 2 for r in found), "no result requires grad"
    if differentiable and all(r.dtype in (metagrad.float64, metagrad.complex128) for r in differentiable):
        leaves, size = tuple(made.leaves), sum(leaf.numel() for leaf in made.leaves)
        # in random directions, where Jacobians are so large that they would take minutes
        assert gradcheck(results, leaves, fast_mode=size * sum(r.numel() for r in differentiable) > 100_000)
        assert gradgradcheck(results, leaves, fast_mode=size > 24)


# ------------------------------------------------ in place


@pytest.mark.parametrize("dtype", ["float64", "int64"])
@pytest.mark.parametrize(("row", "call", "name"), table(IN_PLACE))
def test_the_in_place_form_equals_the_other(row, call, name, dtype):
    if dtype not in row.dtypes:
        pytest.skip(f"not for {dtype}")
    expected = outcome(metagrad, find(metagrad, name), call, dtype)
    found = outcome(metagrad, in_place(in_place_name(name)), call, dtype)
    args, _ = Made(metagrad, call, dtype).arguments()
    if (
        expected.error is None and expected.values[0][0] == "bool"
    ):  # the tensor keeps its dtype: 1 for true, 0 for false
        ((_, *rest, answers),) = expected.values
        expected.values = [(dtype, *rest, answers.astype(dtype))]
    fits = expected.error is None and (expected.values[0][:2] == (dtype, tuple(args[0].shape)))
    if not fits:
        assert found.error is RuntimeError
        return
    upto = 3 if row.grad else 2  # without a gradient of its own, it stays in the graph where it was
    without_sharing = [[(*v[:upto], v[-1]) for v in o.values] for o in (found, expected)]
    wrong = difference(*without_sharing, "result")
    if row.grad:
        wrong = wrong or difference(found.gradients, expected.gradients, "gradient")
    assert not wrong, wrong


@pytest.mark.parametrize(
    ("row", "call", "name"), table([*IN_PLACE, *((r, n, c, r.name) for r, n, c in CALLS if r in WRITES)])
)
def test_the_in_place_form_counts_one_write_and_refuses_leaves(row, call, name):
    if "float64" not in row.dtypes:
        pytest.skip("only floating-point leaves require gradients")
    (x, *args), kwargs = Made(metagrad, call, "float64", grad=False).arguments()
    method = in_place_name(name)
    copy = x.clone()
    try:
        result = getattr(copy, method)(*args, **kwargs)
    except RuntimeError as error:
        assert "shape" in str(error)
        assert copy._version == 0 and copy.tolist() == x.tolist()
    else:
        assert result is copy and copy._version == 1
    x.requires_grad_()
    before = x.tolist()
    with pytest.raises(RuntimeError, match="leaf"):
        getattr(x, method)(*args, **kwargs)
    assert x.tolist() == before


# ------------------------------------------------ errors


@pytest.mark.parametrize(("row", "call"), table(ERRORS))
def test_errors_say_what_is_wrong(row, call):
    found = outcome(metagrad, function_of(metagrad, row), call, "float32", grad=False)
    assert found.error is call.raises, f"{found.raised!r}, expected {call.raises.__name__}"
    assert len(str(found.raised)) > 15


@pytest.mark.oracle
@pytest.mark.parametrize(("row", "call"), table(ERRORS))
def test_pytorch_raises_the_same(torch, row, call):
    found = outcome(torch, function_of(torch, row), call, "float32", grad=False)
    assert found.error is call.raises, f"{found.raised!r}, expected {call.raises.__name__}"
