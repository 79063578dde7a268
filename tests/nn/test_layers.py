"""Layers against PyTorch: outputs, gradients of inputs and parameters, state, text, while training and in evaluation."""

import numpy as np
import pytest

import metagrad
from metagrad import nn
from metagrad.nn import functional as F

IMAGES, SIGNALS, VOLUMES, ROWS = (2, 4, 5, 6), (2, 4, 7), (2, 4, 3, 4, 5), (5, 4)
# name, arguments, shapes of the inputs
LAYERS = [
    *((name, {}, ROWS) for name in ("CELU", "GELU", "Hardshrink", "Hardsigmoid", "Hardswish", "Mish", "Softshrink",
        "Tanhshrink", "PReLU", "GLU")),
    ("CELU", {"alpha": 2.0, "inplace": False}, ROWS), ("GELU", {"approximate": "tanh"}, ROWS),
        ("GLU", {"dim": 1}, SIGNALS),
    ("Hardshrink", {"lambd": 1.0}, ROWS), ("Threshold", {"threshold": 0.1, "value": 20.0}, ROWS),
        ("PReLU", {"num_parameters": 4, "init": 0.1}, IMAGES),
    ("Softmax2d", {}, IMAGES),
    ("LayerNorm", {"normalized_shape": 4}, ROWS), ("LayerNorm", {"normalized_shape": (5, 6), "eps": 0.1}, IMAGES),
    ("LayerNorm", {"normalized_shape": 4, "bias": False}, ROWS),
        ("LayerNorm", {"normalized_shape": 4, "elementwise_affine": False}, ROWS),
    ("RMSNorm", {"normalized_shape": 4}, ROWS),
        ("RMSNorm", {"normalized_shape": (5, 6), "eps": 0.1, "elementwise_affine": False}, IMAGES),
    ("GroupNorm", {"num_groups": 2, "num_channels": 4}, IMAGES),
        ("GroupNorm", {"num_groups": 4, "num_channels": 4, "affine": False}, SIGNALS),
    ("LocalResponseNorm", {"size": 2}, IMAGES),
    *((f"BatchNorm{d}d", settings, shape) for d, shape in ((1, SIGNALS), (2, IMAGES), (3, VOLUMES),
        (1, ROWS)) for settings in (
        {"num_features": 4}, {"num_features": 4, "momentum": None, "eps": 0.1}, {"num_features": 4, "affine": False},
        {"num_features": 4, "track_running_stats": False})),
    *((f"InstanceNorm{d}d", settings, shape) for d, shape in ((1, SIGNALS), (2, IMAGES), (3, VOLUMES),
        (2, IMAGES[1:])) for settings in (
        {"num_features": 4}, {"num_features": 4, "affine": True, "track_running_stats": True})),
    ("Bilinear", {"in1_features": 4, "in2_features": 3, "out_features": 2}, ROWS, (5, 3)),
    ("Bilinear", {"in1_features": 4, "in2_features": 3, "out_features": 2, "bias": False}, ROWS, (5, 3)),
    ("CosineSimilarity", {}, ROWS, ROWS), ("PairwiseDistance", {"p": 1.0, "keepdim": True}, ROWS, ROWS),
    ("SoftMarginLoss", {}, ROWS, ROWS), ("MarginRankingLoss", {"margin": 0.5}, (5,), (5,), (5,)),
        ("HingeEmbeddingLoss", {"margin": 0.5}, ROWS, ROWS),
    ("CosineEmbeddingLoss", {"reduction": "sum"}, ROWS, ROWS, (5,)), ("MultiLabelSoftMarginLoss", {}, ROWS, ROWS),
    ("TripletMarginLoss", {"margin": 2.0, "swap": True}, ROWS, ROWS, ROWS),
        ("TripletMarginWithDistanceLoss", {"margin": 2.0}, ROWS, ROWS, ROWS),
    ("PoissonNLLLoss", {"reduction": "none"}, ROWS, ROWS),
    *((name, {}, shape) for name, shape in (("Dropout1d", SIGNALS), ("Dropout2d", IMAGES), ("Dropout3d", VOLUMES),
        ("AlphaDropout", ROWS), ("FeatureAlphaDropout", IMAGES))),
]  # fmt: skip


def both(torch, name, settings):
    """The layer in either library, with the same state."""
    theirs = getattr(torch.nn, name)(**settings).double()
    ours = getattr(nn, name)(**settings).double()
    rng = np.random.default_rng(3)
    state = {
        k: rng.uniform(0.5, 1.5, tuple(v.shape)) if v.is_floating_point() else v.numpy()
        for k, v in theirs.state_dict().items()
    }
    assert list(ours.state_dict()) == list(state)
    ours.load_state_dict({k: metagrad.tensor(v) for k, v in state.items()})
    theirs.load_state_dict({k: torch.tensor(v) for k, v in state.items()})
    return ours, theirs


