"""bfloat16: computed in float32 and rounded once, with PyTorch's promotion, and nothing of it without ml_dtypes."""

import math
import re
import subprocess
import sys
import warnings

import numpy as np
import pytest
from tests.ops.rows import Dtype, Fixed, Numbers, find, flat, numbers, tensors_of
from tests.ops.table import ROWS, WRITES

import metagrad as mg

BRAIN = pytest.importorskip("ml_dtypes", reason="needs the extra bfloat16 (ml_dtypes)").bfloat16
DTYPES = "bool uint8 uint16 uint32 uint64 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128".split()
ULP = 2.0**-7  # the relative distance of neighbouring numbers, at most
# Every float32 near a tie between two bfloat16, and the ends of the range.
TELLING = np.array(
    [
        0.0,
        -0.0,
        1.0,
        1 + 2**-8,
        1 + 3 * 2**-8,
        1 + 2**-8 + 2**-20,
        np.pi,
        1e-40,
        -1e-45,
        3.3895e38,
        3.4e38,
        np.inf,
        -np.inf,
        np.nan,
    ],
    np.float32,
)


def brain(values, lib=mg, **settings):
    return lib.tensor(values, dtype=lib.bfloat16, **settings)


def wide(x):
    return x.detach().float().numpy()


# ------------------------------------------------ without ml_dtypes


def alone(code):
    """What a program prints in a Python that has no ml_dtypes."""
    program = f"import sys; sys.modules['ml_dtypes'] = None; import metagrad as mg\n{code}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    "code",
    [
        "mg.ones(2).bfloat16()",
        "mg.ones(2).to(mg.bfloat16)",
        "mg.zeros(2, dtype=mg.bfloat16)",
        "mg.tensor([1.0], dtype=mg.bfloat16)",
        "mg.rand(2, dtype=mg.bfloat16)",
        "mg.nn.Linear(2, 2).bfloat16()",
        "mg.nn.Linear(2, 2, dtype=mg.bfloat16)",
        "mg.set_default_dtype(mg.bfloat16)",
    ],
)
def test_without_ml_dtypes_the_error_names_the_extra(code):
    said = alone(f"try: {code}\nexcept mg.base.optional.MissingExtra as error: print(error)")
    assert 'pip install "metagrad[bfloat16]"' in said


def test_without_ml_dtypes_it_can_be_named():
    assert alone("print(mg.bfloat16, mg.finfo(mg.bfloat16).eps, mg.promote_types(mg.bfloat16, mg.float16))") == (
        "metagrad.bfloat16 0.0078125 metagrad.float32"
    )
    assert (
        alone("print(mg.bfloat16 == mg.float32, mg.bfloat16.is_floating_point, mg.bfloat16.itemsize)") == "False True 2"
    )


def test_importing_metagrad_does_not_import_it():
    code = "import sys, metagrad; print('ml_dtypes' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


# ------------------------------------------------ the number type


@pytest.mark.oracle
def test_limits_are_pytorchs(torch):
    ours, theirs = mg.finfo(mg.bfloat16), torch.finfo(torch.bfloat16)
    for name in "bits eps max min tiny smallest_normal resolution dtype".split():
        assert getattr(ours, name) == getattr(theirs, name), name
    assert repr(ours) == repr(theirs)
    for name in "is_floating_point is_complex is_signed itemsize abbr".split():
        assert getattr(mg.bfloat16, name) == getattr(torch.bfloat16, name), name
    assert mg.bfloat16.to_real() is mg.bfloat16 and mg.bfloat16.to_complex() is mg.complex64


