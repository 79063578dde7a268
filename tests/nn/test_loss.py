"""Losses against PyTorch in value and gradient, to second order by finite differences, and their errors."""

import inspect
import itertools
import warnings

import numpy as np
import pytest

import metagrad
from metagrad import nn
from metagrad.autograd import gradcheck, gradgradcheck
from metagrad.kernels import summed
from metagrad.nn import functional as F

RNG = np.random.default_rng(0)
X = RNG.standard_normal((4, 5))
X3 = RNG.standard_normal((2, 5, 3))
Y = RNG.standard_normal((4, 5))
P = RNG.random((4, 5)) * 0.9 + 0.05
W5 = RNG.random(5) + 0.5
CLASSES = np.array([0, 4, 2, 2])
CLASSES3 = RNG.integers(0, 5, (2, 3))
IGNORED = np.array([0, -100, 2, -100])
PROBABILITIES = np.exp(Y) / np.exp(Y).sum(1, keepdims=True)

# name: (function, input, other arguments, settings)
CASES = {
    "mse": ("mse_loss", X, [Y], {}),
    "mse weighted": ("mse_loss", X, [Y], {"weight": P}),
    "l1": ("l1_loss", X, [Y], {}),
    "smooth l1": ("smooth_l1_loss", X, [Y], {"beta": 0.7}),
    "smooth l1, beta 0": ("smooth_l1_loss", X, [Y], {"beta": 0.0}),
    "huber": ("huber_loss", X, [Y], {"delta": 0.8}),
    "bce": ("binary_cross_entropy", P, [RNG.random((4, 5))], {}),
    "bce weighted": ("binary_cross_entropy", P, [RNG.random((4, 5))], {"weight": W5}),
    "bce logits": ("binary_cross_entropy_with_logits", 5 * X, [RNG.random((4, 5))], {}),
    "bce logits weighted": ("binary_cross_entropy_with_logits", X, [P], {"weight": W5, "pos_weight": W5}),
    "kl": ("kl_div", X, [PROBABILITIES], {}),
    "kl log": ("kl_div", X, [Y], {"log_target": True}),
    "nll": ("nll_loss", X, [CLASSES], {}),
    "nll weighted": ("nll_loss", X, [CLASSES], {"weight": W5}),
    "nll ignoring": ("nll_loss", X, [IGNORED], {"weight": W5}),
    "nll ignoring class 2": ("nll_loss", X, [CLASSES], {"ignore_index": 2}),
    "nll of places": ("nll_loss", X3, [CLASSES3], {"weight": W5}),
    "nll single": ("nll_loss", X[0], [np.array(3)], {}),
    "cross entropy": ("cross_entropy", X, [CLASSES], {}),
    "cross entropy smoothed": ("cross_entropy", X, [IGNORED], {"weight": W5, "label_smoothing": 0.3}),
    "cross entropy of places": ("cross_entropy", X3, [CLASSES3], {"label_smoothing": 0.1}),
    "cross entropy single": ("cross_entropy", X[0], [np.array(3)], {}),
    "cross entropy probabilities": ("cross_entropy", X, [PROBABILITIES], {}),
    "cross entropy probabilities, all": ("cross_entropy", X, [PROBABILITIES], {"weight": W5, "label_smoothing": 0.2}),
    "cross entropy of large scores": ("cross_entropy", 1000 * X, [CLASSES], {}),
}
REDUCTIONS = ["mean", "sum", "none"]


def converted(library, value, dtype):
    if not isinstance(value, np.ndarray):
        return value
    return library.tensor(value.astype(dtype) if value.dtype.kind == "f" else value)