def ran(lib, layer, given):
    inputs = [lib.tensor(a, requires_grad=a.dtype.kind == "f") for a in given]
    y = layer(*inputs)
    weights = np.random.default_rng(5).standard_normal(tuple(y.shape))
    (y * lib.tensor(weights)).sum().backward()
    gradients = [p.grad for p in (*inputs, *layer.parameters())]
    state = [v.detach().numpy() for v in layer.state_dict().values()]
    return [y.detach().numpy(), *state, *(np.zeros(0) if g is None else g.numpy() for g in gradients)]


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("name", "settings", "shapes"), [(n, s, shapes) for n, s, *shapes in LAYERS], ids=lambda v: str(v)[:60]
)
def test_layers_equal_pytorchs(torch, name, settings, shapes):
    ours, theirs = both(torch, name, settings)
    assert repr(ours) == repr(theirs)
    rng = np.random.default_rng(0)
    given = [rng.standard_normal(s) for s in shapes]
    if (
        name.endswith("Loss")
        and len(given[-1].shape) <= 2
        and name not in ("TripletMarginLoss", "TripletMarginWithDistanceLoss")
    ):
        given[-1] = np.sign(given[-1]).astype(int)
    coarse = name == "Hardsigmoid"  # where PyTorch has constants of single precision
    within = {"rtol": 1e-6, "atol": 1e-6} if coarse else {"rtol": 1e-9, "atol": 1e-11}
    for training in (True, False):
        ours.train(training), theirs.train(training)
        if "Dropout" in name and training:
            continue
        for a, b in zip(ran(metagrad, ours, given), ran(torch, theirs, given), strict=True):
            assert a.shape == b.shape
            np.testing.assert_allclose(a, b, **within)
        ours.zero_grad(), theirs.zero_grad()


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("Dropout1d", (64, 32, 5)),
        ("Dropout2d", (64, 32, 3, 3)),
        ("Dropout3d", (64, 32, 2, 2, 2)),
        ("FeatureAlphaDropout", (64, 32, 3, 3)),
    ],
)
def test_whole_channels_are_dropped(name, shape):
    metagrad.manual_seed(0)
    y = getattr(nn, name)(0.4)(metagrad.ones(shape)).numpy().reshape(*shape[:2], -1)
    assert (y == y[..., :1]).all()
    kept = y[..., 0] == y.max()
    assert abs(kept.mean() - 0.6) < 0.05
    if name != "FeatureAlphaDropout":
        assert np.allclose(np.unique(y), [0, 1 / 0.6])


def test_alpha_dropout_keeps_mean_and_variance():
    metagrad.manual_seed(0)
    x = metagrad.randn(200000)
    y = nn.AlphaDropout(0.3)(x)
    assert abs(y.mean().item()) < 0.02 and abs(y.var().item() - 1) < 0.02


@pytest.mark.parametrize(
    ("layer", "shape", "kind"),
    [
        (lambda: nn.BatchNorm2d(3), (2, 3), ValueError),
        (lambda: nn.BatchNorm1d(3), (1, 3), ValueError),
        (lambda: nn.InstanceNorm1d(3), (2, 3, 1), ValueError),
        (lambda: nn.LayerNorm(3), (2, 4), RuntimeError),
        (lambda: nn.GroupNorm(2, 3), (2, 3), ValueError),
        (lambda: nn.Softmax2d(), (2, 3), ValueError),
        (lambda: nn.TripletMarginLoss(margin=0), (2,), ValueError),
    ],
)
def test_errors(layer, shape, kind):
    with pytest.raises(kind):
        layer()(metagrad.randn(shape))


@pytest.mark.oracle
@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_embedding_bag_equals_pytorchs(torch, mode):
    rng = np.random.default_rng(0)
    table, names = rng.standard_normal((7, 3)), np.array([1, 2, 6, 0, 2, 5, 3])
    for offsets, last in (([0, 3, 3, 5], False), ([0, 2, 7], True), (None, False)):
        found = []
        for lib in (metagrad, torch):
            layer = lib.nn.EmbeddingBag(
                7, 3, mode=mode, include_last_offset=last, padding_idx=2, _weight=lib.tensor(table)
            )
            given = (lib.tensor(names), lib.tensor(offsets)) if offsets else (lib.tensor(names[:6].reshape(2, 3)),)
            y = layer(*given)
            (y * y).sum().backward()
            found.append([repr(layer), y.detach().numpy(), layer.weight.grad.numpy()])
        assert found[0][0] == found[1][0]
        for a, b in zip(found[0][1:], found[1][1:], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10)


