"""Older names and settings that programs still use, and what changes nothing in a single process."""

import numpy as np
import pytest

import metagrad as mg


@pytest.fixture(params=["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
def lib(request):
    return mg if request.param == "metagrad" else pytest.importorskip("torch")


INITIALS = (
    "uniform normal constant eye dirac orthogonal sparse xavier_uniform xavier_normal kaiming_uniform kaiming_normal"
)


@pytest.mark.parametrize("name", INITIALS.split())
def test_names_without_the_underscore_warn_and_work(lib, name):
    w = lib.zeros(4, 3, 3) if name == "dirac" else lib.zeros(4, 3)
    own = {"constant": (2.0,), "sparse": (0.5,)}.get(name, ())
    with pytest.warns(FutureWarning, match=rf"nn.init.{name}\W+is now deprecated in favor of .*nn.init.{name}_"):
        assert getattr(lib.nn.init, name)(w, *own) is w
    assert float(w.abs().sum()) > 0


def test_clip_grad_norm_without_the_underscore(lib):
    x = lib.tensor([3.0, 4.0], requires_grad=True)
    (x * x).sum().backward()
    with pytest.warns(FutureWarning, match="clip_grad_norm_"):
        assert float(lib.nn.utils.clip_grad_norm([x], 1.0)) == pytest.approx(10)
    assert float(x.grad.norm()) == pytest.approx(1, abs=1e-5)


def test_hardtanh_by_its_older_settings(lib):
    with pytest.warns(FutureWarning, match="is deprecated"):
        layer = lib.nn.Hardtanh(min_value=-2.0, max_value=0.5)
    assert (layer.min_val, layer.max_val) == (-2.0, 0.5)


@pytest.mark.parametrize("name", ["BatchNorm1d", "InstanceNorm1d"])
def test_lazy_norms_without_a_bias(lib, name):
    layer = getattr(lib.nn, f"Lazy{name}")(affine=True, bias=False)
    layer(lib.randn(4, 3, 5))
    assert list(dict(layer.named_parameters())) == ["weight"] and type(layer).__name__ == name


def test_compiling_in_place_changes_nothing(lib):
    if lib is mg:
        layer = lib.nn.Linear(2, 2)
        assert layer.compile(mode="default") is None and layer(lib.ones(1, 2)).shape == (1, 2)


@pytest.mark.oracle
def test_sync_batch_norm_is_batch_norm(torch):
    numbers = np.random.default_rng(0).normal(size=(6, 3, 4))
    found = []
    for lib in (torch, mg):
        model = lib.nn.Sequential(
            lib.nn.Conv1d(3, 3, 1), lib.nn.BatchNorm1d(3), lib.nn.Sequential(lib.nn.BatchNorm1d(3))
        ).double()
        with lib.no_grad():
            for i, p in enumerate(model.parameters()):
                p.copy_(lib.linspace(0.1, 1.0, p.numel(), dtype=lib.float64).reshape(p.shape) * (i + 1))
        model = lib.nn.SyncBatchNorm.convert_sync_batchnorm(model)
        assert type(model[2][0]) is lib.nn.SyncBatchNorm
        y = model(lib.tensor(numbers))
        y.pow(3).sum().backward()
        model.eval()
        found.append(
            [y, model(lib.tensor(numbers)), *(p.grad for p in model.parameters()), *model.state_dict().values()]
        )
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(b.detach().numpy(), a.detach().numpy(), rtol=1e-6, atol=1e-9)
    with pytest.raises(ValueError, match="at least 2D"):
        mg.nn.SyncBatchNorm(3)(mg.ones(3))


@pytest.mark.oracle
@pytest.mark.parametrize("transpose", [False, True])
def test_fused_weights(torch, transpose):
    random = np.random.default_rng(0)
    w = random.normal(size=(3, 3, 2)).astype("float32")
    vectors = [random.uniform(0.5, 1.5, 3).astype("float32") for _ in range(5)]
    found = []
    for lib in (torch, mg):
        b, mean, var, gain, shift = (lib.tensor(v) for v in vectors)
        found.append(
            lib.nn.utils.fusion.fuse_conv_bn_weights(lib.tensor(w), b, mean, var, 1e-5, gain, shift, transpose)
        )
        found[-1] += lib.nn.utils.fusion.fuse_linear_bn_weights(
            lib.tensor(w[..., 0]), None, mean, var, 1e-5, gain, shift
        )
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(b.detach().numpy(), a.detach().numpy(), rtol=1e-5)


def test_a_dictionary_of_parameters(lib):
    one, two = lib.ones(1), lib.nn.Parameter(lib.ones(2))
    table = lib.nn.ParameterDict({"one": one, "two": two, "name": "a string"})
    assert list(table) == ["name", "one", "two"] and len(table) == 3 and list(reversed(table)) == ["two", "one", "name"]
    assert isinstance(table["one"], lib.nn.Parameter) and table["two"] is two and table.get("three", 3) == 3
    assert len(list(table.parameters())) == 2 and sorted(table.state_dict()) == ["one", "two"]
    assert table.setdefault("three", lib.zeros(3)).shape == (3,) and table.popitem()[0] == "three"
    assert table.pop("name") == "a string" and "name" not in table
    both = table | {"four": lib.zeros(4)}
    assert list(both) == ["one", "two", "four"] and list(table.copy()) == ["one", "two"] and both["two"] is two
    table |= lib.nn.ParameterDict([("five", lib.zeros(5))])
    assert list(table.keys()) == ["one", "two", "five"] and [p.shape[0] for p in table.values()] == [1, 2, 5]
    assert list(table.fromkeys(["a", "b"], lib.zeros(1))) == ["a", "b"]
    table.clear()
    assert not list(table) and not list(table.parameters())
    with pytest.raises((KeyError, AttributeError)):
        table["one"]
    with pytest.raises(TypeError):
        table[1] = one
