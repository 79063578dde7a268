"""The functions of ``nn.functional`` that are no everyday ops: activations, normalization, losses, similarities, bags."""

from tests.ops.rows import at, call, error, pos, row, x

FLOATS = ("float32", "float64")
ONE = (call(x(3, 4)),)
PAIR = (call(x(3, 4), x(3, 4)),)
N = "nn.functional."
REDUCTIONS = ({"reduction": "mean"}, {"reduction": "sum"}, {"reduction": "none"})
ODD = ("special", "empty", "0-d")
NEW = dict(grad=False)


def losses(name, *shapes, dtypes=FLOATS, without=ODD, **settings):
    return row(f"{N}{name}", *(call(*shapes, **settings, **r) for r in REDUCTIONS), dtypes=dtypes, without=without)


ACTIVATIONS = [
    row(f"{N}celu", *ONE, call(x(3, 4), 2.0), dtypes=FLOATS, without=("special",)),
    row(f"{N}gelu", *ONE, call(x(3, 4), approximate="tanh"), error(RuntimeError, x(3), approximate="x"), dtypes=FLOATS, without=("special",)),
    row(f"{N}glu", *ONE, call(x(3, 4), -1), call(x(4, 3), 0), error(RuntimeError, x(3)), dtypes=FLOATS, without=("special", "empty")),
    row(f"{N}hardshrink", *ONE, call(x(3, 4), 1.0), dtypes=FLOATS),
    row(f"{N}hardsigmoid", *ONE, call(x(3, 4, low=-5, high=5)), dtypes=("float32",), without=("special gradients",)),
    row(f"{N}hardswish", *ONE, call(x(3, 4, low=-5, high=5)), dtypes=FLOATS, without=("special",)),
    row(f"{N}mish", *ONE, dtypes=FLOATS, without=("special",)),
    row(f"{N}prelu", call(x(3, 4), x(1)), call(x(2, 4, 3), x(4)), error(RuntimeError, x(3, 4), x(3)), dtypes=FLOATS, without=("empty", "0-d", "special", "tied")),
    row(f"{N}rrelu", *ONE, call(x(3, 4), 0.1, 0.5), dtypes=FLOATS),
    row(f"{N}softshrink", *ONE, call(x(3, 4), 1.0), error(RuntimeError, x(3), -1.0), dtypes=FLOATS, without=("special",)),
    row(f"{N}tanhshrink", *ONE, dtypes=FLOATS),
    row(f"{N}threshold", call(x(3, 4), 0.5, 9.0), call(x(3, 4), -0.5, 0), dtypes=(*FLOATS, "int64")),
]  # fmt: skip

NORMALIZATION = [
    row(f"{N}layer_norm", call(x(3, 4), (4,)), call(x(2, 3, 4), (3, 4), x(3, 4), x(3, 4)), call(x(2, 3, 4), (4,), x(4)), call(x(3, 4), (4,), None, x(4), eps=0.1),
        error(RuntimeError, x(3, 4), (3,)), error(RuntimeError, x(3, 4), (4,), x(3)), dtypes=FLOATS, without=("tied", *ODD)),
    row(f"{N}rms_norm", call(x(3, 4), (4,)), call(x(2, 3, 4), (3, 4), x(3, 4)), call(x(3, 4), (4,), x(4), 0.1), error(RuntimeError, x(3, 4), (3,)), dtypes=FLOATS, without=("tied", *ODD)),
    row(f"{N}group_norm", call(x(2, 6, 3), 2), call(x(2, 4, 3, 2), 4, x(4), x(4)), call(x(2, 4), 1, x(4), x(4), 0.1), error(RuntimeError, x(2, 5), 2), dtypes=FLOATS, without=("tied", *ODD)),
    row(f"{N}batch_norm", call(x(5, 3), None, None, training=True), call(x(2, 3, 4), None, None, x(3), x(3), True),
        error(ValueError, x(1, 3), None, None, training=True), error(RuntimeError, x(2, 3), None, None), dtypes=FLOATS, without=("tied", "derivative", *ODD)),
    row(f"{N}batch_norm", call(x(5, 3), None, None, x(3), x(3), training=True), dtypes=FLOATS, without=("tied", *ODD)),
    row(f"{N}instance_norm", call(x(2, 3, 4)), call(x(2, 3, 4, 5), None, None, x(3), x(3)), error(ValueError, x(2, 3, 1)), dtypes=FLOATS, without=("tied", *ODD)),
    row(f"{N}local_response_norm", call(x(2, 5, 4), 3), call(x(2, 5, 4, 3), 2, 0.1, 0.5, 2.0), error(ValueError, x(3, 4), 2), dtypes=FLOATS, without=ODD),
    row(f"{N}normalize", *ONE, call(x(3, 4), 1.0, 0), call(x(3, 4), p=3.0, dim=-1), dtypes=FLOATS, without=("tied", *ODD)),
]  # fmt: skip