@pytest.mark.oracle
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_ctc_equals_pytorchs(torch, reduction):
    rng = np.random.default_rng(0)
    scores = rng.standard_normal((9, 4, 5))
    targets, lengths, steps = rng.integers(1, 5, (4, 4)), [4, 3, 0, 4], [9, 8, 5, 3]
    targets[0] = [2, 2, 2, 1]
    concatenated = np.concatenate([t[:n] for t, n in zip(targets, lengths, strict=True)])
    for given in (targets, concatenated):
        for zero in (True, False):
            found = []
            for lib in (metagrad, torch):
                x = lib.tensor(scores, requires_grad=True)
                loss = lib.nn.CTCLoss(reduction=reduction, zero_infinity=zero)(
                    lib.log_softmax(x, -1), lib.tensor(given), lib.tensor(steps), lib.tensor(lengths)
                )
                (loss * loss if zero else loss).sum().backward()
                found.append([loss.detach().numpy(), x.grad.numpy()])
            for a, b in zip(*found, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_ctc_is_the_sum_over_all_alignments():
    q = metagrad.randn(4, 1, 3).log_softmax(-1)
    p = q.exp().numpy()[:, 0]
    total = 0.0
    for path in np.ndindex(3, 3, 3, 3):
        said = [k for i, k in enumerate(path) if k and (i == 0 or k != path[i - 1])]
        total += np.prod([p[t, k] for t, k in enumerate(path)]) if said == [1, 2] else 0
    loss = F.ctc_loss(q, metagrad.tensor([[1, 2]]), [4], [2], reduction="sum")
    assert abs(loss.item() + np.log(total)) < 1e-5


def test_layer_norm_by_pieces_equals_the_formula():
    for rows in (1, 300, 5000):
        x = metagrad.randn(rows, 96, dtype=metagrad.float64, requires_grad=True)
        w, b = (metagrad.randn(96, dtype=metagrad.float64, requires_grad=True) for _ in range(2))
        plain = (x - x.mean(1, keepdim=True)) / (x.var(1, correction=0, keepdim=True) + 1e-5).sqrt() * w + b
        fast = F.layer_norm(x, (96,), w, b)
        assert metagrad.allclose(plain, fast)
        weights = metagrad.randn(rows, 96, dtype=metagrad.float64)
        for a, c in zip(*(metagrad.autograd.grad((y * weights).sum(), (x, w, b)) for y in (plain, fast)), strict=True):
            assert metagrad.allclose(a, c)


@pytest.mark.parametrize("out_features", [(), (3,), (2, 3)])
@pytest.mark.parametrize(
    "settings", [{}, {"bias": True, "reduction": "sum"}, {"label_smoothing": 0.1, "ignore_index": 1}]
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_linear_cross_entropy_loss(out_features, settings, dtype):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    theirs = torch.nn.LinearCrossEntropyLoss(5, 4, out_features=out_features, **settings).to(getattr(torch, dtype))
    ours = metagrad.nn.LinearCrossEntropyLoss(5, 4, out_features=out_features, **settings).to(getattr(metagrad, dtype))
    assert repr(ours) == repr(theirs)
    state = {name: rng.standard_normal(tuple(p.shape)).astype(dtype) for name, p in theirs.state_dict().items()}
    theirs.load_state_dict({name: torch.from_numpy(a) for name, a in state.items()})
    ours.load_state_dict({name: metagrad.from_numpy(a) for name, a in state.items()})
    x, classes = rng.standard_normal((6, 5)).astype(dtype), rng.integers(0, 4, (6, *out_features))
    a, b = torch.tensor(x, requires_grad=True), metagrad.tensor(x, requires_grad=True)
    expected, found = theirs(a, torch.from_numpy(classes)), ours(b, metagrad.from_numpy(classes))
    expected.backward()
    found.backward()
    tolerance = {"rtol": 1e-5, "atol": 1e-5} if dtype == "float32" else {"rtol": 1e-9}
    np.testing.assert_allclose(found.item(), expected.item(), **tolerance)
    np.testing.assert_allclose(b.grad.numpy(), a.grad.numpy(), **tolerance)
    np.testing.assert_allclose(ours.linear.weight.grad.numpy(), theirs.linear.weight.grad.numpy(), **tolerance)


REFUSED = {
    "a transposed convolution to no channels": lambda t: t.nn.functional.conv_transpose1d(
        t.ones(1, 3, 4), t.ones(3, 0, 3)
    ),
    "a weight for other classes": lambda t: t.nn.functional.cross_entropy(t.ones(2, 3), t.tensor([0, 1]), t.ones(2)),
    "a weight of another dtype": lambda t: t.nn.functional.nll_loss(t.ones(2, 3), t.tensor([0, 1]), t.ones(3).half()),
    "an index to ignore among probabilities": lambda t: t.nn.functional.cross_entropy(
        t.ones(2, 3), t.ones(2, 3), ignore_index=1
    ),
    "probabilities of another batch": lambda t: t.nn.functional.cross_entropy(t.ones(2, 3), t.ones(4, 3)),
    "eps 0 in training": lambda t: t.nn.BatchNorm1d(3, eps=0.0)(t.ones(2, 3)),
    "one value a channel": lambda t: t.nn.BatchNorm1d(3)(t.ones(1, 3)),
    "a complex delta": lambda t: t.nn.HuberLoss(delta=1j),
    "circular padding of other dimensions": lambda t: t.nn.CircularPad2d(3)(t.ones(3, 4)),
    "variances of another shape": lambda t: t.nn.functional.gaussian_nll_loss(t.ones(4, 3), t.ones(4, 3), t.ones(2, 3)),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_as_pytorch_refuses(case):
    torch = pytest.importorskip("torch")
    with pytest.raises(Exception) as theirs:
        REFUSED[case](torch)
    with pytest.raises(theirs.type):
        REFUSED[case](metagrad)


def test_a_bad_eps_is_named_before_dtypes_that_do_not_fit():
    with pytest.raises(ValueError, match="batch_norm eps must be positive during training, but got -1"):
        nn.BatchNorm1d(2, eps=-1)(metagrad.ones(3, 2).double())


def test_the_loss_of_what_cannot_be_said_has_no_gradient():
    q = metagrad.zeros(2, 1, 3, requires_grad=True)
    F.ctc_loss(q, metagrad.tensor([[1, 1]]), [2], [2]).backward()
    assert q.grad.isnan().all()


@pytest.mark.parametrize("norm", [F.instance_norm, lambda *given: F.batch_norm(*given, training=True)])
def test_one_running_value_does_not_do(norm):
    with pytest.raises(ValueError, match="running_mean and running_var must either both be None or neither be None"):
        norm(metagrad.ones(2, 3, 4), None, metagrad.ones(3))


def test_batch_norm_of_no_images():
    layer = metagrad.nn.BatchNorm2d(3)
    y = layer(metagrad.zeros(0, 3, 2, 2, requires_grad=True))
    y.sum().backward()
    assert tuple(y.shape) == (0, 3, 2, 2)
    assert layer.running_mean.tolist() == [0, 0, 0]
    assert layer.weight.grad.tolist() == [0, 0, 0]


def test_divergence_from_what_is_no_probability_is_nan():
    torch = pytest.importorskip("torch")
    x, y = np.array([-1.0, -2.0, -3.0], np.float32), np.array([0.0, -0.5, 0.5], np.float32)
    for reduction in ("none", "sum"):
        expected = torch.nn.functional.kl_div(torch.from_numpy(x), torch.from_numpy(y), reduction=reduction)
        found = metagrad.nn.functional.kl_div(metagrad.from_numpy(x), metagrad.from_numpy(y), reduction=reduction)
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-6)


def test_group_norm_of_no_elements_warns_of_nothing():
    for shape in ((0, 4, 3), (2, 4, 0)):
        x = metagrad.zeros(shape, requires_grad=True)
        y = nn.GroupNorm(2, 4)(x)
        y.sum().backward()
        assert tuple(y.shape) == tuple(x.grad.shape) == shape


def test_bags_given_in_the_old_order_are_turned_round():
    table, names, offsets = metagrad.rand(5, 3), metagrad.tensor([1, 2, 3]), metagrad.tensor([0, 2])
    with pytest.warns(UserWarning, match="Argument order of nn.functional.embedding_bag was changed"):
        found = F.embedding_bag(table, names, offsets)
    np.testing.assert_array_equal(found, F.embedding_bag(names, table, offsets))


@pytest.mark.parametrize(
    ("size", "shown"), [((2, 2), "(2, 2)"), ([2, 2], "[2, 2]"), (metagrad.Size([2, 2]), "metagrad.Size([2, 2])")]
)
def test_a_size_to_unflatten_to_is_kept_as_it_was_given(size, shown):
    layer = nn.Unflatten(1, size)
    assert repr(layer) == f"Unflatten(dim=1, unflattened_size={shown})"
    assert layer(metagrad.zeros(3, 4)).shape == (3, 2, 2)
