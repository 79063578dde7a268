"""What is known of many numbers: running extremes and products, order statistics, histograms, differences, distances."""

from tests.ops.rows import Dtype, at, call, error, mask, pos, row, x

ALL = (call(x(3, 4)),)
ALONG = (call(x(3, 4), 1), call(x(2, 3, 4), -2), call(x(5), 0))
KEPT = (call(x(3, 4), 1), call(x(2, 3, 4), -1, True), call(x(5), 0))
BAD_DIM = (error(IndexError, x(3, 4), 2), error(IndexError, x(3, 4), -3))
FLOATS = ("float32", "float64")
COMPLEX = (*FLOATS, "int64", "complex128")
NEW = dict(grad=False)
PLACES = at(3, 4, below=3)

CUMULATIVE = [
    row("cumprod", *ALONG, *BAD_DIM, dtypes=COMPLEX, without=("special",)),
    row("cumprod", call(x(3, 4), 0, dtype=Dtype("float64")), dtypes=FLOATS, without=("special",)),
    row("cummax", *ALONG, *BAD_DIM),
    row("cummin", *ALONG, *BAD_DIM),
    row("logcumsumexp", *ALONG, *BAD_DIM, dtypes=FLOATS, without=("special gradients",)),
    row("diff", *ALL, call(x(3, 4), 2), call(x(3, 4), 1, 0), call(x(3, 4), prepend=x(3, 2)), call(x(4), append=x(1)), error(RuntimeError, x())),
    row("gradient", *ALL, call(x(3, 4), dim=1), call(x(3, 4), dim=(0, -1), spacing=(2.0, 0.5)), call(x(3, 4), spacing=2.0), call(x(3, 4), dim=(0,), edge_order=2), error(RuntimeError, x(1)), dtypes=FLOATS, without=("0-d",)),
    row("trapezoid trapz", *ALL, call(x(3, 4), dim=0), call(x(3, 4), dx=0.5), call(x(3, 4), x(4)), dtypes=(*FLOATS, "int64"), without=("0-d", "empty", "special")),
    row("cumulative_trapezoid", *ALL, call(x(3, 4), dim=0), call(x(3, 4), dx=0.5), call(x(3, 4), x(4)), dtypes=(*FLOATS, "int64"), without=("0-d",)),
]  # fmt: skip

EXTREMES = [
    row("aminmax", *ALL, call(x(3, 4), dim=1), call(x(3, 4), dim=0, keepdim=True), error(IndexError, x(3, 4), dim=2)),
    row("median", *ALL, *KEPT, *BAD_DIM, dtypes=(*FLOATS, "int64"), without=("tied",)),
    row("nanmedian", *ALL, *KEPT, *BAD_DIM, dtypes=(*FLOATS, "int64"), without=("tied",)),
    row("kthvalue", call(x(3, 4), 2), call(x(3, 4), 1, 0), call(x(5), 5, 0, True), error(RuntimeError, x(3, 4), 5), without=("tied", "special", "empty"), dtypes=(*FLOATS, "int64")),
    row("mode", *ALL, *KEPT, without=("tied", "special", "empty"), dtypes=(*FLOATS, "int64")),
    row("quantile", call(x(3, 4), 0.375), call(x(3, 4), 0.5, 1), call(x(3, 4), 0.25, dim=0, keepdim=True, interpolation="lower"),
        call(x(3, 4), 0.625, interpolation="nearest"), call(x(3, 4), 0.625, 1, interpolation="midpoint"), call(x(3, 4), 0.625, 1, interpolation="higher"),
        error(RuntimeError, x(3), 1.5), dtypes=FLOATS, without=("special",)),
    row("nanquantile", call(x(3, 4), 0.375), call(x(3, 4), 0.5, 1), dtypes=FLOATS, without=("special",)),
    row("msort", *ALL, without=("tied",)),
    row("unique_consecutive", *ALL, call(at(8, below=2), True, True), call(at(5, 2, below=2), dim=0), **NEW),
]  # fmt: skip

MOMENTS = [
    row("var_mean", *ALL, *KEPT, call(x(3, 4), dim=(0, 1), correction=0), call(x(3, 4), False), dtypes=FLOATS, without=("special",)),
    row("std_mean", *ALL, *KEPT, call(x(3, 4), dim=(0, 1), correction=0), call(x(3, 4), True), dtypes=FLOATS, without=("tied", "special")),
    row("nansum", *ALL, *KEPT, call(x(3, 4), dtype=Dtype("float64"))),
    row("nanmean", *ALL, *KEPT, dtypes=FLOATS),
    row("cov", *ALL, call(x(4)), call(x(3, 4), correction=0), call(x(3, 4), fweights=at(4, below=3)), call(x(3, 4), aweights=pos(4)), error(RuntimeError, x(2, 2, 2)), dtypes=FLOATS, without=("special", "0-d")),
    row("corrcoef", *ALL, call(x(4)), error(RuntimeError, x(2, 2, 2)), dtypes=FLOATS, without=("special", "tied", "empty")),
]  # fmt: skip

