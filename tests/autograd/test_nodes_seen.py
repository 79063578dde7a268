"""The graph as programs see it that walk it: which node is which, under what name, with what beside it."""

import pytest

import metagrad as mg


def both(check):
    """A test with this library, and one that PyTorch passes too."""

    def alone():
        check(mg)

    @pytest.mark.oracle
    def in_pytorch(torch):
        check(torch)

    alone.__name__ = in_pytorch.__name__ = check.__name__
    return alone, in_pytorch


def names(node, depth=2):
    """The name of a node, and those of its neighbours."""
    if node is None or not depth:
        return node and node.name().removeprefix("torch::autograd::")
    return (names(node, 0), *[names(n, depth - 1) for n, _ in node.next_functions])


def results_of_one_op(m):
    x = m.ones(4, 3, requires_grad=True)
    a, _, _, b = x.unbind()
    assert a.grad_fn is b.grad_fn and [a.output_nr, b.output_nr] == [0, 3]
    z = a + b
    (first, i), (second, j) = z.grad_fn.next_functions
    assert first is second is a.grad_fn and [i, j] == [0, 3]
    accumulator = (x * 2).grad_fn.next_functions[0][0]
    assert accumulator is (x + 1).grad_fn.next_functions[0][0] and accumulator.variable is x
    assert isinstance(accumulator, m.autograd.graph.Node) and accumulator.metadata == {}
    edge = m.autograd.graph.get_gradient_edge(b)
    assert edge.node is b.grad_fn and edge.output_nr == 3
    (given,) = m.autograd.grad((a * 2 + b * 3).sum(), edge, retain_graph=True)
    assert given.tolist() == [3.0] * 3
    own = m.autograd.graph.GradientEdge(b.grad_fn, 3)
    assert m.autograd.grad(own, x, m.ones(3))[0].sum(1).tolist() == [0.0, 0.0, 0.0, 3.0]


def hooks_of_a_node_with_several_results(m):
    x, seen = m.ones(3, requires_grad=True), []
    a, b = x.split([1, 2])
    a.grad_fn.register_prehook(lambda arrived: seen.append([g is None for g in arrived]))
    a.grad_fn.register_hook(lambda given, arrived: seen.append((len(given), [g is None for g in arrived])))
    b.sum().backward()
    assert seen == [[True, False], (1, [True, False])] and x.grad.tolist() == [0.0, 1.0, 1.0]
    y = x * x
    y.grad_fn.register_hook(lambda given, arrived: (m.ones(5), given[1]))
    with pytest.raises(RuntimeError, match="has changed the size of value"):
        y.sum().backward()
    with pytest.raises(TypeError, match="expected 1 arguments, got 0 instead"):
        y.grad_fn()


def order_at_a_leaf(m):
    x, seen = m.ones(1, requires_grad=True), []
    node = (x * 1).grad_fn.next_functions[0][0]
    node.register_hook(lambda given, arrived: seen.append(("after the node", given, arrived[0].tolist())))
    node.register_prehook(lambda arrived: seen.append("at the node") or (arrived[0] * 2,))
    x.register_post_accumulate_grad_hook(lambda leaf: seen.append("after"))
    x.register_hook(lambda grad: seen.append("hook"))
    (x * 5).sum().backward()
    assert [s if isinstance(s, str) else s[0] for s in seen] == ["hook", "at the node", "after", "after the node"]
    assert x.grad.tolist() == [10.0]


def names_after_writes(m):
    x = m.ones(4, 3, requires_grad=True)
    product = ("MulBackward0", ("AccumulateGrad",), None)
    y = x * 2
    v = y[0]
    v.mul_(3)
    assert names(y.grad_fn, 3) == ("CopySlices", product, None)
    assert names(v.grad_fn, 1) == ("AsStridedBackward0", "CopySlices")
    assert names(v.grad_fn.next_functions[0][0], 3) == ("CopySlices", product, None)
    y = x * 2
    w = y.view(12)[2:5]
    w.zero_()
    assert names(y.grad_fn, 1) == ("CopySlices", "MulBackward0")
    assert names(w.grad_fn, 1) == ("AsStridedBackward0", "CopySlices")
    z = m.zeros(4)
    z[1:3] = (x * 2)[0, :2]
    assert names(z.grad_fn)[0] == "CopySlices" and z.grad_fn.next_functions[0][0] is None
    z.sum().backward()
    assert x.grad.tolist() == [[2.0, 2.0, 0.0]] + [[0.0] * 3] * 3
    for reshape, name in (
        (lambda t: t.t_(), "TBackward1"), (lambda t: t.transpose_(0, 1), "TransposeBackward1"),
        (lambda t: t.unsqueeze_(0), "UnsqueezeBackward1"), (lambda t: t.squeeze_(), "SqueezeBackward3"),
        (lambda t: t.squeeze_(0), "SqueezeBackward4"), (lambda t: t.squeeze_((0, 1)), "SqueezeBackward5"),
    ):  # fmt: skip
        assert reshape(x.clone()).grad_fn.name() == name
    assert x.cummax(0)[0].grad_fn.name() == "CummaxBackward0"


