"""What CuPy refuses and NumPy takes, read in CuPy's source: the stand-in array (``standin.py``) refuses the same.

Every line is a fact about CuPy 14.2.0, with the file that shows it. ``test_cupy_limits.py`` has a test for each.
"""

from typing import NamedTuple

VERSION = "14.2.0"

# ------------------------------------------------ functions

# Of numpy, numpy.linalg and numpy.fft: not in cupy/__init__.py, cupy/linalg/__init__.py and cupy/fft/__init__.py.
# ndarray.__array_function__ then answers NotImplemented, and NumPy raises TypeError (cupy/_core/core.pyx).
MISSING = """
    block einsum_path frompyfunc histogram_bin_edges insert nanpercentile nanquantile polyder polydiv polyint unstack
    linalg.diagonal linalg.matrix_norm linalg.multi_dot linalg.outer linalg.svdvals linalg.tensordot linalg.trace
    linalg.vecdot linalg.vector_norm
    isnat matvec spacing vecdot vecmat
""".split()


class Limit(NamedTuple):
    """A function's parameters in CuPy, NumPy's parameters that it does not have (under this name), and where that stands."""

    has: str
    lacks: str
    file: str


PARAMETERS = {
    "all": Limit("a axis out keepdims", "where", "cupy/_logic/truth.py"),
    "amax": Limit("a axis out keepdims", "initial where", "cupy/_statistics/order.py"),
    "amin": Limit("a axis out keepdims", "initial where", "cupy/_statistics/order.py"),
    "any": Limit("a axis out keepdims", "where", "cupy/_logic/truth.py"),
    "arange": Limit("start stop step dtype", "start_or_stop", "cupy/_creation/ranges.py"),
    "argpartition": Limit("a kth axis", "kind order", "cupy/_sorting/sort.py"),
    "argsort": Limit("a axis kind", "order stable", "cupy/_sorting/sort.py"),
    "array": Limit("obj dtype copy order subok ndmin blocking", "object ndmax", "cupy/_creation/from_data.py"),
    "broadcast_to": Limit("array shape", "subok", "cupy/_manipulation/dims.py"),
    "clip": Limit("a a_min a_max out", "min max", "cupy/_math/misc.py"),
    "concatenate": Limit("tup axis out dtype casting", "arrays", "cupy/_manipulation/join.py"),
    "copy": Limit("a order", "subok", "cupy/_creation/from_data.py"),
    "corrcoef": Limit("a y rowvar bias ddof dtype", "x", "cupy/_statistics/correlation.py"),
    "count_nonzero": Limit("a axis", "keepdims", "cupy/_sorting/count.py"),
    "cov": Limit("a y rowvar bias ddof fweights aweights dtype", "m", "cupy/_statistics/correlation.py"),
    "delete": Limit("arr indices axis", "obj", "cupy/_manipulation/add_remove.py"),
    "ediff1d": Limit("arr to_end to_begin", "ary", "cupy/_math/sumprod.py"),
    "eye": Limit("N M k dtype order", "device", "cupy/_creation/basic.py"),
    "extract": Limit("condition a", "arr", "cupy/_indexing/indexing.py"),
    "flip": Limit("a axis", "m", "cupy/_manipulation/rearrange.py"),
    "fliplr": Limit("a", "m", "cupy/_manipulation/rearrange.py"),
    "flipud": Limit("a", "m", "cupy/_manipulation/rearrange.py"),
    "full": Limit("shape fill_value dtype order", "device", "cupy/_creation/basic.py"),
    "histogram": Limit("x bins range density weights", "a", "cupy/_statistics/histogram.py"),
    "indices": Limit("dimensions dtype", "sparse", "cupy/_indexing/generate.py"),
    "intersect1d": Limit("arr1 arr2 assume_unique return_indices", "ar1 ar2", "cupy/_logic/truth.py"),
    "isin": Limit("element test_elements assume_unique invert", "kind", "cupy/_logic/truth.py"),
    "lexsort": Limit("keys", "axis", "cupy/_sorting/sort.py"),
    "max": Limit("a axis out keepdims", "initial where", "cupy/_statistics/order.py"),
    "mean": Limit("a axis dtype out keepdims", "where", "cupy/_statistics/meanvar.py"),
    "min": Limit("a axis out keepdims", "initial where", "cupy/_statistics/order.py"),
    "nanmax": Limit("a axis out keepdims", "initial where", "cupy/_statistics/order.py"),
    "nanmean": Limit("a axis dtype out keepdims", "where", "cupy/_statistics/meanvar.py"),
    "nanmin": Limit("a axis out keepdims", "initial where", "cupy/_statistics/order.py"),
    "nanprod": Limit("a axis dtype out keepdims", "initial where", "cupy/_math/sumprod.py"),
    "nanstd": Limit("a axis dtype out ddof keepdims", "where mean correction", "cupy/_statistics/meanvar.py"),
    "nansum": Limit("a axis dtype out keepdims", "initial where", "cupy/_math/sumprod.py"),
    "nanvar": Limit("a axis dtype out ddof keepdims", "where mean correction", "cupy/_statistics/meanvar.py"),
    "ones": Limit("shape dtype order", "device", "cupy/_creation/basic.py"),
    "partition": Limit("a kth axis", "kind order", "cupy/_sorting/sort.py"),
    "percentile": Limit(
        "a q axis out overwrite_input method keepdims interpolation", "weights", "cupy/_statistics/order.py"
    ),
    "prod": Limit("a axis dtype out keepdims", "initial where", "cupy/_math/sumprod.py"),
    "quantile": Limit(
        "a q axis out overwrite_input method keepdims interpolation", "weights", "cupy/_statistics/order.py"
    ),
    "reshape": Limit("a newshape order copy", "shape", "cupy/_manipulation/shape.py"),
    "rot90": Limit("a k axes", "m", "cupy/_manipulation/rearrange.py"),
    "sort": Limit("a axis kind", "order stable", "cupy/_sorting/sort.py"),
    "stack": Limit("tup axis out dtype casting", "arrays", "cupy/_manipulation/join.py"),
    "std": Limit("a axis dtype out ddof keepdims", "where mean correction", "cupy/_statistics/meanvar.py"),
    "sum": Limit("a axis dtype out keepdims", "initial where", "cupy/_math/sumprod.py"),
    "take": Limit("a indices axis out", "mode", "cupy/_indexing/indexing.py"),
    "take_along_axis": Limit("a indices axis", "arr", "cupy/_indexing/indexing.py"),
    "union1d": Limit("arr1 arr2", "ar1 ar2", "cupy/_logic/truth.py"),
    "unique": Limit(
        "ar return_index return_inverse return_counts axis equal_nan", "sorted", "cupy/_manipulation/add_remove.py"
    ),
    "unpackbits": Limit("a axis bitorder", "count", "cupy/_binary/packing.py"),
    "unravel_index": Limit("indices dims order", "shape", "cupy/_indexing/generate.py"),
    "var": Limit("a axis dtype out ddof keepdims", "where mean correction", "cupy/_statistics/meanvar.py"),
    "linalg.cholesky": Limit("a", "upper", "cupy/linalg/_decomposition.py"),
    "linalg.matrix_power": Limit("M n", "a", "cupy/linalg/_product.py"),
    "linalg.matrix_rank": Limit("M tol", "A hermitian rtol", "cupy/linalg/_norms.py"),
    "linalg.matrix_transpose": Limit("a", "x", "cupy/linalg/_product.py"),
    "linalg.pinv": Limit("a rcond", "hermitian rtol", "cupy/linalg/_solve.py"),
    "linalg.svd": Limit("a full_matrices compute_uv", "hermitian", "cupy/linalg/_decomposition.py"),
    "fft.fft": Limit("a n axis norm", "out", "cupy/fft/_fft.py"),
    "fft.fft2": Limit("a s axes norm", "out", "cupy/fft/_fft.py"),
    "fft.fftn": Limit("a s axes norm", "out", "cupy/fft/_fft.py"),
    "fft.hfft": Limit("a n axis norm", "out", "cupy/fft/_fft.py"),
    "fft.ifft": Limit("a n axis norm", "out", "cupy/fft/_fft.py"),
    "fft.ifft2": Limit("a s axes norm", "out", "cupy/fft/_fft.py"),
    "fft.ifftn": Limit("a s axes norm", "out", "cupy/fft/_fft.py"),
    "fft.ihfft": Limit("a n axis norm", "out", "cupy/fft/_fft.py"),
    "fft.irfft": Limit("a n axis norm", "out", "cupy/fft/_fft.py"),
    "fft.irfft2": Limit("a s axes norm", "out", "cupy/fft/_fft.py"),
    "fft.irfftn": Limit("a s axes norm", "out", "cupy/fft/_fft.py"),
    "fft.rfft": Limit("a n axis norm", "out", "cupy/fft/_fft.py"),
    "fft.rfft2": Limit("a s axes norm", "out", "cupy/fft/_fft.py"),
    "fft.rfftn": Limit("a s axes norm", "out", "cupy/fft/_fft.py"),
}

