"""What a learner's function gave, as something that can be compared: a value, or the error it raised."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from metagrad.autograd.variable import unwrap


@dataclass
class Answer:
    """The value a function returned, or the error it raised."""

    value: object = None
    error: Exception | None = None

    def __str__(self) -> str:
        return f"{type(self.error).__name__}: {self.error}" if self.error else shown(self.value)


def answer(function: Callable[..., object], *arguments: Any) -> Answer:
    """Call a function, and keep what comes of it.

    >>> str(answer(divmod, 7, 2)), str(answer(divmod, 7, 0)).split(":")[0]
    ('(3, 1)', 'ZeroDivisionError')
    """
    try:
        return Answer(function(*arguments))
    except Exception as error:
        return Answer(error=error)


def agree(one: Answer, other: Answer, tolerance: float) -> bool:
    """Whether two answers are the same: values that agree to ``tolerance``, or errors of the same kind."""
    if one.error or other.error:
        return type(one.error) is type(other.error)
    return same(one.value, other.value, tolerance)


def same(got: object, want: object, tolerance: float = 1e-5) -> bool:
    """Whether two values agree: numbers, arrays and tensors to a relative tolerance and in shape, the rest exactly.

    >>> same([1.0, (2, None)], [1.0000001, (2, None)]), same([1.0], [1.0, 2.0]), same(np.zeros(3), np.zeros((3, 1)))
    (True, False, False)
    """
    got, want = unwrap(got), unwrap(want)
    if isinstance(want, dict):
        return (
            isinstance(got, dict) and got.keys() == want.keys() and all(same(got[k], want[k], tolerance) for k in want)
        )
    if isinstance(want, list | tuple):
        listed = isinstance(got, list | tuple) and len(got) == len(want)
        return listed and all(same(g, w, tolerance) for g, w in zip(got, want, strict=True))  # type: ignore[call-overload]
    if want is None or isinstance(want, str):
        return bool(got == want)
    try:
        have, wanted = np.asarray(got, dtype=np.float64), np.asarray(want, dtype=np.float64)
    except (TypeError, ValueError):
        return False
    return have.shape == wanted.shape and np.allclose(have, wanted, tolerance, tolerance * 1e-2, equal_nan=True)


def shown(value: object) -> str:
    """A value as a short text.

    >>> shown((1 / 3, np.array([1.0, 2.0]))), shown({"a": 2.5})
    ('(0.333333, [1, 2])', '{a: 2.5}')
    """
    value = unwrap(value)
    if isinstance(value, np.ndarray):
        text = np.array2string(value, precision=6, separator=", ", threshold=20, floatmode="maxprec")
        return text.replace(". ", " ").replace(".,", ",").replace(".]", "]")
    if isinstance(value, float | np.floating):
        return f"{value:.6g}"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{k}: {shown(v)}' for k, v in value.items())}}}"
    if isinstance(value, list | tuple):
        inner = ", ".join(map(shown, value))
        return f"[{inner}]" if isinstance(value, list) else f"({inner})"
    return repr(value)