def a_context_has_what_nodes_have(m):
    seen = []

    class Scaled(m.autograd.Function):
        @staticmethod
        def forward(ctx, x, by):
            ctx.by = by
            return x * by

        @staticmethod
        def backward(ctx, grad):
            seen.extend([ctx.name(), [n.name() for n, _ in ctx.next_functions], ctx.metadata["note"]])
            ctx.was = "there"
            return grad * ctx.by, None

    x = m.ones(2, requires_grad=True)
    y = Scaled.apply(x * 1, 3)
    y.grad_fn.metadata["note"] = 7
    y.sum().backward()
    assert seen == ["ScaledBackward", ["MulBackward0"], 7] and y.grad_fn.was == "there" and y.grad_fn.by == 3
    assert type(y.grad_fn)._forward_cls is Scaled
    with pytest.raises(AttributeError, match="'ScaledBackward' object has no attribute 'nothing'"):
        y.grad_fn.nothing


def inference_mode_records_nothing(m):
    x = m.ones(2, requires_grad=True)
    with m.inference_mode():
        with m.enable_grad():
            y = x * 2
            assert m.is_inference_mode_enabled()
        with m.set_grad_enabled(True):
            z = x * 2
        assert not m.is_grad_enabled()
        with m.inference_mode(False):
            w = x * 2
    assert not y.requires_grad and y.is_inference() and not z.requires_grad and w.requires_grad
    assert m.is_grad_enabled() and not m.is_inference_mode_enabled()


def a_view_made_under_no_grad_requires_grad_as_its_base_does(m):
    x, base = m.ones(4, requires_grad=True), m.ones(4)
    with m.no_grad():
        view = base[:2]
    assert not view.requires_grad
    base.mul_(x)
    assert view.requires_grad
    with pytest.raises(RuntimeError, match="created in no_grad mode"):
        view * 2


def copies_are_given_up(m):
    x = m.ones(2, requires_grad=True)
    with m.autograd.graph.allow_mutation_on_saved_tensors() as copies:
        y = x.clone()
        kept, lost = y**2, y**2
        y.zero_()
        kept.sum().backward()
        copies.clear()
        with pytest.raises(AssertionError, match="outside of the 'allow_mutation"):
            lost.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]
    with pytest.raises(TypeError, match=r"register_hooks\(\): incompatible function arguments"):
        x.exp().grad_fn._raw_saved_result.register_hooks(3, 4)


def a_view_keeps_its_gradient_when_its_base_is_written(m):
    x = m.ones(2, 3, requires_grad=True)
    y = x * 2
    view = y.view(6)
    view.retain_grad()
    y.mul_(2)
    assert view.retains_grad
    (view * 3).sum().backward()
    assert view.grad.tolist() == [3.0] * 6 and x.grad.tolist() == [[12.0] * 3] * 2


test_kept, test_kept_in_pytorch = both(a_view_keeps_its_gradient_when_its_base_is_written)


def other_things_than_tensors_and_bools_are_refused(m):
    class Asks(m.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(None)

    with pytest.raises(TypeError, match="set_materialize_grads received an invalid combination of arguments"):
        Asks.apply(m.ones(2, requires_grad=True))
    with pytest.raises(TypeError, match="Variable data has to be a tensor, but got str"):
        m.autograd.Variable("a")


test_refusals, test_refusals_in_pytorch = both(other_things_than_tensors_and_bools_are_refused)
test_results, test_results_in_pytorch = both(results_of_one_op)
test_hooks, test_hooks_in_pytorch = both(hooks_of_a_node_with_several_results)
test_leaf, test_leaf_in_pytorch = both(order_at_a_leaf)
test_names, test_names_in_pytorch = both(names_after_writes)
test_context, test_context_in_pytorch = both(a_context_has_what_nodes_have)
test_inference, test_inference_in_pytorch = both(inference_mode_records_nothing)
test_view, test_view_in_pytorch = both(a_view_made_under_no_grad_requires_grad_as_its_base_does)
test_copies, test_copies_in_pytorch = both(copies_are_given_up)
