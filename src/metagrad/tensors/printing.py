"""How a tensor prints: as PyTorch prints it, so that examples and logs can be compared.

The numbers of a tensor share one notation and one column width. Floats that are all whole show a bare point (``2.``);
numbers of very different size, or very large or small ones, go to scientific notation; of a tensor of more than
``threshold`` elements only ``edgeitems`` at each end of each axis are shown. Printing takes three steps: the array is cut
to what is shown, its numbers are spelled, and the texts are laid out in lines and brackets. Notes on the device, the
dtype and the graph follow the numbers.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.mode import mode
from metagrad.base import dtypes

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


Array = np.ndarray[Any, Any]


class _Options:
    """What ``set_printoptions`` sets."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_options = _Options()
_PROFILES: dict[str, dict[str, float]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}


def _checked(name: str, value: Any) -> Any:
    """The value of an option that is a count; the threshold may be infinite."""
    kind, expected = (numbers.Real, "a number") if name == "threshold" else (numbers.Integral, "an int")
    if not isinstance(value, kind) or not float(value) >= 0:
        raise ValueError(f"{name} is {value!r}: expected {expected} that is not negative")
    return value


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors print, from now on and everywhere; what is not given stays, but for ``sci_mode``.

    precision: digits after the point. threshold: the number of elements above which only the edges are shown.
    edgeitems: elements at each end of an axis. linewidth: characters a line. profile: ``"default"``, ``"short"`` or
    ``"full"``, which the others refine. sci_mode: scientific notation always (True), never (False) or where the numbers
    ask for it (None).

    Raises ValueError for an unknown profile and for a value that is no such number; nothing is changed then.

    >>> import metagrad
    >>> metagrad.set_printoptions(precision=2)
    >>> metagrad.tensor([1 / 3, 2.0])
    tensor([0.33, 2.00])
    >>> metagrad.set_printoptions(profile="default")
    """
    if profile is not None and profile not in _PROFILES:
        raise ValueError(f"unknown profile {profile!r}: expected one of {', '.join(_PROFILES)}")
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    chosen = {name: _checked(name, value) for name, value in given.items() if value is not None}
    for name, value in {**_PROFILES.get(profile or "", {}), **chosen}.items():
        setattr(_options, name, value)
    _options.sci_mode = sci_mode


def format_tensor(tensor: Tensor) -> str:
    """The text for ``repr(tensor)``.

    >>> import metagrad
    >>> metagrad.tensor([[1, -2], [3, 4]])
    tensor([[ 1, -2],
            [ 3,  4]])
    >>> metagrad.tensor([0.1, 1000.0], dtype=metagrad.float64)
    tensor([1.0000e-01, 1.0000e+03], dtype=metagrad.float64)
    """
    start = _start(tensor)
    if hasattr(tensor.array, "text"):  # an array type that prints in its own way
        return str(tensor.array.text())
    if tensor.is_meta:
        return _annotated(f"{start}...", _notes(tensor), len(start)) + ")"
    array = tensor.detach().cpu().array
    text = start + (_contents(array, len(start)) if array.size else "[]")
    whole = _annotated(text, _notes(tensor), len(start)) + ")"
    return f"Parameter({whole})" if getattr(tensor, "_is_param", False) else whole


def _start(tensor: Tensor) -> str:
    """What stands before the numbers: the name of the class, of those that are only tensors "tensor"."""
    kind = type(tensor).__name__
    return ("tensor" if kind in ("Tensor", "Parameter", "Buffer") else kind) + "("


def format_as(tensor: Tensor, spec: str) -> str:
    """The text for ``format(tensor, spec)``: of a tensor of zero dimensions, its number's.

    Raises TypeError for the format of a number and a tensor of more dimensions.

    >>> import metagrad
    >>> x = metagrad.tensor(2 / 3)
    >>> f"{x:.3f}", f"{x > 0}", f"{x[None]}"
    ('0.667', 'True', 'tensor([0.6667])')
    """
    if tensor.array.ndim == 0 and not tensor.is_meta and (spec or type(tensor).__name__ == "Tensor"):
        return format(tensor.item(), spec)
    if spec:
        raise TypeError(
            f"unsupported format string passed to Tensor.__format__: {spec!r}, for shape {tuple(tensor.array.shape)}: only one of "
            "zero dimensions is formatted as a number; format its elements, or call set_printoptions(precision=...)"
        )
    return str(tensor)


def _contents(array: Array, indent: int) -> str:
    """The numbers in brackets."""
    n = _options.edgeitems
    cut = [array.size > _options.threshold and length > 2 * n for length in array.shape]
    for axis, length in enumerate(array.shape):
        if cut[axis]:
            array = np.take(array, [*range(n), *range(length - n, length)], axis)
    texts, width = _spelled(array)
    return _laid_out(np.array(texts, object).reshape(array.shape), cut, width, indent)


def _spelled(array: Array) -> tuple[list[str], int]:
    """The text of each number, and the width of a column."""
    if array.dtype.kind == "c":
        reals, real_width = _spelled(array.real)
        imags, imag_width = _spelled(array.imag)
        imags = [text.lstrip() for text in imags]
        texts = [f"{re}{'' if im[0] == '-' else '+'}{im}j" for re, im in zip(reals, imags, strict=True)]
        return texts, real_width + imag_width + 1
    values = array.reshape(-1).tolist()
    if array.dtype.kind not in "fV":
        texts = [str(v) for v in values]
        width = max(map(len, texts), default=1)
    else:
        # Zeros, nan and inf neither choose the notation nor widen the column.
        telling = [v for v in values if v and math.isfinite(v)]
        spec, point = _notation(telling)
        texts = [format(v, spec) + (point if math.isfinite(v) else "") for v in values]
        width = max((len(format(v, spec) + point) for v in telling), default=1)
    return [text.rjust(width) for text in texts], width


def _notation(values: list[float]) -> tuple[str, str]:
    """The format of one number, and what follows it."""
    smallest, largest = min(map(abs, values), default=1.0), max(map(abs, values), default=1.0)
    scientific = largest / smallest > 1000 or largest > 1e8 or smallest < 1e-4
    if values and (scientific if _options.sci_mode is None else _options.sci_mode):
        return f".{_options.precision}e", ""
    if all(v == math.floor(v) for v in values):
        return ".0f", "."
    return f".{_options.precision}f", ""


def _laid_out(texts: Array, cut: Sequence[bool], width: int, indent: int) -> str:
    """Texts in lines and brackets, with dots on the axes that were cut."""
    if texts.ndim == 0:
        return str(texts.item())
    margin = " " * (indent + 1)
    if texts.ndim > 1:
        parts = [_laid_out(row, cut[1:], width, indent + 1) for row in texts]
        dots, join = "...", "," + "\n" * (texts.ndim - 1) + margin
    else:
        parts = texts.tolist()
        dots, join = " ..." if parts else "...", ",\n" + margin
    if cut[0]:
        parts.insert(_options.edgeitems, dots)
    if texts.ndim == 1:
        per_line = max(1, (_options.linewidth - indent) // (width + 2))
        parts = [", ".join(parts[i : i + per_line]) for i in range(0, len(parts), per_line)]
    return "[" + join.join(parts) + "]"


def _notes(tensor: Tensor) -> list[str]:
    """What is said of a tensor beside its numbers: nothing that goes without saying."""
    notes = []
    shape, default = tuple(tensor.array.shape), dtypes.get_default_dtype()
    usual = [default]
    if tensor.device.type != "cpu":
        notes.append(f"device='{tensor.device}'")
    if 0 not in shape and not tensor.is_meta:
        usual += [default.to_complex(), dtypes.int64, dtypes.bool_]
    if tensor.is_meta or (len(shape) != 1 if 0 in shape else _options.edgeitems == 0):
        notes.append(f"size={shape}")
    if tensor.dtype not in usual:
        notes.append(f"dtype={tensor.dtype}")
    try:
        node = tensor._node
    except RuntimeError:  # a view that is out of date
        notes.append("grad_fn=<Invalid>")
        return notes
    if node is not None:
        notes.append(f"grad_fn=<{node.name().rpartition(':')[2]}>")
    elif tensor.requires_grad:
        notes.append("requires_grad=True")
    for tangent in [level.of(tensor) for level in mode.levels[-1:] if level.carries(tensor)]:
        notes.append(f"tangent={format_tensor(tangent)}")
    return notes


def _annotated(text: str, notes: list[str], indent: int) -> str:
    """The text with notes appended, each on the last line if there is room for it."""
    used = len(text) - text.rfind("\n") + 1  # two more than the line has: PyTorch keeps them free after the numbers
    for note in notes:
        # Measured by PyTorch's shorter name, so that lines break where its own do.
        length = len(note.replace("=metagrad.", "=torch."))
        if used + 2 + length > _options.linewidth:
            text, used = f"{text},\n{' ' * indent}{note}", indent + length
        else:
            text, used = f"{text}, {note}", used + 2 + length
    return text