@pytest.mark.oracle
@pytest.mark.parametrize("other", DTYPES)
def test_promotion_is_pytorchs(torch, other):
    for shapes in [((2,), (2,)), ((), (2,)), ((2,), ()), ((), ())]:
        found = []
        for lib in (torch, mg):
            kind = getattr(lib, other)
            x, y = lib.ones(shapes[0], dtype=lib.bfloat16), lib.ones(shapes[1], dtype=kind)
            names = [(x * y).dtype, (y + x).dtype, lib.result_type(x, y), lib.promote_types(lib.bfloat16, kind)]
            names += [lib.can_cast(lib.bfloat16, kind), lib.can_cast(kind, lib.bfloat16), (x == y).dtype]
            names += [lib.where(x > 0, x, y).dtype, lib.cat([x.reshape(-1), y.reshape(-1)]).dtype]
            found.append([str(n).split(".")[-1] for n in names])
        assert found[1] == found[0]


@pytest.mark.oracle
def test_promotion_with_numbers_is_pytorchs(torch):
    found = []
    for lib in (torch, mg):
        x = brain([1.0, 2.0], lib)
        results = [
            x * 2,
            x * 2.5,
            2.5 - x,
            x / 3,
            x // 2,
            x**2,
            2**x,
            x % 2,
            True + x,
            x * 1j,
            x > 1,
            -x,
            x.sum(),
            x.mean(),
        ]
        results += [
            x @ x,
            x.argmax(),
            x.sum(dtype=lib.float32),
            x.cumsum(0),
            x.var(),
            x.norm(),
            x.softmax(0),
            x.to(lib.float64),
        ]
        found.append([(str(r.dtype).split(".")[-1], r.tolist()) for r in results])
    assert found[1] == found[0]


