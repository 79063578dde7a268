"""How hooks are kept, which programs look at; what is done where a hook or forward fails; and small helpers of modules."""

import pytest

import metagrad as mg
from metagrad import nn


def test_hooks_are_kept_as_they_were_given():
    layer, seen = nn.Linear(2, 2), []
    pre = layer.register_forward_pre_hook(lambda m, args, kwargs: seen.append(kwargs), with_kwargs=True)
    after = layer.register_forward_hook(lambda m, args, out: seen.append(len(args)), always_call=True)
    assert (
        [callable(h) for h in layer._forward_pre_hooks.values()]
        == [True]
        == [callable(h) for h in layer._forward_hooks.values()]
    )
    assert list(layer._forward_pre_hooks_with_kwargs) == [pre.id] and list(layer._forward_hooks_always_called) == [
        after.id
    ]
    layer(input=mg.ones(1, 2))
    assert list(seen[0]) == ["input"] and seen[1] == 0
    pre.remove()
    after.remove()
    assert (
        not layer._forward_pre_hooks
        and not layer._forward_pre_hooks_with_kwargs
        and not layer._forward_hooks_always_called
    )


def test_a_hook_with_keyword_arguments_returns_both_or_nothing():
    layer = nn.Linear(2, 2)
    layer.register_forward_pre_hook(lambda m, args, kwargs: 3, with_kwargs=True)
    with pytest.raises(RuntimeError, match="must return None or a tuple of \\(new_args, new_kwargs\\), but got 3"):
        layer(mg.ones(1, 2))


def test_a_hook_that_is_always_called_and_fails_is_said():
    class Failing(nn.Module):
        def forward(self, x):
            raise KeyError("forward")

    module = Failing()
    module.register_forward_hook(lambda m, args, out: 1 / 0, always_call=True)
    with pytest.warns(UserWarning, match="silenced as another error was raised"), pytest.raises(KeyError):
        module(mg.ones(1))


def test_pruning_is_found_among_the_hooks():
    layer = nn.utils.prune.l1_unstructured(nn.Linear(3, 2), "weight", 2)
    nn.utils.prune.l1_unstructured(layer, "weight", 1)
    (hook,) = layer._forward_pre_hooks.values()
    assert isinstance(hook, nn.utils.prune.PruningContainer) and hook._tensor_name == "weight" and len(hook) == 2


def test_clipping_by_the_number_of_gradients_that_are_not_zero():
    parameters = [nn.Parameter(mg.zeros(2)), nn.Parameter(mg.zeros(1)), nn.Parameter(mg.zeros(1))]
    for p, g in zip(parameters, ([3.0, 4.0], [1.0], [0.0]), strict=True):
        p.grad = mg.tensor(g)
    assert nn.utils.clip_grad_norm_(parameters, 1.0, 0).item() == 2.0
    mg.testing.assert_close(parameters[0].grad, mg.tensor([1.5, 2.0]))


def test_a_prefix_is_taken_off_names():
    state = {"module.a": 1, "b": 2}
    nn.modules.utils.consume_prefix_in_state_dict_if_present(state, "module.")
    assert state == {"b": 2, "a": 1} and list(state) == ["b", "a"]


def test_what_cannot_be_made_without_initial_values_is_refused():
    assert tuple(nn.utils.skip_init(nn.Linear, 2, 3).weight.shape) == (3, 2)
    with pytest.raises(RuntimeError, match="must support a 'device' arg"):
        nn.utils.skip_init(nn.ReLU)
