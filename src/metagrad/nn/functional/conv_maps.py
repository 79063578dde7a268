"""The three maps of a convolution, bilinear in two of images, filters and what they see: each is the others' gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from metagrad.autograd.function import Function
from metagrad.base.channels_last import laid_out_as
from metagrad.base.typing import Array
from metagrad.kernels import convolution as fast
from metagrad.kernels.libraries import is_on_gpu
from metagrad.kernels.windows import Windows
from metagrad.nn import convolution as plain
from metagrad.ops.pointwise.arithmetic import conj


def _run(name: str, a: Array, b: Array, *rest: Any) -> Array:
    """One of the three maps: the kernel for NumPy's arrays, the reference for others; half precision by way of single.

    Arrays of a type that runs kernels in a way of its own (``run_kernel``: many examples at once) are asked first.
    """
    for x in (a, b, *rest):
        if not isinstance(x, np.ndarray) and hasattr(x, "run_kernel"):
            return x.run_kernel(name, _run, a, b, *rest)
    if not (isinstance(a, np.ndarray) and isinstance(b, np.ndarray)):
        return getattr(_gpu_windows(a, b, *rest) or plain, name)(a, b, *rest)
    if a.dtype == np.float16:
        wide = [r.astype(np.float32) if isinstance(r, np.ndarray) else r for r in (a, b, *rest)]
        return getattr(fast, name)(*wide).astype(np.float16)
    return getattr(fast, name)(a, b, *rest)


def _gpu_windows(a: Array, b: Array, *rest: Any) -> Any:
    """The kernels of a GPU, if all is there and of one dtype."""
    if not (is_on_gpu(a) and is_on_gpu(b)) or any(getattr(r, "dtype", a.dtype) != b.dtype for r in (a, *rest)):
        return None
    from metagrad.kernels import gpu_windows

    return gpu_windows if b.size and gpu_windows.serve(a, rest[-2]) else None


class Convolve(Function):
    """y[n, m, o] = Σ_c Σ_k w[m, c, k] · x[n, c, position of k in window o] + b[m]."""

    guards = (0, 1)
    flat_in, flat_zeros = (0, 1), False

    def forward(self, x: Array, w: Array, b: Array | None, windows: Sequence[Windows], groups: int) -> Array:
        self.save(x if self.needs[1] else None, w if self.needs[0] else None)
        self.setting: dict[str, Any] = {"windows": windows, "groups": groups}
        return laid_out_as(_run("convolve", x, w, b, windows, groups), x, w)

    def backward(self, grad: Array) -> tuple[Array | None, Array | None, Array | None]:
        x, w = self.saved
        return (
            InputGradient.on(grad, conj(w), **self.setting) if self.needs[0] else None,
            WeightGradient.on(conj(x), grad, **self.setting) if self.needs[1] else None,
            _bias_gradient(grad) if self.needs[2] else None,
        )


def _bias_gradient(grad: Array) -> Array:
    """Σ ∂L/∂y over images and windows."""
    if isinstance(grad, np.ndarray) and grad.dtype.char in "fd":
        return fast.bias_gradient(grad)
    return grad.sum((0, *range(2, len(grad.shape))))


class InputGradient(Function):
    """x[n, c, i] = Σ w[m, c, k] · g[n, m, o] over all m and all (k, o) with position i: the transposed convolution of g."""

    flat_in, flat_zeros = (0, 1), False

    def forward(self, g: Array, w: Array, windows: Sequence[Windows], groups: int) -> Array:
        self.save(g if self.needs[1] else None, w if self.needs[0] else None)
        self.setting: dict[str, Any] = {"windows": windows, "groups": groups}
        return laid_out_as(_run("input_gradient", g, w, windows, groups), g, w)

    def backward(self, grad: Array) -> tuple[Array | None, Array | None]:
        g, w = self.saved
        return (
            Convolve.on(grad, conj(w), None, **self.setting) if self.needs[0] else None,
            WeightGradient.on(grad, conj(g), **self.setting) if self.needs[1] else None,
        )


class WeightGradient(Function):
    """w[m, c, k] = Σ x[n, c, position of k in window o] · g[n, m, o] over all n and o."""

    def forward(self, x: Array, g: Array, windows: Sequence[Windows], groups: int) -> Array:
        self.save(x if self.needs[1] else None, g if self.needs[0] else None)
        self.setting: dict[str, Any] = {"windows": windows, "groups": groups}
        return _run("weight_gradient", x, g, windows, groups)

    def backward(self, grad: Array) -> tuple[Array | None, Array | None]:
        x, g = self.saved
        return (
            InputGradient.on(conj(g), grad, **self.setting) if self.needs[0] else None,
            Convolve.on(conj(x), grad, None, **self.setting) if self.needs[1] else None,
        )
