"""First and second derivatives of every op against finite differences, in float64; and that no op is left out."""

import importlib
import pkgutil

import numpy as np
import pytest
from tests.devices.test_standin import CASES, INTS, MASK, SQUARE, floats
from tests.ops.rows import Made, find, flat
from tests.ops.table import ROWS, WRITES
from tests.ops.tables.linalg import CASES as LINALG

import metagrad
from metagrad.autograd import gradcheck, gradgradcheck
from metagrad.autograd.function import Function, observers
from metagrad.autograd.variable import Variable
from metagrad.kernels import tuning
from metagrad.nn import functional as F
from metagrad.nn.functional.squared_loss import Huber

SMOOTH = floats(3, 4)
EXTRA = {
    "argwhere": (lambda a: a[tuple(metagrad.argwhere(a > 0).t())], SMOOTH),
    "baddbmm": (lambda a, b: metagrad.baddbmm(b, a, a.transpose(1, 2), beta=0.5, alpha=2), floats(2, 3, 4), floats(2, 3, 3)),
    "broadcast_tensors": (lambda a, b: metagrad.broadcast_tensors(a, b)[1] * a, SMOOTH, floats(4)),
    "cdist of order 0": (lambda a, b: metagrad.cdist(a, b, p=0.0) + a.sum(), SMOOTH, floats(2, 4)),
    "cdist of order infinity": (lambda a, b: metagrad.cdist(a, b, p=float("inf")), SMOOTH, floats(2, 4)),
    "concat": (lambda a, b: metagrad.concat([a, b]), SMOOTH, floats(2, 4)),
    "contiguous": (lambda a: a.t().contiguous(), SMOOTH),
    "div rounded": (lambda a, b: metagrad.div(a, b, rounding_mode="floor") + a, SMOOTH, floats(3, 4, positive=True)),
    "dot": (metagrad.dot, floats(4), floats(4)),
    "drawn": (lambda a: metagrad.bernoulli(a.sigmoid()) + a, SMOOTH),
    "dropout": (lambda a: F.dropout(a, 0.5, training=True), SMOOTH),
    "expand_as": (lambda a, b: a.expand_as(b), floats(4), SMOOTH),
    "fill": (lambda a: (a * 1).fill_diagonal_(2.0), floats(3, 3)),
    "index_put": (lambda a, b: metagrad.index_put(a, (metagrad.tensor([0, 2]),), b), SMOOTH, floats(2, 4)),
    "index_put add": (
        lambda a, b: metagrad.index_put(a, (metagrad.tensor([1, 1]),), b, accumulate=True), SMOOTH, floats(2, 4)
    ),
    "masked_scatter by index": (lambda a, b: a.index_put((MASK,), b), SMOOTH, floats(int(MASK.sum().item()))),
    "mm": (metagrad.mm, SMOOTH, floats(4, 2)),
    "mv": (metagrad.mv, SMOOTH, floats(4)),
    "narrow": (lambda a: metagrad.narrow(a, 1, 1, 2), SMOOTH),
    "positive": (metagrad.positive, SMOOTH),
    "rsub": (lambda a, b: metagrad.rsub(a, b, alpha=2), SMOOTH, floats(4)),
    "select": (lambda a: metagrad.select(a, 1, 2), SMOOTH),
    "swapaxes": (lambda a: a.swapaxes(0, 1), SMOOTH),
    "tile": (lambda a: metagrad.tile(a, (2,)), SMOOTH),
    "unflatten": (lambda a: a.unflatten(1, (2, 2)), SMOOTH),
    "view": (lambda a: a.view(2, 6), SMOOTH),
    "view_as": (lambda a: a.view_as(metagrad.zeros(4, 3)), SMOOTH),
    "broadcast_to": (lambda a: a.broadcast_to((2, 3, 4)), SMOOTH),
    "flatten": (lambda a: a.flatten(), SMOOTH),
    "norm inf": (lambda a: a.norm(float("inf")), SMOOTH),
    "norm 1": (lambda a: a.norm(1), SMOOTH),
    "prod with zeros": (lambda a: (a * metagrad.tensor([1.0, 0.0, 1.0, 1.0], dtype=metagrad.float64)).prod(1), SMOOTH),
    "pow number": (lambda a: a**3, SMOOTH),
    "number pow": (lambda a: 2.0**a, SMOOTH),
    "number by": (lambda a: 2.0 / (a * a + 1), SMOOTH),
    "matmul of vectors": (lambda a, b: a @ b, floats(4), floats(4)),
    "matmul broadcast": (lambda a, b: a @ b, floats(2, 1, 3, 4), floats(3, 4, 2)),
    "linear without bias": (F.linear, SMOOTH, floats(2, 4)),
    "softmin": (lambda a: F.softmin(a, 1), SMOOTH),
    "gumbel": (lambda a: F.gumbel_softmax(a, tau=0.7), SMOOTH),
    "nll": (lambda a: F.nll_loss(a, INTS[:, 0], metagrad.rand(4, dtype=metagrad.float64)), SMOOTH),
    "squared errors, each": (lambda a, b: F.mse_loss(a, b, reduction="none"), SMOOTH, floats(3, 4)),
    "huber, each": (lambda a, b: F.huber_loss(a, b, reduction="none"), SMOOTH, floats(3, 4)),
    "slice of zero extent": (lambda a: metagrad.cat([a[:0], a]), SMOOTH),
    "div truncated": (
        lambda a, b: metagrad.div(a, b, rounding_mode="trunc") + a,
        SMOOTH,
        floats(3, 4, positive=True),
    ),
    "digamma": (metagrad.digamma, floats(3, 4, positive=True)),
    "complex abs": (lambda a, b: metagrad.abs(a + b * 1j), SMOOTH, floats(3, 4)),
    "complex conjugate": (lambda a, b: metagrad.real(np.conjugate(a + b * 1j) * (2 + 3j)), SMOOTH, floats(3, 4)),
    "complex real": (lambda a: metagrad.real(a * (1 + 2j)), SMOOTH),
}  # fmt: skip
TABLE = {**CASES, **EXTRA}
TABLE["embedding"] = (F.embedding, INTS, SQUARE)  # without padding, whose gradient is not the derivative


