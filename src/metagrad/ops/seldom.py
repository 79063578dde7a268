"""Ops that ``metagrad`` itself has and many programs do not use: their modules are imported when they are first asked for."""

# ruff: noqa: F403  type checkers read the names, where they are
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from metagrad.ops.create.grids import *
    from metagrad.ops.create.parametric import *
    from metagrad.ops.create.ranges import *
    from metagrad.ops.create.sampling import *
    from metagrad.ops.create.shared import *
    from metagrad.ops.index.gathering import *
    from metagrad.ops.index.masking import *
    from metagrad.ops.index.scatter_reduce import *
    from metagrad.ops.index.scattering import *
    from metagrad.ops.index.searching import *
    from metagrad.ops.index.segments import *
    from metagrad.ops.index.sorting import *
    from metagrad.ops.index.taking import *
    from metagrad.ops.linalg import *
    from metagrad.ops.linalg.addmm import *
    from metagrad.ops.linalg.contraction import *
    from metagrad.ops.pointwise.activation import *
    from metagrad.ops.pointwise.complex_numbers import *
    from metagrad.ops.pointwise.compound import *
    from metagrad.ops.pointwise.exponential import *
    from metagrad.ops.pointwise.floating_point import *
    from metagrad.ops.pointwise.hyperbolic import *
    from metagrad.ops.pointwise.rounding import *
    from metagrad.ops.pointwise.trigonometric import *
    from metagrad.ops.reduce.cumulative import *
    from metagrad.ops.reduce.differences import *
    from metagrad.ops.reduce.distances import *
    from metagrad.ops.reduce.extrema import *
    from metagrad.ops.reduce.hashing import *
    from metagrad.ops.reduce.histograms import *
    from metagrad.ops.reduce.medians import *
    from metagrad.ops.reduce.products import *
    from metagrad.ops.reduce.quantiles import *
    from metagrad.ops.reduce.softmax import *
    from metagrad.ops.reduce.statistics import *
    from metagrad.ops.reduce.variance import *
    from metagrad.ops.shape.broadcasting import *
    from metagrad.ops.shape.diagonals import *
    from metagrad.ops.shape.flipping import *
    from metagrad.ops.shape.joining import *
    from metagrad.ops.shape.repeating import *
    from metagrad.ops.shape.resizing import *
    from metagrad.ops.shape.triangular import *
    from metagrad.ops.signal.spectrograms import *

MODULES = {  # a module: the names to be found there
    "ops.create.grids": "cartesian_prod combinations meshgrid",
    "ops.create.parametric": "bernoulli binomial multinomial normal poisson",
    "ops.create.ranges": "arange linspace logspace range",
    "ops.create.sampling": "rand rand_like randint randint_like randn randn_like randperm",
    "ops.create.shared": "asarray from_dlpack from_numpy frombuffer",
    "ops.index.gathering": "gather index_select scatter scatter_add",
    "ops.index.masking": "argwhere masked_fill masked_scatter masked_select nonzero",
    "ops.index.scatter_reduce": "index_reduce scatter_reduce",
    "ops.index.scattering":
        "as_strided_scatter diagonal_scatter index_add index_copy index_fill put select_scatter slice_scatter",
    "ops.index.searching": "bucketize isin searchsorted",
    "ops.index.segments": "segment_reduce",
    "ops.index.sorting": "argsort msort sort topk unique unique_consecutive",
    "ops.index.taking": "nonzero_static take take_along_dim unravel_index",
    "ops.linalg.addmm": "addbmm addmm addmv addr baddbmm",
    "ops.linalg.contraction": "einsum inner kron tensordot trace vdot",
    "ops.linalg.definite": "cholesky_inverse cholesky_solve",
    "ops.linalg.determinant": "det logdet",
    "ops.linalg.elimination": "lu_unpack",
    "ops.linalg.extreme": "lobpcg",
    "ops.linalg.older": "cholesky cross inverse lu lu_solve norm pinverse qr slogdet svd vander",
    "ops.linalg.orthogonal": "geqrf ormqr householder_product=orgqr",
    "ops.linalg.powers": "chain_matmul matrix_exp matrix_power",
    "ops.linalg.singular": "pca_lowrank svd_lowrank",
    "ops.linalg.triangular": "triangular_solve",
    "ops.pointwise.activation": "hardshrink prelu relu sigmoid",
    "ops.pointwise.complex_numbers":
        "angle complex conj conj_physical imag polar resolve_conj resolve_neg view_as_complex view_as_real",
    "ops.pointwise.compound": "addcdiv addcmul lerp",
    "ops.pointwise.exponential": "exp exp2 expm1 log log10 log1p log2 logaddexp logaddexp2 reciprocal rsqrt sqrt",
    "ops.pointwise.floating_point": "float_power frexp ldexp nan_to_num nextafter",
    "ops.pointwise.hyperbolic": "acosh arccosh arcsinh arctanh asinh atanh cosh sinh tanh",
    "ops.pointwise.rounding": "ceil fix floor frac round trunc",
    "ops.pointwise.trigonometric":
        "acos arccos arcsin arctan arctan2 asin atan atan2 cos deg2rad hypot rad2deg sin sinc tan",
    "ops.reduce.cumulative": "cummax cummin cumprod cumsum logcumsumexp",
    "ops.reduce.differences": "cumulative_trapezoid diff gradient trapezoid trapz",
    "ops.reduce.distances": "cdist dist pdist renorm",
    "ops.reduce.extrema": "amax amin aminmax argmax argmin max min",
    "ops.reduce.hashing": "hash_tensor",
    "ops.reduce.histograms": "bincount histc histogram histogramdd",
    "ops.reduce.medians": "kthvalue median mode nanmedian",
    "ops.reduce.products": "prod",
    "ops.reduce.quantiles": "nanquantile quantile",
    "ops.reduce.softmax": "log_softmax logsumexp softmax",
    "ops.reduce.statistics": "corrcoef cov nanmean nansum std_mean var_mean",
    "ops.reduce.variance": "std var",
    "ops.shape.broadcasting": "broadcast_shapes broadcast_tensors broadcast_to",
    "ops.shape.diagonals": "diag diag_embed diagflat diagonal",
    "ops.shape.flipping": "flip fliplr flipud roll rot90",
    "ops.shape.joining":
        "atleast_1d atleast_2d atleast_3d block_diag cat column_stack concat concatenate dstack hstack row_stack stack vstack",
    "ops.shape.repeating": "repeat_interleave tile",
    "ops.shape.resizing": "as_strided_ resize_as_",
    "ops.shape.triangular": "tril tril_indices triu triu_indices",
    "ops.signal.spectrograms": "istft stft",
    "ops.signal.windows": "bartlett_window blackman_window hamming_window hann_window kaiser_window",
    "ops.special.bessel": "i0",
    "ops.special.erf": "erf erfc erfinv",
    "ops.special.gamma": "digamma igamma igammac lgamma mvlgamma polygamma",
    "ops.special.logarithms": "logit xlogy",
}  # fmt: skip
