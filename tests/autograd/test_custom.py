"""Functions written for PyTorch's static interface; every test also runs with PyTorch itself, where it is installed."""

import gc
import weakref

import pytest

import metagrad


@pytest.fixture(params=["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
def lib(request):
    return metagrad if request.param == "metagrad" else pytest.importorskip("torch")


def exponential(lib):
    class Exponential(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = x.exp()
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx, grad):
            (y,) = ctx.saved_tensors
            return grad * y

    return Exponential


def test_a_saved_output_gives_first_and_second_derivatives(lib):
    f = exponential(lib).apply
    x = lib.tensor([0.5, 1.0], dtype=lib.float64, requires_grad=True)
    assert lib.autograd.gradcheck(f, (x,))
    assert lib.autograd.gradgradcheck(f, (x,))


def test_a_saved_output_is_joined_to_the_graph_while_backward_runs(lib):
    seen = []

    class Root(lib.autograd.Function):
        """y of y³ + y = a: its gradient is found from y, by a derivative within backward."""

        @staticmethod
        def forward(ctx, a, start):
            y = start.clone()
            for _ in range(40):
                y = y - (y**3 + y - a) / (3 * y**2 + 1)
            sign = y > 0
            ctx.mark_non_differentiable(sign)
            ctx.save_for_backward(y, a, start, sign)
            return y, sign

        @staticmethod
        def backward(ctx, grad, nothing):
            seen.extend((t.requires_grad, t.grad_fn is not None) for t in ctx.saved_tensors)
            y = ctx.saved_tensors[0]
            with lib.enable_grad():
                (slope,) = lib.autograd.grad(y**3 + y, y, lib.ones_like(y))
            return grad / slope, None

    a = lib.tensor([2.0, 10.0], dtype=lib.float64, requires_grad=True)
    y, _ = Root.apply(a, lib.ones(2, dtype=lib.float64))
    assert y.tolist() == pytest.approx([1.0, 2.0])
    y.sum().backward()
    assert a.grad.tolist() == pytest.approx([1 / 4, 1 / 13])
    assert seen == [(True, True), (True, False), (False, False), (False, False)]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of PyTorch's own, where it begins with forward mode
def test_a_function_without_tangents_says_so(lib):
    with pytest.raises(NotImplementedError, match="You must implement the jvp function"):
        lib.autograd.Function.jvp(None, lib.ones(1))
    Given = type("Given", (exponential(lib),), {"jvp": lib.autograd.Function.jvp})
    assert Given.apply(lib.zeros(1)).tolist() == [1.0]
    forward_ad = lib.autograd.forward_ad
    with forward_ad.dual_level(), pytest.raises(NotImplementedError, match="You must implement the jvp function"):
        Given.apply(forward_ad.make_dual(lib.zeros(1), lib.ones(1)))


def test_settings_and_several_results(lib):
    class Both(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x, y, scale):
            ctx.save_for_backward(x, y)
            ctx.scale = scale
            return x * y, (x + y) * scale

        @staticmethod
        def backward(ctx, grad_product, grad_sum):
            x, y = ctx.saved_tensors
            assert ctx.needs_input_grad == (True, True, False)
            return grad_product * y + grad_sum * ctx.scale, grad_product * x + grad_sum * ctx.scale, None

    x, y = (lib.tensor(v, dtype=lib.float64, requires_grad=True) for v in (2.0, 3.0))
    product, total = Both.apply(x, y, 10)
    assert (product.item(), total.item()) == (6.0, 50.0)
    (product + total).backward()
    assert (x.grad.item(), y.grad.item()) == (13.0, 12.0)
    assert lib.autograd.gradgradcheck(lambda x, y: Both.apply(x, y, 10), (x, y))
    Both.apply(x, y, 10)[0].backward()  # the second result is not used: zeros arrive for it
    assert x.grad.item() == 16.0


def test_setup_context(lib):
    class Cube(lib.autograd.Function):
        @staticmethod
        def forward(x):
            return x**3

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return 3 * x * x * grad

    x = lib.tensor(2.0, dtype=lib.float64, requires_grad=True)
    Cube.apply(x).backward()
    assert x.grad.item() == 12.0


def test_in_place_and_not_differentiable(lib):
    class Halve(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)
            x.mul_(0.5)
            signs = x.sign()
            ctx.mark_non_differentiable(signs)
            return x, signs

        @staticmethod
        def backward(ctx, grad, _):
            return grad * 0.5

    leaf = lib.tensor([2.0, -4.0], requires_grad=True)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad has been used in an in-place operation"):
        Halve.apply(lib.ones(2, requires_grad=True))
    x = leaf * 1
    y, signs = Halve.apply(x)
    assert y is x and x.tolist() == [1.0, -2.0]
    assert not signs.requires_grad
    (x * lib.tensor([1.0, 10.0])).sum().backward()
    assert leaf.grad.tolist() == [0.5, 5.0]


def test_an_input_returned_as_it_is(lib):
    class Reverse(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.view_as(x)

        @staticmethod
        def backward(ctx, grad):
            return -grad

    x = lib.ones(2, requires_grad=True)
    Reverse.apply(x).sum().backward()
    assert x.grad.tolist() == [-1.0, -1.0]


def test_an_overwritten_saved_tensor_and_a_second_sweep_raise(lib):
    f = exponential(lib).apply
    x = lib.ones(2, requires_grad=True)
    y = f(x)
    y.mul_(2)
    with pytest.raises(RuntimeError):
        y.sum().backward()
    y = f(x)
    y.sum().backward()
    with pytest.raises(RuntimeError):
        y.sum().backward()


def test_the_graph_of_a_saved_output_dies_by_reference_count():
    f = exponential(metagrad).apply
    gc.collect()
    gc.disable()
    try:
        x = metagrad.ones(2, requires_grad=True)
        y = f(x)
        watched = weakref.ref(y)
        loss = y.sum()
        metagrad.autograd.grad(loss, x, create_graph=True)
        del y, loss
        assert watched() is None
    finally:
        gc.enable()


def test_nothing_is_recorded_without_need():
    f = exponential(metagrad).apply
    assert not f(metagrad.ones(2)).requires_grad
    with metagrad.no_grad():
        assert not f(metagrad.ones(2, requires_grad=True)).requires_grad


def test_too_few_gradients_are_refused(lib):
    class Forgetful(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            return x * y

        @staticmethod
        def backward(ctx, grad):
            return grad

    x = lib.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError):
        Forgetful.apply(x, x).sum().backward()


def test_none_for_a_result_nobody_used(lib):
    class Two(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, grad_a, grad_b):
            assert grad_b is None
            return grad_a * 2

    x = lib.ones(2, requires_grad=True)
    Two.apply(x)[0].sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_the_node_of_a_custom_function(lib):
    class Both(lib.autograd.Function):
        @staticmethod
        def forward(a, b, c):
            return None, a * c, b * c

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.factor = inputs[2]
            ctx.save_for_backward(inputs[0])

        @staticmethod
        def backward(ctx, nothing, g, h):
            assert nothing is None and ctx.name() == "BothBackward" and ctx.needs_input_grad == (True, False, False)
            return g * ctx.factor, h, None

    x = lib.ones(2, requires_grad=True)
    none, first, second = Both.apply(x, lib.ones(2), 3)
    assert none is None
    for out in (first, second):
        assert out.grad_fn.name() == "BothBackward" and type(out.grad_fn).__name__ == "BothBackward"
    assert (first.output_nr, second.output_nr) == (1, 2) or lib is metagrad  # results that are tensors are counted here
    assert first.grad_fn.next_functions[0][0].name() == "torch::autograd::AccumulateGrad"
    one = Single.apply_with(lib, x)
    assert one.grad_fn.factor == 5 and one.grad_fn.saved_tensors[0].tolist() == [1, 1]
    first.sum().backward()
    assert x.grad.tolist() == [3, 3]


class Single:
    @staticmethod
    def apply_with(lib, x):
        class Scaled(lib.autograd.Function):
            @staticmethod
            def forward(ctx, a):
                ctx.factor = 5
                ctx.save_for_backward(a)
                return a * 5

            @staticmethod
            def vjp(ctx, g):  # backward by its other name
                return g * ctx.factor

        out = Scaled.apply(x)
        assert lib.autograd.grad(Scaled.apply(x).sum(), x)[0].tolist() == [5, 5]
        return out


def test_what_a_custom_function_may_not_do(lib):
    class Saves(lib.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            ctx.save_for_backward(a, 5)
            return a * 2

    class NoBackward(lib.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2

    x = lib.ones(2, requires_grad=True)
    with pytest.raises(TypeError, match="save_for_backward can only save variables"):
        Saves.apply(x)
    with pytest.raises(NotImplementedError, match="backward or vjp"):
        NoBackward.apply(x).sum().backward()


def test_a_result_marked_as_written_to_that_was_no_input(lib):
    class Marking(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = x * 2
            ctx.mark_dirty(y)
            return y

        @staticmethod
        def backward(ctx, grad):
            return grad * 2

    x = lib.ones(1, requires_grad=True)
    with pytest.warns(UserWarning, match="received a tensor that was not an input"):
        Marking.apply(x).backward()
    assert x.grad.item() == 2
