"""Windows under the names from before ``metagrad.signal.windows``; by default periodic, as spectra want them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from metagrad.tensor import Tensor

__all__ = ["bartlett_window", "blackman_window", "hamming_window", "hann_window", "kaiser_window"]


def _window(name: str, length: Any, periodic: bool, options: dict[str, Any], **shape: float) -> Tensor:
    from metagrad.signal import windows  # when it is first used: importing metagrad stays quick

    if length < 0:
        raise RuntimeError(f"{name}_window requires non-negative window_length, got window_length={length}")
    dtype = options.get("dtype")
    if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
        raise RuntimeError(f"{name}_window expects floating point dtypes, got: {dtype}")
    options.pop("layout", None)
    options.pop("pin_memory", None)
    found: Tensor = getattr(windows, name)(int(length), sym=not periodic, **shape, **options)
    return found


def hann_window(window_length: int, periodic: bool = True, **options: Any) -> Tensor:
    """½ − ½ cos(2π n / N), n = 0 … window_length − 1; N is window_length if ``periodic``, else one less.

    >>> import metagrad
    >>> metagrad.hann_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return _window("hann", window_length, periodic, options)


def hamming_window(
    window_length: int, periodic: bool = True, alpha: float = 0.54, beta: float = 0.46, **options: Any
) -> Tensor:
    """α − β cos(2π n / N)."""
    return _window("general_cosine", window_length, periodic, options, a=(alpha, beta))  # type: ignore[arg-type]


def blackman_window(window_length: int, periodic: bool = True, **options: Any) -> Tensor:
    """0.42 − 0.5 cos(2π n / N) + 0.08 cos(4π n / N)."""
    return _window("blackman", window_length, periodic, options)


def bartlett_window(window_length: int, periodic: bool = True, **options: Any) -> Tensor:
    """1 − |2n / N − 1|, a triangle."""
    return _window("bartlett", window_length, periodic, options)


def kaiser_window(window_length: int, periodic: bool = True, beta: float = 12.0, **options: Any) -> Tensor:
    """I₀(β √(1 − (2n / N − 1)²)) / I₀(β)."""
    return _window("kaiser", window_length, periodic, options, beta=beta)
