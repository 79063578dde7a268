"""Three Fourier transforms: complex to complex, real to half a spectrum, half a spectrum to real.

The gradient of a transform is the transform in the other direction with the same scale, for the matrix of one is the conjugate
transpose of the other's.
"""

from __future__ import annotations

import numpy as np

from metagrad.autograd.function import Function
from metagrad.base.typing import Array
from metagrad.ops.index.indexing import Embed

Axes = tuple[int, ...]


class Transform(Function):
    """Xₖ = s Σₙ xₙ exp(∓2πi kn/N) along some axes, − there and + back;   ∂L/∂x = s Σₖ ∂L/∂Xₖ exp(±2πi kn/N)."""

    def forward(self, x: Array, axes: Axes, back: bool, scale: float) -> Array:
        self.settings = {"axes": axes, "back": not back, "scale": scale}
        return _scaled(np.fft.ifftn(x, axes=axes, norm="forward") if back else np.fft.fftn(x, axes=axes), scale)

    def backward(self, grad: Array) -> Array:
        return Transform.on(grad, **self.settings)


class HalfSpectrum(Function):
    """Xₖ = s Σₙ xₙ exp(−2πi kn/N), k = 0 … N/2, of real x;   ∂L/∂x = s Re Σₖ ∂L/∂Xₖ exp(2πi kn/N)."""

    def forward(self, x: Array, axis: int, scale: float) -> Array:
        self.shape_in, self.axis, self.scale = x.shape, axis, scale
        return _scaled(np.fft.rfft(x, axis=axis), scale)

    def backward(self, grad: Array) -> Array:
        half = (*[slice(None)] * self.axis, slice(0, grad.shape[self.axis]))
        whole = Embed.on(grad, shape=self.shape_in, index=half)
        return np.real(Transform.on(whole, axes=(self.axis,), back=True, scale=self.scale))


class FromHalf(Function):
    """xₙ = s Σₖ Xₖ exp(2πi kn/N) over k = 0 … N − 1, where X_{N−k} = Xₖ*: real x of n elements.

    ∂L/∂Xₖ = s wₖ Σₙ ∂L/∂xₙ exp(−2πi kn/N): wₖ is 2 for those k that stand for N − k too, else 1.
    """

    def forward(self, x: Array, n: int, axis: int, scale: float) -> Array:
        self.axis, self.scale = axis, scale
        kept = x.shape[axis]
        weights = np.ones((kept,) + (1,) * (x.ndim - axis - 1), np.float32, like=x)
        weights[1 : kept - (n % 2 == 0)] = 2
        self.weights = weights
        return _scaled(np.fft.irfft(x, n, axis=axis, norm="forward"), scale)

    def backward(self, grad: Array) -> Array:
        return HalfSpectrum.on(grad, axis=self.axis, scale=self.scale) * self.weights


def _scaled(x: Array, scale: float) -> Array:
    if scale != 1:
        x *= scale
    return x
