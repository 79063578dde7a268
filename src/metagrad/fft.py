"""Fourier transforms, of one dimension (``fft``), two (``fft2``) or any number (``fftn``).

==============  ==================================================================================================
``fft``         Xₖ = s Σₙ xₙ exp(−2πi kn/N), and ``ifft``, its inverse
``rfft``        of real numbers: the first half of X, as the second is its mirror image; and ``irfft``
``hfft``        of the first half of such a mirror image: real numbers; and ``ihfft``
==============  ==================================================================================================

``n`` or ``s``: the extents that dimensions are cut to, or filled up to with zeros, first. ``norm``: "backward" (s is 1 on the way
there and 1/N on the way back), "ortho" (1/√N on both) or "forward" (1/N on the way there).

>>> import metagrad
>>> metagrad.fft.fft(metagrad.tensor([1.0, 0.0, -1.0, 0.0]))
tensor([0.+0.j, 2.+0.j, 0.+0.j, 2.+0.j])
"""

from metagrad.ops.signal.fft import (
    fft,
    fft2,
    fftn,
    hfft,
    hfft2,
    hfftn,
    ifft,
    ifft2,
    ifftn,
    ihfft,
    ihfft2,
    ihfftn,
    irfft,
    irfft2,
    irfftn,
    rfft,
    rfft2,
    rfftn,
)
from metagrad.ops.signal.frequencies import fftfreq, fftshift, ifftshift, rfftfreq

__all__ = [
    "fft", "fft2", "fftfreq", "fftn", "fftshift", "hfft", "hfft2", "hfftn", "ifft", "ifft2", "ifftn", "ifftshift", "ihfft",
    "ihfft2", "ihfftn", "irfft", "irfft2", "irfftn", "rfft", "rfft2", "rfftfreq", "rfftn",
]  # fmt: skip