PAD_MODES = (
    "empty edge wrap constant linear_ramp maximum mean minimum reflect symmetric".split()
)  # cupy/_padding/pad.py
EINSUM = "dtype optimize".split()  # cupy/linalg/_einsum.py: no out, order, casting
NO_DTYPES = (
    "object longdouble clongdouble str bytes".split()
)  # cupy/_core/_dtype.pyx, check_supported_dtype: ValueError

# Functions that wait until the GPU has done all it was told, to learn a shape or to check a value, and where they do.
WAITS = {
    "nonzero": "cupy/_core/_routines_indexing.pyx",
    "flatnonzero": "cupy/_sorting/search.py",
    "argwhere": "cupy/_sorting/search.py",
    "extract": "cupy/_indexing/indexing.py",
    "compress": "cupy/_core/_routines_indexing.pyx",
    "choose": "cupy/_core/_routines_indexing.pyx",
    "place": "cupy/_indexing/insert.py",
    "unique": "cupy/_manipulation/add_remove.py",
    "unravel_index": "cupy/_indexing/generate.py",
    "bincount": "cupy/_statistics/histogram.py",
    "histogram": "cupy/_statistics/histogram.py",
    "array_equal": "cupy/_logic/comparison.py",  # whose answer becomes a bool where it is used
    "allclose": "cupy/_logic/comparison.py",
}
REPEAT_WAITS = "cupy/_core/_routines_manipulation.pyx"  # where the counts are an array

