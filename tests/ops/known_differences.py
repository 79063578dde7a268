"""What differs from PyTorch in the table over dtypes, and why: PyTorch's own errors, and what its documentation leaves open."""

# ruff: noqa: E501
from __future__ import annotations

from typing import NamedTuple

from tests.ops.dtype_cases import DTYPES


class Known(NamedTuple):
    """Ops that differ with numbers of some sizes; ``what``: "gradient", or "all" of it."""

    names: frozenset[str]
    kinds: frozenset[str]
    dtypes: frozenset[str]
    what: str

    def covers(self, name: str, dtype: str, kind: str) -> bool:
        return name in self.names and dtype in self.dtypes and kind in self.kinds


FLOATS = "float16 float32 float64"
WHOLE = "int8 int16 int32 int64 uint8"
COMPLEX = "complex64 complex128"
EVERY = " ".join(DTYPES)
SIZES = "ordinary large tiny subnormal special"


def known(why: str, names: str, kinds: str = "special", dtypes: str = FLOATS, what: str = "all") -> Known:
    """``why`` is for the reader."""
    assert why
    return Known(*(frozenset(text.split()) for text in (names, kinds, dtypes)), what)


F = "nn.functional."
KNOWN = [
    known(
        "PyTorch shares the gradient by the number of elements equal to nan, which is 0; metagrad gives it to nan, as both do in max()",
        "amax amin aminmax masked.amax masked.amin scatter_reduce index_reduce linalg.matrix_norm",
        what="gradient",
    ),
    known(
        "the gradient of a mean or product of subnormal numbers is made of quotients that PyTorch rounds otherwise",
        "scatter_reduce index_reduce",
        "tiny subnormal",
        what="gradient",
    ),
    known(
        "PyTorch's vector and scalar code differ from each other in the gradient at nan",
        f"{F}hardshrink {F}softshrink {F}hardtanh {F}relu6",
        dtypes="float64",
        what="gradient",
    ),
    known(
        "PyTorch's vector code shows nan in the gradient, its code for less than a vector or the last numbers does not",
        f"{F}elu {F}selu {F}celu {F}hardswish",
        what="gradient",
    ),
    known("PyTorch multiplies by 1/6 in float32", f"{F}hardsigmoid", SIZES, "float64", "gradient"),
    known("in-place code of PyTorch's own makes its backward pass fail", "vander", SIZES, f"{FLOATS} {COMPLEX}"),
    known("PyTorch's arange takes no tensor with several places in memory of its own", "arange", SIZES),
    known(
        "PyTorch's gradient is that of what was overwritten, and 0 for the rest: finite differences and its own gradcheck refute it",
        "as_strided_scatter",
        SIZES,
        f"{FLOATS} {COMPLEX}",
        "gradient",
    ),
    known("which of equal elements comes first is left open", "topk kthvalue", SIZES, f"{FLOATS} {WHOLE}"),
    known("PyTorch makes one half of the numbers from the start and the other from the end", "logspace"),
    known("PyTorch refuses ends beyond float32, though the result is float64", "linspace logspace", "large", "float64"),
    known(
        "the derivative by the angle's factor is defined whatever the sign of the magnitude; std::polar leaves a negative one open",
        "polar",
        "special subnormal",
        what="gradient",
    ),
    known("complex numbers of two float16 do not exist in NumPy", "complex view_as_complex", SIZES, "float16"),
    known(
        "how infinities and nan spread through a transform is the library's",
        "fft.fft fft.ifft fft.rfft fft.ihfft fft.fft2 fft.ifft2 fft.rfft2 fft.ihfft2 fft.fftn fft.ifftn fft.rfftn fft.ihfftn stft",
        dtypes="float32 float64",
    ),
    known(
        "the sums of a convolution with infinities depend on which zeros of the padding are multiplied",
        f"{F}conv1d {F}conv2d {F}conv3d {F}conv_transpose1d {F}conv_transpose2d {F}conv_transpose3d {F}interpolate {F}embedding_bag",
    ),
    known("sums that overflow before they come back", f"{F}conv_transpose3d matmul", "large", "float16"),
    known(
        "PyTorch's grid_sample reads outside of the image for positions that are no numbers",
        f"{F}grid_sample",
        "large special",
    ),
    known(
        "rounding of subnormal numbers",
        f"{F}grid_sample {F}layer_norm {F}group_norm {F}instance_norm hypot addcdiv linalg.vander special.ndtri histogram",
        "subnormal",
        what="all",
    ),
    known(
        "PyTorch's formula overflows or underflows on the way",
        f"addcdiv frexp {F}soft_margin_loss {F}triplet_margin_loss "
        f"{F}triplet_margin_with_distance_loss special.erfcx sinc {F}binary_cross_entropy {F}normalize",
        "large tiny subnormal",
        what="gradient",
    ),
    known("squares of such numbers are subnormal", "std", "tiny", "float64"),
    known("PyTorch's fmod of subnormal numbers is nan, its determinant too", "__rmod__ det", "subnormal", "float64"),
    known(
        "the gradient of max(‖x‖, ε) is 0 below ε; PyTorch differentiates as if ‖x‖ were ε",
        f"{F}cosine_similarity",
        "tiny subnormal",
        what="gradient",
    ),
    known(
        "logcumsumexp: PyTorch takes logarithms of gradients, which lose all digits beside large numbers",
        "logcumsumexp",
        "large special",
        what="gradient",
    ),
    known("PyTorch's mean of infinities, by Welford's recursion, is nan", "var_mean std_mean"),
    known(
        "infinities of two signs, and 0 times infinity, in formulas of another order",
        f"prod pow float_power {F}poisson_nll_loss linalg.vander cdist pdist renorm special.log_ndtr {F}layer_norm {F}group_norm trapezoid",
    ),
    known("PyTorch has infinity times 0 where s or q is infinite; the sum is 0", "special.zeta"),
    known("the gradient of a norm beyond the range", "renorm", "large", what="gradient"),
    known("what is not a number has no frequency of its own: PyTorch sorts nan otherwise", "mode"),
    known(
        "SciPy's values are nearer to the truth, or exact where PyTorch's recursions are not",
        "digamma special.polygamma special.bessel_j0 special.bessel_j1 special.bessel_y0 special.bessel_y1 special.airy_ai igamma igammac lgamma "
        "mvlgamma",
        SIZES,
        f"{FLOATS} {WHOLE}",
    ),
    known(
        "polynomials at infinity: 0 times infinity, or PyTorch's start values",
        "special.chebyshev_polynomial_u special.chebyshev_polynomial_w "
        "special.shifted_chebyshev_polynomial_u special.shifted_chebyshev_polynomial_w special.laguerre_polynomial_l special.legendre_polynomial_p",
    ),
    known(
        "float16 in a matrix norm: PyTorch refuses where metagrad computes in float32", "linalg.norm", SIZES, "float16"
    ),
    known(
        "nan marks what a mask leaves out: refused, where PyTorch's answer is about other elements",
        "masked.median",
        SIZES,
        EVERY,
    ),
    known(
        "integers wrap around on the way, in another order", "gcd lcm cov corrcoef gradient trapezoid", "large", WHOLE
    ),
    known("metagrad refuses a fraction as a factor of integers", "addcmul", SIZES, WHOLE),
    known("PyTorch refuses a value that uint8 does not have; here it wraps around", f"{F}threshold", SIZES, "uint8"),
    known("PyTorch averages integers in fixed-point arithmetic", f"{F}interpolate {F}upsample", SIZES, "uint8"),
    known(
        "losses of integers: metagrad computes in float32 what PyTorch refuses, or the other way round",
        f"{F}soft_margin_loss {F}hinge_embedding_loss {F}gaussian_nll_loss {F}kl_div {F}local_response_norm {F}embedding_bag",
        SIZES,
        f"{WHOLE} bool",
    ),
    known(
        "tables and dropouts of bools",
        f"{F}embedding {F}alpha_dropout {F}feature_alpha_dropout mvlgamma",
        SIZES,
        "bool",
    ),
    known(
        "masked statistics of integers and bools: PyTorch's results are integers that have overflowed, or it refuses",
        "masked.mean masked.logsumexp masked.var masked.std",
        SIZES,
        f"{WHOLE} bool",
    ),
    known("PyTorch refuses numpy's unsigned bytes", "gradient", SIZES, "uint8"),
    known(
        "complex numbers where only real ones have a meaning",
        f"{F}cosine_similarity {F}soft_margin_loss {F}embedding_bag {F}kl_div masked.argmax masked.argmin",
        SIZES,
        COMPLEX,
    ),
    known(
        "complex to a power, and cast to a real dtype: PyTorch's gradient is nan, or takes a part of it",
        "__rpow__ cumprod",
        SIZES,
        COMPLEX,
        "gradient",
    ),
    known("rounding in the last place of a sum that cancels", f"{F}instance_norm", "ordinary", "float64", "gradient"),
    known(
        "metagrad does not average complex numbers in windows",
        f"{F}adaptive_avg_pool1d {F}adaptive_avg_pool2d {F}adaptive_avg_pool3d",
        SIZES,
        COMPLEX,
    ),
]
