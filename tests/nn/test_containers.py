"""Containers as lists and dictionaries, what they refuse, and hooks on what modules are given."""

import pytest

import metagrad as mg
from metagrad import nn


def test_sequences_add_and_repeat_in_place():
    m = nn.Sequential(nn.ReLU())
    same = m
    m += nn.Sequential(nn.Tanh())
    m *= 2
    assert m is same and [type(x) for x in m] == [nn.ReLU, nn.Tanh, nn.ReLU, nn.Tanh]
    for misuse, kind, words in [
        (lambda: m + 3, ValueError, "supports only objects of Sequential class"),
        (lambda: m * 1.5, TypeError, "unsupported operand"),
        (lambda: m * 0, ValueError, "Non-positive multiplication factor 0"),
        (lambda: m.insert(9, nn.ReLU()), IndexError, "Index out of range: 9"),
        (lambda: m.insert(0, 3), AssertionError, "module should be of type"),
    ]:
        with pytest.raises(kind, match=words):
            misuse()


def test_lists_of_modules_are_lists():
    m = nn.ModuleList([nn.ReLU()])
    assert m.insert(0, nn.Tanh()) is None and isinstance(m + [nn.Linear(1, 1)], nn.ModuleList) and "0" not in dir(m)
    m += [nn.GELU()]
    assert [type(x) for x in m] == [nn.Tanh, nn.ReLU, nn.GELU]
    with pytest.raises(TypeError, match="ModuleList.extend should be called with an iterable, but got int"):
        m.extend(3)
    for given, kind, words in [(3, TypeError, "iterable of key/value pairs"), ([3], TypeError, "#0 should be Iterable"),
                               ([("a", nn.ReLU(), 1)], ValueError, "#0 has length 3; 2 is required")]:  # fmt: skip
        with pytest.raises(kind, match=words):
            nn.ModuleDict(given)


def test_lists_of_parameters_keep_what_is_no_tensor():
    with pytest.raises(TypeError, match="extend should be called with an iterable, but got Tensor"):
        nn.ParameterList(mg.ones(2, 2))
    p = nn.ParameterList([mg.ones(2), 3])
    p += [mg.zeros(1)]
    assert [type(x) for x in p] == [nn.Parameter, int, nn.Parameter] and list(p.state_dict()) == ["0", "2"]
    for container in (p, nn.ParameterDict()):
        with pytest.raises(RuntimeError, match="should not be called"):
            container(1)


def test_hooks_see_what_modules_are_given():
    seen, hooks = [], nn.modules.module
    handles = [
        hooks.register_module_parameter_registration_hook(lambda m, name, p: seen.append(name)),
        hooks.register_module_buffer_registration_hook(lambda m, name, b: seen.append(name)),
        hooks.register_module_module_registration_hook(lambda m, name, child: nn.Tanh() if name == "0" else None),
    ]
    try:
        model = nn.Sequential(nn.BatchNorm1d(2))
        model.also = nn.Buffer(mg.zeros(1))
        model.also = mg.ones(1)  # a buffer that is assigned again is registered again
    finally:
        for handle in handles:
            handle.remove()
    assert (
        seen == ["weight", "bias", "running_mean", "running_var", "num_batches_tracked", "also", "also"]
        and type(model[0]) is nn.Tanh
    )


def test_backward_hooks_return_as_many_gradients_as_they_were_given():
    for register, words in [("register_full_backward_hook", "grad_input, got 3, but expected 1"),
                            ("register_full_backward_pre_hook", "grad_output, got 3, but expected 1")]:  # fmt: skip
        layer = nn.Linear(2, 2)
        getattr(layer, register)(lambda *_: (1, 2, 3))
        with pytest.raises(RuntimeError, match=words):
            layer(mg.ones(1, 2, requires_grad=True)).sum().backward()
    layer = nn.Linear(2, 2)
    layer.register_full_backward_hook(lambda *_: None)
    with pytest.raises(RuntimeError, match="Cannot use both regular backward hooks and full backward hooks"):
        layer.register_backward_hook(lambda *_: None)


def test_states_with_one_number_fit_tensors_without_dimensions():
    module = nn.Module()
    module.register_buffer("scale", mg.tensor(1.0))
    module.load_state_dict({"scale": mg.tensor([3.0])})
    assert module.scale.shape == () and module.scale.item() == 3.0


def test_weights_are_laid_out_as_images():
    assert nn.Conv2d(2, 3, 2).to(memory_format=mg.channels_last).weight.stride() == (8, 1, 4, 2)
    assert nn.Linear(2, 3).to(memory_format=mg.channels_last).weight.stride() == (2, 1)


@pytest.mark.parametrize(
    ("misuse", "words"),
    [
        (lambda m: m.get_submodule("1"), "Sequential has no attribute `1`"),
        (lambda m: m.get_submodule("0.weight"), "`weight` is not an nn.Module"),
        (lambda m: m.get_parameter("0.running_mean"), "`running_mean` is not an nn.Parameter"),
        (lambda m: m.get_buffer("0.weight"), "`weight` is not a buffer"),
    ],
)
def test_names_that_are_none_are_said(misuse, words):
    with pytest.raises(AttributeError, match=words):
        misuse(nn.Sequential(nn.BatchNorm1d(2)))


def test_what_cannot_be_a_parameter_leaves_a_list_as_it_was():
    parameters = nn.ParameterList([mg.ones(2)])
    with pytest.raises(RuntimeError, match="floating point"):
        parameters.append(mg.tensor([1, 2]))
    assert len(parameters) == 1
    assert len(parameters[0:2]) == 1


def test_a_childs_own_way_to_change_the_mode_is_asked():
    class Frozen(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm1d(2)

        def train(self, mode=True):
            super().train(mode)
            self.norm.eval()
            return self

    model = nn.Sequential(nn.Sequential(Frozen()), nn.Dropout(), None)
    model.eval().train()
    assert model.training and model[1].training and model[0][0].training and not model[0][0].norm.training


def test_members_of_modules_that_a_program_chooses():
    model = nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1))
    chosen = model._named_members(lambda m: m._parameters.items() if isinstance(m, nn.Linear) else [], prefix="net")
    assert [name for name, _ in chosen] == ["net.0.weight", "net.0.bias"]


def test_a_name_that_a_dictionary_of_parameters_lacks():
    table = nn.ParameterDict({"a": mg.ones(1)})
    with pytest.raises(AttributeError, match="'ParameterDict' object has no attribute 'b'"):
        table["b"]
    assert table.get("b") is None and "b" not in table


@pytest.mark.parametrize("make", [nn.Sequential, nn.ModuleList, nn.ParameterList])
def test_numbers_are_no_attributes_that_are_listed(make):
    made = make(nn.ReLU()) if make is nn.Sequential else make([mg.ones(1)] if make is nn.ParameterList else [nn.ReLU()])
    listed = dir(made)
    assert "0" not in listed and "training" in listed
    assert "0" not in dir(nn.ModuleDict({"0": nn.ReLU(), "a": nn.ReLU()}))


def test_a_module_pickled_before_there_were_buffers_that_are_not_saved():
    layer = nn.Linear(1, 1)
    state = {name: value for name, value in vars(layer).items() if name != "_non_persistent_buffers_set"}
    old = nn.Linear.__new__(nn.Linear)
    old.__setstate__(state)
    assert list(old.state_dict()) == ["weight", "bias"] and old(mg.zeros(1, 1)).shape == (1, 1)
