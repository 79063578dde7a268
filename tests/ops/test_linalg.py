"""Linear algebra against PyTorch and finite differences: values, gradients, second derivatives, layouts, errors.

Factors are compared by what does not depend on the signs and phases that LAPACK leaves open.
"""

import operator

import numpy as np
import pytest
from tests.ops.tables.linalg import CASES

import metagrad
from metagrad.autograd import gradcheck, gradgradcheck
from metagrad.linalg import LinAlgError

DTYPES = ("float32", "float64", "complex128")


def arrays(shapes, dtype="float64", seed=0):
    rng = np.random.default_rng(seed)
    made = [
        rng.standard_normal(s) + (1j * rng.standard_normal(s) if dtype.startswith("complex") else 0) for s in shapes
    ]
    return [np.asarray(a, dtype) for a in made]


def outcome(lib, function, given):
    """Results and gradients of a random sum of them."""
    leaves = [lib.tensor(a, requires_grad=True) for a in given]
    results = function(lib, *leaves)
    results = list(results if isinstance(results, tuple) else (results,))
    total = 0
    for i, r in enumerate(results):
        if r.requires_grad:
            (weight,) = arrays([tuple(r.shape)], str(r.dtype).split(".")[-1], seed=i + 7)
            part = (r * lib.tensor(weight)).sum()
            total = total + (part.real if part.is_complex() else part)
    grads = lib.autograd.grad(total, leaves, allow_unused=True) if not isinstance(total, int) else []
    return [r.detach().resolve_conj().numpy() for r in results], [
        None if g is None else g.resolve_conj().numpy() for g in grads
    ]


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:torch:UserWarning")  # its older names say that they are older
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_equal_pytorchs(torch, name, dtype):
    function, *shapes = CASES[name]
    for batch in ((), (2,), (0,)):
        if "unbatched" in name and (batch or dtype.startswith("complex")):
            continue
        given = arrays([(*batch, *s) for s in shapes], dtype)
        (ours, our_grads), (theirs, their_grads) = (outcome(lib, function, given) for lib in (metagrad, torch))
        within = {"rtol": 2e-3, "atol": 2e-3} if dtype == "float32" else {"rtol": 1e-8, "atol": 1e-8}
        for a, b in zip(ours + our_grads, theirs + their_grads, strict=True):
            if a is None or b is None:
                assert a is b or batch == (0,)  # nothing to say about nothing
                continue
            assert (a.dtype, a.shape) == (b.dtype, b.shape)
            np.testing.assert_allclose(a, b, **within)


@pytest.mark.parametrize("name", CASES)
def test_first_and_second_derivatives(name):
    function, *shapes = CASES[name]

    def differentiable(*leaves):
        results = function(metagrad, *leaves)
        return tuple(r for r in (results if isinstance(results, tuple) else (results,)) if r.requires_grad)

    leaves = tuple(metagrad.tensor(a, requires_grad=True) for a in arrays(shapes))
    if not differentiable(*leaves):
        pytest.skip("its result has no derivative")
    assert gradcheck(differentiable, leaves)
    assert gradgradcheck(differentiable, leaves, atol=1e-3)


SINGULAR = [[1.0, 2.0], [2.0, 4.0]]


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("function", "given", "kind"),
    [
        (lambda lib, a: lib.linalg.inv(a), SINGULAR, "LinAlgError"),
        (lambda lib, a: lib.linalg.solve(a, a), SINGULAR, "LinAlgError"),
        (lambda lib, a: lib.linalg.cholesky(-a), [[1.0, 0.0], [0.0, 1.0]], "LinAlgError"),
        (lambda lib, a: lib.linalg.inv(a), [[1.0, 2.0, 3.0]], "RuntimeError"),
        (lambda lib, a: lib.linalg.det(a), [1.0, 2.0], "RuntimeError"),
        (lambda lib, a: lib.linalg.eigh(a), [[1.0, 2.0, 3.0]], "RuntimeError"),
        (lambda lib, a: lib.linalg.qr(a, "other"), SINGULAR, "RuntimeError"),
        (lambda lib, a: lib.linalg.solve(a, a[:, :1].t()), SINGULAR, "RuntimeError"),
        (lambda lib, a: lib.linalg.cross(a, a), SINGULAR, "RuntimeError"),
        (lambda lib, a: lib.linalg.multi_dot([a]), SINGULAR, "RuntimeError"),
        (lambda lib, a: lib.linalg.inv(a.long()), SINGULAR, "RuntimeError"),
    ],
)
def test_errors_are_pytorchs(torch, function, given, kind):
    for lib in (metagrad, torch):
        expected = lib.linalg.LinAlgError if kind == "LinAlgError" else RuntimeError
        with pytest.raises(expected) as raised:
            function(lib, lib.tensor(given))
        assert type(raised.value).__name__.endswith("LinAlgError") is (kind == "LinAlgError")


