"""What programs written for PyTorch do beside computing: states of generators, profiles, star imports."""

import os
import subprocess
import sys

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
    assert event.self_cpu_time_total <= event.cpu_time_total
    assert p.total_average().count == len(p.function_events) and "Mul" in p.table()
    sums = p.function_events.key_averages()
    assert sums.total_average().count == p.function_events.total_average().count == len(p.function_events)
    assert sums.total_average().key == "Total" and "Mul" in p.function_events.table(row_limit=5)


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
    program = """if True:
        import pickle
        import metagrad as mg
        class Kind(mg.Tensor):
            pass
        assert type(Kind([1.0]) + 1) is Kind
        F = mg.nn.functional
        for function in (mg.add, mg.tanh, F.relu, mg.linalg.norm, mg.fft.fft, F.softmax, mg.Tensor.mul):
            assert pickle.loads(pickle.dumps(function)) is function
    """  # in a process of its own: the asking may have started in a test that has put functions in the place of others
    subprocess.run([sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": ":".join(sys.path)}, check=True)


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


def test_a_view_made_under_no_grad_requires_grad_as_its_base_does():
    x = mg.ones(2, requires_grad=True)
    with mg.no_grad():
        v, pieces, copied, cut = x.view(1, 2), x.split(1), x.clone(), x.detach()
        assert v.numpy().tolist() == [[1.0, 1.0]]  # nothing is recorded here, so nothing is lost
    with mg.inference_mode():
        inside = x[0]
    assert v.requires_grad and v.is_leaf and pieces[0].requires_grad and inside.requires_grad
    assert not copied.requires_grad and not cut.requires_grad and not v.detach().requires_grad
    (v * 2).sum().backward()
    assert v.grad is None and x.grad is None  # neither of them is reached
    v.requires_grad_(False)
    assert v.requires_grad
    v.requires_grad_()
    (v * 2).sum().backward()
    assert v.grad.tolist() == [[2.0, 2.0]] and x.grad is None
    with pytest.raises(RuntimeError, match="Can't call numpy"):
        v.numpy()
    with pytest.raises(RuntimeError, match="A view was created in no_grad mode"):
        pieces[1].add_(1)


def test_numbers_of_complex_tensors():
    assert float(mg.tensor(2 + 0j)) == 2.0 and int(mg.tensor(2 + 0j)) == 2
    for convert, kind in ((float, "double"), (int, "int64_t")):
        with pytest.raises(RuntimeError, match=f"cannot be converted to type {kind} without overflow"):
            convert(mg.tensor(1 + 1j))


def test_python_functions_of_elements():
    x = mg.arange(3.0)
    assert x.map2_(mg.ones(3), mg.tensor(2.0), lambda a, b, c: a + b * c).tolist() == [2.0, 3.0, 4.0]
    with pytest.raises(TypeError, match="must be real number, not str"):
        x.apply_(lambda _: "1")
    with pytest.raises(TypeError, match="expected .*FloatTensor for 'other' .got .*LongTensor"):
        x.map_(mg.ones(3, dtype=mg.int64), lambda a, b: a)
    with pytest.raises(RuntimeError, match=r"Can't call apply_\(\)"):
        x.requires_grad_().apply_(lambda a: a)
    assert x.tolist() == [2.0, 3.0, 4.0]


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: mg.zeros(2, dtype=mg.complex64).random_(0, 3), RuntimeError, "check_random_bounds"),
        (lambda: mg.zeros(2, dtype=mg.float16).random_(0, 70000), RuntimeError, "to - 1 is out of bounds"),
        (lambda: mg.zeros(2).random_(2.5), TypeError, "must be ints"),
        (lambda: mg.zeros(2).bernoulli_(mg.ones(2, dtype=mg.int64)), RuntimeError, "floating-point tensor"),
        (lambda: mg.Generator().manual_seed(1.0), RuntimeError, "manual_seed expected a long, but got float"),
        (lambda: mg.einsum(""), ValueError, "at least one operand"),
        (lambda: mg.einsum(mg.ones(2), [60]), ValueError, "valid range"),
        (lambda: mg.view_as_complex(mg.ones(9).as_strided((2, 2), (3, 1))), RuntimeError, "divisible by 2"),
        (lambda: setattr(mg.ones(2), "grad", mg.ones(2, device="meta")), RuntimeError, "with device type 'meta'"),
    ],
)
def test_what_is_refused(call, error, says):
    with pytest.raises(error, match=says):
        call()


def test_covariances_of_too_few_observations_warn():
    with pytest.warns(UserWarning, match="degrees of freedom is <= 0"):
        mg.cov(mg.ones(2, 3), correction=3)


def test_layers_ask_classes_that_are_no_tensors():
    class Named:
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return func.__name__

    from metagrad.compat.torch_function import start_asking

    start_asking()
    assert mg.nn.Linear(1, 1)(Named()) == "linear" and mg.nn.init.uniform_(Named()) == "uniform_"


def test_saved_variables_is_an_old_name():
    class Double(mg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return 2 * x

        @staticmethod
        def backward(ctx, grad):
            with pytest.warns(DeprecationWarning, match="use 'saved_tensors'"):
                assert ctx.saved_variables == ctx.saved_tensors
            return 2 * grad

    x = mg.ones(1, requires_grad=True)
    Double.apply(x).backward()
    assert x.grad.tolist() == [2.0]


def test_a_directory_of_the_hub(tmp_path):
    from metagrad.compat import hub

    (tmp_path / "neighbour.py").write_text("SIZE = 3\n")
    (tmp_path / "hubconf.py").write_text(
        "dependencies = ['math']\nimport neighbour\ndef model(a=1):\n    return neighbour.SIZE + a\n"
    )
    assert hub.load(tmp_path, "model", a=2, source="local") == 5 and hub.list(tmp_path, source="local") == ["model"]
    with pytest.raises(ValueError, match='Unknown source: "gitlab"'):
        hub.load(tmp_path, "model", source="gitlab")
    with pytest.raises(RuntimeError, match=r"Cannot find callable other in hubconf: .*'model'"):
        hub.load(tmp_path, "other", source="local")
    with pytest.raises(ValueError, match="should be a string"):
        hub.load(tmp_path, 3, source="local")
    (tmp_path / "hubconf.py").write_text("dependencies = ['math', 'no_such_module_at_all']\n")
    with pytest.raises(RuntimeError, match="Missing dependencies: no_such_module_at_all"):
        hub.list(tmp_path, source="local")


def test_lengths_and_directions_of_weights():
    v, g = mg.tensor([[3.0, 4.0], [0.0, 2.0]]), mg.tensor([[10.0], [1.0]])
    assert mg._weight_norm(v, g).tolist() == [[6.0, 8.0], [0.0, 1.0]]
    assert mg._weight_norm(v, g.T, 1).tolist() == [
        [10.0, pytest.approx(4 / 20**0.5)],
        [0.0, pytest.approx(2 / 20**0.5)],
    ]
    with pytest.raises(TypeError, match="argument 'input' \\(position 1\\) must be Tensor, not str"):
        mg.nn.functional.gelu("text")
