"""Fourier transforms by name: which of the three of ``fourier.py``, in which direction, over which dimensions.

In all of them ``norm`` says what the scale s is, for N elements: "backward" (or None) 1 on the way there and 1/N on the way back,
"ortho" 1/√N on both, "forward" 1/N on the way there and 1 on the way back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from metagrad.base.typing import Dims
from metagrad.ops.arguments import takes_exact_out, takes_out, takes_out_by
from metagrad.ops.out import of_real_numbers
from metagrad.ops.signal.fourier import complex_to_complex, complex_to_real, real_to_complex

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

# ------------------------------------------------ one dimension


@takes_out
def fft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Xₖ = s Σₙ xₙ exp(−2πi kn/N) along one dimension, cut or filled with zeros to n elements first; s by ``norm``.

    Raises RuntimeError for float16, for an extent below 1, and for another norm.

    >>> import metagrad
    >>> metagrad.fft.fft(metagrad.tensor([1.0, 0.0, -1.0, 0.0]))
    tensor([0.+0.j, 2.+0.j, 0.+0.j, 2.+0.j])
    """
    return complex_to_complex("fft", input, n, dim, norm, False)


@takes_exact_out
def ifft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """xₙ = s Σₖ Xₖ exp(2πi kn/N) along one dimension, the inverse of ``fft``.

    Raises RuntimeError for float16, for an extent below 1, and for another norm.

    >>> import metagrad
    >>> metagrad.fft.ifft(metagrad.fft.fft(metagrad.tensor([1.0, 2.0])))
    tensor([1.+0.j, 2.+0.j])
    """
    return complex_to_complex("ifft", input, n, dim, norm, True)


@takes_out
def rfft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The first half, N/2 + 1 numbers, of the transform of N real numbers: the others are their conjugates.

    Raises RuntimeError for float16, for an extent below 1, and for another norm, and for complex input.

    >>> import metagrad
    >>> metagrad.fft.rfft(metagrad.tensor([1.0, 0.0, -1.0, 0.0]))
    tensor([0.+0.j, 2.+0.j, 0.+0.j])
    """
    return real_to_complex("rfft", input, n, dim, norm, False)


@takes_out_by(of_real_numbers)
def irfft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The inverse of ``rfft``: n real numbers, by default an even number of them, 2 (K − 1) from K.

    Raises RuntimeError for float16, for an extent below 1, and for another norm.

    >>> import metagrad
    >>> metagrad.fft.irfft(metagrad.fft.rfft(metagrad.tensor([1.0, 2.0, 3.0])), n=3).round()
    tensor([1., 2., 3.])
    """
    return complex_to_real("irfft", input, n, dim, norm, True)


@takes_out_by(of_real_numbers)
def hfft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The transform of numbers of which the first half is given, and the second is its conjugate mirror image: real.

    Raises RuntimeError for float16, for an extent below 1, and for another norm.

    >>> import metagrad
    >>> metagrad.fft.hfft(metagrad.tensor([1 + 0j, 2j, 1 + 0j]))
    tensor([ 2.,  4.,  2., -4.])
    """
    return complex_to_real("hfft", input, n, dim, norm, False)


@takes_exact_out
def ihfft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The inverse of ``hfft``.

    Raises RuntimeError for float16, for an extent below 1, and for another norm, and for complex input.

    >>> import metagrad
    >>> metagrad.fft.ihfft(metagrad.tensor([2.0, 4.0, 2.0, -4.0])).imag.abs()
    tensor([0., 2., 0.])
    """
    return real_to_complex("ihfft", input, n, dim, norm, True)


# ------------------------------------------------ two, and any number