@pytest.mark.oracle
@pytest.mark.parametrize(
    "name",
    [
        "linalg.eigh", "linalg.svd", "linalg.slogdet", "linalg.lu", "linalg.qr", "linalg.lu_factor", "linalg.cholesky_ex",
        "linalg.inv_ex", "linalg.ldl_factor", "linalg.lu_factor_ex", "linalg.ldl_factor_ex", "frexp",
    ],
)  # fmt: skip
def test_named_results(torch, name):
    found = [operator.attrgetter(name)(lib)(lib.tensor([[2.0, 0.0], [0.0, 2.0]])) for lib in (torch, metagrad)]
    assert repr(found[1]).replace("metagrad", "torch") == repr(found[0])
    assert found[1].__match_args__ == found[0].__match_args__


def test_a_singular_matrix_is_a_runtime_error():
    assert issubclass(LinAlgError, RuntimeError)


@pytest.mark.parametrize("name", ["eig", "lstsq", "matrix_rank", "solve", "symeig"])
def test_what_was_removed_says_what_took_its_place(name):
    A = metagrad.eye(2)
    calls = [lambda: getattr(metagrad, name)(A, A)]
    if name != "matrix_rank":
        calls.append(lambda: getattr(A, name)(A))
    for call in calls:
        with pytest.raises(
            RuntimeError, match="deprecated since version 1.9 and is now removed: .* became `torch.linalg"
        ):
            call()


def test_info_instead_of_an_error():
    bad = metagrad.tensor([[[1.0, 2.0], [2.0, 4.0]], [[1.0, 0.0], [0.0, 1.0]]])
    assert metagrad.linalg.inv_ex(bad).info.tolist() == [2, 0]
    assert metagrad.linalg.cholesky_ex(-bad).info.tolist() == [1, 1]
    with pytest.raises(LinAlgError, match=r"\(Batch element 0\): The diagonal element 2 is zero"):
        metagrad.linalg.inv_ex(bad, check_errors=True)


@pytest.mark.parametrize("rows, columns", [(5, 3), (3, 3), (4, 1)])
def test_reflections_multiplied_out_are_orthogonal(rows, columns):
    a = np.random.default_rng(0).standard_normal((rows, columns))
    lower = np.tril(a, -1)
    q = metagrad.linalg.householder_product(
        metagrad.tensor(lower), metagrad.tensor(2 / (1 + (lower**2).sum(0)))
    ).numpy()
    np.testing.assert_allclose(q.T @ q, np.eye(columns), atol=1e-12)
    q, r = metagrad.linalg.qr(metagrad.tensor(a))
    np.testing.assert_allclose((q @ r).numpy(), a, atol=1e-12)


def test_the_gradient_of_eigenvectors_is_symmetric():
    a = metagrad.tensor([[3.0, 1.0, 0.5], [1.0, 2.0, 0.3], [0.5, 0.3, 1.0]], dtype=metagrad.float64, requires_grad=True)
    v = metagrad.linalg.eigh(a)[1]
    weights = metagrad.tensor([[1.0, 2.0, 3.0], [0.5, -1.0, 2.0], [0.3, 0.7, 1.0]], dtype=metagrad.float64)
    (grad,) = metagrad.autograd.grad((v * v.detach()[0].sign() * weights).sum(), a)
    wanted = [[-0.4335, 0.1446, 0.4081], [0.1446, 0.3230, -0.2554], [0.4081, -0.2554, 0.1105]]
    assert metagrad.allclose(grad, metagrad.tensor(wanted, dtype=metagrad.float64), atol=1e-4)


def test_the_gradient_of_a_determinant_that_is_all_but_zero_is_the_adjugate():
    left, right = (np.random.RandomState(seed).randn(*shape) for seed, shape in ((0, (3, 2)), (1, (2, 3))))
    a = metagrad.tensor(left @ right, requires_grad=True)
    metagrad.linalg.det(a).backward()
    rows = left @ right
    of_rows = np.cross(rows[[1, 2, 0]], rows[[2, 0, 1]])
    np.testing.assert_allclose(a.grad.numpy(), of_rows, rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda L, a: L.matrix_power(a, 3, out=a.double()), RuntimeError, "Expected out tensor to have dtype float"),
        (lambda L, a: L.pinv(a, rtol=metagrad.tensor(1j)), RuntimeError, "rtol tensor of complex type"),
        (lambda L, a: L.matrix_rank(a, atol=metagrad.tensor(1j)), RuntimeError, "atol tensor of complex type"),
        (lambda L, a: L.norm(a[None], dim=(0, 1, 2)), RuntimeError, "must be of length 1 or 2"),
        (lambda L, a: L.norm(a, dim=()), RuntimeError, "must be of length 1 or 2"),
        (lambda L, a: L.matrix_norm(a, dim=0), TypeError, "'dim' must be .*, not int"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(call, kind, words):
    with pytest.raises(kind, match=words):
        call(metagrad.linalg, metagrad.eye(2))