SIMILARITY = [
    row(f"{N}cosine_similarity", *PAIR, call(x(3, 4), x(4), 1), call(x(2, 3, 4), x(2, 3, 4), dim=0, eps=0.1), dtypes=FLOATS, without=("tied", *ODD)),
    row(f"{N}pairwise_distance", *PAIR, call(x(3, 4), x(4), 1.0), call(x(4), x(4), 2.0, 0.1, True), dtypes=FLOATS, without=ODD),
]  # fmt: skip

TARGETS = at(3, below=4)
LOSSES = [
    row(f"{N}soft_margin_loss", *(call(x(3, 4), at(3, 4, below=2), **r) for r in REDUCTIONS), dtypes=FLOATS, without=("derivative", *ODD)),
    losses("margin_ranking_loss", x(3), x(3), x(3), margin=0.3, without=("tied", *ODD)),
    losses("hinge_embedding_loss", x(3, 4), x(3, 4), margin=0.7, without=("tied", "derivative", *ODD)),
    losses("cosine_embedding_loss", x(3, 4), x(3, 4), x(3), margin=0.1, without=("tied", "derivative", *ODD)),
    losses("multi_margin_loss", x(3, 4), TARGETS, without=("tied", *ODD)),
    row(f"{N}multi_margin_loss", call(x(4), at(below=3)), error(ValueError, x(3, 4), TARGETS, p=3), dtypes=FLOATS, without=("tied", *ODD)),
    losses("multilabel_margin_loss", x(3, 4), at(3, 4, below=4), without=("tied", *ODD)),
    losses("multilabel_soft_margin_loss", x(3, 4), x(3, 4)),
    losses("triplet_margin_loss", x(3, 4), x(3, 4), x(3, 4), margin=2.0, without=("tied", *ODD)),
    losses("triplet_margin_loss", x(3, 4), x(3, 4), x(3, 4), swap=True, p=1, margin=2.0, without=("tied", *ODD)),
    losses("triplet_margin_with_distance_loss", x(3, 4), x(3, 4), x(3, 4), margin=2.0, without=("tied", *ODD)),
    losses("poisson_nll_loss", x(3, 4), pos(3, 4)),
    losses("poisson_nll_loss", pos(3, 4), pos(3, 4), log_input=False, full=True, without=("derivative", *ODD)),
    losses("gaussian_nll_loss", x(3, 4), x(3, 4), pos(3, 4), full=True),
    losses("gaussian_nll_loss", x(3, 4), x(3, 4), pos(3, 1)),
    row(f"{N}linear_cross_entropy", call(x(3, 5), x(4, 5), TARGETS), call(x(3, 5), x(4, 5), TARGETS, linear_bias=x(4), reduction="sum"), dtypes=FLOATS, without=ODD),
]  # fmt: skip

BAGS = [
    *(row(f"{N}embedding_bag", call(at(3, 4, below=5), x(5, 2), mode=how), dtypes=FLOATS, without=(("tied", *ODD) if how == "max" else ODD)) for how in ("sum", "mean", "max")),
    row(f"{N}embedding_bag", call(at(3, 4, below=5), x(5, 2), mode="sum", per_sample_weights=x(3, 4)), call(at(3, 4, below=5), x(5, 2), padding_idx=2), dtypes=FLOATS, without=("derivative", *ODD)),
    row(f"{N}bilinear", call(x(3, 4), x(3, 2), x(5, 4, 2)), call(x(2, 3, 4), x(2, 3, 2), x(5, 4, 2), x(5)), error(RuntimeError, x(3, 4), x(3, 2), x(5, 2, 4)), dtypes=FLOATS, without=ODD),
]  # fmt: skip

DROPOUTS = [
    *(row(f"{N}{name}", call(x(2, 3, 4), 0.5, False), call(x(2, 3, 4), 0.0, True), call(x(2, 3, 4), 1.0, True), error(ValueError, x(2, 3, 4), 1.5), dtypes=FLOATS, without=ODD)
      for name in ("dropout1d", "alpha_dropout", "feature_alpha_dropout")),
    row(f"{N}dropout2d", call(x(2, 3, 4, 2), 0.5, False), call(x(2, 3, 4, 2), 1.0, True), dtypes=FLOATS, without=ODD),
    row(f"{N}dropout3d", call(x(2, 3, 4, 2, 2), 0.5, False), call(x(2, 3, 4, 2, 2), 1.0, True), dtypes=FLOATS, without=ODD),
]  # fmt: skip

ROWS = [*ACTIVATIONS, *NORMALIZATION, *SIMILARITY, *LOSSES, *BAGS, *DROPOUTS]
