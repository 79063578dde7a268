"""Functions at the top of ``torch`` that PyTorch does not document, and that programs call all the same."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from metagrad.autograd.mirrors import mirror
from metagrad.autograd.mode import no_grad
from metagrad.autograd.views import negated
from metagrad.base.dtypes import bool_, dtype
from metagrad.base.layouts import contiguous_format
from metagrad.base.typing import Number, Operand
from metagrad.nn import functional as F
from metagrad.ops.arguments import takes_exact_out
from metagrad.ops.create.creation import empty
from metagrad.ops.create.shared import from_numpy
from metagrad.ops.index.embedding import embedding as _embedding
from metagrad.ops.linalg.matmul import linear
from metagrad.ops.linalg.misfits import removed
from metagrad.ops.linalg.norms import matrix_norm
from metagrad.ops.pointwise.arithmetic import Neg
from metagrad.ops.pointwise.complex_numbers import view_as_complex, view_as_real
from metagrad.ops.reduce.norms import vector_norm
from metagrad.tensors.tensor import Tensor

_COPIES = """
    alias as_strided detach diagonal expand permute select slice split split_with_sizes squeeze t transpose unbind unfold
    unsqueeze view view_as_complex view_as_real
""".split()  # of each a function that copies, unsqueeze_copy, where the method is a view


def _slice(input: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Tensor:
    return input[(slice(None),) * (dim % input.ndim) + (slice(start, end, step),)]


_VIEWS: dict[str, Callable[..., Any]] = {
    "slice": _slice,
    "view_as_complex": view_as_complex,
    "view_as_real": view_as_real,
}

_REMOVED = ("eig", "lstsq", "matrix_rank", "solve", "symeig")  # they say what took their place

__all__ = [
    "_weight_norm",
    "_neg_view", "SymBool", "SymFloat", "SymInt", "affine_grid_generator", "convolution", "embedding", "embedding_renorm_",
    "feature_dropout", "feature_dropout_", "fill", "frobenius_norm", "nuclear_norm",
    "from_file", "grid_sampler", "grid_sampler_2d", "grid_sampler_3d", "gru_cell", "lstm_cell", "norm_except_dim",
    "rnn_relu_cell", "rnn_tanh_cell", "sym_float", "sym_int", "sym_ite", "sym_max", "sym_min", "sym_not", "sym_sqrt",
    "sym_sum", "to_dlpack", *[f"{name}_copy" for name in _COPIES], *_REMOVED,
]  # fmt: skip


def embedding(
    weight: Tensor, indices: Tensor, padding_idx: int = -1, scale_grad_by_freq: bool = False, sparse: bool = False
) -> Tensor:
    """``nn.functional.embedding`` with the table first; -1 is no padding.

    >>> import metagrad
    >>> embedding(metagrad.tensor([[1.0], [2.0]]), metagrad.tensor([1, 0]))
    tensor([[2.],
            [1.]])
    """
    return _embedding(indices, weight, None if padding_idx < 0 else padding_idx, None, 2.0, scale_grad_by_freq)


def feature_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """Dropout of whole channels: ``nn.functional.dropout2d``, of three dimensions ``dropout1d``."""
    return F.dropout1d(input, p, train) if input.ndim == 3 else F.dropout2d(input, p, train)


def feature_dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """``feature_dropout`` in place."""
    return input.copy_(feature_dropout(input, p, train))


def embedding_renorm_(input: Tensor, indices: Tensor, max_norm: float, norm_type: float) -> Tensor:
    """Scale those rows of a table, in place, down to a norm of ``max_norm`` whose norm is larger.

    >>> import metagrad
    >>> embedding_renorm_(metagrad.tensor([[3.0, 4.0], [6.0, 8.0]]), metagrad.tensor([0]), 1.0, 2.0)
    tensor([[0.6000, 0.8000],
            [6.0000, 8.0000]])
    """
    with no_grad():
        F.embedding(indices, input, max_norm=max_norm, norm_type=norm_type)
    return input


def _neg_view(input: Tensor) -> Tensor:
    """−x, marked for ``is_neg``: a view, so that what is written to it is written to x, and back.

    >>> import metagrad
    >>> _neg_view(metagrad.ones(1)), _neg_view(metagrad.ones(1)).is_neg()
    (tensor([-1.]), True)
    """
    return mirror(input, Neg, np.negative, negated)


def fill(input: Tensor, value: Operand) -> Tensor:
    """A tensor like ``input`` with one number everywhere.

    >>> import metagrad
    >>> fill(metagrad.zeros(2), 3)
    tensor([3., 3.])
    """
    return input.clone().fill_(value)


def from_file(filename: str, shared: bool = False, size: int = 0, *, dtype: Any = None, **_: Any) -> Tensor:
    """The numbers of a file, read as they are used; only with ``shared`` is what is written written into the file."""
    kind = empty(0, dtype=dtype).array.dtype
    try:
        if shared and size:  # is made, or made longer
            with open(filename, "ab") as file:
                file.truncate(max(os.path.getsize(filename), size * kind.itemsize))
        memory: Any = np.memmap(filename, kind, "r+" if shared else "c", shape=(size,))
    except OSError as error:
        raise RuntimeError(f"unable to open file <{filename}> in read-only mode: {error}") from error
    return from_numpy(memory.view(np.ndarray))


def nuclear_norm(input: Tensor, dim: Sequence[int] = (-2, -1), keepdim: bool = False) -> Tensor:
    """The sum of the singular values of matrices."""
    return matrix_norm(input, "nuc", dim, keepdim)


def frobenius_norm(input: Tensor, dim: int | Sequence[int], keepdim: bool = False) -> Tensor:
    """√Σ |x|² over dimensions; over all if there are none."""
    return vector_norm(input, 2, dim or None if not isinstance(dim, int) else dim, keepdim)


def grid_sampler(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """``nn.functional.grid_sample`` with its modes by number."""
    mode, padding = (
        ("bilinear", "nearest", "bicubic")[interpolation_mode],
        ("zeros", "border", "reflection")[padding_mode],
    )
    return F.grid_sample(input, grid, mode, padding, align_corners)


grid_sampler_2d = grid_sampler_3d = grid_sampler


def affine_grid_generator(theta: Tensor, size: Sequence[int], align_corners: bool) -> Tensor:
    """``nn.functional.affine_grid``, which must be told about the corners."""
    return F.affine_grid(theta, size, align_corners)


def convolution(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
) -> Tensor:
    """A convolution, transposed or not, over one to three dimensions: the shape of the weight says how many.

    >>> import metagrad
    >>> convolution(metagrad.ones(1, 1, 3), metagrad.ones(1, 1, 2), None, [1], [0], [1], False, [0], 1)
    tensor([[[2., 2.]]])
    """
    spatial = weight.ndim - 2
    if transposed:
        run: Any = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[spatial - 1]
        return run(input, weight, bias, stride, padding, output_padding, groups, dilation)
    run = (F.conv1d, F.conv2d, F.conv3d)[spatial - 1]
    return run(input, weight, bias, stride, padding, dilation, groups)


def _standard_gamma(input: Tensor, generator: Any = None) -> Tensor:
    """Gamma variables of rate 1, one for each shape parameter; always from the default generator."""
    from metagrad.distributions.implicit import standard_gamma  # here: seldom used

    if input.is_meta:
        return input.new_empty(input.shape)
    return standard_gamma(input, input.shape)


def _sample_dirichlet(input: Tensor, generator: Any = None) -> Tensor:
    """Shares that add up to 1, of these concentrations; always from the default generator."""
    gammas = _standard_gamma(input.detach())
    return gammas / gammas.sum(-1, keepdim=True)


def norm_except_dim(v: Tensor, pow: int = 2, dim: int = 0) -> Tensor:
    """The norm of each slice along a dimension; of the whole for -1.

    >>> import metagrad
    >>> norm_except_dim(metagrad.tensor([[3.0, 4.0], [6.0, 8.0]]))
    tensor([[ 5.],
            [10.]])
    """
    if dim == -1:
        return v.norm(pow)
    return v.norm(pow, [d for d in range(v.dim()) if d != dim % v.dim()], keepdim=True)


def _weight_norm(v: Tensor, g: Tensor, dim: int = 0) -> Tensor:
    """w = g v / ‖v‖, with the norm of each slice along a dimension.

    >>> import metagrad
    >>> _weight_norm(metagrad.tensor([[3.0, 4.0]]), metagrad.tensor([[10.0]]))
    tensor([[6., 8.]])
    """
    return v * (g / norm_except_dim(v, 2, dim))


# ------------------------------------------------ one step of a recurrent layer


def _gates(input: Tensor, hidden: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None, b_hh: Tensor | None) -> Any:
    return linear(input, w_ih, b_ih), linear(hidden, w_hh, b_hh)


def rnn_tanh_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh): a step of ``nn.RNNCell`` with these weights."""
    a, b = _gates(input, hx, w_ih, w_hh, b_ih, b_hh)
    return (a + b).tanh()