def reseeded(function):
    """The function with the generator set back before each call, for ops that draw."""

    def repeated(*inputs):
        metagrad.manual_seed(0)
        return function(*inputs)

    return repeated


@pytest.mark.parametrize("name", TABLE)
def test_derivatives(name):
    function, *inputs = TABLE[name]
    with metagrad.no_grad():
        out = reseeded(function)(*inputs)
    if not (isinstance(out, Variable) and out.is_floating_point()) or not reseeded(function)(*inputs).requires_grad:
        pytest.skip("its result has no derivative")
    if name == "to dtype":
        pytest.skip("passes through float32, too coarse for finite differences")
    assert gradcheck(reseeded(function), tuple(inputs))
    assert gradgradcheck(reseeded(function), tuple(inputs))


def ops_of(base):
    """All classes of ops in the families of ``metagrad.ops`` and among the neural functions, whatever is imported by now."""
    for family in (metagrad.ops, F):
        for module in pkgutil.walk_packages(family.__path__, f"{family.__name__}."):
            importlib.import_module(module.name)
    return _below(base)


def _below(base):
    for op in base.__subclasses__():
        if op.__module__.startswith(("metagrad.ops.", "metagrad.nn.functional.")):
            yield op
        yield from _below(op)


def record_gradients(out, inputs):
    """Gradients of the sum of a result, themselves recorded."""
    leaves = [x for x in inputs if isinstance(x, Variable) and x.requires_grad]
    if isinstance(out, Variable) and out.requires_grad:
        total = out.sum()
        total = metagrad.real(total) if total.is_complex() else total
        metagrad.autograd.grad(total, leaves, create_graph=True, allow_unused=True)