# ------------------------------------------------ ufuncs: cupy/_core/_kernel.pyx, class ufunc

CALL_PARAMETERS = "out dtype casting".split()  # no where, order, subok, signature
METHODS = {  # of a ufunc: for which it is there; NotImplementedError for the others
    "reduce": ("add", "multiply"),
    "accumulate": ("add", "multiply"),
    "reduceat": ("add",),
    "at": ("add", "subtract", "maximum", "minimum", "bitwise_and", "bitwise_or", "bitwise_xor"),
}
METHOD_PARAMETERS = {
    "reduce": "array axis dtype out keepdims",  # no initial, no where
    "accumulate": "array axis dtype out",
    "reduceat": "array indices axis dtype out",
    "at": "a indices b",
}
AT_DTYPES = {  # cupy/_core/_routines_indexing.pyx, _scatter_op_single: TypeError for arrays of another dtype
    "add": "int32 int64 uint32 uint64 float16 float32 float64",
    "subtract": "int32 uint32",
    "maximum": "int32 int64 uint32 uint64 float32 float64",
    "minimum": "int32 int64 uint32 uint64 float32 float64",
    "bitwise_and": "int32 int64 uint32 uint64",
    "bitwise_or": "int32 int64 uint32 uint64",
    "bitwise_xor": "int32 int64 uint32 uint64",
}
# Inputs that NumPy has a loop for and CuPy has not: TypeError.
NO_LOOPS = {
    "logical_not": ("complex64 complex128", "cupy/_logic/ops.py"),
    "logical_xor": ("complex64 complex128", "cupy/_logic/ops.py"),
}
# Ufuncs with several results take no out=: __array_ufunc__ wants exactly one array (cupy/_core/core.pyx).
SEVERAL_RESULTS = "divmod frexp modf".split()

