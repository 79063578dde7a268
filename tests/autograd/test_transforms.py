"""What a function may not do while ``func.grad``, ``vmap`` and their kind run it, and models of which many become one."""

import pytest

import metagrad as mg
from metagrad import nn


class Doubled(mg.autograd.Function):
    """In the older style: ``forward`` takes ctx."""

    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, grad):
        return grad * 2


class SetUp(mg.autograd.Function):
    """With a context set up apart, and no rule for many."""

    @staticmethod
    def forward(x):
        return x * 2

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(ctx, grad):
        return grad * 2

    @staticmethod
    def jvp(ctx, tangent):
        return tangent * 2


class Mapped(SetUp):
    generate_vmap_rule = True


class OneReturn(SetUp):
    @staticmethod
    def vmap(info, in_dims, x):
        assert type(info).__name__ == "VmapInfo" and info.batch_size == 3
        return x * 2


def backward(x):
    (x * x).sum().backward()
    return x.sum()


def requires_grad_(x):
    return x.requires_grad_().sum()


def retain_grad(x):
    x.retain_grad()
    return x.sum()


TRANSFORMS = {
    "grad": lambda lib: lib.func.grad,
    "vmap": lambda lib: lib.func.vmap,
    "jacrev": lambda lib: lib.func.jacrev,
    "jvp": lambda lib: lambda f: lambda x: lib.func.jvp(f, (x,), (x,)),
}


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize(
    ("misuse", "words"),
    [
        (backward, r"backward\(\) called inside a functorch transform"),
        (requires_grad_, r"attempting to call Tensor\.requires_grad_\(\)"),
        (retain_grad, r"attempting to call Tensor\.retain_grad\(\)"),
        (Doubled.apply, "it must override the setup_context staticmethod"),
    ],
)
def test_a_function_that_is_transformed_is_refused_what_the_transform_does(name, misuse, words):
    with pytest.raises(RuntimeError, match=words):
        TRANSFORMS[name](mg)(misuse)(mg.ones(3))
    x = mg.ones(3, requires_grad=True)  # and afterwards nothing is refused
    Doubled.apply(x).sum().backward()
    assert x.grad.tolist() == [2, 2, 2]


def test_a_custom_function_is_mapped_if_it_says_how():
    x = mg.arange(3.0)
    assert mg.func.vmap(Mapped.apply)(x).tolist() == [0, 2, 4]
    assert mg.func.grad(lambda x: SetUp.apply(x).sum())(x).tolist() == [2, 2, 2]
    assert mg.func.jvp(SetUp.apply, (x,), (x,))[1].tolist() == [0, 2, 4]
    with pytest.raises(RuntimeError, match="You tried to vmap over SetUp, but it does not have vmap support"):
        mg.func.vmap(SetUp.apply)(x)
    with pytest.raises(RuntimeError, match="to have two returns"):
        mg.func.vmap(OneReturn.apply)(x)


def test_a_gradient_within_a_gradient_runs_functions_that_are_differentiable_once():
    class Once(SetUp):
        @staticmethod
        @mg.autograd.function.once_differentiable
        def backward(ctx, grad):
            return grad * 2

    gradient = mg.func.grad(lambda x: Once.apply(x).sum())
    assert mg.func.grad(lambda x: (x * gradient(x).detach()).sum())(mg.ones(2)).tolist() == [2, 2]


def test_many_models_become_one_only_if_they_are_alike():
    frozen = nn.Linear(2, 3)
    frozen.weight.requires_grad_(False)
    for models, words in [
        ([], "at least one model"),
        ([nn.Linear(2, 3), nn.Linear(2, 3).eval()], "the same training/eval mode"),
        ([nn.Linear(2, 3), nn.ReLU()], "of the same class"),
        ([nn.Linear(2, 3), frozen], r"Expected weight from each model to have the same .requires_grad"),
    ]:
        with pytest.raises(RuntimeError, match=words):
            mg.func.stack_module_state(models)
    parameters, _ = mg.func.stack_module_state([nn.Linear(2, 3), nn.Linear(2, 3)])
    assert parameters["weight"].shape == (2, 3, 2) and parameters["weight"].is_leaf and parameters["bias"].requires_grad


@pytest.mark.oracle
def test_pytorch_refuses_the_same(torch):
    for transform in (torch.func.grad, torch.func.vmap):
        for misuse, words in [
            (backward, "inside a functorch transform"),
            (requires_grad_, r"Tensor\.requires_grad_\(\)"),
        ]:
            with pytest.raises(RuntimeError, match=words):
                transform(misuse)(torch.ones(3))


