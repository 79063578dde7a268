"""Parametrizations against PyTorch's: values, gradients, names, assignment, removal, errors."""

import copy

import numpy as np
import pytest

import metagrad
from metagrad import nn
from metagrad.nn.utils import parametrizations, parametrize

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle


def pair(make):
    """The same layer in both libraries, with the same numbers."""
    theirs, ours = make(torch.nn), make(nn)
    ours.load_state_dict({k: metagrad.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    return ours, theirs


def same_state(ours, theirs):
    found, expected = ours.state_dict(), theirs.state_dict()
    assert list(found) == list(expected)
    for k, v in expected.items():
        np.testing.assert_allclose(found[k].numpy(), v.numpy(), rtol=1e-4, atol=1e-5, err_msg=k)
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    assert repr(ours) == repr(theirs)


def same_step(ours, theirs, x):
    found = []
    for library, layer in ((metagrad, ours), (torch, theirs)):
        layer.zero_grad()
        y = layer(library.tensor(x))
        (y * library.tensor(np.cos(np.arange(y.numel(), dtype="float32"))).reshape(y.shape)).sum().backward()
        found.append([y.detach().numpy(), *[p.grad.numpy() for p in layer.parameters()]])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


X = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)


@pytest.mark.parametrize("dim", [0, 1, None])
def test_weight_norm(dim):
    ours, theirs = pair(lambda nn: nn.Linear(3, 5))
    parametrizations.weight_norm(ours, dim=dim)
    torch.nn.utils.parametrizations.weight_norm(theirs, dim=dim)
    same_state(ours, theirs)
    same_step(ours, theirs, X)
    ours.weight = metagrad.ones(5, 3)
    theirs.weight = torch.ones(5, 3)
    same_state(ours, theirs)
    parametrize.remove_parametrizations(ours, "weight")
    torch.nn.utils.parametrize.remove_parametrizations(theirs, "weight")
    same_state(ours, theirs)
    assert type(ours) is nn.Linear and isinstance(ours.weight, nn.Parameter)


def test_spectral_norm():
    ours, theirs = pair(lambda nn: nn.Linear(3, 5))
    parametrizations.spectral_norm(ours)
    torch.nn.utils.parametrizations.spectral_norm(theirs)
    assert abs(np.linalg.norm(ours.weight.detach().numpy(), 2) - 1) < 1e-2
    assert {k: tuple(v.shape) for k, v in ours.state_dict().items()} == {
        k: tuple(v.shape) for k, v in theirs.state_dict().items()
    }
    ours.load_state_dict({k: metagrad.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    same_step(ours, theirs, X)
    same_state(ours, theirs)
    ours.eval(), theirs.eval()
    same_step(ours, theirs, X)
    same_state(ours, theirs)
    with pytest.raises(ValueError, match="no parameter"):
        parametrizations.spectral_norm(nn.Linear(2, 2), "nothing")


@pytest.mark.parametrize("shape", [(3, 3), (3, 5), (3, 2)])
@pytest.mark.parametrize("orthogonal_map", ["matrix_exp", "cayley", "householder", None])
@pytest.mark.parametrize("trivial", [True, False])
def test_orthogonal(shape, orthogonal_map, trivial):
    columns, rows = shape
    ours, theirs = pair(lambda nn: nn.Linear(columns, rows))
    options = {"orthogonal_map": orthogonal_map, "use_trivialization": trivial}
    torch.nn.utils.parametrizations.orthogonal(theirs, **options)
    parametrizations.orthogonal(ours, **options)
    w = ours.weight.detach().numpy()
    np.testing.assert_allclose(w @ w.T if rows < columns else w.T @ w, np.eye(min(shape)), atol=1e-5)
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    assert repr(ours) == repr(theirs)
    ours(metagrad.tensor(X)).sum().backward()
    assert all(np.isfinite(p.grad.numpy()).all() for p in ours.parameters())


def classes(nn):
    class Symmetric(nn.Module):
        def forward(self, x):
            return x.triu() + x.triu(1).T

        def right_inverse(self, x):
            return x.triu()

    class Doubled(nn.Module):
        def forward(self, x):
            return x * 2

    return Symmetric, Doubled


@pytest.mark.parametrize("left", [False, True])
def test_one_upon_another_and_removal(left):
    ours, theirs = pair(lambda nn: nn.Linear(3, 3))
    for layer, library in ((ours, metagrad), (theirs, torch)):
        symmetric, doubled = classes(library.nn)
        p = library.nn.utils.parametrize
        assert not p.is_parametrized(layer)
        p.register_parametrization(layer, "weight", symmetric())
        p.register_parametrization(layer, "weight", doubled())
        assert p.is_parametrized(layer) and p.is_parametrized(layer, "weight") and not p.is_parametrized(layer, "bias")
        assert p.type_before_parametrizations(layer) is library.nn.Linear
    same_state(ours, theirs)
    same_step(ours, theirs, X)
    with pytest.raises(RuntimeError, match="right_inverse"):
        ours.weight = metagrad.ones(3, 3)
    kept = copy.deepcopy(ours)
    parametrize.remove_parametrizations(ours, "weight", leave_parametrized=left)
    torch.nn.utils.parametrize.remove_parametrizations(theirs, "weight", leave_parametrized=left)
    same_state(ours, theirs)
    assert type(ours) is nn.Linear and parametrize.is_parametrized(kept) and kept.weight.shape == (3, 3)


def test_cached_computes_once():
    layer = nn.Linear(3, 3)
    parametrize.register_parametrization(layer, "weight", classes(nn)[0]())
    assert layer.weight is not layer.weight
    with parametrize.cached():
        first = layer.weight
        assert layer.weight is first
    assert layer.weight is not first


def test_errors():
    layer = nn.Linear(3, 3)
    with pytest.raises(ValueError, match="does not have a parameter"):
        parametrize.register_parametrization(layer, "nothing", nn.Identity())
    with pytest.raises(ValueError, match="does not have a parametrization"):
        parametrize.remove_parametrizations(layer, "weight")

    assert parametrize.transfer_parametrizations_and_params(layer, other := nn.Linear(3, 3)) is other

    class Shorter(nn.Module):
        def forward(self, x):
            return x[:1]

    with pytest.raises(ValueError, match="unsafe"):
        parametrize.register_parametrization(layer, "weight", Shorter())
    assert isinstance(layer.weight, nn.Parameter)
    assert parametrize.register_parametrization(layer, "weight", Shorter(), unsafe=True).weight.shape == (1, 3)


def test_a_changed_shape_or_dtype_is_named_and_the_cache_is_counted():
    class Row(nn.Module):
        def forward(self, x):
            return x[0]

    class Double(nn.Module):
        def forward(self, x):
            return x.double()

    words = "may not change the {0} of the tensor, unless `unsafe` flag is enabled.\nunparametrized {0}: {1}\n"
    with pytest.raises(
        ValueError, match=words.format("shape", r".*Size\(\[2, 2\]\)") + r"parametrized shape: .*Size\(\[2\]\)$"
    ):
        parametrize.register_parametrization(nn.Linear(2, 2), "weight", Row())
    with pytest.raises(ValueError, match=words.format("dtype", r".*\.float32") + r"parametrized dtype: .*\.float64$"):
        parametrize.register_parametrization(nn.Linear(2, 2), "weight", Double())
    with parametrize.cached():
        assert parametrize._cache_enabled == 1
    assert parametrize._cache_enabled == 0
