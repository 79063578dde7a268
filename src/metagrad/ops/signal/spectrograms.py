"""The short-time Fourier transform: spectra of windows that slide along a signal, and the signal from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.variable import wrap
from metagrad.base.warning import warn_once
from metagrad.kernels.libraries import filled
from metagrad.ops.arguments import asks_for_tensors
from metagrad.ops.index.indexing import getitem
from metagrad.ops.index.scattering import index_add
from metagrad.ops.pointwise.arithmetic import mul
from metagrad.ops.pointwise.complex_numbers import view_as_real
from metagrad.ops.pointwise.division import div
from metagrad.ops.shape.padding import constant_pad_nd, pad
from metagrad.ops.shape.permuting import transpose
from metagrad.ops.shape.strided import unfold
from metagrad.ops.shape.views import reshape
from metagrad.ops.signal import fft

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["istft", "stft"]


def _window(name: str, window: Tensor | None, win_length: int, n_fft: int, like: Tensor) -> Tensor:
    """The window, in the middle of n_fft elements, zeros around it."""
    if not 0 < win_length <= n_fft:
        raise RuntimeError(
            f"{name}: expected 0 < win_length <= n_fft, but got win_length={win_length} and n_fft={n_fft}"
        )
    if window is not None and tuple(window.shape) != (win_length,):
        raise RuntimeError(
            f"{name}: expected a 1D window tensor of size equal to win_length={win_length}, but got size {tuple(window.shape)}"
        )
    if window is None:
        window = wrap(filled(win_length, 1, like.array.real.dtype, like.array))
    if win_length == n_fft:
        return window
    left = (n_fft - win_length) // 2
    return constant_pad_nd(window, (left, n_fft - win_length - left))


@asks_for_tensors
def stft(
    input: Tensor, n_fft: int, hop_length: int | None = None, win_length: int | None = None, window: Tensor | None = None,
    center: bool = True, pad_mode: str = "reflect", normalized: bool = False, onesided: bool | None = None,
    return_complex: bool | None = None, align_to_window: bool | None = None,
) -> Tensor:  # fmt: skip
    """X[f, t] = Σₙ window[n] x[n + t · hop_length] exp(−2πi f n / n_fft).

    input (L) or (B, L); result (F, T) or (B, F, T), F = n_fft/2 + 1 if ``onesided`` (for real numbers), else n_fft. hop_length:
    n_fft / 4. window (win_length): ones. center: the signal is padded at both ends (``pad_mode``) so that frame t is about
    element t · hop_length. normalized: by 1/√n_fft.

    Raises RuntimeError if input is not such a signal, if an extent does not fit, or if the choice between real and
    complex, or one side and two, is left open or impossible.

    >>> import metagrad
    >>> metagrad.stft(metagrad.ones(8), 4, window=metagrad.ones(4), return_complex=True).shape
    metagrad.Size([3, 9])
    """
    if window is None:
        warn_once("stft: no window was given; a rectangular one is used, whose edges leak into other frequencies")
    if input.array.dtype.kind not in "fcV" or input.array.ndim not in (1, 2):
        raise RuntimeError(
            f"stft: expected a 1D or 2D tensor of floating-point or complex numbers, got {input.dtype}, {input.shape}"
        )
    is_complex = input.dtype.is_complex or (window is not None and window.dtype.is_complex)
    if return_complex is None and not is_complex:
        raise RuntimeError("stft requires the return_complex parameter be given for real inputs")
    if center and align_to_window is not None:
        raise RuntimeError("stft: align_to_window should only be set when center = false")
    if return_complex is False:
        warn_once("stft with return_complex=False is deprecated: return_complex=True, and view_as_real() of its result")
    hop = n_fft // 4 if hop_length is None else hop_length
    if hop <= 0:
        raise RuntimeError(f"stft: expected hop_length > 0, but got hop_length={hop}")
    length = n_fft if win_length is None else win_length
    signal = input if input.array.ndim == 2 else input.unsqueeze(0)
    if center:
        signal = pad(signal.unsqueeze(1), (n_fft // 2, n_fft // 2), pad_mode).squeeze(1)
    elif align_to_window and length < n_fft:  # the window's first element, not its zeros', meets the signal's
        signal = constant_pad_nd(signal, ((n_fft - length) // 2, n_fft - length - (n_fft - length) // 2))
    if not 0 < n_fft <= signal.array.shape[-1]:
        raise RuntimeError(f"stft: expected 0 < n_fft <= {signal.array.shape[-1]}, but got n_fft={n_fft}")
    frames = unfold(signal, -1, n_fft, hop)
    if window is not None or length != n_fft:
        frames = mul(frames, _window("stft", window, length, n_fft, input))
    one_sided = not is_complex if onesided is None else onesided
    if one_sided and is_complex:
        raise RuntimeError("stft: cannot have onesided output if window or input is complex")
    norm = "ortho" if normalized else None
    spectrum = fft.rfft(frames, norm=norm) if one_sided else fft.fft(frames, norm=norm)
    found = transpose(spectrum, -1, -2)
    found = found if input.array.ndim == 2 else found.squeeze(0)
    return found if return_complex or return_complex is None else view_as_real(found.contiguous())


def istft(
    input: Tensor, n_fft: int, hop_length: int | None = None, win_length: int | None = None, window: Tensor | None = None,
    center: bool = True, normalized: bool = False, onesided: bool | None = None, length: int | None = None,
    return_complex: bool = False,
) -> Tensor:  # fmt: skip
    """The signal whose ``stft`` comes nearest to the input: overlapping frames added up, divided by the sum of window².

    input (F, T) or (B, F, T), complex; the other arguments as for ``stft``. length: of the result, cut or filled with zeros.
    (Griffin & Lim 1984.)

    Raises RuntimeError if input is not such a spectrum, if an extent does not fit, and if some elements lie under no
    window.

    >>> import metagrad
    >>> x, window = metagrad.arange(8.0), metagrad.ones(4)
    >>> spectrum = metagrad.stft(x, 4, window=window, return_complex=True)
    >>> metagrad.istft(spectrum, 4, window=window).round()
    tensor([0., 1., 2., 3., 4., 5., 6., 7.])
    """
    if not input.dtype.is_complex:
        raise RuntimeError(
            "istft requires a complex-valued input tensor matching the output from stft with return_complex=True"
        )
    if input.array.ndim not in (2, 3) or not input.array.size:
        raise RuntimeError(
            f"istft: expected a tensor (F, T) or (B, F, T) with elements, got shape {tuple(input.shape)}"
        )
    hop = n_fft // 4 if hop_length is None else hop_length
    win_length = n_fft if win_length is None else win_length
    spectrum = transpose(input if input.array.ndim == 3 else input.unsqueeze(0), -1, -2)
    batch, steps, bins = spectrum.array.shape
    one_sided = bins != n_fft if onesided is None else onesided
    if bins != (n_fft // 2 + 1 if one_sided else n_fft):
        raise RuntimeError(
            f"istft: expected the frequency dimension (3rd to the last) of the input tensor to match n_fft / 2 + 1 when "
            f"onesided=True, and n_fft otherwise, but got {bins}"
        )
    if not 0 < hop <= win_length:
        raise RuntimeError(f"istft: expected 0 < hop_length <= win_length, but got {hop} and {win_length}")
    if window is not None and window.dtype.is_complex and not return_complex:
        raise RuntimeError("istft: complex windows are incompatible with return_complex=False")
    if return_complex and one_sided:
        raise RuntimeError("istft: cannot have onesided input if return_complex is true")
    shape = _window("istft", window, win_length, n_fft, input)
    norm = "ortho" if normalized else None
    if return_complex:
        frames = fft.ifft(spectrum, norm=norm)
    else:
        frames = fft.irfft(getitem(spectrum, (..., slice(0, n_fft // 2 + 1))), n_fft, norm=norm)
    frames = mul(frames, shape)
    total = n_fft + hop * (steps - 1)
    at = wrap((np.arange(n_fft)[None, :] + hop * np.arange(steps)[:, None]).reshape(-1)).to(input.device)
    signal = index_add(frames.new_zeros((batch, total)), 1, at, reshape(frames, (batch, steps * n_fft)))
    square = (shape * shape).expand((steps, n_fft)).reshape(steps * n_fft)
    envelope = index_add(square.new_zeros(total), 0, at, square)
    start = n_fft // 2 if center else 0
    end = total - n_fft // 2 if center and length is None else total if length is None else min(start + length, total)
    signal, envelope = getitem(signal, (slice(None), slice(start, end))), getitem(envelope, (slice(start, end),))
    if envelope.array.size and float(abs(envelope.array).min()) < 1e-11:
        raise RuntimeError(
            "istft: window overlap add min: 0: some elements lie under no window; make hop_length smaller"
        )
    signal = div(signal, envelope)
    if length is not None and end - start < length:
        warn_once("istft: the signal is shorter than length=, and filled with zeros: check center and hop_length")
        signal = constant_pad_nd(signal, (0, length - (end - start)))
    return signal if input.array.ndim == 3 else signal.squeeze(0)