def test_words_of_freed_graphs_and_of_what_a_function_marks():
    x = mg.ones(2, requires_grad=True)
    y = x.exp().sum()
    y.backward()
    with pytest.raises(
        RuntimeError, match=r"Saved intermediate values of the graph are freed when you call .backward\(\)"
    ):
        y.backward()
    for mark, words in [("mark_dirty", "can only accept"), ("mark_non_differentiable", "only accepts")]:

        class Marks(mg.autograd.Function):
            method = mark

            @classmethod
            def marked(cls, ctx):
                getattr(ctx, cls.method)(3)

            @staticmethod
            def forward(ctx, x):
                Marks.marked(ctx)
                return x * 1

        with pytest.raises(RuntimeError, match=f"{mark} {words} variables, but argument 0 is of type int"):
            Marks.apply(x)
    with mg.autograd.set_multithreading_enabled(False):
        assert not mg.autograd.is_multithreading_enabled()
    assert mg.autograd.is_multithreading_enabled()
    leaf = (x * 1).grad_fn.next_functions[0][0]
    assert leaf._sequence_nr() == 2**64 - 1


def test_saved_tensors_may_be_written_to_in_one_context_only():
    x = mg.ones(2, requires_grad=True)
    graph = mg.autograd.graph
    with graph.allow_mutation_on_saved_tensors():
        y = x.clone()
        z = (y**2).sum()
        y.mul_(5)
        z.backward()
        with pytest.raises(RuntimeError, match="cannot be nested"), graph.allow_mutation_on_saved_tensors():
            pass
        z = (x**2).sum()
    assert x.grad.tolist() == [2, 2]
    with pytest.raises(AssertionError, match="Trying to backward outside"):
        z.backward()
    with pytest.raises(RuntimeError, match=r"increment_version expect a Iterable\[Tensor\]"):
        graph.increment_version(3)


def test_a_node_of_ones_own_function_is_shown_with_its_module():
    node = Doubled.apply(mg.ones(1, requires_grad=True)).grad_fn
    assert repr(node).startswith("<metagrad.autograd.function.DoubledBackward object at 0x")


# ------------------------------------------------ what one of many examples has no answer to

DYNAMIC = {
    "nonzero": lambda lib: lambda x: x.nonzero(),
    "where": lambda lib: lambda x: lib.where(x > 0)[0],
    "unique": lambda lib: lambda x: lib.unique(x),
    "unique_consecutive": lambda lib: lambda x: lib.unique_consecutive(x),
    "equal": lambda lib: lambda x: x * lib.equal(x, x),
    "allclose": lambda lib: lambda x: x * lib.allclose(x, x),
    "written": lambda lib: lambda x: lib.zeros(2).add_(x),
    "set": lambda lib: lambda x: _first_set(lib.zeros(2), x),
}


def _first_set(target, x):
    target[0] = x[0]
    return target


@pytest.mark.parametrize("name", DYNAMIC)
def test_vmap_refuses_what_has_another_form_or_no_room(name):
    x = mg.tensor([[1.0, 2.0], [2.0, 1.0]])  # of one form by chance: refused all the same
    with pytest.raises(RuntimeError, match="dynamic shape" if name not in ("written", "set") else "is not possible"):
        mg.func.vmap(DYNAMIC[name](mg))(x)


@pytest.mark.oracle
@pytest.mark.parametrize("name", DYNAMIC)
def test_pytorchs_vmap_refuses_it_too(torch, name):
    with pytest.raises(RuntimeError):
        torch.func.vmap(DYNAMIC[name](torch))(torch.tensor([[1.0, 2.0], [2.0, 1.0]]))


def test_a_captured_tensor_is_not_written_to_by_a_refused_map():
    captured = mg.ones(2)
    with pytest.raises(RuntimeError, match="is not possible"):
        mg.func.vmap(lambda x: captured.add_(x))(mg.ones(3, 2))
    assert captured.tolist() == [1.0, 1.0]


def test_a_buffer_that_a_call_replaces_is_replaced_in_the_dictionary():
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("seen", mg.zeros(()))

        def forward(self, x):
            self.seen = self.seen + 1
            return x + self.seen

    module, given = Counting(), {"seen": mg.tensor(5.0)}
    assert mg.func.functional_call(module, given, mg.tensor(1.0)).item() == 7.0
    assert (given["seen"].item(), module.seen.item()) == (6.0, 0.0)


def test_the_gradient_of_a_complex_value_is_refused():
    with pytest.raises(RuntimeError, match="real scalar outputs but got metagrad.complex64"):
        mg.func.grad(lambda x: x.sum() * 1j)(mg.ones(2))


def test_a_pulled_back_vector_may_be_given_the_arguments_of_a_backward_pass():
    _, pull = mg.func.vjp(mg.sin, mg.zeros(2))
    assert pull(mg.ones(2), retain_graph=True, create_graph=False)[0].tolist() == [1.0, 1.0]
    assert mg.autograd.Function.generate_vmap_rule is False
