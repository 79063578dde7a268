"""What PyTorch calls the nodes whose ops have other names here, so that tensors print as they do there.

Where PyTorch has one op and this library computes it from several, the node of the last one bears PyTorch's name, and the result
is no view of what led to it, which nobody else holds: ``known_as``.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

from metagrad.autograd.variable import Variable

_NAMES = {  # by the name of the op here
    "Attention": "ScaledDotProductFlashAttentionForCpu",
    "BlockDiagonal": "BlockDiag", "ComplexAbs": "Abs", "Dropout": "Mul", "DropoutByLoop": "Mul", "GeluTanh": "Gelu",
    "InputGradient": "Convolution", "Cast": "ToCopy", "Cholesky": "LinalgCholeskyEx", "Convolve": "Convolution",
    "Det": "LinalgDet", "Eig": "LinalgEig", "Eigh": "LinalgEigh", "EmbedDiagonal": "DiagEmbed", "Fold": "Col2Im",
    "FromHalf": "FftC2R", "Gather": "Index", "HalfSpectrum": "FftR2C", "Inverse": "LinalgInvEx", "Log1p": "Log1P",
    "LogAddExp": "Logaddexp", "LogCumsumExp": "Logcumsumexp", "LogSumExp": "Logsumexp", "Lookup": "Embedding",
    "MatrixExp": "LinalgMatrixExp", "Directions": "Div", "Norm": "LinalgVectorNorm", "Pad": "ConstantPadNd",
    "Prelu": "PreluKernel",
    "PutAdd": "IndexPut",
    "PseudoInverse": "LinalgPinv", "Put": "IndexPut", "QR": "LinalgQr", "RealAngle": "Angle", "Reshape": "View",
    "SVD": "LinalgSvd", "SlogDet": "LinalgSlogdet", "Solve": "LinalgSolveEx",
    "SqueezeAlong": "SqueezeBackward1", "SqueezeSeveral": "SqueezeBackward2", "Overwrite": "CopyBackwards",
    "WriteThrough": "CopySlices",
    "Ctc": "CtcLoss", "Differing": "Cdist", "Entr": "SpecialEntr", "Erfcx": "SpecialErfcx", "FloorDivide": "DivBackward2",
    "I0e": "SpecialI0E", "I1": "SpecialI1", "I1e": "SpecialI1E", "LUFactor": "LinalgLuFactorEx", "LogNdtr": "SpecialLogNdtr",
    "Ndtri": "SpecialNdtri", "SolveTriangular": "LinalgSolveTriangular", "Transform": "FftC2C", "TruncDivide": "DivBackward2",
    "Imag": "Select", "Quotient": "Mul", "Real": "Select", "SharedByNan": "LinalgVectorNorm", "Xlog1py": "SpecialXlog1Py",
    "Zeta": "SpecialZeta", "_Once": "Error",
}  # fmt: skip


def pytorchs_name(node: Any) -> str:
    """The name under which PyTorch shows a node of the graph.

    >>> import metagrad
    >>> x = metagrad.ones(2, 3, requires_grad=True)
    >>> pytorchs_name(x[0].grad_fn), pytorchs_name(x.double().grad_fn)
    ('SelectBackward0', 'ToCopyBackward0')
    """
    name = node.op_name
    known = node.__dict__.get("_known_as")
    if known is None:
        known = _BY_STATE[name](node) if name in _BY_STATE else _NAMES.get(name, name)
    return known if "Backward" in known or known in ("CopySlices", "Error") else f"{known}Backward0"


def aten_name(op: str) -> str:
    """What PyTorch's profiler calls an op.

    >>> aten_name("Mul"), aten_name("Lookup"), aten_name("MaxPool2d")
    ('aten::mul', 'aten::embedding', 'aten::max_pool2d')
    """
    name = re.sub(r"Backward\d*$", "", _NAMES.get(op, op))
    return "aten::" + re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def named(result: Any, name: str) -> Any:
    """The result of an op, fresh memory: its node bears PyTorch's name from now on, and it is a view of nothing.

    >>> import metagrad
    >>> y = named((metagrad.ones(1, requires_grad=True) * 2).reshape(1, 1), "Doubled")
    >>> y, y._is_view()
    (tensor([[2.]], grad_fn=<DoubledBackward0>), False)
    """
    if isinstance(result, Variable):
        result._view = None
        if result._grad_fn is not None:
            name_node(result._grad_fn, name)
    return result


def name_node(node: Any, name: str) -> None:
    """Have a node of the graph, or that of which it is one result, bear PyTorch's name.

    >>> import metagrad
    >>> x = metagrad.ones(2, requires_grad=True) * 2
    >>> name_node(x.grad_fn, "Doubled")
    >>> x.grad_fn.name()
    'DoubledBackward0'
    """
    node.as_edge()[0].__dict__["_known_as"] = name


def known_as(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator: the last node of what a function computes bears the name of PyTorch's op that does all of it.

    >>> import metagrad
    >>> metagrad.nn.functional.mse_loss(metagrad.ones(2, requires_grad=True), metagrad.zeros(2))
    tensor(1., grad_fn=<MseLossBackward0>)
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def known(*args: Any, **kwargs: Any) -> Any:
            result = function(*args, **kwargs)
            return result if result is (args[0] if args else kwargs.get("input")) else named(result, name)

        return known

    return decorate


def _sliced(node: Any) -> str:
    parts = node.index if isinstance(node.index, tuple) else (node.index,)
    if any(isinstance(i, int) for i in parts):
        return "Select"
    return "Unsqueeze" if any(i is None for i in parts) else "Slice"


def _product(node: Any) -> str:
    return "Mm" if len(node.shape) == 2 else "UnsafeView"


def _affine(node: Any) -> str:
    if len(node.shape) != 2:
        return "View" if len(node.needs) > 2 and node.needs[2] else "UnsafeView"
    return "Addmm" if len(node.needs) > 2 and node.needs[2] else "Mm"


def _reduced(node: Any) -> str:
    return f"{node.op_name}Backward{1 if node.shape else 0}"


def _power(node: Any) -> str:
    base, exponent = node.edges
    return f"PowBackward{1 if base is not None and exponent is not None else 0 if exponent is None else 2}"


def _shape_in(edge: Any) -> tuple[int, ...]:
    return tuple(edge.array.shape if hasattr(edge, "array") else edge.shape)


def _chosen(node: Any) -> str:
    """One number in the place of some elements is ``masked_fill``'s."""
    _, x, y = node.edges
    return "MaskedFill" if x is None and y is not None and tuple(node.shape) == _shape_in(y) else "Where"