def call(library, case, reduction, dtype):
    name, x, others, settings = CASES[case]
    x = library.tensor(x.astype(dtype), requires_grad=True)
    others = [converted(library, o, dtype) for o in others]
    settings = {k: converted(library, v, dtype) for k, v in settings.items()}
    loss = getattr(library.nn.functional, name)(x, *others, reduction=reduction, **settings)
    (loss * library.arange(1, loss.numel() + 1).reshape(tuple(loss.shape))).sum().backward()
    return loss.detach().numpy(), x.grad.numpy()


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
@pytest.mark.parametrize(
    ("case", "reduction", "dtype"), list(itertools.product(CASES, REDUCTIONS, ["float32", "float64"]))
)
def test_losses_equal_pytorch(case, reduction, dtype):
    torch = pytest.importorskip("torch")
    close = {"rtol": 1e-4, "atol": 1e-5} if dtype == "float32" else {"rtol": 1e-9, "atol": 1e-11}
    for ours, theirs in zip(call(metagrad, case, reduction, dtype), call(torch, case, reduction, dtype), strict=True):
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, **close)


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
@pytest.mark.parametrize("case", [c for c in CASES if "l1" not in c])
def test_losses_pass_gradcheck_twice(case):
    name, x, others, settings = CASES[case]
    x = metagrad.tensor(np.asarray(x), requires_grad=True)
    others = [converted(metagrad, o, "float64") for o in others]
    settings = {k: converted(metagrad, v, "float64") for k, v in settings.items()}
    function = getattr(F, name)
    assert gradcheck(lambda x: function(x, *others, **settings), (x,))
    assert gradgradcheck(lambda x: function(x, *others, **settings), (x,))


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("name", "settings", "target"),
    [
        ("MSELoss", {}, Y),
        ("L1Loss", {"reduction": "sum"}, Y),
        ("SmoothL1Loss", {"beta": 0.5}, Y),
        ("HuberLoss", {"delta": 0.5}, Y),
        ("KLDivLoss", {"reduction": "batchmean"}, PROBABILITIES),
        ("BCEWithLogitsLoss", {}, P),
        ("NLLLoss", {"ignore_index": 2}, CLASSES),
        ("CrossEntropyLoss", {"label_smoothing": 0.1, "reduction": "none"}, CLASSES),
    ],
)
def test_loss_modules_equal_pytorch(name, settings, target):
    torch = pytest.importorskip("torch")
    ours, theirs = (getattr(lib.nn, name)(**settings)(lib.tensor(X), lib.tensor(target)) for lib in (metagrad, torch))
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-10)


def test_nothing_to_learn_from_gives_nan():
    loss = F.cross_entropy(metagrad.zeros(2, 3), metagrad.tensor([-100, -100]))
    assert loss.isnan()
    assert F.cross_entropy(metagrad.zeros(2, 3), metagrad.tensor([-100, -100]), reduction="sum") == 0


def test_a_weight_of_another_dtype_leaves_the_losss():
    x, y, weight = [metagrad.tensor(values) for values in ([0.5, 0.5], [1.0, 0.0], [0, 2])]
    for other in (weight, weight.half(), weight.double()):
        loss = F.binary_cross_entropy(x, y, other)
        assert loss.dtype == metagrad.float32 and abs(loss.item() - 0.69314718) < 1e-6


def test_certain_predictions_are_finite():
    x = metagrad.tensor([0.0, 1.0], requires_grad=True)
    loss = F.binary_cross_entropy(x, metagrad.tensor([1.0, 0.0]))
    loss.backward()
    assert loss.item() == 100 and x.grad.isfinite().all()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: F.cross_entropy(metagrad.zeros(2, 3), metagrad.tensor([0, 3])), IndexError, "out of bounds"),
        (lambda: F.cross_entropy(metagrad.zeros(2, 3), metagrad.tensor([0])), ValueError, "Expected target size"),
        (
            lambda: F.nll_loss(metagrad.zeros(2, 3), metagrad.tensor([0.0, 1.0])),
            RuntimeError,
            "expected target dtype to be Long or Byte",
        ),
        (lambda: F.mse_loss(metagrad.zeros(2), metagrad.zeros(2), reduction="avg"), ValueError, "reduction"),
        (
            lambda: F.binary_cross_entropy(metagrad.tensor([2.0]), metagrad.tensor([1.0])),
            RuntimeError,
            "between 0 and 1",
        ),
        (lambda: F.binary_cross_entropy(metagrad.zeros(2), metagrad.zeros(3)), ValueError, "size"),
        (
            lambda: nn.CrossEntropyLoss(label_smoothing=2.0)(metagrad.zeros(1, 3), metagrad.tensor([0])),
            RuntimeError,
            "0.0 and 1.0",
        ),
    ],
)
def test_bad_arguments_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_broadcast_target_is_warned_about():
    with pytest.warns(UserWarning, match="broadcasting"):
        F.mse_loss(metagrad.zeros(3, 1), metagrad.zeros(3))


ACTIVATIONS = ["relu", "relu6", "hardtanh", "leaky_relu", "elu", "selu", "silu", "softplus", "softsign", "logsigmoid"]


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_equal_pytorch(name, dtype):
    torch = pytest.importorskip("torch")
    found = []
    for library in (metagrad, torch):
        x = library.tensor(np.linspace(-30, 30, 61).astype(dtype), requires_grad=True)
        y = getattr(library.nn.functional, name)(x)
        (y * library.arange(61)).sum().backward()
        found.append((y.detach().numpy(), x.grad.numpy()))
    for ours, theirs in zip(*found, strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, rtol=2e-5 if dtype == "float32" else 1e-10, atol=1e-30)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_pass_gradcheck_twice(name):
    x = metagrad.tensor(RNG.standard_normal((3, 4)) * 3, requires_grad=True)
    assert gradcheck(getattr(F, name), (x,))
    assert gradgradcheck(getattr(F, name), (x,))


