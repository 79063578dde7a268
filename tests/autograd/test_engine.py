"""The sweep: what it computes, what it frees, and what it says when it is misused."""

import gc
import threading
import weakref

import numpy as np
import pytest

import metagrad as mg
from metagrad.autograd import gradcheck, gradgradcheck


def leaf(*shape, seed=0):
    return mg.tensor(np.random.default_rng(seed).standard_normal(shape), requires_grad=True)


def test_a_value_used_twice_gets_the_sum_of_both_gradients():
    x = mg.tensor([2.0, 3.0], requires_grad=True)
    (x * x + x).sum().backward()
    assert x.grad.tolist() == [5.0, 7.0]


def test_gradients_accumulate_over_sweeps():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    for _ in range(3):
        (x * 2).sum().backward()
    assert x.grad.tolist() == [6.0, 6.0]


def test_broadcast_operands_get_gradients_of_their_own_shape_and_dtype():
    x = mg.ones(3, 1, requires_grad=True)
    y = mg.ones(4, dtype=mg.float64, requires_grad=True)
    (x * y).sum().backward()
    assert x.grad.shape == (3, 1) and x.grad.dtype is mg.float32 and x.grad.tolist() == [[4.0]] * 3
    assert y.grad.shape == (4,) and y.grad.dtype is mg.float64 and y.grad.tolist() == [3.0] * 4


def test_third_derivative():
    x = mg.tensor(2.0, dtype=mg.float64, requires_grad=True)
    y = x**5
    for expected in (5 * 2**4, 20 * 2**3, 60 * 2**2):
        (y,) = mg.autograd.grad(y, x, create_graph=True)
        assert y.item() == pytest.approx(expected)


def test_gradgradcheck_of_a_composition():
    f = lambda x, w: ((x @ w).tanh().softmax(-1) * x.sum()).logsumexp(0)  # noqa: E731
    inputs = leaf(4, 3), leaf(3, 2, seed=1)
    assert gradcheck(f, inputs) and gradgradcheck(f, inputs)


def test_gradcheck_catches_a_wrong_formula():
    class Wrong(mg.autograd.Function):
        def forward(self, x):
            self.save(x)
            return x * x

        def backward(self, grad):
            return grad * self.saved[0]

    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        gradcheck(Wrong.apply, (leaf(3),))
    assert not gradcheck(Wrong.apply, (leaf(3),), raise_exception=False)


def test_a_graph_dies_by_reference_count():
    class Marked(mg.Tensor):
        __slots__ = ()

    gc.collect()
    gc.disable()
    try:
        x = leaf(3)
        middle = x.exp()
        watched = weakref.ref(middle)
        loss = (middle * middle.tanh()).sum()
        loss.backward()
        del middle, loss
        assert watched() is None
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_a_long_chain_neither_recurses_nor_leaks():
    x = mg.ones(1, requires_grad=True)
    y = x
    for _ in range(50_000):
        y = y + 1
    y.backward()
    del y
    assert x.grad.item() == 1


@pytest.mark.parametrize(
    "misuse, words",
    [
        (lambda x: (x * x).backward(), "only for scalar outputs"),
        (lambda x: mg.ones(1).backward(), "does not require grad"),
        (lambda x: (x * x).backward(mg.ones(3)), "shape"),
        (lambda x: mg.autograd.grad(x.sum(), leaf(2)), "not have been used"),
        (lambda x: x.add_(1), "leaf"),
        (lambda x: x[0].mul_(2), "view of a leaf"),
        (lambda x: x.numpy(), "detach"),
        (lambda x: mg.ones(2, dtype=mg.int64).requires_grad_(), "floating point"),
    ],
)
def test_misuse_is_explained(misuse, words):
    with pytest.raises(RuntimeError, match=words):
        misuse(leaf(2))


def test_a_second_sweep_is_refused_and_names_the_way_out():
    x = leaf(2)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        y.backward()
    assert np.allclose(x.grad.numpy(), 4 * x.detach().numpy())


def test_an_overwritten_saved_value_is_noticed_and_the_op_named():
    x = leaf(2)
    y = x.exp()
    z = y * 2
    y.add_(1)
    with pytest.raises(RuntimeError, match="Exp"):
        (z.sum() + y.sum()).backward()


def test_hooks_see_and_replace_gradients():
    x = leaf(2)
    seen = []
    y = x * 3
    y.register_hook(lambda g: seen.append(g.tolist()))
    handle = x.register_hook(lambda g: g * 10)
    y.sum().backward()
    assert seen == [[1.0, 1.0]] and x.grad.tolist() == [30.0, 30.0]
    handle.remove()
    x.grad = None
    (x * 3).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_retain_grad_keeps_an_inner_gradient():
    x = leaf(2)
    y = x * 3
    y.retain_grad()
    (y * y).sum().backward()
    assert np.allclose(y.grad.numpy(), 2 * y.detach().numpy())


