"""Parameters of a program's own class of tensors."""

import copy
import io
import pickle
import threading

import pytest

import metagrad as mg
from metagrad import nn


class Scaled(mg.Tensor):
    pass


def test_a_parameter_of_a_tensor_of_ones_own_class_keeps_the_class():
    p = nn.Parameter(mg.ones(2).as_subclass(Scaled))
    assert type(p) is Scaled and isinstance(p, nn.Parameter) and p.requires_grad and p.is_leaf
    assert repr(p) == "Parameter(Scaled([1., 1.], requires_grad=True))"
    assert not isinstance(mg.ones(2).as_subclass(Scaled), nn.Parameter)
    model = nn.Module()
    model.weight = p
    assert [name for name, _ in model.named_parameters()] == ["weight"]
    again = copy.deepcopy(model)
    assert type(again.weight) is Scaled and isinstance(again.weight, nn.Parameter)
    (p * 3).sum().backward()
    assert p.grad.tolist() == [3, 3]


def test_it_is_written_and_read_again():
    file = io.BytesIO()
    mg.save(nn.Parameter(mg.ones(2).as_subclass(Scaled)), file)
    file.seek(0)
    with pytest.raises(
        mg.serialization.CheckpointError, match="Weights only load failed.*Unsupported global: GLOBAL .*Scaled"
    ):
        mg.load(file)
    file.seek(0)
    found = mg.load(file, weights_only=False)
    assert type(found) is Scaled and isinstance(found, nn.Parameter) and found.requires_grad


@pytest.mark.oracle
def test_as_pytorchs(torch):
    kind = type("Scaled", (torch.Tensor,), {})
    p = torch.nn.Parameter(torch.ones(2).as_subclass(kind))
    assert type(p) is kind and isinstance(p, torch.nn.Parameter)
    assert repr(p) == "Parameter(Scaled([1., 1.], requires_grad=True))"


def test_a_copy_of_a_parameter_has_no_gradient_and_zeroing_keeps_the_tensor():
    layer = nn.Linear(1, 1)
    layer.weight.grad = kept = mg.ones(1, 1)
    assert copy.deepcopy(layer).weight.grad is None
    assert copy.deepcopy(mg.ones(1, requires_grad=True)).grad is None
    layer.zero_grad(set_to_none=False)
    assert layer.weight.grad is kept and kept.item() == 0.0


def test_a_pickled_result_requires_a_gradient_still():
    y = mg.ones(2, requires_grad=True) * 2
    again = pickle.loads(pickle.dumps(y))
    assert again.requires_grad and again.is_leaf and again.tolist() == [2.0, 2.0]


def test_attributes_of_a_deep_copy_are_copies_too():
    for x in (mg.ones(2), mg.nn.Buffer(mg.ones(2))):
        x.names, x.other, x.own = ["a"], mg.zeros(2), x
        y, other = copy.deepcopy([x, x.other])
        y.names.append("b")
        y.other += 1
        assert x.names == ["a"] and x.other.tolist() == [0, 0]
        assert y.own is y and y.other is other
        assert copy.copy(x).names is x.names


def test_a_deep_copy_of_a_parameter_leaves_what_hangs_on_it():
    """As in PyTorch, so that a layer can be copied whatever a program keeps there, such as a lock."""
    layer = mg.nn.Linear(2, 2)
    layer.weight.lock, layer.weight.owner = threading.Lock(), layer
    copied = copy.deepcopy(layer)
    assert copied.weight.tolist() == layer.weight.tolist() and not hasattr(copied.weight, "lock")


@pytest.mark.parametrize("way", [copy.deepcopy, copy.copy, lambda b: pickle.loads(pickle.dumps(b))])
def test_a_buffer_that_was_copied_is_registered(way):
    module = mg.nn.Module()
    module.mean = way(mg.nn.Buffer(mg.ones(2)))
    assert list(module.state_dict()) == ["mean"] and module.double().mean.dtype is mg.float64


def test_a_deep_copy_of_a_buffer_is_as_persistent():
    module = mg.nn.Module()
    module.scratch = copy.deepcopy(mg.nn.Buffer(mg.ones(2), persistent=False))
    assert not module.state_dict() and [name for name, _ in module.named_buffers()] == ["scratch"]


def test_a_module_goes_where_a_tensor_is():
    assert mg.nn.Linear(1, 1).to(tensor=mg.zeros(1, dtype=mg.float64)).weight.dtype is mg.float64


def test_only_tensors_are_asked_whether_they_are_parameters():
    class Options(dict):
        __getattr__ = dict.__getitem__  # a KeyError for what is not there

    module = nn.Module()
    module.options = Options(width=3)
    assert not isinstance(module.options, nn.Parameter) and module.options.width == 3
