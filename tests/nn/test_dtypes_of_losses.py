"""Losses, dropout and norms of bools, integers and complex numbers: what is taken, in which dtype, and what is refused."""

import pytest

import metagrad as mg

INF = float("inf")


def calls(lib):
    F, T = lib.nn.functional, lib.tensor
    x, yes, whole, unreal = T([1.0, 0.5]), T([True, False]), T([3, 2]), T([1j, 2.0])
    return {
        "squares to bools": lambda: F.mse_loss(x, yes),
        "squares of bools": lambda: F.mse_loss(yes, x),
        "squares of bools alone": lambda: F.mse_loss(yes, yes),
        "squares of integers": lambda: F.mse_loss(whole, whole),
        "squares to integers": lambda: F.mse_loss(x, whole),
        "smooth distances to bools": lambda: F.smooth_l1_loss(x, yes),
        "smooth distances of integers": lambda: F.smooth_l1_loss(whole, whole),
        "distances of integers": lambda: F.smooth_l1_loss(whole, whole, beta=0, reduction="sum"),
        "huber of bools": lambda: F.huber_loss(x, yes),
        "huber of complex numbers": lambda: F.huber_loss(unreal, unreal),
        "cross entropy of weights that broadcast": lambda: F.binary_cross_entropy(x, x, T([[1.0, 2.0]])),
        "logits of weights that broadcast": lambda: F.binary_cross_entropy_with_logits(x, x, T([[1.0, 2.0]])),
        "logits of whole targets": lambda: F.binary_cross_entropy_with_logits(x, whole),
        "logits of a number as weight": lambda: F.binary_cross_entropy_with_logits(x, x, 2.0),
        "divergence of complex numbers": lambda: F.kl_div(unreal, unreal),
        "divergence of bools": lambda: F.kl_div(yes, x),
        "margins to doubles": lambda: F.soft_margin_loss(x, x.double()),
        "margins of integers": lambda: F.soft_margin_loss(whole, x),
        "margins that broadcast": lambda: F.soft_margin_loss(x, T([[1.0, -1.0]])),
        "hinges of integers": lambda: F.hinge_embedding_loss(whole, T([1, -1]), 1.5, reduction="none"),
        "soft margins of more targets": lambda: F.multilabel_soft_margin_loss(x, T([[1.0, 0.0]]), reduction="none"),
        "soft margins of a number": lambda: F.multilabel_soft_margin_loss(T(1.0), T(1.0)),
        "the largest of a window": lambda: F.lp_pool1d(T([[[1.0, -3.0, 2.0, 0.5]]]), INF, 2),
        "dropout of integers": lambda: F.dropout(whole, 0.5),
        "dropout of complex numbers": lambda: F.dropout(unreal, 0.5),
        "alpha dropout of integers": lambda: F.alpha_dropout(whole, 0.5, True),
        "dropout of whole channels of bools": lambda: F.dropout2d(T([[[True]]]), 0.5),
        "dropout of all channels of integers": lambda: F.dropout2d(T([[[2]]]), 1.0),
        "a norm over a number of features": lambda: F.layer_norm(T([[1.0, 2.0]]), 2),
        "a norm over nothing": lambda: F.layer_norm(T([[1.0, 2.0]]), []),
    }


def outcome(call):
    try:
        result = call()
        return (
            str(result.dtype).rpartition(".")[2],
            [round(v, 5) for v in result.flatten().tolist()],
            tuple(result.shape),
        )
    except (TypeError, RuntimeError, IndexError, ValueError) as error:
        return next(k.__name__ for k in (IndexError, RuntimeError, TypeError, ValueError) if isinstance(error, k))


@pytest.mark.oracle
@pytest.mark.parametrize("name", calls(mg))
@pytest.mark.filterwarnings("ignore")
def test_as_in_pytorch(torch, name):
    assert outcome(calls(mg)[name]) == outcome(calls(torch)[name])


EXPECTED = {
    "squares to bools": ("float32", [0.125], ()),
    "squares of bools": ("float32", [0.125], ()),
    "squares of integers": "RuntimeError",
    "huber of bools": ("float32", [0.0625], ()),
    "distances of integers": ("int64", [0], ()),
    "hinges of integers": ("int64", [3, 0], (2,)),
    "cross entropy of weights that broadcast": "RuntimeError",
    "the largest of a window": ("float32", [3.0, 2.0], (1, 1, 2)),
    "dropout of integers": "RuntimeError",
    "dropout of all channels of integers": ("int64", [0], (1, 1, 1)),
    "a norm over a number of features": "TypeError",
}  # fmt: skip


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.filterwarnings("ignore")
def test_by_hand(name):
    assert outcome(calls(mg)[name]) == EXPECTED[name]


def _calls(mg, kind):
    F, ints = mg.nn.functional, mg.tensor([[0, 1]])
    x = mg.ones(1, 4, 4, dtype=kind)
    rows = mg.ones(3, 2, dtype=kind)
    return {
        "max_pool1d": lambda: F.max_pool1d(x, 2),
        "fractional_max_pool2d": lambda: F.fractional_max_pool2d(x, 2, 2),
        "ctc_loss": lambda: F.ctc_loss(x.reshape(4, 1, 4), ints + 1, mg.tensor([4]), mg.tensor([2])),
        "gaussian_nll_loss": lambda: F.gaussian_nll_loss(rows, rows, rows),
        "binary_cross_entropy": lambda: F.binary_cross_entropy(rows, rows),
        "embedding_bag": lambda: F.embedding_bag(ints, rows),
        "fold": lambda: F.fold(mg.ones(1, 4, 9, dtype=kind), (4, 4), 2),
        "interpolate": lambda: F.interpolate(x, size=3, mode="linear"),
    }


REFUSED = [
    ("max_pool1d", "int64"), ("max_pool1d", "uint8"), ("fractional_max_pool2d", "complex64"), ("ctc_loss", "float16"),
    ("ctc_loss", "bfloat16"), ("gaussian_nll_loss", "int64"), ("binary_cross_entropy", "complex64"),
    ("embedding_bag", "int64"), ("embedding_bag", "complex64"), ("fold", "int64"), ("interpolate", "uint8"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "kind"), REFUSED)
def test_dtypes_that_are_refused(name, kind):
    with pytest.raises(NotImplementedError, match='" not implemented for'):
        _calls(mg, getattr(mg, kind))[name]()


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "kind"), REFUSED)
def test_pytorch_refuses_them_too(torch, name, kind):
    with pytest.raises(RuntimeError):
        _calls(torch, getattr(torch, kind))[name]()
