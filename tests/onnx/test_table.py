"""Every row of the op table: exported and run in onnxruntime, or refused for a reason that ``docs/onnx.md`` gives."""

from pathlib import Path

import numpy as np
import pytest
from tests.onnx.sweeping import ROWS, WRITES, dtype_of, outcome

import metagrad

pytest.importorskip("onnx", reason="needs the extra onnx, and onnxruntime")
pytest.importorskip("onnxruntime", reason="needs the extra onnx, and onnxruntime")

pytestmark = pytest.mark.filterwarnings("ignore:Using cross without specifying the dim:UserWarning")

PAGE = Path(__file__).parents[2] / "docs" / "onnx.md"

# Rows that cannot be exported, by the reason; with numbers, only these calls of the row.
REFUSED = {
    "complex": (
        "cdouble cfloat complex polar view_as_complex stft fft.fft fft.fft2 fft.fftn fft.hfft fft.hfft2 fft.hfftn fft.ifft "
        "fft.ifft2 fft.ifftn fft.ihfft fft.ihfft2 fft.ihfftn fft.irfft fft.irfft2 fft.irfftn fft.rfft fft.rfft2 fft.rfftn"
    ),
    "no operator": (
        "frexp gcd lcm nextafter matrix_exp linalg.matrix_rank linalg.matrix_norm:1,2,3 linalg.norm:1 unique:3,4 digamma erfinv i0 "
        "igamma igammac lgamma mvlgamma special.airy_ai special.bessel_j0 special.bessel_j1 special.bessel_y0 special.bessel_y1 "
        "special.erfcx special.i0e special.i1 special.i1e special.log_ndtr special.modified_bessel_i0 special.modified_bessel_i1 "
        "special.modified_bessel_k0 special.modified_bessel_k1 special.ndtri special.polygamma special.scaled_modified_bessel_k0 "
        "special.scaled_modified_bessel_k1 special.zeta"
    ),
    "a number of a tensor": (
        "linspace:3,4 logspace:6 arange:5 tensor:2,3,4 tensor_split:7 masked_scatter "
        "histc:0,2 histogram:0,2 histogramdd hash_tensor"
    ),
    "bytes": "view:0,1,2",
    "uneven windows": (
        "nn.functional.adaptive_max_pool2d:0 nn.functional.adaptive_max_pool3d nn.functional.adaptive_max_pool1d_with_indices "
        "nn.functional.adaptive_max_pool2d_with_indices nn.functional.adaptive_max_pool3d_with_indices"
    ),
}  # fmt: skip
WHY = {
    name: (reason, {int(n) for n in numbers.split(",")} if numbers else None)
    for reason, names in REFUSED.items()
    for name, _, numbers in (entry.partition(":") for entry in names.split())
}
# Rows of these names occur in two files: of ``view`` the other calls, of the shape, are exported.
REAL = [r for r in [*ROWS, *WRITES] if np.dtype(dtype_of(r)).kind != "c"]


def is_refused(row, number):
    _, numbers = WHY.get(row.name, ("", set()))
    of_dtype = row.name != "view" or row.dtypes[0] != "float32"
    return of_dtype and (numbers is None or number in numbers)


@pytest.mark.parametrize("row", REAL, ids=lambda r: r.name)
def test_row(row):
    for number, call in enumerate(row.calls):
        kind, why = outcome(row, call)
        if kind == "no tensors":  # of two rows of a name, one has calls without
            continue
        if is_refused(row, number):
            assert kind == "failed", f"{row.name} {number} can be exported now: take it off the list"
            assert why.startswith("ExportError: "), why
        else:
            assert kind != "failed", f"{row.name} {number}: {why}"


def test_the_page_names_what_is_refused():
    text = PAGE.read_text(encoding="utf-8")
    for name in WHY:
        short = name.removeprefix("nn.functional.").removeprefix("special.")
        assert any(n in text for n in (f"`{name}`", f"`{short}`", f"`{name.split('.')[0]}.*`")), name


@pytest.mark.parametrize("name", ["inv", "cholesky", "svd", "qr", "eigh"])
def test_linear_algebra_is_refused(name):
    def model(a):
        found = getattr(metagrad.linalg, name)(a @ a.mT + metagrad.eye(3))
        return found if isinstance(found, metagrad.Tensor) else tuple(found)

    with pytest.raises(metagrad.onnx.ExportError, match="cannot be exported"):
        metagrad.onnx.export(model, metagrad.randn(3, 3))
