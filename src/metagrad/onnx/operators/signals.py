"""Spectra, their windows, and random numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from metagrad.onnx.operators import ops as mg
from metagrad.onnx.operators.registry import dtype_of, numbers, operator, scalar, tensor
from metagrad.onnx.operators.shapes import sound


@operator("DFT")
def dft(
    call: Any,
    x: Any,
    length: Any = None,
    axis_given: Any = None,
    *,
    axis: Any = None,
    inverse: int = 0,
    onesided: int = 0,
) -> Any:
    along = (
        int(scalar(axis_given)) if axis_given is not None else (1 if call.opset < 20 else -2) if axis is None else axis
    )
    a = numbers(x)
    along %= a.ndim
    n = a.shape[along] if length is None else int(scalar(length))
    if inverse and onesided and a.shape[-1] == 2:
        real = np.fft.irfft(a[..., 0] + 1j * a[..., 1], n if length is not None else None, along)
        return tensor(real[..., None].astype(a.dtype))
    z = a[..., 0] + 1j * a[..., 1] if a.shape[-1] == 2 else a[..., 0].astype(complex)
    found = np.fft.ifft(z, n, along) if inverse else np.fft.fft(z, n, along)
    if onesided:
        found = np.take(found, np.arange(n // 2 + 1), along)
    return tensor(np.stack([found.real, found.imag], -1).astype(a.dtype))


@operator("STFT")
def stft(call: Any, x: Any, step: Any, window: Any = None, length: Any = None, *, onesided: int = 1) -> Any:
    a, by = numbers(x), int(scalar(step))
    n = int(scalar(length)) if length is not None else window.shape[0]
    weights = np.ones(n) if window is None else numbers(window)
    z = a[..., 0] + (1j * a[..., 1] if a.ndim == 3 and a.shape[-1] == 2 else 0) if a.ndim == 3 else a
    frames = [z[:, t : t + n] * weights for t in range(0, z.shape[1] - n + 1, by)]
    found = np.fft.fft(np.stack(frames, 1), axis=-1)
    found = found[..., : n // 2 + 1] if onesided else found
    return tensor(np.stack([found.real, found.imag], -1).astype(a.dtype))


@operator("HannWindow", "HammingWindow", "BlackmanWindow")
def window(call: Any, size: Any, output_datatype: int = 1, periodic: int = 1) -> Any:
    n = int(scalar(size))
    sound([n], call.kind)
    angle = 2 * math.pi * np.arange(n) / (n if periodic else n - 1)
    if call.kind == "BlackmanWindow":
        found = 0.42 - 0.5 * np.cos(angle) + 0.08 * np.cos(2 * angle)
    else:
        a = 0.5 if call.kind == "HannWindow" else 25 / 46
        found = a - (1 - a) * np.cos(angle)
    return tensor(found.astype(dtype_of(output_datatype).dtype))


@operator("MelWeightMatrix")
def mel_weight_matrix(
    call: Any, bins: Any, length: Any, rate: Any, low: Any, high: Any, output_datatype: int = 1
) -> Any:
    count, n = int(scalar(bins)), int(scalar(length))
    sound([count + 2, n // 2 + 1], "MelWeightMatrix")
    edges = np.arange(count + 2, dtype=float)
    least, most = (2595 * math.log10(1 + float(scalar(f)) / 700) for f in (low, high))
    hertz = 700 * (10 ** ((edges * (most - least) / (count + 2) + least) / 2595) - 1)
    places = ((n + 1) * hertz // int(scalar(rate))).astype(np.int64)
    found = np.zeros((n // 2 + 1, count))
    for i in range(count):
        lower, centre, upper = places[i : i + 3]
        if centre == lower:
            found[centre, i] = 1
        else:
            up = np.arange(lower, centre + 1)
            found[up, i] = (up - lower) / (centre - lower)
        if upper > centre:
            down = np.arange(centre, upper)
            found[down, i] = (upper - down) / (upper - centre)
    return tensor(found.astype(dtype_of(output_datatype).dtype))


# ------------------------------------------------ images


@operator("RandomUniform", "RandomNormal", "RandomUniformLike", "RandomNormalLike")
def random(call: Any, like: Any = None, *, dtype: Any = None, shape: Any = None, **settings: Any) -> Any:
    extents = sound(tuple(like.shape) if like is not None else shape, call.kind)
    kind = dtype_of(dtype) if dtype is not None else like.dtype if like is not None else mg.float32
    if "Uniform" in call.kind:
        low, high = settings.get("low", 0.0), settings.get("high", 1.0)
        return (mg.rand(*extents) * (high - low) + low).to(kind)
    return (mg.randn(*extents) * settings.get("scale", 1.0) + settings.get("mean", 0.0)).to(kind)


@operator("Bernoulli")
def bernoulli(call: Any, x: Any, dtype: Any = None, seed: Any = None) -> Any:
    return mg.bernoulli(x).to(x.dtype if dtype is None else dtype_of(dtype))


@operator("Multinomial")
def multinomial(call: Any, x: Any, dtype: int = 6, sample_size: int = 1, seed: Any = None) -> Any:
    return mg.multinomial(x.softmax(-1), sample_size, replacement=True).to(dtype_of(dtype))
