"""How a tensor prints: as PyTorch prints it, so that examples and logs can be compared.

All numbers of a tensor share one format. Integers stored as floats show a bare point (``2.``); numbers of very different
size go to scientific notation; a tensor of more than ``threshold`` elements shows ``edgeitems`` at each end.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metagrad import dtypes

Array = np.ndarray[Any, Any]


@dataclass
class _Options:
    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_options = _Options()
_PROFILES: dict[str, dict[str, Any]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """How tensors print: digits after the point, elements from which only the edges are shown, how many those are,
    characters a line, and scientific notation (None: where the numbers ask for it). profile: default, short or full.
    """
    if profile is not None:
        if profile not in _PROFILES:
            raise ValueError(f"unknown profile {profile!r}: expected one of {', '.join(_PROFILES)}")
        for name, value in _PROFILES[profile].items():
            setattr(_options, name, value)
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    for name, value in given.items():
        if value is not None:
            setattr(_options, name, value)
    _options.sci_mode = sci_mode


class _Format:
    """One format for all numbers of an array, wide enough for each."""

    def __init__(self, numbers: Array) -> None:
        self.floating = numbers.dtype.kind == "f"
        self.scientific, self.whole, self.width = False, True, 1
        if not self.floating:
            texts = [str(v) for v in numbers.reshape(-1).tolist()]
        else:
            finite = numbers[np.isfinite(numbers) & (numbers != 0)].astype(np.float64).reshape(-1)
            if not finite.size:
                return
            smallest, largest = np.abs(finite).min(), np.abs(finite).max()
            self.whole = bool((finite == np.ceil(finite)).all())
            with np.errstate(over="ignore"):
                spread = bool(largest / smallest > 1000 or largest > 1e8 or (smallest < 1e-4 and not self.whole))
            self.scientific = spread if _options.sci_mode is None else _options.sci_mode
            texts = [self._text(v) for v in finite.tolist()]
        self.width = max([self.width, *map(len, texts)])

    def _text(self, value: Any) -> str:
        if not self.floating:
            return str(value)
        if self.scientific:
            return f"{value:.{_options.precision}e}"
        if self.whole:
            return f"{value:.0f}" + ("." if math.isfinite(value) else "")
        return f"{value:.{_options.precision}f}"

    def __call__(self, value: Any) -> str:
        return self._text(value).rjust(self.width)


class _ComplexFormat:
    """Formats for the real and the imaginary parts."""

    def __init__(self, numbers: Array) -> None:
        self.real, self.imag = _Format(numbers.real), _Format(numbers.imag)
        self.width = self.real.width + self.imag.width + 1

    def __call__(self, value: Any) -> str:
        imag = self.imag(value.imag).lstrip() + "j"
        return self.real(value.real) + ("" if value.imag < 0 else "+") + imag


def _edges(a: Array) -> Array:
    """The elements that are shown of an array too large to show whole."""
    n = _options.edgeitems
    for axis in range(a.ndim):
        if a.shape[axis] > 2 * n:
            places = [*range(n), *range(a.shape[axis] - n, a.shape[axis])]
            a = np.take(a, places, axis)
    return a


def _row(values: Sequence[Any], indent: int, summarize: bool, show: Any) -> str:
    n = _options.edgeitems
    if summarize and len(values) > 2 * n:
        texts = [*map(show, values[:n]), " ...", *map(show, values[len(values) - n :])] if n else ["..."]
    else:
        texts = list(map(show, values))
    per_line = max(1, (_options.linewidth - indent) // (show.width + 2))
    lines = [", ".join(texts[i : i + per_line]) for i in range(0, len(texts), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def _block(a: Array, indent: int, summarize: bool, show: Any) -> str:
    """An array of any number of dimensions in brackets."""
    if a.ndim == 0:
        return str(show(a.item()))
    if a.ndim == 1:
        return _row(a.tolist(), indent, summarize, show)
    n, count = _options.edgeitems, len(a)
    if summarize and count > 2 * n:
        shown: list[int | None] = [*range(n), None, *range(count - n, count)]
    else:
        shown = list(range(count))
    blocks = ["..." if i is None else _block(a[i], indent + 1, summarize, show) for i in shown]
    return "[" + ("," + "\n" * (a.ndim - 1) + " " * (indent + 1)).join(blocks) + "]"


def _numbers(a: Array, indent: int) -> str:
    summarize = a.size > _options.threshold
    a = a.astype(np.float32) if a.dtype == np.float16 else a
    visible = _edges(a) if summarize else a
    return _block(a, indent, summarize, _ComplexFormat(visible) if a.dtype.kind == "c" else _Format(visible))


def _usual(kind: dtypes.dtype) -> bool:
    """Whether a dtype goes without saying."""
    default = dtypes.get_default_dtype()
    return kind in (default, default.to_complex(), dtypes.int64, dtypes.bool_)


def format_tensor(tensor: Any) -> str:
    """The text for ``repr(tensor)``.

    >>> import metagrad
    >>> metagrad.tensor([[1, -2], [3, 4]])
    tensor([[ 1, -2],
            [ 3,  4]])
    >>> metagrad.tensor([0.1, 1000.0], dtype=metagrad.float64)
    tensor([1.0000e-01, 1.0000e+03], dtype=metagrad.float64)
    """
    prefix = "tensor("
    indent, notes = len(prefix), []
    if tensor.device.type != "cpu":
        notes.append(f"device='{tensor.device}'")
    a = tensor.detach().cpu().array
    if a.size:
        text = _numbers(a, indent)
        if not _usual(tensor.dtype):
            notes.append(f"dtype={tensor.dtype}")
    else:
        text = "[]"
        if a.ndim != 1:
            notes.append(f"size={tuple(a.shape)}")
        if tensor.dtype != dtypes.get_default_dtype():
            notes.append(f"dtype={tensor.dtype}")
    if tensor.grad_fn is not None:
        notes.append(f"grad_fn=<{tensor.grad_fn.name}Backward0>")
    elif tensor.requires_grad:
        notes.append("requires_grad=True")
    text = prefix + text
    line = len(text) - text.rfind("\n") + 1
    for note in notes:
        if line + len(note) + 2 > _options.linewidth:
            text, line = f"{text},\n{' ' * indent}{note}", indent + len(note)
        else:
            text, line = f"{text}, {note}", line + len(note) + 2
    return text + ")"