IN_PLACE = {
    "relu": {}, "relu6": {}, "hardtanh": {"min_val": -0.5}, "leaky_relu": {"negative_slope": 0.2}, "elu": {"alpha": 0.5},
    "selu": {}, "celu": {"alpha": 2.0}, "silu": {}, "mish": {}, "hardswish": {}, "hardsigmoid": {}, "rrelu": {},
    "threshold": {"threshold": 0.1, "value": 7.0}, "dropout": {"p": 0.0}, "alpha_dropout": {"p": 0.0},
}  # fmt: skip


@pytest.mark.parametrize("size", [7, 300_000])
@pytest.mark.parametrize("name", IN_PLACE)
def test_activations_in_place_have_the_gradient_of_those_that_are_not(name, size):
    start, weights = metagrad.randn(size), metagrad.randn(size)
    results = []
    for inplace in (False, True):
        x = start.clone().requires_grad_()
        y = x * 2
        z = getattr(F, name)(y, **IN_PLACE[name], inplace=inplace)
        assert not inplace or z is y
        (z * weights).sum().backward()
        results.append((z.detach(), x.grad))
    (z, gradient), (z_in_place, gradient_in_place) = results
    assert z.equal(z_in_place) and gradient.equal(gradient_in_place)


@pytest.mark.parametrize("name", ["dropout", "alpha_dropout", "feature_alpha_dropout"])
def test_dropout_in_place_has_the_gradient_of_what_it_kept(name):
    x = metagrad.randn(40, 30, requires_grad=True)
    y = x * 1
    getattr(F, name)(y, 0.4, True, inplace=True).sum().backward()
    scale = x.grad.unique()
    assert len(scale) == 2 and scale[0] == 0
    shift = (y - x * scale[1])[x.grad != 0].detach()
    assert (shift - shift[0]).abs().max() < 1e-5


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("ReLU", (True,)), ("LeakyReLU", (0.2,)), ("ELU", ()), ("SELU", ()), ("SiLU", ()), ("Softplus", (2,)), ("ReLU6", ()),
        ("Hardtanh", (-2, 2)), ("Softsign", ()), ("LogSigmoid", ()), ("Softmax", (1,)), ("LogSoftmax", (0,)),
        ("Softmin", (1,)), ("Sigmoid", ()), ("Tanh", ()), ("Flatten", ()), ("Dropout", (0.3,)), ("Identity", ()),
    ],
)  # fmt: skip
def test_modules_print_and_compute_as_pytorch(name, arguments):
    torch = pytest.importorskip("torch")
    ours, theirs = getattr(nn, name)(*arguments).eval(), getattr(torch.nn, name)(*arguments).eval()
    assert repr(ours) == repr(theirs)
    np.testing.assert_allclose(ours(metagrad.tensor(X)).numpy(), theirs(torch.tensor(X)).numpy(), rtol=1e-10)


def test_gumbel_softmax_samples():
    metagrad.manual_seed(0)
    logits = metagrad.tensor([[0.0, 2.0]]).expand(4000, 2)
    hard = F.gumbel_softmax(logits, hard=True)
    assert set(hard.flatten().tolist()) == {0.0, 1.0}
    np.testing.assert_allclose(hard.mean(0).tolist(), metagrad.softmax(logits[0], 0).tolist(), atol=0.02)
    soft = F.gumbel_softmax(logits, tau=0.5)
    np.testing.assert_allclose(soft.sum(1).tolist(), [1.0] * 4000, rtol=1e-5)


@pytest.mark.oracle
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("targets", [[-100, -100, -100], [-100, 1, 2]])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_ignored_targets_have_no_part_in_value_or_gradient(torch, reduction, smoothing, weighted, targets, dtype):
    scores = [[0.5, 1.0, float("-inf") if smoothing == 0 else 0.0], [0.3, 0.2, 0.1], [1.0, 2.0, 3.0]]
    found = []
    for lib in (torch, metagrad):
        x = lib.tensor(scores, dtype=getattr(lib, dtype), requires_grad=True)
        weight = lib.tensor([0.5, 1.0, 2.0], dtype=x.dtype) if weighted else None
        loss = lib.nn.functional.cross_entropy(
            x, lib.tensor(targets), weight, reduction=reduction, label_smoothing=smoothing
        )
        loss.sum().backward()
        found.append((loss.detach().numpy(), x.grad.numpy()))
    for ours, theirs in zip(found[1], found[0]):
        np.testing.assert_allclose(
            ours, theirs, rtol=1e-3 if dtype == "float16" else 1e-5, atol=1e-3 if dtype == "float16" else 1e-6
        )


# ------------------------------------------------ size_average and reduce, as old programs give them