def _clamped(node: Any) -> str:
    return f"ClampBackward{int(node.edges[1] is None and node.edges[2] is None)}"


def _of_ufunc(node: Any) -> str:
    return _UFUNCS.get(node.made_by.__name__, str(node.op_name))


def _unfolded(node: Any) -> str:
    return "Im2Col" if node.forward.__module__.endswith("im2col") else "Unfold"


_UFUNCS = {
    "maximum": "Maximum", "minimum": "Minimum", "fmax": "Fmax", "fmin": "Fmin", "floor": "Floor", "ceil": "Ceil", "rint": "Round",
    "round": "Round", "around": "Round", "trunc": "Trunc", "fix": "Trunc",
}  # fmt: skip
_BY_STATE: dict[str, Callable[[Any], str]] = {
    "Clamp": _clamped, "Extremum": _of_ufunc, "Fmod": lambda node: f"FmodBackward{int(node.edges[1] is not None)}",
    "Lerp": lambda node: f"LerpBackward{int(hasattr(node.saved[-1], 'shape'))}", "Linear": _affine,
    "LogBase": lambda node: f"Log{node.base:.0f}", "Matmul": _product,
    "MaxPool": lambda node: "Squeeze" if len(node.axes) == 1 else f"MaxPool{len(node.axes)}DWithIndices",
    "Mean": _reduced, "Prod": _reduced, "Polygamma": lambda node: "Polygamma" if node.n else "Digamma",
    "Pow": _power, "Slice": _sliced, "Step": _of_ufunc, "Sum": _reduced, "Unfold": _unfolded,
    "Where": _chosen,
}  # fmt: skip

# Inputs that PyTorch's nodes have no edge for, as they never get a gradient: conditions, indices, numbers.
_WITHOUT_AN_EDGE: dict[str, tuple[int, ...]] = {
    "Where": (0,), "MaskedFill": (0, 1), "Tril": (0, 2), "Triu": (0, 2), "Clamp": (1, 2), "ClampMin": (1, 2), "ClampMax": (1, 2),
    "Pow": (0, 1), "Lerp": (2,),
    **dict.fromkeys((
        "Fmod", "Sort", "Topk", "Max", "Min", "Median", "Nanmedian", "Kthvalue", "Mode", "Embedding", "Deg2Rad", "Rad2Deg",
        "IndexFill", "Scatter", "Fill", "Zero",
    ), (1,)),
}  # fmt: skip


def inputs_without_an_edge(node: Any) -> tuple[int, ...]:
    """The numbers of a node's inputs that PyTorch's node of its name shows no neighbour for, unless they get a gradient.

    >>> import metagrad
    >>> inputs_without_an_edge(metagrad.ones(2, requires_grad=True).clamp(0, 1).grad_fn)
    (1, 2)
    """
    return _WITHOUT_AN_EDGE.get(node.name().rpartition("::")[2].partition("Backward")[0], ())
