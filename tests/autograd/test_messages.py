"""What is said where a backward pass, a view or a hook is misused: the words that programs and their tests look for."""

import pytest

import metagrad as mg


def leaf(*shape):
    return mg.ones(*shape, requires_grad=True)


def twice(x):
    y = (x * x).sum()
    y.backward()
    y.backward()


def overwritten(x):
    y = (x * 1).exp()
    y.add_(1)
    y.sum().backward()


def made_without_gradients(x):
    with mg.no_grad():
        view = (x * 1)[:1] if x.is_leaf else x[:1]
    view.add_(x[:1])


def view_of_a_result_made_without_gradients(x):
    base = x * 1
    with mg.no_grad():
        view = base[:1]
    view.add_(1)


def inference_tensor(x):
    with mg.inference_mode():
        t = mg.ones(2)
    return x * t


def hooked(hook):
    def misuse(x):
        x.register_hook(hook)
        (x * 2).sum().backward()

    return misuse


class Shaped(mg.autograd.Function):
    @staticmethod
    def forward(ctx, a):
        return a * 2

    @staticmethod
    def backward(ctx, grad):
        return mg.ones(3)


class Counted(Shaped):
    @staticmethod
    def backward(ctx, grad):
        return grad, grad


MISUSES = {
    "Trying to backward through the graph a second time": twice,
    "one of the variables needed for gradient computation has been modified by an inplace operation": overwritten,
    "element 0 of tensors does not require grad and does not have a grad_fn": lambda x: mg.ones(1).backward(),
    "grad can be implicitly created only for scalar outputs": lambda x: (x * 2).backward(),
    "Mismatch in shape: grad_output": lambda x: (x * 2).backward(mg.ones(3)),
    "appears to not have been used in the graph. Set allow_unused=True": lambda x: mg.autograd.grad(x.sum(), leaf(2)),
    "One of the differentiated Tensors does not require grad": lambda x: mg.autograd.grad(x.sum(), mg.ones(2)),
    "`inputs` argument to `grad\\(\\)` cannot be empty": lambda x: mg.autograd.grad(x.sum(), []),
    "all inputs have to be Tensors or GradientEdges, but got str": lambda x: mg.autograd.grad(x.sum(), "x"),
    "A view was created in no_grad mode and is being modified inplace": view_of_a_result_made_without_gradients,
    "Output 1 of .* is a view and is being modified inplace.*multiple views": lambda x: (x * 1).unbind()[1].add_(1),
    "a leaf Variable that requires grad is being used in an in-place operation": lambda x: x.add_(1),
    "a view of a leaf Variable that requires grad": lambda x: x[0].mul_(2),
    "you can only change requires_grad flags of leaf variables": lambda x: (x * 2).requires_grad_(False),
    "Inference tensors cannot be saved for backward": inference_tensor,
    "has changed the size of value": hooked(lambda g: mg.ones(3)),
    "has changed the type of value": hooked(lambda g: g.double()),
    "invalid gradient at index 0 - got \\[3\\]": lambda x: Shaped.apply(x).sum().backward(),
    "returned an incorrect number of gradients \\(expected 1, got 2\\)": lambda x: Counted.apply(x).sum().backward(),
    "attempting to assign a gradient of size": lambda x: setattr(x, "grad", mg.ones(3)),
    "can't assign Variable as its own grad": lambda x: setattr(x, "grad", x),
}  # fmt: skip


@pytest.mark.parametrize("words", MISUSES)
def test_misuse_is_said_in_the_usual_words(words):
    with pytest.raises(RuntimeError, match=words):
        MISUSES[words](leaf(2))


@pytest.mark.oracle
@pytest.mark.parametrize("words", [w for w in MISUSES if "Output 1" not in w])
def test_they_are_pytorchs_words(torch, words, monkeypatch):
    monkeypatch.setitem(globals(), "mg", torch)
    if "invalid" in words or "incorrect number" in words:
        kind = Shaped if "invalid" in words else Counted
        function = type(
            kind.__name__,
            (torch.autograd.Function,),
            {n: vars(k)[n] for k in kind.__mro__[1::-1] for n in vars(k) if n in ("forward", "backward")},
        )
        misuse = lambda x: function.apply(x).sum().backward()  # noqa: E731
    else:
        misuse = MISUSES[words]
    with pytest.raises(RuntimeError, match=words):
        misuse(leaf(2))


def test_a_node_can_be_called():
    x = leaf(2)
    node = (x * 3).grad_fn
    assert node(mg.ones(2))[0].tolist() == [3.0, 3.0] and node(mg.ones(2))[1] is None
    (shape,) = [m.shape for m in node._input_metadata]
    assert shape == (2,) and (x * 2).grad_fn._sequence_nr() > node._sequence_nr()


def test_modes_may_be_written_without_brackets():
    assert mg.inference_mode(mg.is_inference_mode_enabled)()
    with mg.no_grad():
        assert mg.enable_grad(mg.is_grad_enabled)()
    assert not mg.no_grad(mg.is_grad_enabled)()


def test_saved_tensors_are_gone_after_the_backward_pass():
    class Saving(mg.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            ctx.save_for_backward(a)
            return a * 2

        @staticmethod
        def backward(ctx, grad):
            return grad * 2

    y = Saving.apply(leaf(2))
    assert y.grad_fn.saved_tensors[0].tolist() == [1.0, 1.0]
    y.sum().backward()
    with pytest.raises(RuntimeError, match="after they have already been freed"):
        y.grad_fn.saved_tensors