def test_gradients_never_share_memory():
    x, y = leaf(2), leaf(2)
    start = mg.ones(2, dtype=mg.float64)
    (x + y).backward(start)
    x.grad.zero_()
    assert y.grad.tolist() == [1.0, 1.0] and start.tolist() == [1.0, 1.0]


def test_no_grad_is_per_thread_and_restored_after_an_error():
    seen = []
    with pytest.raises(ZeroDivisionError), mg.no_grad():
        thread = threading.Thread(target=lambda: seen.append(mg.is_grad_enabled()))
        thread.start()
        thread.join()
        raise ZeroDivisionError
    assert seen == [True] and mg.is_grad_enabled()


@pytest.mark.parametrize("decorate", [mg.no_grad(), mg.no_grad, mg.inference_mode()])
def test_no_grad_as_a_decorator(decorate):
    assert not decorate(lambda x: x * 2)(leaf(2)).requires_grad
    assert mg.is_grad_enabled()


def test_grad_of_an_inner_tensor_does_not_touch_leaves():
    x = leaf(2)
    y = x * 2
    (g,) = mg.autograd.grad((y * y).sum(), y)
    assert np.allclose(g.numpy(), 2 * y.detach().numpy()) and x.grad is None


def test_anomaly_mode_names_the_op():
    x = mg.tensor([0.0, 1.0], requires_grad=True)
    with pytest.warns(UserWarning), pytest.raises(RuntimeError, match="SqrtBackward0"), mg.autograd.detect_anomaly():
        (x.sqrt() * 0).sum().backward()


def test_a_complex_loss_needs_a_gradient_to_begin_with():
    z = mg.tensor(1 + 1j, requires_grad=True)
    with pytest.raises(RuntimeError, match="only for real scalar outputs but got metagrad.complex64"):
        (z * z).backward()
    (z * z).backward(mg.tensor(1 + 0j))
    assert z.grad.item() == 2 - 2j  # 2 conj(z)


def test_a_leaf_may_ask_for_gradients_of_another_dtype():
    x = mg.ones(2, requires_grad=True)
    assert x.grad_dtype is mg.float32
    x.grad_dtype = mg.float64
    seen = []
    x.register_hook(lambda g: seen.append(g.dtype))
    (x * x).sum().backward()
    with pytest.warns(UserWarning, match="reference cycle"):
        (x * x).sum().backward(create_graph=True)
    x.grad = x.grad.detach()
    assert x.grad.dtype is mg.float64 and x.grad.tolist() == [4.0, 4.0] and seen == [mg.float64] * 2
    assert mg.autograd.grad(x.sum(), x)[0].dtype is mg.float64
    assert x.detach().grad_dtype is mg.float32
    with pytest.raises(RuntimeError, match="dtype 'float' to a tensor with grad_dtype 'Double'"):
        x.grad = mg.ones(2)
    with pytest.raises(RuntimeError, match="already a gradient with dtype 'double'"):
        x.grad_dtype = mg.float32
    x.grad_dtype = None
    x.grad = mg.ones(2, dtype=mg.float16)
    assert x.grad_dtype is None and x.grad.dtype is mg.float16
    with pytest.raises(RuntimeError, match="must be a .*dtype or None, but got int"):
        x.grad_dtype = 3
    with pytest.raises(RuntimeError, match="can only be set on leaf tensors"):
        (x * 2).grad_dtype = mg.float64
    with pytest.raises(RuntimeError, match="can only be accessed on leaf tensors"):
        (x * 2).grad_dtype


def test_halves_may_gather_wider_gradients():
    x = mg.ones(1, dtype=mg.float16, requires_grad=True)
    x.grad_dtype = mg.float32
    for _ in range(3):
        (x * 2048).sum().backward()
    (x * 1).sum().backward()
    assert x.grad.item() == 6145.0  # which float16 does not hold


def test_a_gradient_with_a_history_is_added_to_in_place_by_a_pass_that_is_not_recorded():
    x = mg.tensor([1.0], requires_grad=True)
    (grad,) = mg.autograd.grad((x**2).sum(), x, create_graph=True)
    x.grad = grad
    (x**2).backward()
    assert x.grad is grad and grad.item() == 4 and grad.requires_grad and grad._version == 1


def test_only_a_leafs_flag_can_be_set():
    y = mg.ones(1, requires_grad=True) * 2
    assert y.requires_grad_() is y
    with pytest.raises(RuntimeError, match="you can only change requires_grad flags of leaf variables"):
        y.requires_grad = True


def test_a_generator_that_is_closed_ends_in_its_own_mode():
    seen = []

    @mg.no_grad()
    def numbers():
        try:
            yield 1
        finally:
            seen.append(mg.is_grad_enabled())

    running = numbers()
    next(running)
    running.close()
    assert seen == [False] and mg.is_grad_enabled()


def test_a_leaf_that_was_frozen_since_gets_no_gradient():
    x, w = mg.ones(1, requires_grad=True), mg.ones(1, requires_grad=True)
    y = x * w
    x.requires_grad_(False)
    y.backward()
    assert x.grad is None and w.grad.item() == 1