@pytest.mark.oracle
@pytest.mark.parametrize("other", DTYPES)
def test_conversions_are_pytorchs(torch, other):
    values = TELLING if "float" in other or "complex" in other else np.array([0.0, 1.0, 3.0, 100.0], np.float32)
    for there, back in ((other, "bfloat16"), ("bfloat16", other)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch's, of imaginary parts
            ours, theirs = [
                lib.tensor(values.tolist()).to(getattr(lib, there)).to(getattr(lib, back)) for lib in (mg, torch)
            ]
        assert str(ours.dtype).split(".")[-1] == back
        np.testing.assert_array_equal(np.array(ours.tolist()), np.array(theirs.tolist()))


def test_each_of_its_values_survives_float32():
    bits = np.arange(2**16, dtype=np.uint16)
    x = mg.from_numpy(bits.view(BRAIN))
    again = x.float().bfloat16()
    finite = ~np.isnan(wide(x))
    np.testing.assert_array_equal(again.numpy().view(np.uint16)[finite], bits[finite])
    assert np.isnan(wide(again)[~finite]).all()


@pytest.mark.oracle
@pytest.mark.parametrize(
    "values", [[1.5, 2.25, 1000.0, 0.001], [[1.0, 2.0], [3.0, float("nan")]], 2.5, [], [1.0, float("inf"), -0.0]]
)
def test_text_is_pytorchs(torch, values):
    assert repr(brain(values)).replace("metagrad", "torch") == repr(brain(values, torch))
    assert brain(values).tolist() == brain(values, torch).tolist() or "nan" in str(values)


def test_making_and_filling():
    for made in [
        mg.zeros(2, dtype=mg.bfloat16),
        mg.full((2, 3), 1.5, dtype=mg.bfloat16),
        mg.eye(3, dtype=mg.bfloat16),
        mg.arange(0, 2, 0.25, dtype=mg.bfloat16),
        mg.linspace(0, 1, 5, dtype=mg.bfloat16),
        mg.rand(3, dtype=mg.bfloat16),
        mg.randn(3, dtype=mg.bfloat16),
        mg.empty(2, dtype=mg.bfloat16).uniform_(1, 2),
        mg.empty(2, dtype=mg.bfloat16).normal_(),
        mg.empty(2, dtype=mg.bfloat16).random_(5),
        mg.empty(2, dtype=mg.bfloat16).fill_(3),
        mg.ones_like(brain([1.0])),
        mg.randn_like(brain([1.0])),
        mg.bernoulli(brain([0.5, 1.0])),
        mg.tensor(np.ones(2, BRAIN)),
        mg.from_numpy(np.ones(2, BRAIN)),
        mg.as_tensor(np.ones(2, BRAIN)),
    ]:
        assert made.dtype is mg.bfloat16 and made.numpy().dtype == BRAIN


def test_random_numbers_are_float32s_rounded():
    mg.manual_seed(3)
    x = mg.randn(1000)
    mg.manual_seed(3)
    np.testing.assert_array_equal(mg.randn(1000, dtype=mg.bfloat16).numpy(), x.bfloat16().numpy())


def test_writing_and_memory():
    x = brain([[1.0, 2.0], [3.0, 4.0]])
    x[0] = 7.3
    x[:, 1] += 1
    x[x > 8] = mg.tensor(0.5)
    x.view(-1)[2:].mul_(2)
    assert x.dtype is mg.bfloat16 and x.tolist() == [[7.3125, 0.5], [6.0, 10.0]]
    assert x.t().numpy().base is x.numpy().base or np.shares_memory(x.t().numpy(), x.numpy())
    assert x.view(mg.int16).dtype is mg.int16 and np.shares_memory(x.view(mg.int16).numpy(), x.numpy())
    assert mg.zeros(2, dtype=mg.bfloat16).copy_(mg.tensor([1.001, 2.0])).tolist() == [1.0, 2.0]
    with pytest.raises(RuntimeError, match="can't be cast"):
        mg.ones(2, dtype=mg.int64).add_(brain([1.0, 1.0]))


# ------------------------------------------------ every op


def is_fair(row, call):
    """Whether a call has an answer that rounding its input does not leave to chance."""
    return "float32" in row.dtypes and row.name not in LEFT_OUT


LEFT_OUT = {"empty_like", "hash_tensor"}  # memory nobody has written; bits
JUMPS = {"histc"}  # the edges are bfloat16, too, in both libraries
COARSER = {  # where PyTorch rounds inside, and what comes of it
    "matrix_exp": "nan",
    "linalg.matrix_exp": "nan",
    "nn.functional.grid_sample": "other pixels",
}
CALLS = [
    pytest.param(r, c, id=f"{r.name}-{i}") for r in [*ROWS, *WRITES] for i, c in enumerate(r.calls) if is_fair(r, c)
]


def run(lib, row, call, kind, grad=True):
    """The results of a call and the gradients, of inputs that bfloat16 holds exactly; the error, if there is one."""
    leaves = []

    def made(value):
        if isinstance(value, (list, tuple)):
            return type(value)(made(v) for v in value)
        if isinstance(value, Dtype):
            return getattr(lib, value.name)
        if not isinstance(value, (Numbers, Fixed)):
            return value
        seed = next(seeds)
        array = numbers(value, "float32", "spread", seed)
        if isinstance(value, Fixed):
            return lib.from_numpy(np.array(array))
        x = lib.tensor(array.astype(BRAIN).astype(np.float32)).to(getattr(lib, kind))
        leaves.append(x.requires_grad_(grad))
        return x.clone() if row in WRITES else x

    seeds = iter(range(len(tensors_of(call))))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            args, kwargs = [made(a) for a in call.args], {k: made(v) for k, v in call.kwargs.items()}
            results = [r for r in flat(find(lib, row.name)(*args, **kwargs)) if hasattr(r, "detach")]
            roots = [r for r in results if r.requires_grad]
            rng = np.random.default_rng(3)
            weights = [rng.uniform(0.5, 1.5, tuple(r.shape)).astype(BRAIN).astype(np.float32) for r in roots]
            cotangents = [lib.tensor(w).to(r.dtype) for w, r in zip(weights, roots)]
            grads = lib.autograd.grad(roots, leaves, cotangents, allow_unused=True) if roots else []
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        return error, [], []
    return None, results, [lib.zeros_like(leaf) if g is None else g for g, leaf in zip(grads, leaves)]


def described(x):
    return str(x.dtype).split(".")[-1], tuple(x.shape)


def numpy(x):
    x = x.detach()
    return np.asarray((x.float() if "bfloat16" in str(x.dtype) else x).numpy())


def assert_near(found, expected, ulps, what):
    """Equal but for so many roundings, of the numbers themselves or of the largest ones."""
    a, b = numpy(found), numpy(expected)
    if a.dtype.kind not in "fc":
        np.testing.assert_array_equal(a, b, what)
        return
    finite = np.abs(b[np.isfinite(b)])
    within = ulps * ULP
    np.testing.assert_allclose(a, b, rtol=within, atol=within * max(finite.max(initial=0), 1e-3), err_msg=what)


@pytest.mark.parametrize(("row", "call"), CALLS)
def test_every_op_is_float32s_rounded(row, call):
    if row.name in JUMPS:
        pytest.skip("what is rounded inside decides between neighbours")
    narrow, single = run(mg, row, call, "bfloat16"), run(mg, row, call, "float32")
    if narrow[0] is not None and re.search(
        "precise enough|not implemented for 'BFloat16'|unsupported dtype|float32 or float64|float32, float64|float or double|only",
        str(narrow[0]),
        re.IGNORECASE,
    ):
        pytest.skip(f"no such op on bfloat16: {narrow[0]}")
    assert type(narrow[0]) is type(single[0]), narrow[0]
    for what in (1, 2):
        assert len(narrow[what]) == len(single[what])
        for a, b in zip(narrow[what], single[what]):
            assert a.dtype in (b.dtype, mg.bfloat16) and a.shape == b.shape
            assert_near(a, b, 4, "gradient" if what == 2 else "result")


@pytest.mark.oracle
@pytest.mark.parametrize(("row", "call"), CALLS)
def test_every_op_is_near_pytorchs(torch, row, call):
    if row.name in COARSER:
        pytest.skip(f"PyTorch rounds inside: {COARSER[row.name]}")
    theirs = run(torch, row, call, "bfloat16", row.grad)
    if theirs[0] is not None:
        pytest.skip(f"PyTorch has no such op on bfloat16: {theirs[0]}")
    ours = run(mg, row, call, "bfloat16", row.grad)
    if ours[0] is not None and "precise enough" in str(ours[0]):
        pytest.skip("PyTorch gives numbers that mean nothing")
    assert ours[0] is None, ours[0]
    assert [*map(described, ours[1])] == [*map(described, theirs[1])]
    assert [*map(described, ours[2])] == [*map(described, theirs[2])]
    for a, b in zip([*ours[1], *ours[2]], [*theirs[1], *theirs[2]]):
        assert_near(a, b, 16, row.name)


# ------------------------------------------------ sums, and gradients of gradients


@pytest.mark.parametrize("name", ["sum", "mean", "cumsum", "norm", "logsumexp", "var", "prod", "nansum", "std"])
def test_sums_of_many_do_not_stop(name):
    rng = np.random.default_rng(0)
    x = (rng.uniform(0.5, 0.6, (3000, 2)) if name != "prod" else rng.uniform(0.99, 1.01, (3000, 2))).astype(BRAIN)
    exact = getattr(mg.tensor(x.astype(np.float64)), name)(dim=0)
    found = getattr(mg.tensor(x), name)(dim=0)
    assert found.dtype is mg.bfloat16
    np.testing.assert_allclose(wide(found), exact.float().numpy(), rtol=2**-8)


def test_a_product_of_matrices_is_rounded_once():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(30, 2000)).astype(BRAIN), rng.normal(size=(2000, 20)).astype(BRAIN)
    found = (mg.tensor(a) @ mg.tensor(b)).numpy()
    np.testing.assert_array_equal(found, (a.astype(np.float32) @ b.astype(np.float32)).astype(BRAIN))