COUNTS = [
    row("bincount", call(at(7, below=5)), call(at(7, below=5), minlength=9), call(at(4, below=5), at(4, below=3)), error(RuntimeError, at(2, 2, below=3)), **NEW),
    row("histc", call(x(3, 4)), call(x(3, 4), 5, -1, 1), call(x(3, 4), bins=4), error(RuntimeError, x(3), 0), dtypes=FLOATS, without=("special",), **NEW),
    row("histogram", call(x(3, 4), 5), call(x(3, 4), 3, range=(-1.0, 1.0)), call(x(12), 4, density=True), dtypes=FLOATS, without=("special", "derivative"), **NEW),
    row("histogramdd", call(x(6, 2), [3, 4]), dtypes=FLOATS, without=("special", "derivative", "0-d"), **NEW),
    row("bucketize", call(x(3, 4), at(4, below=1)), call(x(3, 4), at(3, below=1), right=True, out_int32=True), **NEW),
    row("searchsorted", call(at(4, below=1), x(3, 4)), call(at(2, 4, below=1), x(2, 3), right=True), call(at(4, below=1), 2), error(RuntimeError, at(4, below=1), x(2), side="up"), **NEW),
    row("isin", call(at(3, 4, below=9), at(5, below=9)), call(at(3, below=4), at(2, below=4), invert=True), call(at(3, below=3), 2), **NEW),
    row("hash_tensor", call(x(3, 4)), call(x(3, 4), 1), call(x(3, 4), 0, keepdim=True), **NEW),
]  # fmt: skip

DISTANCES = [
    row("dist", *(call(x(3, 4), x(3, 4), p) for p in (2, 1, 3, float("inf"))), call(x(3, 4), x(4)), dtypes=FLOATS, without=("special gradients",)),
    row("cdist", *(call(x(3, 4), x(2, 4), p) for p in (2.0, 1.0, 3.0)), call(x(2, 3, 4), x(1, 5, 4)), error(RuntimeError, x(3, 4), x(2, 3)), error(RuntimeError, x(4), x(2, 4)),
        dtypes=FLOATS, without=("special", "tied")),
    row("pdist", call(x(4, 3)), call(x(4, 3), 1), error(RuntimeError, x(3)), dtypes=FLOATS, without=("special", "tied", "empty")),
    row("renorm", call(x(3, 4), 2, 0, 1.0), call(x(3, 4), 1, 1, 1.0), call(x(2, 3, 4), 3, 1, 0.5), error(RuntimeError, x(3), 2, 0, 1), error(RuntimeError, x(3, 4), 2, 0, -1), dtypes=FLOATS, without=("special", "empty")),
]  # fmt: skip

COMBINED = [
    *(row("scatter_reduce", *(call(x(3, 4), d, at(3, 4, below=3), x(3, 4), how, include_self=own) for d in (0, 1) for own in (True, False)),
          call(x(5), 0, at(7, below=5), x(7), how), error(RuntimeError, x(3), 0, at(3, below=3), x(3), "median"), without=("special", *(("tied",) if how in ("amax", "amin") else ())),
          dtypes=(*FLOATS, "int64")) for how in ("sum", "prod", "mean", "amax", "amin")),
    *(row("index_reduce", *(call(x(3, 4), 0, at(5, below=3), x(5, 4), how, include_self=own) for own in (True, False)),
          error(RuntimeError, x(3), 0, at(3, below=3), x(3), "sum"), without=("special", "0-d", "empty", *(("tied",) if how in ("amax", "amin") else ())), dtypes=(*FLOATS, "int64")) for how in ("prod", "mean", "amax", "amin")),
]  # fmt: skip

MASK = mask(3, 4)
MASKED = [
    *(row(f"masked.{name}", call(x(3, 4)), call(x(3, 4), mask=MASK), call(x(3, 4), 1, mask=mask(4)), call(x(3, 4), 0, keepdim=True, mask=mask(3, 1)),
          without=("special", "empty", "0-d"), dtypes=(*FLOATS, *more)) for name, more in {
              "sum": ("int64",), "prod": ("int64",), "amax": ("int64",), "amin": ("int64",), "mean": (), "norm": (), "var": ()}.items() if name != "norm"),
    *(row(f"masked.{name}", call(x(3, 4), 1, mask=MASK), call(x(3, 4), 0, keepdim=True), without=("special", "tied", "empty", "0-d"), dtypes=FLOATS, **NEW) for name in ("argmax", "argmin")),
    row("masked.norm", call(x(3, 4), 2.0, 1, mask=MASK), call(x(3, 4), 1.0, 0), without=("special", "empty", "0-d"), dtypes=FLOATS),
    row("masked.std", call(x(3, 4), mask=MASK), call(x(3, 4), 0, unbiased=False), without=("special", "tied", "empty", "0-d", "derivative"), dtypes=FLOATS),
    row("masked.median", call(x(3, 4), 1, mask=mask(1, 4)), call(x(3, 4)), without=("special", "tied", "empty", "0-d"), dtypes=FLOATS),
    *(row(f"masked.{name}", call(x(3, 4), 1, mask=MASK), call(x(3, 4), 0), without=("special", "empty", "0-d"), dtypes=(*FLOATS, "int64")) for name in ("cumsum", "cumprod")),
    *(row(f"masked.{name}", call(x(3, 4), 1), call(x(3, 4), 0, mask=mask(4)), without=("special", "empty", "0-d", "derivative"), dtypes=FLOATS) for name in ("softmax", "log_softmax", "softmin")),
    row("masked.logsumexp", call(x(3, 4), 1, mask=MASK), call(x(3, 4)), without=("special", "empty", "0-d", "derivative"), dtypes=FLOATS),
    row("masked.logaddexp", call(x(3, 4), x(3, 4), input_mask=MASK), without=("special", "empty", "0-d", "derivative"), dtypes=FLOATS),
    row("masked.normalize", call(x(3, 4), 2.0, 1, mask=MASK), call(x(3, 4), 1.0, 0), without=("special", "empty", "0-d"), dtypes=FLOATS),
]  # fmt: skip

ROWS = [*CUMULATIVE, *EXTREMES, *MOMENTS, *COUNTS, *DISTANCES, *COMBINED, *MASKED]
