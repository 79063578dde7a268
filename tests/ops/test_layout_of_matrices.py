"""How matrices that come out of a decomposition lie in memory: column by column, as LAPACK leaves them; and what is indexed."""

from __future__ import annotations

import types
from typing import Any

import pytest

import metagrad

# Of each the order of the last two dimensions: "F" column by column, "C" row by row.
MATRICES = {
    "LA.inv(a)": "F", "LA.solve(a, b)": "F", "LA.solve(a, b.mT, left=False)": "C", "LA.lu_factor(a)[0]": "F", "LA.lu(a)[2]": "C",
    "LA.lu_solve(*LA.lu_factor(a), b)": "F", "LA.lu_solve(*LA.lu_factor(a), b, adjoint=True)": "F", "LA.cholesky(s)": "F",
    "LA.cholesky(s, upper=True)": "F", "L.cholesky_solve(b, LA.cholesky(s))": "F", "L.cholesky_inverse(LA.cholesky(s))": "F",
    "LA.qr(a)[0]": "F", "LA.qr(a)[1]": "F", "LA.qr(b, 'r')[1]": "F", "LA.svd(b)[0]": "F", "LA.svd(b)[2]": "F",
    "LA.svd(b, full_matrices=False)[2]": "F", "L.svd(b)[2]": "C", "LA.eigh(s)[1]": "F", "LA.eig(a)[1]": "F", "LA.pinv(b)": "C",
    "LA.solve_triangular(a.triu(), b, upper=True)": "F", "LA.solve_triangular(a.triu(), b.mT, upper=True, left=False)": "F",
    "LA.lstsq(a, b)[0]": "F", "LA.matrix_power(a, 3)": "C", "LA.matrix_power(a, -1)": "F", "LA.inv_ex(a)[0]": "F",
    "L.geqrf(b)[0]": "F", "LA.householder_product(a, b[..., 0])": "F", "a @ a.mT": "C",
}  # fmt: skip
INPUTS = ["in order", "columns", "batch", "batch in another order"]


def _results(library: Any, text: str, name: str) -> Any:
    batch = {"batch": (2,), "batch in another order": (2, 2)}.get(name, ())
    n = 9 * 2 ** len(batch)
    a = ((library.arange(n) * 7 % 5) / 5).double().reshape(*batch, 3, 3) + library.eye(3, dtype=library.float64) * 4
    a = a.mT if name == "columns" else a.transpose(0, 1) if len(batch) == 2 else a
    b = a[..., :2].contiguous()
    return eval(text, {"L": library, "LA": library.linalg, "a": a, "b": b, "s": a @ a.mT})


@pytest.mark.parametrize("text", MATRICES)
@pytest.mark.parametrize("name", INPUTS)
def test_decompositions(text: str, name: str) -> None:
    y = _results(metagrad, text, name)
    assert (y.mT if MATRICES[text] == "F" else y).is_contiguous()


@pytest.mark.oracle
@pytest.mark.parametrize("text", MATRICES)
@pytest.mark.parametrize("name", INPUTS)
def test_decompositions_of_pytorch(torch: types.ModuleType, text: str, name: str) -> None:
    y, expected = _results(metagrad, text, name), _results(torch, text, name)
    assert y.stride() == expected.stride()
    metagrad.testing.assert_close(y.abs(), metagrad.tensor(expected.abs().numpy()))


INDEXED = [  # of x (4, 4, 6), steps 1, 24 and 4
    "x[:, i]", "x[i]", "x[..., i]", "x[:, j]", "x[None, :, i]", "x[i, i]", "x[i, :, i]", "x[:, m]", "x[m]", "x[x > 1]", "x[0, i]",
    "x[i, None]",
]  # fmt: skip


def _indexed(library: Any, text: str) -> tuple[tuple[int, ...], Any]:
    x = library.arange(96).reshape(4, 6, 4).permute(2, 0, 1)
    i = library.tensor([0, 1])
    y = eval(text, {"x": x, "i": i, "j": i.expand(3, 2), "m": library.arange(4) > 1})
    return tuple(s for n, s in zip(y.shape, y.stride(), strict=True) if n > 1), y.tolist()


def test_what_is_indexed_lies_as_the_tensor_does() -> None:
    assert _indexed(metagrad, "x[:, i]")[0] == (1, 4, 8)
    x = metagrad.zeros(2, 3, 4, 5).contiguous(memory_format=metagrad.channels_last)
    assert x[[0, 1]].is_contiguous(memory_format=metagrad.channels_last)
    assert metagrad.stack([x, x], 0)[1].is_contiguous(memory_format=metagrad.channels_last)
    assert x.index_select(0, metagrad.tensor([0, 1])).is_contiguous()


@pytest.mark.oracle
@pytest.mark.parametrize("text", INDEXED)
def test_what_is_indexed_lies_as_in_pytorch(torch: types.ModuleType, text: str) -> None:
    assert _indexed(metagrad, text) == _indexed(torch, text)


def test_products_by_formula_lie_in_order() -> None:
    a, b = metagrad.ones(2, 3), metagrad.ones(3, 4)
    assert metagrad.einsum("ij,jk->ki", a, b).stride() == (2, 1)
    assert metagrad.einsum("ij,j->ij", a.mT, metagrad.ones(2)).stride() == (1, 3)
    assert metagrad.einsum("ij->j", a).tolist() == [2.0, 2.0, 2.0]