def rnn_relu_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """The same with relu."""
    a, b = _gates(input, hx, w_ih, w_hh, b_ih, b_hh)
    return (a + b).relu()


def gru_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """A step of ``nn.GRUCell`` with these weights."""
    a, b = _gates(input, hx, w_ih, w_hh, b_ih, b_hh)
    (ar, az, an), (br, bz, bn) = a.chunk(3, -1), b.chunk(3, -1)
    reset, update = (ar + br).sigmoid(), (az + bz).sigmoid()
    new = (an + reset * bn).tanh()
    return new + update * (hx - new)


def lstm_cell(
    input: Tensor, hx: Any, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """A step of ``nn.LSTMCell`` with these weights; hx: (h, c)."""
    h, c = hx
    a, b = _gates(input, h, w_ih, w_hh, b_ih, b_hh)
    i, f, g, o = (a + b).chunk(4, -1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


# ------------------------------------------------ checks, and numbers that a compiler would leave open


def _assert(condition: Any, message: str) -> None:
    """``assert`` as a function."""
    assert condition, message


def _assert_async(input: Tensor, assert_msg: str = "Expected Tensor with single nonzero value, but got zero") -> None:
    """Raise RuntimeError if the one number of a tensor is zero: at once, for there is nothing to wait for.

    >>> import metagrad
    >>> _assert_async(metagrad.tensor(1) > 0)
    """
    _check_with(RuntimeError, bool(input), lambda: assert_msg)


def _check_with(error: type[Exception], condition: bool, message: Callable[[], str] | None = None) -> None:
    """Raise an error unless the condition holds."""
    if not condition:
        raise error("Expected cond to be True" if message is None else message())


def _check(condition: bool, message: Callable[[], str] | None = None) -> None:
    """Raise RuntimeError unless the condition holds."""
    _check_with(RuntimeError, condition, message)


def _check_tensor_all_with(error: type[Exception], cond: Any, message: Callable[[], str] | None = None) -> None:
    """Raise an error unless a tensor's elements are all True. Raises TypeError for anything but a tensor of booleans."""
    if not isinstance(cond, Tensor):
        raise TypeError(f"cond must be a tensor, but got {type(cond)}")
    if cond.dtype != bool_:
        raise TypeError(f"cond tensor must have dtype torch.bool, but got {cond.dtype}")
    _check_with(error, bool(cond.all()), message)


def _check_tensor_all(cond: Any, message: Callable[[], str] | None = None) -> None:
    """Raise RuntimeError unless a tensor's elements are all True."""
    _check_tensor_all_with(RuntimeError, cond, message)


def _check_value(condition: bool, message: Callable[[], str] | None = None) -> None:
    """Raise ValueError unless the condition holds."""
    _check_with(ValueError, condition, message)


def _check_type(condition: bool, message: Callable[[], str] | None = None) -> None:
    """Raise TypeError unless the condition holds."""
    _check_with(TypeError, condition, message)


def _check_index(condition: bool, message: Callable[[], str] | None = None) -> None:
    """Raise IndexError unless the condition holds."""
    _check_with(IndexError, condition, message)


def _check_is_size(i: int, message: Callable[[], str] | None = None, *, max: int | None = None) -> None:
    """Raise RuntimeError unless it is an extent."""
    _check(i >= 0 and (max is None or i <= max), message)


class SymInt:
    """A number that a compiler leaves open, of which there are none here."""


class SymFloat:
    """As the above."""


class SymBool:
    """As the above."""


sym_int, sym_float, sym_max, sym_min, sym_sqrt = int, float, max, min, math.sqrt


def sym_not(a: bool) -> bool:
    """Not a."""
    return not a


def sym_ite(b: bool, t: Any, f: Any) -> Any:
    """t if b, else f."""
    return t if b else f


def sym_sum(args: Any) -> Number:
    """The sum.

    >>> sym_sum([1, 2])
    3
    """
    return sum(args)


def to_dlpack(tensor: Tensor) -> Any:
    """The capsule that other libraries' ``from_dlpack`` takes."""
    return tensor.__dlpack__()


def __getattr__(name: str) -> Any:
    if name in _REMOVED:

        def refusing(*args: object, **kwargs: object) -> NoReturn:
            raise removed(name)

        return refusing
    view = name.removesuffix("_copy")
    if view not in _COPIES or not name.endswith("_copy"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def copying(input: Tensor, *args: Any, **kwargs: Any) -> Any:
        if view == "view" and not isinstance([*args, *kwargs.values()][0], dtype):
            return input.reshape(*args, *kwargs.values()).clone(memory_format=contiguous_format)
        if view == "alias":
            shown = input.view_as(input)
        else:
            shown = (_VIEWS[view] if view in _VIEWS else getattr(Tensor, view))(input, *args, **kwargs)
        parts = (shown,) if isinstance(shown, Tensor) else shown
        copies = tuple([part.clone(memory_format=contiguous_format) for part in parts])
        return copies[0] if isinstance(shown, Tensor) else copies

    copying.__name__ = copying.__qualname__ = name
    copying.__doc__ = f"A copy of what the view ``{view}`` would show."
    globals()[name] = takes_exact_out(copying)
    return globals()[name]
