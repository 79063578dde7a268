"""Fourier transforms: of one dimension and several, with every norm and extent, and of windows that slide along a signal."""

from tests.ops.rows import Dtype, call, error, pos, row, x

REAL = ("float32", "float64", "int64", "bool")
ANY = (*REAL, "complex64", "complex128")
WITHOUT = ("special", "empty", "0-d")
ONE = (
    call(x(3, 5)),
    call(x(3, 6)),
    call(x(3, 5), 4),
    call(x(3, 5), 8, 0),
    call(x(3, 5), dim=0, norm="ortho"),
    call(x(4), norm="forward"),
    call(x(4), norm="backward"),
)
TWO = (
    call(x(3, 5)),
    call(x(2, 3, 4)),
    call(x(3, 5), (4, 6)),
    call(x(3, 5, 2), s=(2, -1), dim=(0, 1)),
    call(x(3, 4), norm="ortho"),
)
MANY = (*TWO, call(x(2, 3, 4), dim=(0, 2), norm="forward"), call(x(2, 3, 4), s=(5,)), call(x(5)))
BAD = (error(RuntimeError, x(3), norm="other"), error(RuntimeError, x(3), 0))
NEW = dict(grad=False)

ROWS = [
    *(row(f"fft.{name}", *ONE, *BAD, error(IndexError, x(3), dim=1), dtypes=ANY, without=WITHOUT) for name in ("fft", "ifft", "hfft", "irfft")),
    *(row(f"fft.{name}", *ONE, *BAD, dtypes=REAL, without=WITHOUT) for name in ("rfft", "ihfft")),
    *(row(f"fft.{name}", *TWO, error(RuntimeError, x(3, 3), s=(2,)), error(RuntimeError, x(3, 3), dim=(0, 0)), dtypes=ANY, without=WITHOUT) for name in ("fft2", "ifft2", "hfft2", "irfft2")),
    *(row(f"fft.{name}", *TWO, dtypes=REAL, without=WITHOUT) for name in ("rfft2", "ihfft2")),
    *(row(f"fft.{name}", *MANY, dtypes=ANY, without=WITHOUT) for name in ("fftn", "ifftn", "hfftn", "irfftn")),
    *(row(f"fft.{name}", *MANY, dtypes=REAL, without=WITHOUT) for name in ("rfftn", "ihfftn")),
    row("fft.fftshift", call(x(3, 4)), call(x(3, 5), 1), call(x(3, 4), dim=(0, 1)), dtypes=ANY),
    row("fft.ifftshift", call(x(3, 4)), call(x(3, 5), 1), call(x(3, 4), dim=(0, 1)), dtypes=ANY),
    row("fft.fftfreq", call(5), call(6, 0.5), call(4, dtype=Dtype("float64")), dtypes=("float32",), **NEW),
    row("fft.rfftfreq", call(5), call(6, 0.5), dtypes=("float32",), **NEW),
    row("stft", call(x(16), 8, return_complex=True), call(x(2, 16), 8, 3, return_complex=True), call(x(16), 8, 2, 6, pos(6), return_complex=True),
        call(x(16), 8, center=False, onesided=False, return_complex=True), call(x(16), 8, window=pos(8), normalized=True, return_complex=True), call(x(16), 8, pad_mode="constant", return_complex=True),
        error(RuntimeError, x(16), 8), error(RuntimeError, x(16), 32, center=False, return_complex=True), dtypes=("float32", "float64"), without=WITHOUT),
    row("istft", call(x(5, 6), 8, 2), call(x(2, 5, 6), 8, 2, length=9), call(x(8, 6), 8, 2, onesided=False),
        error(RuntimeError, x(4, 6), 8), dtypes=("complex64", "complex128"), without=WITHOUT),
]  # fmt: skip
