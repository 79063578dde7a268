"""The graph seen and handled from outside: nodes, their hooks, saved tensors packed, older names. Each runs under PyTorch too."""

import contextlib
import weakref

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


def test_handles_of_hooks(lib):
    import pickle

    handle_class = lib.utils.hooks.RemovableHandle
    x = leaf(lib, 1, 2)
    first, second = x.register_hook(len), x.register_hook(lambda g: g * 2)
    assert isinstance(first, handle_class) and second.id == first.id + 1
    first.remove()
    with second:
        (x * 3).sum().backward()
    (x * 3).sum().backward()
    assert x.grad.tolist() == [9, 9]
    y = leaf(lib, 1)
    again = pickle.loads(pickle.dumps(y.register_hook(abs)))
    assert isinstance(again, handle_class) and isinstance((y * 2).grad_fn.register_hook(print), handle_class)
    assert isinstance(y.register_post_accumulate_grad_hook(print), handle_class)


def test_what_hooks_may_not_return(lib):
    for answer, error in ((lib.ones(3), RuntimeError), (3, TypeError), (lib.ones(2, dtype=lib.float64), RuntimeError)):
        x = leaf(lib, 1, 2)
        x.register_hook(lambda g, answer=answer: answer)
        with pytest.raises(error):
            (x * 2).sum().backward()


def test_a_gradient_that_a_hook_keeps_is_not_added_to(lib):
    x, kept = leaf(lib, 1, 2), []
    x.register_hook(kept.append)
    for _ in range(2):
        (x * 3).sum().backward()
    assert [g.tolist() for g in kept] == [[3, 3], [3, 3]] and x.grad.tolist() == [6, 6]


@pytest.mark.parametrize("mode", ["all", "any"])
def test_hooks_on_several_tensors_are_called_once_a_pass(lib, mode):
    a, b, seen = leaf(lib, 1, 2), leaf(lib, 3, 4), []
    c, d = a * b, a * 2
    with lib.autograd.graph.register_multi_grad_hook((a, b, c, d), seen.append, mode=mode):
        c.sum().backward(retain_graph=True)
        (c.sum() + d.sum()).backward()
    if mode == "any":
        assert [g.tolist() for g in seen] == [[1, 1], [1, 1]]
    else:
        as_lists = [[g if g is None else g.tolist() for g in found] for found in seen]
        assert as_lists == [[[3, 4], [1, 2], [1, 1], None], [[5, 6], [1, 2], [1, 1], [1, 1]]]
    with pytest.raises(ValueError, match="mode"):
        lib.autograd.graph.register_multi_grad_hook((a,), print, mode="some")


def test_passes_start_and_end_at_edges(lib):
    edge_of = lib.autograd.graph.get_gradient_edge
    x, w = leaf(lib, 1, 2), leaf(lib, 3, 4)
    y = (x * w).exp()
    middle = x * w
    edge = edge_of(middle)
    assert edge.node.name() == "MulBackward0" and edge.output_nr == 0 and edge_of(x).node.variable is x
    lib.autograd.backward(edge, lib.tensor([1.0, 10.0]), inputs=[x])
    assert x.grad.tolist() == [3, 40] and w.grad is None
    (slope,) = lib.autograd.grad(middle.sum() * 2, edge, retain_graph=True)
    assert slope.tolist() == [2, 2]
    with pytest.raises(RuntimeError, match="does not require grad"):
        edge_of(lib.ones(2))
    assert y.requires_grad


def test_a_node_keeps_notes_and_a_leafs_node_takes_hooks(lib):
    x, seen = leaf(lib, 1, 2), []
    y = x * 2
    y.grad_fn.metadata["note"] = 7
    assert y.grad_fn.metadata == {"note": 7}
    leaf_node = y.grad_fn.next_functions[0][0]
    leaf_node.register_prehook(lambda grads: (grads[0] * 10,))
    leaf_node.register_hook(lambda ins, outs: seen.append((ins, outs[0].tolist())))
    y.sum().backward()
    assert x.grad.tolist() == [20, 20] and seen == [((), [20, 20])]


def test_saved_tensors_may_be_overwritten_where_that_is_allowed(lib):
    x = leaf(lib, 1, 2)
    with lib.autograd.graph.allow_mutation_on_saved_tensors():
        y = x.clone()
        z = (y**2).sum()
        y.sin_()
        z.backward()
    assert x.grad.tolist() == [2, 4]


def test_what_packing_may_not_do(lib):
    hooks = lib.autograd.graph.saved_tensors_hooks
    x = leaf(lib, 1, 2)
    with hooks(lambda t: t, lambda t: 5):
        y = x * x
    with pytest.raises(TypeError, match="unpack_hook"):
        y.sum().backward()
    with pytest.raises(RuntimeError, match="in place"), hooks(lambda t: t.mul_(2), lambda t: t):
        x.detach().requires_grad_().exp()


def test_counting_a_write(lib):
    x = leaf(lib, 3)
    y = x * x
    lib.autograd.graph.increment_version(x)
    with pytest.raises(RuntimeError):
        y.backward()


WRITES = {
    "sin_": lambda y: y.sin_(), "log_": lambda y: y.log_(), "square_": lambda y: y.square_(), "pow_": lambda y: y.pow_(3),
    "square_ of a view": lambda y: y[:1].square_(), "erf_ of a view": lambda y: y[1:].erf_(),
    "atan2_": lambda y: y.atan2_(metagrad.tensor([2.0, 3.0])), "exp_": lambda y: y.exp_(),
}  # fmt: skip