def test_a_broadcast_input_has_its_gradients_added_in_float32():
    w = brain([1.0], requires_grad=True)
    (w * mg.ones(3000, dtype=mg.bfloat16)).sum().backward()
    assert w.grad.dtype is mg.bfloat16 and w.grad.item() == 3008  # 3000, rounded; a sum of bfloat16 stops at 256


def test_what_only_copies_is_not_made_float32(monkeypatch):
    x = mg.from_numpy(np.arange(1 << 16, dtype=np.uint16).view(BRAIN)).requires_grad_()
    monkeypatch.setattr("metagrad.autograd.emulation.widened", None)  # called, it would be an error
    bits = x.detach().array.view(np.uint16)
    for y, expected in (
        (x.clone(), bits),
        (mg.cat([x, x]), np.tile(bits, 2)),
        (mg.stack([x, x]), np.tile(bits, (2, 1))),
    ):
        assert y.dtype == mg.bfloat16
        np.testing.assert_array_equal(y.detach().array.view(np.uint16), expected)
    (grad,) = mg.autograd.grad(mg.cat([x, x]), x, mg.ones(1 << 17, dtype=mg.bfloat16))
    assert grad.dtype == mg.bfloat16 and (grad.array.astype(np.float32) == 2).all()


def test_what_is_saved_is_bfloat16():
    x = brain([0.3, 0.7], requires_grad=True)
    y = x.tanh() * x
    saved = [a for node in (y.grad_fn, y.grad_fn.edges[0]) for a in node.saved]
    assert saved and all(a.dtype == BRAIN for a in saved)
    x.data.mul_(2)
    with mg.no_grad():
        x.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


