"""The graph seen and handled from outside: nodes, their hooks, saved tensors packed, older names. Each runs under PyTorch too."""

import numpy as np
import pytest

import metagrad


@pytest.fixture(params=["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
def lib(request):
    return metagrad if request.param == "metagrad" else pytest.importorskip("torch")


def leaf(lib, *values):
    return lib.tensor([float(v) for v in values], requires_grad=True)


def test_nodes_have_names_and_lead_to_the_leaves(lib):
    x, y = leaf(lib, 1, 2), leaf(lib, 3, 4)
    node = (x * y + 1).grad_fn
    assert node.name() == "AddBackward0" and type(node).__name__ in ("AddBackward0", "Add")
    (product, index), *rest = node.next_functions
    assert product.name() == "MulBackward0" and index == 0
    (to_x, _), (to_y, _) = product.next_functions
    assert to_x.name() == "torch::autograd::AccumulateGrad"
    assert to_x.variable is x and to_y.variable is y and to_x.next_functions == ()
    assert to_x == (x + 1).grad_fn.next_functions[0][0] and to_x != to_y
    assert all(other is None for other, _ in rest)


def test_several_results_are_numbered(lib):
    x = leaf(lib, 3, 1, 2)
    first, second = x.unbind()[:2]
    total = first + second
    assert [index for _, index in total.grad_fn.next_functions] in (
        [0, 1],
        [0, 0],
    )  # NumPy's views are nodes of their own


def test_version_counts_writes(lib):
    x = lib.zeros(3)
    assert x._version == 0
    x[1:].add_(1)
    x.fill_(2)
    assert x._version == 2 and x[0]._version == 2


def test_post_accumulate_grad_hook(lib):
    x, seen = leaf(lib, 1, 2), []
    handle = x.register_post_accumulate_grad_hook(lambda p: seen.append((p is x, p.grad.tolist())))
    (x * 3).sum().backward()
    (x * 2).sum().backward()
    handle.remove()
    (x * 2).sum().backward()
    assert seen == [(True, [3.0, 3.0]), (True, [5.0, 5.0])] and x.grad.tolist() == [7.0, 7.0]
    with pytest.raises(RuntimeError, match="non-leaf"):
        (x * 2).register_post_accumulate_grad_hook(print)
    with pytest.raises(RuntimeError, match="require"):
        lib.zeros(2).register_post_accumulate_grad_hook(print)


def test_the_optimizer_in_the_backward_pass(lib):
    weights = [leaf(lib, 1, 2), leaf(lib, 3, 4)]
    optimizers = {w: lib.optim.SGD([w], lr=0.5) for w in weights}

    def step(w):
        optimizers[w].step()
        optimizers[w].zero_grad()

    for w in weights:
        w.register_post_accumulate_grad_hook(step)
    (weights[0] * weights[1]).sum().backward()
    assert weights[0].tolist() == [-0.5, 0.0] and weights[1].tolist() == [2.5, 3.0]
    assert all(w.grad is None for w in weights)


def test_node_hooks(lib):
    x, seen = leaf(lib, 1, 2), []
    y = x * 3
    y.grad_fn.register_prehook(lambda outs: seen.append([g.tolist() for g in outs]))
    handle = y.grad_fn.register_hook(lambda ins, outs: (ins[0] * 10, *ins[1:]))
    y.sum().backward(retain_graph=True)
    assert seen == [[[1.0, 1.0]]] and x.grad.tolist() == [30.0, 30.0]
    handle.remove()
    y.sum().backward()
    assert x.grad.tolist() == [33.0, 33.0]


def test_saved_tensors_are_packed_and_unpacked(lib):
    x = leaf(lib, 1, 2, 3)
    counts = {"packed": 0, "unpacked": 0}

    def pack(t):
        counts["packed"] += 1
        return t.detach().numpy().copy()

    def unpack(a):
        counts["unpacked"] += 1
        return lib.from_numpy(a)

    with lib.autograd.graph.saved_tensors_hooks(pack, unpack):
        y = (x * x).exp()
    (outside,) = lib.autograd.grad((x * x).exp().sum(), x)
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), outside.numpy(), rtol=1e-6)
    assert counts["packed"] == counts["unpacked"] == 3


def test_saved_tensors_hooks_can_be_forbidden(lib):
    graph = lib.autograd.graph
    with graph.disable_saved_tensors_hooks("not here"), pytest.raises(RuntimeError, match="not here"):
        with graph.saved_tensors_hooks(lambda t: t, lambda t: t):
            pass
    x = leaf(lib, 2)
    with graph.save_on_cpu():
        y = x * x
    y.backward()
    assert x.grad.tolist() == [4.0]


def test_saved_tensors_of_a_custom_function(lib):
    class Square(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @lib.autograd.function.once_differentiable
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return 2 * x * grad

    x, packed = leaf(lib, 3), []
    with lib.autograd.graph.saved_tensors_hooks(lambda t: packed.append(t) or 0, lambda i: packed[i]):
        y = Square.apply(x)
    y.backward()
    assert x.grad.tolist() == [6.0] and len(packed) == 1
    (once,) = lib.autograd.grad((Square.apply(x) * x).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        once.sum().backward()
    assert isinstance(lib.autograd.function.FunctionCtx, type)


def test_gradients_of_a_batch_of_vectors(lib):
    x = leaf(lib, 1, 2, 3)
    y = x**2
    (jacobian,) = lib.autograd.grad(y, x, lib.eye(3), is_grads_batched=True)
    assert jacobian.tolist() == [[2.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 6.0]]


def test_variables_are_tensors(lib):
    Variable = lib.autograd.Variable
    x = Variable(lib.tensor([1.0]), requires_grad=True)
    assert isinstance(x, lib.Tensor) and x.requires_grad and isinstance(x, Variable)
    assert not Variable(lib.tensor([1])).requires_grad
    with lib.autograd.set_multithreading_enabled(False):
        (x * 2).backward()
    assert x.grad.tolist() == [2.0]


def test_as_subclass(lib):
    class Special(lib.Tensor):
        pass

    x = leaf(lib, 1, 2)
    special = x.as_subclass(Special)
    assert isinstance(special, Special)
    (special * 2).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_the_profiler_by_its_older_name(lib):
    with lib.autograd.profiler.profile() as p, lib.autograd.profiler.record_function("mine"):
        lib.ones(3).exp()
    assert "mine" in p.key_averages().table()


@pytest.mark.oracle
def test_retained_gradients_follow_in_place_writes_and_add_up(torch):
    kept = []
    for lib in (torch, metagrad):
        x = lib.tensor([1.0, 2.0], requires_grad=True)
        y = x * 2
        y.retain_grad()
        y.mul_(3)  # from here on y is the result of another node
        first = (y * y).sum()
        first.backward(retain_graph=True)
        once = y.grad.tolist()
        first.backward()
        kept.append((once, y.grad.tolist(), y.retains_grad, x.grad.tolist()))
    assert kept[1] == kept[0]
