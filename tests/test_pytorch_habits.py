"""What programs written for PyTorch do beside computing: states of generators, profiles, star imports."""

import numpy as np
import pytest

import metagrad as mg
from metagrad.autograd import profiler


def test_the_tangent_of_a_copy_is_not_written_to_with_the_copy():
    """Forward mode through an in-place write: the tangent that was given stays as it is."""

    def f(x):
        z = x.clone()
        z[0] = x[1]
        return (z * x).sum()

    x, direction = mg.tensor([1.0, 3.0]), mg.tensor([1.0, 0.0])
    value, slope = mg.func.jvp(mg.func.grad(f), (x,), (direction,))
    assert direction.tolist() == [1.0, 0.0]
    assert value.tolist() == [3.0, 7.0] and slope.tolist() == [0.0, 1.0]
    assert mg.func.hessian(f)(x).tolist() == mg.func.jacrev(mg.func.grad(f))(x).tolist() == [[0.0, 1.0], [1.0, 2.0]]
    eps = 1e-2
    numeric = [(f(x + eps * e) - f(x - eps * e)).item() / (2 * eps) for e in mg.eye(2)]
    assert np.allclose(numeric, value.tolist(), atol=1e-3)


def test_a_state_of_another_kind_is_refused():
    generator = mg.Generator()
    with pytest.raises(TypeError, match="ByteTensor"):
        generator.set_state(mg.ones(3))
    with pytest.raises(TypeError, match="but got int"):
        mg.set_rng_state(3)
    with pytest.raises(RuntimeError, match="generator state"):
        generator.set_state(mg.ones(3, dtype=mg.uint8))
    with pytest.raises(ValueError, match="64 bits"):
        mg.manual_seed(2**64)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: mg.ones(2, dtype=mg.int8).random_(300), "to - 1 is out of bounds"),
        (lambda: mg.ones(2, dtype=mg.uint8).random_(-1, 100), "from is out of bounds"),
        (lambda: mg.ones(2).uniform_(0, float("inf")), "to is out of bounds"),
        (lambda: mg.ones(2).uniform_(-3e38, 3e38), "to-from <="),
        (lambda: mg.ones(2).bernoulli_(mg.ones(3)), "must match the existing size"),
        (lambda: mg.normal(mg.zeros(2), mg.ones(3)), "must match the size of tensor b"),
    ],
)
def test_bounds_of_random_numbers(call, words):
    with pytest.raises(RuntimeError, match=words):
        call()


def test_backward_hooks_of_all_modules_are_of_one_kind():
    from metagrad.nn.modules.hooks import register_module_backward_hook, register_module_full_backward_hook

    handle = register_module_full_backward_hook(lambda module, grad_input, grad_output: None)
    try:
        with pytest.raises(RuntimeError, match="as a global Module hook"):
            register_module_backward_hook(lambda module, grad_input, grad_output: None)
    finally:
        handle.remove()
    register_module_backward_hook(lambda module, grad_input, grad_output: None).remove()


def test_a_profile_has_its_events_by_name():
    with profiler.profile(record_shapes=True) as p:
        mg.ones(2, 3) * 2
    (event,) = [e for e in p.function_events if e.name == "Mul"]
    assert event.key == "Mul" and event.count == 1 and event.cpu_time_total > 0
    assert p.total_average().count == len(p.function_events) and "Mul" in p.table()


def test_a_star_import_has_the_older_norms():
    names = {}
    exec("from metagrad.nn.utils import *", names)
    assert {"weight_norm", "spectral_norm", "fuse_linear_bn_eval", "clip_grad_norm_"} <= set(names)


@pytest.mark.parametrize("count", [3, 1 << 20])
@pytest.mark.parametrize("write", ["zero_", "fill_", "copy_", "add_", "uniform_"])
def test_what_a_transform_has_captured_is_not_written_to(write, count):
    captured = mg.ones(count)
    given = {"fill_": [2.0], "add_": [1.0], "copy_": [mg.zeros(count)]}.get(write, [])

    def f(x):
        getattr(mg.zeros(count), write)(*given)
        getattr(captured, write)(*given)
        return x.sum()

    with pytest.raises(RuntimeError, match="mutate a captured Tensor"):
        mg.func.grad(f)(mg.ones(2))
    assert captured.eq(1).all()


@pytest.mark.parametrize("dtype", [mg.float32, mg.float64])
def test_a_transform_moves_the_running_values_of_batch_norm(dtype):
    mean, var, x = mg.zeros(2, dtype=dtype), mg.ones(2, dtype=dtype), mg.tensor([[1.0, 2.0], [3.0, 6.0]], dtype=dtype)
    mg.func.grad(lambda x: mg.nn.functional.batch_norm(x, mean, var, training=True).sum())(x)
    assert mean.allclose(mg.tensor([0.2, 0.4], dtype=dtype)) and var.allclose(mg.tensor([1.1, 1.7], dtype=dtype))


def test_functions_are_pickled_by_name_though_classes_are_asked():
    import pickle

    class Kind(mg.Tensor):
        pass

    assert type(Kind([1.0]) + 1) is Kind
    named = (
        mg.add,
        mg.tanh,
        mg.nn.functional.relu,
        mg.linalg.norm,
        mg.fft.fft,
        mg.nn.functional.softmax,
        mg.Tensor.mul,
    )
    for function in named:
        assert pickle.loads(pickle.dumps(function)) is function


@pytest.mark.parametrize(
    "write",
    [
        lambda y, a: y.view(3).add_(a),
        lambda y, a: y[0][0].zero_(),
        lambda y, a: y.detach().add_(a),
        lambda y, a: y.split(1)[0].mul_(2),
        lambda y, a: y.detach_(),
        lambda y, a: y.t_(),
        lambda y, a: y.squeeze_(),
        lambda y, a: y.unsqueeze_(0),
        lambda y, a: y.transpose_(0, 1),
        lambda y, a: y.resize_(2),
        lambda y, a: y.set_(mg.ones(3)),
    ],
)
@pytest.mark.parametrize("transform", [mg.func.grad, lambda f: lambda a: mg.func.jvp(f, (a,), (a,))])
def test_a_captured_tensor_is_written_to_in_no_way(write, transform):
    y = mg.ones(1, 3)
    with pytest.raises(RuntimeError, match="mutate a captured Tensor"):
        transform(lambda a: (write(y, a), a.sum())[1])(mg.arange(3.0))
    assert y.tolist() == [[1.0, 1.0, 1.0]] and not y.requires_grad


def test_own_tensors_are_written_to_through_views():
    def of_its_input(a):
        b = mg.zeros(3)
        b.view(3)[1:].add_(a[1:] * 2)
        b.detach().add_(1)
        return (a * b.detach().clone()).sum() + b.unsqueeze_(0).sum()

    x = mg.arange(3.0)
    assert mg.func.grad(of_its_input)(x).tolist() == [1.0, 5.0, 7.0]
    x = mg.arange(3.0, requires_grad=True)
    assert mg.func.grad(of_its_input)(x * 1).tolist() == [1.0, 5.0, 7.0]
