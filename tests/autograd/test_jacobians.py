"""What ``gradcheck`` shows of a wrong gradient, and the matrices it compares."""

import pytest

import metagrad as mg


def _tripled(library):
    class Tripled(library.autograd.Function):
        """x², with 3x for its gradient."""

        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return grad * 3 * x

    return Tripled.apply


def _x(library):
    return library.tensor([1.0, 2.0], dtype=library.float64, requires_grad=True)


WRONG = (
    "Jacobian mismatch for output 0 with respect to input 0,\n"
    "numerical:tensor([[2.0000, 0.0000],\n        [0.0000, 4.0000]], dtype=metagrad.float64)\n"
    "analytical:tensor([[3., 0.],\n        [0., 6.]], dtype=metagrad.float64)\n"
)


def test_a_wrong_gradient_is_shown_as_two_jacobians():
    with pytest.raises(RuntimeError) as error:
        mg.autograd.gradcheck(_tripled(mg), (_x(mg),))
    assert str(error.value) == WRONG
    with pytest.raises(RuntimeError, match="(?s)output 0 with respect to input 0,\nnumerical:.*one random direction"):
        mg.autograd.gradcheck(_tripled(mg), (_x(mg),), fast_mode=True)


def test_the_output_that_is_wrong_is_named():
    tripled, x = _tripled(mg), _x(mg)
    with pytest.raises(RuntimeError, match="for output 1 with respect to input 0"):
        mg.autograd.gradcheck(lambda x: (x.sin(), tripled(x)), (x,))


@pytest.mark.oracle
def test_pytorch_says_the_same(torch):
    with pytest.raises(RuntimeError) as error:
        torch.autograd.gradcheck(_tripled(torch), (_x(torch),))
    assert str(error.value).replace("torch", "metagrad") == WRONG


def test_jacobians_as_matrices():
    from metagrad.autograd.gradcheck import get_analytical_jacobian, get_numerical_jacobian

    x = _x(mg)
    with pytest.warns(FutureWarning, match="get_numerical_jacobian"):
        (numerical,) = get_numerical_jacobian(lambda given: (given[0] ** 2).cumsum(0), (x,))
    with pytest.warns(FutureWarning, match="get_analytical_jacobian"):
        (analytical,), again, *_ = get_analytical_jacobian((x,), (x**2).cumsum(0))
    assert analytical.tolist() == [[2.0, 2.0], [0.0, 4.0]] and again
    assert numerical.allclose(analytical, atol=1e-6)
    with pytest.warns(FutureWarning), pytest.raises(ValueError, match="Expected grad_out to be 1.0"):
        get_analytical_jacobian((x,), x**2, grad_out=2.0)


def test_of_a_tensor_that_lies_column_by_column():
    from metagrad.autograd.gradcheck import get_numerical_jacobian

    x = mg.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], dtype=mg.float64).t().requires_grad_()
    with pytest.warns(FutureWarning):
        (found,) = get_numerical_jacobian(lambda given: given[0] * 2, (x,))
    assert found.allclose(2 * mg.eye(6, dtype=mg.float64))


@pytest.mark.parametrize("library", ["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
def test_the_part_of_complex_numbers_that_is_wrong_is_named(library):
    lib = pytest.importorskip(library)
    z = lib.tensor([1 + 2j, 3 - 1j], dtype=lib.complex128, requires_grad=True)

    def check(f, x, part, **options):
        text = f"(?s)^{part}Jacobian .*mismatch for output 0 with respect to input 0"
        with pytest.raises(RuntimeError, match=text):
            lib.autograd.gradcheck(f, (x,), **options)

    check(lambda a: a.detach() * a, z, "While considering the imaginary part of complex outputs only, ")
    check(
        lambda a: lib.complex(a.detach() * a, a), _x(lib), "While considering the real part of complex outputs only, "
    )
    check(lambda a: a.detach().abs() * a.abs(), z, "")
    check(lambda a: a.detach() * a, _x(lib), "", check_forward_ad=True)
