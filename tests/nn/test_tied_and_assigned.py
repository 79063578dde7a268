"""Tensors given to a module from outside: tied names in functional_call, requires_grad of what is assigned."""

import pytest

import metagrad as mg
from metagrad import nn


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Parameter(mg.ones(1))
        self.b = self.a

    def forward(self, x):
        return self.a * x + self.b * x


def test_different_tensors_for_one_shared_parameter_are_refused():
    five, six = mg.full((1,), 5.0), mg.full((1,), 6.0)
    with pytest.raises(ValueError, match="which are tied"):
        mg.func.functional_call(Tied(), {"a": five, "b": six}, mg.ones(1))
    assert mg.func.functional_call(Tied(), {"a": five, "b": five}, mg.ones(1)).item() == 10
    assert mg.func.functional_call(Tied(), {"a": five, "b": six}, mg.ones(1), tie_weights=False).item() == 11


def test_an_assigned_parameter_requires_grad_as_the_one_before_did():
    layer, frozen = nn.Linear(2, 1), nn.Parameter(mg.zeros(1, 2), requires_grad=False)
    layer.bias.requires_grad_(False)
    layer.load_state_dict({"weight": frozen, "bias": mg.zeros(1)}, assign=True)
    assert layer.weight is frozen and layer.weight.requires_grad and not layer.bias.requires_grad


def test_what_cannot_be_copied_is_named_and_the_rest_is_loaded():
    layer = nn.Linear(2, 1)
    with pytest.raises(
        RuntimeError, match=r'(?s)state_dict for Linear:.*"bias", whose dimensions.*can require gradients'
    ):
        layer.load_state_dict({"bias": mg.tensor([1]), "weight": mg.ones(1, 2)}, assign=True)
    assert layer.weight.tolist() == [[1.0, 1.0]]
    with pytest.raises(RuntimeError, match=r"(?s)for Linear:.*Cannot copy out of meta tensor"):
        layer.load_state_dict({"weight": mg.ones(1, 2, device="meta"), "bias": mg.zeros(1)})
    assert layer.bias.tolist() == [0.0]


def test_a_layer_without_memory_says_that_nothing_is_copied():
    layer = nn.Linear(2, 1, device="meta")
    with pytest.warns(UserWarning, match="for weight: copying from a non-meta parameter in the checkpoint to a meta"):
        layer.load_state_dict({"weight": mg.ones(1, 2)}, strict=False)
    layer.load_state_dict({"weight": mg.ones(1, 2)}, strict=False, assign=True)
    assert layer.weight.tolist() == [[1.0, 1.0]]
