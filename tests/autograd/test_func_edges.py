"""What functions made of functions refuse, and the forms of what they return."""

import inspect

import pytest

import metagrad as mg
from metagrad import func, nn
from metagrad.autograd import functional, gradcheck


def test_an_argument_for_all_slices_is_not_written_to():
    with pytest.raises(RuntimeError, match="vmap: inplace arithmetic"):
        func.vmap(lambda a, b: a.add_(b), in_dims=(None, 0))(mg.zeros(3), mg.ones(2, 3))
    assert func.vmap(lambda a: a.add_(1))(mg.zeros(2, 3)).tolist() == [[1.0] * 3] * 2


def test_products_with_the_hessian_return_the_functions_own_result():
    x = mg.tensor([3.0])
    for product in (functional.hvp, functional.vhp):
        value, found = product(lambda a: a**2, x)
        assert value.tolist() == [9.0] and found.tolist() == [2.0]


def test_batch_norms_lose_their_statistics():
    model = nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 1))
    assert func.replace_all_batch_norm_modules_(model) is model and list(model[0].state_dict()) == ["weight", "bias"]
    func.vmap(lambda x: model(x))(mg.rand(3, 4, 2))


def test_gradcheck_looks_at_the_whole_jacobian_unless_it_is_told_otherwise():
    assert inspect.signature(gradcheck).parameters["fast_mode"].default is False

    class Wrong(mg.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2

        @staticmethod
        def backward(ctx, grad):
            return grad * 3

    x = mg.tensor([1.0, 2.0], dtype=mg.float64, requires_grad=True)
    with pytest.raises(
        RuntimeError, match=r"Jacobian mismatch for output 0 with respect to input 0,\nnumerical:tensor\(\[\[2"
    ):
        gradcheck(Wrong.apply, (x,))


def test_settings_that_exclude_each_other_are_refused():
    x = mg.ones(2)
    with pytest.raises(RuntimeError, match="not supported together"):
        functional.jacobian(lambda a: a, x, strict=True, vectorize=True)
    with pytest.raises(NotImplementedError, match="only implemented for `vectorize=True`"):
        functional.jacobian(lambda a: a, x, strategy="forward-mode")
    with pytest.raises(RuntimeError, match="The given v should contain a single Tensor"):
        functional.vjp(lambda a: a, x, (x, x))


def test_functionalize_writes_as_the_function_does():
    x = mg.ones(2)
    assert mg.func.functionalize(lambda t: t.add_(1), remove="mutations_and_views")(x).tolist() == [2, 2]
    assert x.tolist() == [2, 2] and mg.func.debug_unwrap(x) is x
    with pytest.raises(RuntimeError, match="mutations_and_views"):
        mg.func.functionalize(lambda t: t, remove="views")