@pytest.mark.oracle
def test_second_derivatives_are_near_pytorchs(torch):
    found = []
    for lib in (torch, mg):
        x = brain([0.3, -0.7, 1.2], lib, requires_grad=True)
        y = (x.tanh() * x.exp() / (1 + x * x)).sum()
        (g,) = lib.autograd.grad(y, x, create_graph=True)
        (h,) = lib.autograd.grad((g * g).sum(), x)
        assert h.dtype is lib.bfloat16
        found.append(h.float().numpy())
    np.testing.assert_allclose(found[1], found[0], rtol=0.1)


def test_a_kernel_with_a_reference_can_be_differentiated_twice():
    torch_like = mg.nn.LSTM(3, 4).bfloat16()
    x = mg.randn(5, 2, 3, dtype=mg.bfloat16).requires_grad_()
    y = torch_like(x)[0]
    assert y.dtype is mg.bfloat16
    (g,) = mg.autograd.grad(y.sum(), x, create_graph=True)
    g.square().sum().backward()
    assert torch_like.weight_ih_l0.grad.dtype is mg.bfloat16 and bool(torch_like.weight_ih_l0.grad.isfinite().all())


@pytest.mark.oracle
def test_a_function_in_pytorchs_style_sees_bfloat16(torch):
    for lib in (torch, mg):

        class Double(lib.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x * 2

            @staticmethod
            def backward(ctx, grad):
                assert grad.dtype is ctx.saved_tensors[0].dtype and "bfloat16" in str(grad.dtype)
                return grad * 2

        x = brain([1.0, 2.0], lib, requires_grad=True)
        Double.apply(x).sum().backward()
        assert x.grad.tolist() == [2.0, 2.0] and x.grad.dtype is lib.bfloat16


# ------------------------------------------------ layers and optimizers

LAYERS = {
    "Linear": (lambda nn: nn.Linear(5, 4), (3, 5)),
    "Conv1d": (lambda nn: nn.Conv1d(5, 4, 3, padding=1), (2, 5, 7)),
    "Conv2d": (lambda nn: nn.Conv2d(3, 4, 3, stride=2), (2, 3, 7, 6)),
    "ConvTranspose2d": (lambda nn: nn.ConvTranspose2d(3, 4, 3, stride=2), (2, 3, 4, 4)),
    "LayerNorm": (lambda nn: nn.LayerNorm(8), (3, 8)),
    "RMSNorm": (lambda nn: nn.RMSNorm(8), (3, 8)),
    "GroupNorm": (lambda nn: nn.GroupNorm(2, 4), (3, 4, 5)),
    "BatchNorm1d": (lambda nn: nn.BatchNorm1d(4), (6, 4)),
    "BatchNorm2d": (lambda nn: nn.BatchNorm2d(4).eval(), (2, 4, 3, 3)),
    "LSTM": (lambda nn: nn.LSTM(5, 4, bidirectional=True), (6, 2, 5)),
    "GRU": (lambda nn: nn.GRU(5, 4, num_layers=2), (6, 2, 5)),
    "RNN": (lambda nn: nn.RNN(5, 4), (6, 2, 5)),
    "MultiheadAttention": (lambda nn: nn.MultiheadAttention(8, 2), (6, 2, 8)),
    "TransformerEncoderLayer": (lambda nn: nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0), (6, 2, 8)),
    "MaxPool2d": (lambda nn: nn.MaxPool2d(2), (2, 3, 6, 6)),
    "AvgPool2d": (lambda nn: nn.AvgPool2d(2), (2, 3, 6, 6)),
    "AdaptiveAvgPool2d": (lambda nn: nn.AdaptiveAvgPool2d(3), (2, 3, 6, 6)),
    "GELU": (lambda nn: nn.GELU(), (3, 8)),
    "PReLU": (lambda nn: nn.PReLU(), (3, 8)),
    "Softmax": (lambda nn: nn.Softmax(-1), (3, 8)),
}