# ------------------------------------------------ arrays: cupy/_core/core.pyx, class _ndarray_base

ARRAY_METHODS = {
    "item": "",
    "tolist": "",
    "tobytes": "order",
    "astype": "dtype order casting subok copy",
    "copy": "order",
    "view": "dtype array_class",
    "fill": "value",
    "reshape": "*shape order copy",
    "transpose": "*axes",
    "swapaxes": "axis1 axis2",
    "flatten": "order",
    "ravel": "order",
    "squeeze": "axis",
    "take": "indices axis out",
    "put": "indices values mode",
    "repeat": "repeats axis",
    "sort": "axis kind",
    "argsort": "axis kind",
    "partition": "kth axis",
    "argpartition": "kth axis",
    "searchsorted": "v side sorter",
    "nonzero": "",
    "compress": "condition axis out",
    "diagonal": "offset axis1 axis2",
    "max": "axis out keepdims",
    "argmax": "axis out dtype keepdims",
    "min": "axis out keepdims",
    "argmin": "axis out dtype keepdims",
    "clip": "min max out",
    "round": "decimals out",
    "trace": "offset axis1 axis2 dtype out",
    "sum": "axis dtype out keepdims",
    "cumsum": "axis dtype out",
    "mean": "axis dtype out keepdims",
    "var": "axis dtype out ddof keepdims",
    "std": "axis dtype out ddof keepdims",
    "prod": "axis dtype out keepdims",
    "cumprod": "axis dtype out",
    "all": "axis out keepdims",
    "any": "axis out keepdims",
    "conj": "",
    "conjugate": "",
    "dot": "b out",
}
ARRAY_ATTRIBUTES = "base data dtype shape size flags strides ndim itemsize nbytes T mT flat real imag device".split()
FLAGS = "c_contiguous f_contiguous owndata fnc forc".split()  # cupy/_core/flags.pyx: nothing is ever read-only
NO_SPECIAL_METHODS = "__index__ __contains__".split()  # a 0-d array is no index, as in range(x)

# ------------------------------------------------ special functions: cupyx/scipy/special/__init__.py

# The special functions there are on a GPU; other names are refused.
SPECIAL = """
    bdtr bdtrc bdtri beta betainc betaincinv betaln binom boxcox boxcox1p btdtr btdtri cbrt chdtr chdtrc chdtri cosdg cosm1
    cotdg digamma ellipeinc ellipj ellipk ellipkinc ellipkm1 entr erf erfc erfcinv erfcx erfinv exp1 exp10 exp2 expi expit
    expm1 expn exprel fdtr fdtrc fdtri gamma gammainc gammaincc gammainccinv gammaincinv gammaln gammasgn gdtr gdtrc huber
    i0 i0e i1 i1e inv_boxcox inv_boxcox1p j0 j1 k0 k0e k1 k1e kl_div lambertw log1p log_expit log_ndtr log_softmax loggamma
    logit logsumexp lpmv multigammaln nbdtr nbdtrc nbdtri ndtr ndtri pdtr pdtrc pdtri poch polygamma pseudo_huber psi radian
    rel_entr rgamma round shichi sici sinc sindg softmax sph_harm sph_harm_y spherical_yn tandg wright_bessel xlog1py xlogy
    y0 y1 yn zeta zetac
""".split()
