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


def test_bfloat16_is_a_floating_point_number_to_all_transforms():
    x = mg.tensor([1.0, 2.0], dtype=mg.bfloat16)
    for jacobian in (func.jacrev, func.jacfwd):
        found = jacobian(lambda a: a * a)(x)
        assert found.dtype == mg.bfloat16 and found.tolist() == [[2.0, 0.0], [0.0, 4.0]]
    assert func.grad(lambda a: (a * a).sum())(x).tolist() == [2.0, 4.0]
    assert func.jvp(lambda a: a * a, (x,), (x,))[1].tolist() == [2.0, 8.0]
    with mg.autograd.forward_ad.dual_level():
        dual = mg.autograd.forward_ad.make_dual(x, x)
        assert mg.autograd.forward_ad.unpack_dual(dual * 2).tangent.tolist() == [2.0, 4.0]


def test_nan_in_bfloat16_is_an_anomaly():
    x = mg.tensor([0.0], dtype=mg.bfloat16, requires_grad=True)
    with (
        pytest.warns(UserWarning, match="Error detected in Sqrt"),
        pytest.warns(UserWarning, match="Anomaly Detection"),
        mg.autograd.detect_anomaly(),
        pytest.raises(RuntimeError, match="returned nan values in its 0th output"),
    ):
        (x.sqrt() * 0).sum().backward()


def test_jacobians_are_of_real_functions_of_real_numbers():
    x = mg.tensor([1.0, 2.0])
    for name in ("jacrev", "jacfwd"):
        jacobian = getattr(func, name)
        with pytest.raises(RuntimeError, match=f"{name}: Expected all inputs to be real but received complex tensor"):
            jacobian(lambda a: a)(x + 1j)
        with pytest.raises(RuntimeError, match=f"{name}: Expected all outputs to be real but received complex tensor"):
            jacobian(lambda a: a * 1j)(x)
    for call in (func.jacrev(lambda a: a.int()), lambda a: func.vjp(lambda b: b.int(), a)):
        with pytest.raises(RuntimeError, match="All outputs of f must be floating-point or complex Tensors"):
            call(x)


def test_chunks_of_a_map_draw_the_same_numbers_where_all_slices_do():
    found = func.vmap(lambda x: mg.randn(2), randomness="same", chunk_size=2)(mg.ones(5))
    assert all(row == found[0].tolist() for row in found.tolist())
    others = func.vmap(lambda x: mg.randn(2), randomness="different", chunk_size=2)(mg.ones(4))
    assert len({tuple(row) for row in others.tolist()}) == 4


def test_levels_of_maps_are_numbered_from_the_outermost():
    seen = []

    def look(x):
        seen.extend([repr(x), func.debug_unwrap(x).tolist(), repr(func.debug_unwrap(x, recurse=False)).split("(")[:2]])
        return x

    func.vmap(func.vmap(look))(mg.ones(2, 2))
    assert seen[0].startswith("BatchedTensor(lvl=2, bdim=0, value=\n    BatchedTensor(lvl=1, bdim=0, value=\n")
    assert seen[1:] == [[[1.0, 1.0], [1.0, 1.0]], ["BatchedTensor", "lvl=1, bdim=0, value=\n    tensor"]]


def test_strict_calls_ask_for_no_bias_that_is_not_there_nor_for_shared_parameters_twice():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(2, 2, bias=False)
            self.b = nn.Linear(2, 2, bias=False)
            self.b.weight = self.a.weight

        def forward(self, x):
            return self.b(self.a(x))

    model, given = Tied(), {"a.weight": 2 * mg.eye(2)}
    assert func.functional_call(model, given, mg.ones(1, 2), strict=True).tolist() == [[4.0, 4.0]]
    with pytest.raises(RuntimeError, match="Missing key"):
        func.functional_call(model, given, mg.ones(1, 2), strict=True, tie_weights=False)


def test_the_way_back_may_be_gone_once_only():
    x = mg.ones(2)
    _, pull = func.vjp(mg.sin, x)
    pull(x)
    pull(x, retain_graph=False)
    with pytest.raises(RuntimeError, match="a second time"):
        pull(x)