@pytest.mark.parametrize("size_average", [None, True, False])
@pytest.mark.parametrize("reduce", [None, True, False])
def test_the_old_arguments_choose_the_reduction(size_average, reduce):
    x, y = metagrad.tensor([1.0, 2.0]), metagrad.tensor([0.0, 4.0])
    expected = [1.0, 4.0] if reduce is False else 5.0 if size_average is False else 2.5
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        by_name = F.mse_loss(x, y, size_average=size_average, reduce=reduce)
        by_position = F.mse_loss(x, y, size_average, reduce)
    assert by_name.tolist() == by_position.tolist() == expected
    old = size_average is not None or reduce is not None
    assert [str(w.filename) for w in caught] == ([__file__] * 2 if old else [])


def test_arguments_after_the_old_ones_may_be_given_by_position():
    scores, classes = metagrad.tensor([[0.0, 1.0], [2.0, 0.0]]), metagrad.tensor([1, 0])
    given = F.nll_loss(scores, classes, None, None, 0, None, "sum")
    assert given.tolist() == F.nll_loss(scores, classes, ignore_index=0, reduction="sum").tolist() == -1.0
    with pytest.raises(TypeError, match="multiple values for argument 'reduction'"):
        F.nll_loss(scores, classes, None, None, 0, None, "sum", reduction="sum")
    with pytest.raises(TypeError, match="at most 4 arguments from size_average on, but 5 were given"):
        F.nll_loss(scores, classes, None, None, 0, None, "sum", 0)


def test_a_broadcast_target_is_said_where_the_loss_is_called():
    for loss in (F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.huber_loss):
        with pytest.warns(UserWarning, match="different to the input size") as caught:
            loss(metagrad.zeros(2), metagrad.zeros(2, 2))
        assert caught[0].filename == __file__


@pytest.mark.oracle
def test_signatures_are_pytorchs(torch):
    for name in [n for n in dir(F) if n.endswith("_loss") or n in ("cross_entropy", "binary_cross_entropy", "kl_div")]:
        theirs = getattr(torch.nn.functional, name, None)
        if callable(theirs) and callable(getattr(F, name)):
            assert list(inspect.signature(getattr(F, name)).parameters) == list(inspect.signature(theirs).parameters)


@pytest.mark.parametrize(
    ("logit", "target", "loss"),
    [
        (10, 1, 4.539889e-05),
        (20, 1, 2.061154e-09),
        (30, 1, 9.357623e-14),
        (-3, 1, 3.0485873),
        ("inf", 0, float("inf")),
    ],
)
def test_logits_far_from_0_keep_their_small_losses(logit, target, loss):
    given = metagrad.tensor([float(logit)] * 8), metagrad.tensor([float(target)] * 8)
    for found in metagrad.nn.functional.binary_cross_entropy_with_logits(*given, reduction="none").tolist():
        assert found == pytest.approx(loss, rel=1e-6)


def test_old_arguments_say_which_reduction_to_use():
    x, y = metagrad.ones(2), metagrad.zeros(2)
    for given, meant in (({"size_average": False}, "sum"), ({"reduce": False}, "none"), ({"reduce": True}, "mean")):
        with pytest.warns(UserWarning, match=f"please use reduction='{meant}' instead"):
            F.mse_loss(x, y, **given)


@pytest.mark.parametrize("loss", [F.mse_loss, F.huber_loss, F.smooth_l1_loss])
def test_the_number_of_threads_does_not_change_a_loss(monkeypatch, loss):
    monkeypatch.setattr(summed, "available", lambda: False)
    x, t = (
        metagrad.tensor(np.random.default_rng(seed).standard_normal(1_000_003), dtype=metagrad.float32)
        for seed in (1, 2)
    )
    before, found = metagrad.get_num_threads(), set()
    try:
        for threads in (1, 2, 3, 7):
            metagrad.set_num_threads(threads)
            found.add(loss(x, t).item())
    finally:
        metagrad.set_num_threads(before)
    assert len(found) == 1


def test_losses_of_large_arrays_are_added_up_in_chunks():
    n = 300_001
    x = (metagrad.arange(n) % 7 - 3.0).requires_grad_()
    t = (metagrad.arange(n) % 5) * 0.5
    steps = {
        "mse_loss": (10.0 / n, 1650020.0),
        "huber_loss": (1.0 / n, 450005.125),
        "smooth_l1_loss": (1.0 / n, 450005.125),
    }
    for name, (steepest, total) in steps.items():
        loss = getattr(F, name)(x, t, reduction="sum")
        assert loss.item() == pytest.approx(total, rel=1e-6)
        mean = getattr(F, name)(x, t)
        assert mean.item() == pytest.approx(total / n, rel=1e-6)
        (grad,) = metagrad.autograd.grad(mean, [x])
        assert grad.abs().max().item() == pytest.approx(steepest, rel=1e-6)
