"""Under which names PyTorch's nodes show what they saved; imported when a node is first looked at."""

# By the names: the nodes that have them, without their number if it is 0.
_BY_NAMES = """
self: Abs Acos Acosh Angle Asin Asinh Atan Atanh Cos Cosh Digamma Erf Erfc Erfinv Hardsigmoid Hardswish I0 Lgamma
self: LinalgMatrixExp Log Log10 Log1P Log2 Mish NanToNum Silu Sin Sinc Sinh SpecialEntr Logit LogSigmoid
other self: Atan2 Div Fmax Fmin Fmod1 Remainder1 Igamma Igammac Logaddexp Maximum Minimum Mul SpecialXlog1Py SpecialZeta Xlogy
other rounding_mode self: Div2
result self: Copysign LinalgPinv Max1 Median Min1 Nanmedian Prod Sgn SpecialErfcx SpecialI0E SpecialI1 SpecialI1E SpecialLogNdtr
result: Exp Exp2 Expm1 Polar Reciprocal Relu Rsqrt Sigmoid Sqrt Tan Tanh SpecialNdtri
self_sym_sizes: Expand Squeeze Squeeze3 Sum Trace UnsafeView View
dim: Cat Cumsum Stack Unbind Unsqueeze Unsqueeze1
dim indices keepdim self_sym_sizes: Kthvalue Max Median1 Min Mode Nanmedian1
dim keepdim result self: Amax Amin Logsumexp Prod1
dim index: IndexFill Scatter Scatter1 ScatterAdd
dim self_sym_sizes: Squeeze1 Squeeze2 Squeeze4 Squeeze5
alpha: Add Sub
dims: Flip Permute
lambd self: Hardshrink Softshrink
dim result: LogSoftmax Softmax
tensor1 tensor2 value: Addcdiv Addcmul
correction dim keepdim self: Var VarMean
dim indices self_sym_sizes: Sort Topk
dim result self: Cumprod Logcumsumexp
dim indices self: Cummax Cummin
eigenvalues eigenvectors: LinalgEig LinalgEigh
reduction self target: MseLoss BinaryCrossEntropyWithLogits
delta reduction self target: HuberLoss
dim index self_sym_sizes: Select IndexSelect
dim end self_sym_sizes start step: Slice
indices self_sym_sizes: Index
dim self_sym_sizes split_size: Split
dim self_sym_sizes split_sizes: SplitWithSizes
dim0 dim1: Transpose Transpose1
repeats self_sym_sizes: Repeat
dims shifts: Roll
dim1 dim2 offset self_sym_sizes: Diagonal
size storage_offset stride: AsStrided
dimension self_sym_sizes size step: Unfold
exponent self: Pow
exponent result self: Pow1 Pow2
n self: Polygamma
negative_slope self: LeakyRelu
alpha input_scale scale self: Elu
alpha self: Celu
approximate self: Gelu
beta self threshold: Softplus
max_val min_val self: Hardtanh
self threshold: Threshold
self weight: PreluKernel
dim self: Glu
max min self: Clamp Clamp1
min self: ClampMin
max self: ClampMax
condition: Where
mask: MaskedFill MaskedScatter
mask self: MaskedSelect
other result self: Hypot
weight: Lerp
end self weight: Lerp1
dim keepdim self_sym_sizes: Sum1
self_sym_numel self_sym_sizes: Mean
dim keepdim self_sym_numel self_sym_sizes: Mean1
correction dim keepdim result self: Std
dim keepdim ord result self: LinalgVectorNorm
dim keepdim self: Nansum
dim index self sparse_grad: Gather
dim index source source_dim: IndexAdd IndexCopy
accumulate indices: IndexPut
index self: Take
mat2 mat2_sym_sizes self self_sym_sizes: Mm
vec self: Mv
mat2 self: Bmm
alpha beta mat1 mat1_sym_sizes mat2 mat2_sym_sizes: Addmm
A result: LinalgDet
A left result: LinalgSolveEx
inverse: LinalgInvEx
L upper: LinalgCholeskyEx
Q R mode: LinalgQr
S U Vh: LinalgSvd
LU pivot pivots: LinalgLuFactorEx
left result self unitriangular upper: LinalgSolveTriangular
bias_sym_sizes_opt dilation groups input output_padding padding stride transposed weight: Convolution
dilation kernel_size padding self stride: MaxPool2DWithIndices
dilation kernel_size padding stride: Im2Col Col2Im
pad: ConstantPadNd
input weight: NativeLayerNorm
indices padding_idx scale_grad_by_freq sparse weight_sym_argsize_0: Embedding
imag real: Complex
"""
_NAMES = {
    node: names.split()
    for names, _, nodes in (s.partition(": ") for s in _BY_NAMES.split("\n"))
    for node in nodes.split()
}


def names_of(node_name: str) -> list[str]:
    """The names of what PyTorch's node of a name saves.

    >>> names_of("SplitBackward0"), names_of("MaxBackward1"), names_of("NegBackward0")
    (['dim', 'self_sym_sizes', 'split_size'], ['result', 'self'], [])
    """
    return _NAMES.get(node_name.replace("Backward0", "").replace("Backward", ""), [])