def test_no_op_is_left_out():
    used = set()
    observers.append(lambda node, arrays, result, params: used.add(type(node)))
    try:
        for function, *inputs in TABLE.values():
            record_gradients(reseeded(function)(*inputs), inputs)
        for function, *shapes in LINALG.values():
            leaves = [floats(*shape) for shape in shapes]
            for out in flat(function(metagrad, *leaves)):
                record_gradients(out, leaves)
        for row, dtype in ((r, d) for r in [*ROWS, *WRITES] for d in ("float64", "complex128") if d in r.dtypes):
            for each in row.calls:
                made = Made(metagrad, each, dtype, "plain")
                leaves = [leaf * 1 for leaf in made.leaves]  # written in place, some of them
                args, kwargs = made.arguments(leaves)
                for out in flat(find(metagrad, row.name)(*args, **kwargs)):
                    if "derivative" not in row.without:
                        record_gradients(out, made.leaves)
    finally:
        observers.pop()
    # Move is to another device: in test_standin.py; FromWinners belongs to a gradient of pooling; Ctc and Hardsigmoid are in
    # test_layers.py, Attention in test_attention.py, DropoutByLoop and CrossEntropy with the kernels, NextBfloat16 in
    # test_same.py; Huber, of what is rounded beforehand, is below; the last row are bases, and distances, cosines, directions
    # and images by loops, which have tests of their own.
    apart = {
        "Move", "FromWinners", "Ctc", "CtcGradient", "Shared", "Hardsigmoid", "Attention", "DropoutByLoop", "CrossEntropy", "Step",
        "NextBfloat16", "Pointwise", "_Total", "Extremum", "_Chosen", "AboveDiagonal", "FromAboveDiagonal", "Triangle", "Euclidean",
        "BySizes", "BySizesAbove", "Cosine", "Directions", "Huber", "ResampleImages", "UnsampleImages",
    }  # fmt: skip
    assert {op.__name__ for op in set(ops_of(Function)) - used} <= apart


AT = metagrad.tensor([[2, 0], [1, 1]])
WRITTEN = {
    **{
        name: lambda x, v, name=name: getattr(metagrad, name)(x, v[0])
        for name in (
            "atan2 complex copysign floor_divide fmax fmin fmod hypot logaddexp maximum minimum nextafter polar pow remainder "
            "xlogy"
        ).split()
    },
    "lerp": lambda x, v: metagrad.lerp(x, v[0], 0.3),
    "prelu": lambda x, v: F.prelu(x - 2, v[0]),
    "where": lambda x, v: metagrad.where(x > 2, v[0], x),
    "xlog1py": lambda x, v: metagrad.special.xlog1py(x, v[0]),
    "cdist of order 2": lambda x, v: metagrad.cdist(x, v),
    "index_put": lambda x, v: x.index_put((AT[0],), v),
    "index_put, added": lambda x, v: x.index_put((AT[0],), v, accumulate=True),
    "index_copy": lambda x, v: x.index_copy(0, AT[0], v),
    "scatter": lambda x, v: x.scatter(1, AT, v),
    "scatter_reduce, prod": lambda x, v: x.scatter_reduce(1, AT, v, "prod"),
    "scatter_reduce, amax": lambda x, v: x.scatter_reduce(1, AT, v, "amax"),
    "slice_scatter": lambda x, v: x.slice_scatter(v, 0, 1),
    "cdist": lambda x, v: metagrad.cdist(x, v, 1),
}


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("name", WRITTEN)
def test_no_gradient_is_computed_that_is_not_needed(monkeypatch, name, which):
    monkeypatch.setattr(tuning, "DISTANCES_LARGE", 1)
    given = [metagrad.tensor(np.arange(n).reshape(-1, 4) % 5 + 1.0) for n in (12, 8)]
    given[which].requires_grad_()
    y = WRITTEN[name](*given)
    grad = np.ones(y.shape)
    found = [None if g is grad or np.may_share_memory(g, grad) else g for g in y.grad_fn.backward(grad)]
    assert found[1 + which if name == "where" else 1 - which] is None


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (1,), (2, 0, 2)])
@pytest.mark.parametrize("name", "exp tanh sigmoid relu abs sqrt neg square sum mean cumsum softmax clone t".split())
def test_0d_and_empty_tensors(name, shape):
    x = metagrad.ones(shape, dtype=metagrad.float64, requires_grad=True)
    if name == "t" and len(shape) > 2:
        pytest.skip("t is for at most two dimensions")
    arguments = (0,) if name in ("cumsum", "softmax") else ()
    y = getattr(metagrad, name)(x, *arguments)
    assert isinstance(y.array, np.ndarray) and y.dtype is metagrad.float64
    y.sum().backward()
    assert x.grad.shape == x.shape and isinstance(x.grad.array, np.ndarray)


def test_huber_of_a_difference():
    d = metagrad.tensor([-2.0, -0.3, 0.2, 0.7, 3.0], dtype=metagrad.float64, requires_grad=True)
    for delta in (0.5, 1.0):
        assert metagrad.autograd.gradcheck(lambda d, delta=delta: Huber.apply(d, delta=delta), (d,))
        assert metagrad.autograd.gradgradcheck(lambda d, delta=delta: Huber.apply(d, delta=delta), (d,))