@pytest.mark.parametrize("write", WRITES)
def test_hooks_that_keep_what_they_are_given_do_not_see_it_overwritten(write):
    """An op in place saves what was there before, also where a hook hands back the very tensor."""

    def gradient(hooks):
        x = metagrad.tensor([0.5, 0.7], requires_grad=True)
        with hooks:
            y = x * 1
            WRITES[write](y)
        (y * y).sum().backward()
        return x.grad.tolist()

    graph = metagrad.autograd.graph
    expected = gradient(contextlib.nullcontext())
    assert gradient(graph.saved_tensors_hooks(lambda t: t, lambda t: t)) == expected
    assert gradient(graph.save_on_cpu()) == expected


def test_a_view_written_in_place_by_name_stays_a_view(lib):
    x = lib.ones(3)
    view = x[:2]
    assert lib.nn.functional.celu(input=view, inplace=True)._is_view()


@pytest.mark.parametrize("lib", ["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
def test_conditions_indices_and_numbers_are_no_neighbours(lib):
    L = pytest.importorskip(lib)
    x, y = L.ones(2, 2, requires_grad=True), L.zeros(2, 2)
    results = [
        x**2, 2**x, x**x, x * 2, x.clamp(0, 1), L.clamp(x, x, x), L.where(x > 0, x, 0.0), L.where(x > 0, x, x),
        x.masked_fill(x > 0, 0.0),
        x.sort()[0], x.topk(1)[0], x.max(0)[0], x.tril(), L.lerp(x, y, 0.5), L.lerp(x, y, x),
    ]  # fmt: skip
    assert [len(r.grad_fn.next_functions) for r in results] == [1, 1, 2, 2, 1, 3, 2, 2, 1, 1, 1, 1, 1, 2, 3]


def test_what_was_packed_is_freed_by_the_backward_pass():
    class Box:
        def __init__(self, content):
            self.content = content

    boxes = []

    def pack(tensor):
        box = Box(tensor)
        boxes.append(weakref.ref(box))
        return box

    x = metagrad.rand(10, requires_grad=True)
    with metagrad.autograd.graph.saved_tensors_hooks(pack, lambda box: box.content):
        y = x.clamp(0, 0.5)
        z = y.sin().index_select(0, metagrad.tensor([1, 2]))
    z.sum().backward()
    assert boxes and all(box() is None for box in boxes)


def test_a_pass_for_the_sake_of_a_result_keeps_its_gradient_once(lib):
    x = leaf(lib, 1, 2)
    y = x * 2
    (y * y).sum().backward(inputs=[y], retain_graph=True)
    assert y.retains_grad and y.grad.tolist() == [4, 8] and x.grad is None
    (y * y).sum().backward(inputs=[y], retain_graph=True)
    assert y.grad.tolist() == [8, 16]


def test_hooks_of_nodes_return_tuples(lib):
    x = leaf(lib, 1, 2)
    for register in ("register_hook", "register_prehook"):
        y = x.exp()
        getattr(y.grad_fn, register)(lambda grads, *_: grads[0])
        with pytest.raises(TypeError, match="expected tuple, but hook returned 'Tensor'"):
            y.sum().backward()


def test_what_modes_were_before(lib):
    outer, inner = lib.no_grad(), lib.enable_grad()
    with outer, inner:
        assert (outer.prev, inner.prev, lib.set_grad_enabled(True).prev) == (True, False, True)
    assert isinstance(outer.clone(), lib.no_grad) and outer.clone() is not outer


def test_callbacks_at_the_end_of_a_backward_pass(lib):
    x, said = leaf(lib, 1, 2), []
    engine = lib.autograd.Variable._execution_engine
    assert x._backward_hooks is None
    x.register_hook(lambda g: engine.queue_callback(lambda: said.append(x.grad.tolist())))
    (x * 2).sum().backward()
    assert said == [[2, 2]] and len(x._backward_hooks) == 1
    with pytest.raises(RuntimeError, match="can only be installed during backward pass"):
        engine.queue_callback(print)


def test_data_that_is_set_keeps_the_version(lib):
    x = lib.zeros(2)
    x.add_(1)
    x.data = lib.ones(3)
    assert x._version == 1


def test_a_gradient_to_start_from_is_complex_where_its_tensor_is(lib):
    x = lib.tensor([1 + 2j, 3j], requires_grad=True)
    with pytest.raises(RuntimeError, match="both grad_output and output are required to have the same dtype"):
        (x * 2).backward(lib.ones(2))
    with pytest.raises(RuntimeError, match="both grad_output and output are required to have the same dtype"):
        x.abs().backward(lib.ones(2) * 1j)
    (x * 2).backward(lib.ones(2) * (1 + 0j))
    assert x.grad.tolist() == [2 + 0j, 2 + 0j]


def test_writes_that_are_not_counted():
    x = metagrad.ones(2)
    from metagrad.compat.seldom import _unsafe_preserve_version_counter

    with _unsafe_preserve_version_counter(x):
        x.add_(1)
    assert x._version == 0 and x.tolist() == [2, 2]


def test_a_batch_of_gradients_frees_the_graph_as_one_does():
    x = metagrad.ones(2, requires_grad=True)
    y = x.sin()
    rows = metagrad.ones(3, 2)
    metagrad.autograd.grad(y, x, rows, is_grads_batched=True, retain_graph=True)
    metagrad.autograd.grad(y, x, rows, is_grads_batched=True)
    with pytest.raises(RuntimeError, match="a second time"):
        metagrad.autograd.grad(y, x, rows, is_grads_batched=True)