@pytest.mark.oracle
@pytest.mark.parametrize("name", LAYERS)
def test_layers_are_near_pytorchs(torch, name):
    make, shape = LAYERS[name]
    torch.manual_seed(0)
    theirs = make(torch.nn).bfloat16()
    ours = make(mg.nn).bfloat16()
    ours.load_state_dict(
        {k: mg.tensor(v.float().numpy()).to(getattr(mg, str(v.dtype)[6:])) for k, v in theirs.state_dict().items()}
    )
    values = np.random.default_rng(1).normal(size=shape).astype(BRAIN).astype(np.float32)
    found = []
    for lib, layer in ((torch, theirs), (mg, ours)):
        x = lib.tensor(values).bfloat16().requires_grad_()
        y = layer(*([x] * (3 if name == "MultiheadAttention" else 1)))
        y = y[0] if isinstance(y, tuple) else y
        assert y.dtype is lib.bfloat16
        (y * lib.linspace(0.5, 1.5, y.numel()).reshape(y.shape).bfloat16()).sum().backward()
        found.append([y, x.grad, *[p.grad for p in layer.parameters()]])
        assert all(g.dtype is lib.bfloat16 for g in found[-1])
    for a, b in zip(found[1], found[0]):
        assert_near(a, b, 8, name)


OPTIMIZERS = "SGD Adam AdamW Adamax NAdam RAdam Adagrad Adadelta RMSprop Rprop ASGD Adafactor Muon LBFGS".split()


@pytest.mark.oracle
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_step_near_pytorchs(torch, name):
    settings = {"SGD": {"lr": 0.1, "momentum": 0.9}}.get(name, {"lr": 0.01})
    start = np.random.default_rng(2).normal(size=(6, 4)).astype(BRAIN).astype(np.float32)
    found = []
    for lib in (torch, mg):
        p = lib.nn.Parameter(lib.tensor(start).bfloat16())
        optimizer = getattr(lib.optim, name)([p], **settings)

        def loss(lib=lib, p=p, optimizer=optimizer):
            optimizer.zero_grad()
            value = ((p - 1) ** 2).sum()
            value.backward()
            return value

        for _ in range(3):
            optimizer.step(loss)
        assert p.dtype is lib.bfloat16
        state = [v for v in optimizer.state[p].values() if hasattr(v, "dtype")]
        found.append((wide(p), sorted(str(v.dtype).split(".")[-1] for v in state)))
    assert found[1][1] == found[0][1]
    moved = np.abs(found[0][0] - start).max()
    np.testing.assert_allclose(found[1][0], found[0][0], rtol=2 * ULP, atol=0.1 * moved)


