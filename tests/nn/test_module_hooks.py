"""Hooks around modules and their state: every test runs with metagrad, and with PyTorch where it is installed."""

from collections import OrderedDict

import pytest

import metagrad


@pytest.fixture(params=["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
def lib(request):
    return metagrad if request.param == "metagrad" else pytest.importorskip("torch")


@pytest.fixture
def nn(lib):
    return lib.nn


def linear(lib, weight=2.0):
    layer = lib.nn.Linear(2, 2, bias=False)
    with lib.no_grad():
        layer.weight.fill_(weight)
    return layer


def test_the_gradient_can_be_replaced_before_it_enters_a_module(lib):
    layer, seen = linear(lib), []
    layer.register_full_backward_pre_hook(lambda m, grads: (grads[0] * 3,))
    layer.register_full_backward_hook(lambda m, into, out: seen.append((into[0].tolist(), out[0].tolist())))
    x = lib.ones(1, 2, requires_grad=True)
    layer(x).sum().backward()
    assert seen == [([[12.0, 12.0]], [[3.0, 3.0]])]
    assert x.grad.tolist() == [[12.0, 12.0]] and layer.weight.grad.tolist() == [[3.0, 3.0]] * 2


def test_a_pre_hook_alone_sees_the_gradient(lib):
    layer, seen = linear(lib), []
    layer.register_full_backward_pre_hook(lambda m, grads: seen.append(grads[0].tolist()))
    layer(lib.ones(1, 2, requires_grad=True)).sum().backward()
    assert seen == [[[1.0, 1.0]]]


def test_a_hook_can_be_called_whatever_happens(lib, nn):
    class Fails(nn.Module):
        def forward(self, x):
            raise ValueError("no")

    m, seen = Fails(), []
    m.register_forward_hook(lambda m, args, out: seen.append("only when it works"))
    m.register_forward_hook(lambda m, args, out: seen.append(out), always_call=True)
    with pytest.raises(ValueError, match="no"):
        m(lib.ones(1))
    assert seen == [None]


def test_hooks_of_all_modules(lib, nn):
    import importlib

    module = importlib.import_module(f"{lib.__name__}.nn.modules.module")
    seen = []
    model = nn.Sequential(linear(lib), nn.ReLU())
    x = lib.ones(1, 2, requires_grad=True)
    handles = [
        module.register_module_forward_pre_hook(lambda m, args: seen.append(("pre", type(m).__name__))),
        module.register_module_forward_hook(lambda m, args, out: seen.append(("after", type(m).__name__))),
        module.register_module_full_backward_hook(lambda m, i, o: seen.append(("backward", type(m).__name__))),
        module.register_module_full_backward_pre_hook(lambda m, o: seen.append(("gradient", type(m).__name__))),
    ]
    model(x).sum().backward()
    for handle in handles:
        handle.remove()
    assert seen == [
        ("pre", "Sequential"), ("pre", "Linear"), ("after", "Linear"), ("pre", "ReLU"), ("after", "ReLU"),
        ("after", "Sequential"), ("gradient", "Sequential"), ("gradient", "ReLU"), ("backward", "ReLU"),
        ("gradient", "Linear"), ("backward", "Linear"), ("backward", "Sequential"),
    ]  # fmt: skip
    model(x)
    assert len(seen) == 12


class TestState:
    """What goes into a state, and comes back."""

    def test_extra_state(self, lib, nn):
        class Counts(nn.Module):
            def __init__(self):
                super().__init__()
                self.weight, self.seen = nn.Parameter(lib.ones(1)), 0

            def get_extra_state(self):
                return {"seen": self.seen}

            def set_extra_state(self, state):
                self.seen = state["seen"]

        source, target = nn.Sequential(Counts()), nn.Sequential(Counts())
        source[0].seen = 7
        state = source.state_dict()
        assert list(state) == ["0.weight", "0._extra_state"] and state["0._extra_state"] == {"seen": 7}
        target.load_state_dict(state)
        assert target[0].seen == 7
        del state["0._extra_state"]
        with pytest.raises(RuntimeError, match=r"0\._extra_state"):
            target.load_state_dict(state)
        with pytest.raises(RuntimeError, match=r"Unexpected key.*_extra_state"):
            nn.Linear(1, 1, bias=False).load_state_dict({"weight": lib.ones(1, 1), "_extra_state": 1})

    def test_own_loading(self, lib, nn):
        class Renamed(nn.Linear):
            def _load_from_state_dict(self, state_dict, prefix, *rest):
                if prefix + "kernel" in state_dict:
                    state_dict[prefix + "weight"] = state_dict.pop(prefix + "kernel").t()
                super()._load_from_state_dict(state_dict, prefix, *rest)

        model = nn.Sequential(Renamed(2, 3), nn.Linear(3, 1))
        state = model.state_dict()
        kernel = lib.arange(6.0).reshape(2, 3)
        given = OrderedDict({"0.kernel": kernel, **{k: v for k, v in state.items() if k != "0.weight"}})
        assert str(model.load_state_dict(given)) == "<All keys matched successfully>"
        assert model[0].weight.equal(kernel.t()) and "0.kernel" in given
        with pytest.raises(RuntimeError, match="Missing key") as error:
            model.load_state_dict({"0.nothing": kernel, "1.weight": state["1.weight"], "1.bias": state["1.bias"]})
        assert '"0.weight", "0.bias"' in str(error.value) and '"0.nothing"' in str(error.value)
        keys = model.load_state_dict({"0.nothing": kernel, "2.weight": kernel}, strict=False)
        assert sorted(keys.missing_keys) == ["0.bias", "0.weight", "1.bias", "1.weight"]
        assert sorted(keys.unexpected_keys) == ["0.nothing", "2.weight"]

    def test_a_module_may_rename_what_its_children_load(self, lib, nn):
        seen = []

        class Parent(nn.Module):
            def __init__(self):
                super().__init__()
                self.inner, self.scale = nn.Linear(2, 1, bias=False), nn.Parameter(lib.zeros(1))

            def _load_from_state_dict(self, state, prefix, local, strict, missing, unexpected, errors):
                seen.append((sorted(state), prefix, list(missing)))
                state[prefix + "inner.weight"] = state.pop(prefix + "old.weight")
                super()._load_from_state_dict(state, prefix, local, strict, missing, unexpected, errors)
                seen.append(self.scale.item())

        model = nn.Sequential(nn.Linear(1, 1, bias=False), Parent())
        model[0].register_load_state_dict_post_hook(lambda m, keys: seen.append(list(keys.missing_keys)))
        model[1].inner.register_load_state_dict_post_hook(lambda m, keys: keys.missing_keys.clear())
        given = {"1.old.weight": lib.ones(1, 2), "1.scale": lib.ones(1)}
        assert str(model.load_state_dict(given)) == "<All keys matched successfully>"
        assert seen == [["0.weight"], (["1.old.weight", "1.scale"], "1.", ["0.weight"]), 1.0]
        assert model[1].inner.weight.tolist() == [[1.0, 1.0]] and len(given) == 2

    def test_hooks_are_called_child_by_child_in_order(self, lib, nn):
        model, seen = nn.Sequential(nn.Sequential(nn.ReLU()), nn.ReLU()), []
        for name, module in model.named_modules():
            module.register_load_state_dict_post_hook(lambda m, keys, name=name: seen.append(name))
        model.load_state_dict({})
        assert seen == ["0.0", "0", "1", ""]

    def test_own_saving(self, lib, nn):
        class Doubled(nn.Linear):
            def _save_to_state_dict(self, destination, prefix, keep_vars):
                super()._save_to_state_dict(destination, prefix, keep_vars)
                destination[prefix + "double"] = self.weight.detach() * 2

        assert list(nn.Sequential(Doubled(1, 1)).state_dict()) == ["0.weight", "0.bias", "0.double"]

    def test_hooks(self, lib, nn):
        model, seen = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1, bias=False)), []

        def renames(module, state, prefix, *rest):
            seen.append(("loading", prefix))
            if prefix + "w" in state:
                state[prefix + "weight"] = state.pop(prefix + "w")

        model[0].register_state_dict_pre_hook(lambda m, prefix, keep_vars: seen.append(("saving", prefix, keep_vars)))
        model[0].register_state_dict_post_hook(
            lambda m, state, prefix, local: state.pop(prefix + "bias") is None or None
        )
        model[1].register_load_state_dict_pre_hook(renames)
        model[0].register_load_state_dict_post_hook(lambda m, keys: keys.missing_keys.clear())
        state = model.state_dict(keep_vars=True)
        assert list(state) == ["0.weight", "1.weight"] and seen == [("saving", "0.", True)]
        given = {"0.weight": lib.zeros(1, 1), "1.w": lib.ones(1, 1) * 5}
        assert str(model.load_state_dict(given)) == "<All keys matched successfully>"
        assert model[1].weight.item() == 5 and model[0].weight.item() == 0 and "1.w" in given
        assert seen[1:] == [("loading", "1.")]

    def test_a_state_says_its_version(self, nn):
        state = nn.Sequential(nn.BatchNorm1d(2), nn.Linear(1, 1)).state_dict()
        assert dict(state._metadata) == {"": {"version": 1}, "0": {"version": 2}, "1": {"version": 1}}

    def test_batch_norm_reads_states_that_do_not_count(self, lib, nn):
        layer = nn.BatchNorm1d(2)
        state = {k: v for k, v in layer.state_dict().items() if k != "num_batches_tracked"}
        assert str(layer.load_state_dict(state)) == "<All keys matched successfully>"
        counted = layer.state_dict()
        del counted["num_batches_tracked"]
        with pytest.raises(RuntimeError, match="num_batches_tracked"):
            layer.load_state_dict(counted)

    def test_positional_arguments(self, lib, nn):
        found = OrderedDict(first=1)
        assert list(nn.Linear(1, 1).state_dict(destination=found, prefix="p.")) == ["first", "p.weight", "p.bias"]