@takes_out
def fft2(
    input: Tensor, s: Dims = None, dim: Dims = (-2, -1), norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """``fftn`` over the last two dimensions: (*, H, W) to (*, H, W), complex.

    Raises RuntimeError for float16, for an extent below 1, and for another norm.

    >>> import metagrad
    >>> metagrad.fft.fft2(metagrad.ones(2, 2))
    tensor([[4.+0.j, 0.+0.j],
            [0.+0.j, 0.+0.j]])
    """
    return complex_to_complex("fft2", input, s, dim, norm, False)


@takes_out
def ifft2(
    input: Tensor, s: Dims = None, dim: Dims = (-2, -1), norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The inverse of ``fft2``.

    Raises RuntimeError for float16, for an extent below 1, and for another norm.

    >>> import metagrad
    >>> metagrad.fft.ifft2(metagrad.fft.fft2(metagrad.ones(2, 2))).real
    tensor([[1., 1.],
            [1., 1.]])
    """
    return complex_to_complex("ifft2", input, s, dim, norm, True)


@takes_out
def rfft2(
    input: Tensor, s: Dims = None, dim: Dims = (-2, -1), norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """``rfftn`` over the last two dimensions: (*, H, W) to (*, H, W/2 + 1).

    Raises RuntimeError for float16, for an extent below 1, and for another norm, and for complex input.

    >>> import metagrad
    >>> metagrad.fft.rfft2(metagrad.ones(4, 4)).shape
    metagrad.Size([4, 3])
    """
    return real_to_complex("rfft2", input, s, dim, norm, False)


@takes_out_by(of_real_numbers)
def irfft2(
    input: Tensor, s: Dims = None, dim: Dims = (-2, -1), norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The inverse of ``rfft2``: (*, H, W/2 + 1) to (*, H, W).

    Raises RuntimeError for float16, for an extent below 1, and for another norm.

    >>> import metagrad
    >>> metagrad.fft.irfft2(metagrad.fft.rfft2(metagrad.ones(2, 2)))
    tensor([[1., 1.],
            [1., 1.]])
    """
    return complex_to_real("irfft2", input, s, dim, norm, True)


@takes_out_by(of_real_numbers)
def hfft2(
    input: Tensor, s: Dims = None, dim: Dims = (-2, -1), norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """``hfftn`` over the last two dimensions: (*, H, W/2 + 1) to (*, H, W), real.

    Raises RuntimeError for float16, for an extent below 1, and for another norm.

    >>> import metagrad
    >>> metagrad.fft.hfft2(metagrad.ones(2, 2))
    tensor([[4., 0.],
            [0., 0.]])
    """
    return complex_to_real("hfft2", input, s, dim, norm, False)


@takes_out
def ihfft2(
    input: Tensor, s: Dims = None, dim: Dims = (-2, -1), norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The inverse of ``hfft2``.

    Raises RuntimeError for float16, for an extent below 1, and for another norm, and for complex input.

    >>> import metagrad
    >>> metagrad.fft.ihfft2(metagrad.fft.hfft2(metagrad.ones(2, 2))).real
    tensor([[1., 1.],
            [1., 1.]])
    """
    return real_to_complex("ihfft2", input, s, dim, norm, True)


@takes_out
def fftn(
    input: Tensor, s: Dims = None, dim: Dims = None, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The transform along each of several dimensions, all if ``dim`` and ``s`` are None; s are their extents.

    Raises RuntimeError for float16, for an extent below 1, and for another norm.

    >>> import metagrad
    >>> metagrad.fft.fftn(metagrad.ones(2, 2, 2)).abs().max()
    tensor(8.)
    """
    return complex_to_complex("fftn", input, s, dim, norm, False)


@takes_out
def ifftn(
    input: Tensor, s: Dims = None, dim: Dims = None, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The inverse of ``fftn``.

    Raises RuntimeError for float16, for an extent below 1, and for another norm.

    >>> import metagrad
    >>> metagrad.fft.ifftn(metagrad.fft.fftn(metagrad.tensor([1.0, 2.0]))).real
    tensor([1., 2.])
    """
    return complex_to_complex("ifftn", input, s, dim, norm, True)


@takes_out
def rfftn(
    input: Tensor, s: Dims = None, dim: Dims = None, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The transform of real numbers along several dimensions: the first half along the last of them.

    Raises RuntimeError for float16, for an extent below 1, and for another norm, for complex input, and for no
    dimension.

    >>> import metagrad
    >>> metagrad.fft.rfftn(metagrad.ones(2, 4, 4)).shape
    metagrad.Size([2, 4, 3])
    """
    return real_to_complex("rfftn", input, s, dim, norm, False)


@takes_out_by(of_real_numbers)
def irfftn(
    input: Tensor, s: Dims = None, dim: Dims = None, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The inverse of ``rfftn``; s are the extents of the result.

    Raises RuntimeError for float16, for an extent below 1, and for another norm, and for no dimension.

    >>> import metagrad
    >>> metagrad.fft.irfftn(metagrad.fft.rfftn(metagrad.ones(2, 3)), s=(2, 3)).round()
    tensor([[1., 1., 1.],
            [1., 1., 1.]])
    """
    return complex_to_real("irfftn", input, s, dim, norm, True)


@takes_out_by(of_real_numbers)
def hfftn(
    input: Tensor, s: Dims = None, dim: Dims = None, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The transform along several dimensions of numbers given by half, along the last of them: real.

    Raises RuntimeError for float16, for an extent below 1, and for another norm, and for no dimension.

    >>> import metagrad
    >>> metagrad.fft.hfftn(metagrad.ones(2, 3)).shape
    metagrad.Size([2, 4])
    """
    return complex_to_real("hfftn", input, s, dim, norm, False)


@takes_out
def ihfftn(
    input: Tensor, s: Dims = None, dim: Dims = None, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The inverse of ``hfftn``.

    Raises RuntimeError for float16, for an extent below 1, and for another norm, for complex input, and for no
    dimension.

    >>> import metagrad
    >>> metagrad.fft.ihfftn(metagrad.fft.hfftn(metagrad.ones(2, 3))).real
    tensor([[1., 1., 1.],
            [1., 1., 1.]])
    """
    return real_to_complex("ihfftn", input, s, dim, norm, True)