def test_a_training_run_in_bfloat16_learns():
    mg.manual_seed(0)
    model = mg.nn.Sequential(mg.nn.Linear(4, 16), mg.nn.Tanh(), mg.nn.Linear(16, 3)).bfloat16()
    optimizer = mg.optim.Adam(model.parameters(), lr=0.02)
    x, y = mg.randn(64, 4, dtype=mg.bfloat16), mg.arange(64) % 3
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = mg.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert loss.dtype is mg.bfloat16 and losses[-1] < 0.7 * losses[0]


# ------------------------------------------------ in and out


def test_it_travels_between_ranks():
    from metagrad.distributed.encoding import decode, encode

    x = brain([1.0, 2.5, float("inf")])
    there = decode(encode({"x": x}))["x"]
    assert there.dtype is mg.bfloat16 and there.tolist() == x.tolist()


def test_anomaly_mode_sees_its_nan():
    x = brain([0.0], requires_grad=True)
    with pytest.warns(UserWarning), mg.autograd.detect_anomaly(), pytest.raises(RuntimeError, match="nan"):
        (x / x).sum().backward()


def test_assert_close_knows_its_precision():
    mg.testing.assert_close(brain([1.0]), brain([1.0078125]))
    with pytest.raises(AssertionError):
        mg.testing.assert_close(brain([1.0]), brain([1.03125]))


# ------------------------------------------------ views


def parts(lib):
    """Writes through the parts of a tensor, and the gradients that come back through them."""
    x = lib.zeros(2, 4, dtype=lib.bfloat16)
    for part in (*x.chunk(2, 1), *x.split([1, 3], 1), *x.unbind(0)):
        part.add_(1)
    leaf = lib.ones(4, dtype=lib.bfloat16, requires_grad=True)
    a, b = (leaf * 1).chunk(2)
    (a * b).sum().backward()
    return x.float().tolist(), leaf.grad.float().tolist(), str(leaf.grad.dtype).split(".")[1]


def test_parts_are_views():
    assert parts(mg) == ([[3, 3, 3, 3], [3, 3, 3, 3]], [1, 1, 1, 1], "bfloat16")


@pytest.mark.oracle
def test_parts_are_views_as_in_pytorch(torch):
    assert parts(mg) == parts(torch)


def test_numbers_are_compared_in_the_tensors_dtype():
    x = mg.tensor([1.0, 2.0, 257.0], dtype=mg.bfloat16)
    assert (x == 257).tolist() == [False, False, True] and (x < 1.00001).tolist() == [False] * 3
    assert (mg.tensor([0.1], dtype=mg.bfloat16) == 0.1).tolist() == [True]
    assert (x == mg.tensor(257.0)).tolist() == [False, False, True]
    assert (x[2] == mg.tensor([257.0])).tolist() == [False]
    assert (x < 1e39).tolist() == [True] * 3 and (x == True).tolist() == [True, False, False]  # noqa: E712


def test_nan_is_compared_without_a_warning():
    x = mg.tensor([2.0, math.nan, 1.0], dtype=mg.bfloat16)
    assert str(x.cummax(0)[0].tolist()) == "[2.0, nan, nan]"
    assert mg.nn.functional.gaussian_nll_loss(x, x, x).isnan() and x[:0].histc(2).tolist() == [0, 0]
    assert mg.cov(mg.ones(2, 3, dtype=mg.bfloat16), aweights=x).isnan().all()
    with pytest.raises(RuntimeError, match="not finite"):
        x.histc(2)