@pytest.mark.oracle
def test_messages_are_pytorchs():
    torch = pytest.importorskip("torch")
    messages = []
    for lib in (torch, metagrad):
        model = lib.nn.Sequential(lib.nn.Linear(2, 3), lib.nn.BatchNorm1d(3))
        state = model.state_dict()
        del state["0.bias"], state["1.running_mean"]
        state.update({"0.weight": lib.zeros(4, 2), "1.weight": 3, "x": lib.zeros(1), "0.y": lib.zeros(1)})
        with pytest.raises(RuntimeError) as error:
            model.load_state_dict(state)
        messages.append(str(error.value).replace("metagrad", "torch"))
    assert messages[0] == messages[1]


def test_memory_without_numbers(lib, nn):
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    weight = model[0].weight
    assert model.to_empty(device="cpu") is model and model[0].weight is weight
    assert [tuple(p.shape) for p in model.parameters()] == [(3, 2), (3,), (3,), (3,)]


def test_submodules_are_put_in_their_place(lib, nn):
    model = nn.Sequential(OrderedDict(body=nn.Sequential(nn.Linear(1, 1))))
    model.set_submodule("body.0", nn.ReLU())
    model.set_submodule("body.1", nn.Tanh())
    assert [type(m).__name__ for m in model.body] == ["ReLU", "Tanh"]
    with pytest.raises(AttributeError):
        model.set_submodule("nothing.0", nn.ReLU())
    with pytest.raises(AttributeError):
        model.set_submodule("body.7", nn.ReLU(), strict=True)
    with pytest.raises(ValueError, match=r"[Mm]odule"):
        model.set_submodule("body.0", 3)


def test_handles_are_where_programs_look(lib):
    import importlib

    handle = lib.nn.Linear(1, 1).register_forward_hook(lambda *_: None)
    assert isinstance(handle, importlib.import_module(f"{lib.__name__}.utils.hooks").RemovableHandle)


def test_what_was_shown_while_loading_is_taken_back_where_the_state_does_not_fit():
    class Looks(metagrad.nn.Linear):
        def _load_from_state_dict(self, *given):
            super()._load_from_state_dict(*given)
            seen.append(self.weight.item())

    seen = []
    model = metagrad.nn.Sequential(Looks(1, 1, bias=False), metagrad.nn.Linear(2, 1, bias=False))
    before = {name: t.clone() for name, t in model.state_dict().items()}
    for assign in (False, True):
        weight = model[0].weight
        with pytest.raises(RuntimeError, match="size mismatch for 1.weight"):
            model.load_state_dict({"0.weight": metagrad.ones(1, 1) * 5, "1.weight": metagrad.ones(1, 1)}, assign=assign)
        assert model[0].weight is weight
        assert all(t.equal(before[name]) for name, t in model.state_dict().items())
    assert seen == [5.0, 5.0]
