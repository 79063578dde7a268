"""Modules: every test runs with metagrad, and with PyTorch where it is installed."""

import copy
import pickle
import sys

import numpy as np
import pytest

import metagrad


@pytest.fixture(params=["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
def lib(request):
    return metagrad if request.param == "metagrad" else pytest.importorskip("torch")


@pytest.fixture
def nn(lib):
    return lib.nn


def model(lib):
    class Model(lib.nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = lib.nn.Embedding(5, 3)
            self.body = lib.nn.Sequential(lib.nn.Linear(3, 4), lib.nn.Tanh(), lib.nn.Dropout(0.5))
            self.heads = lib.nn.ModuleDict({"a": lib.nn.Linear(4, 2, bias=False), "b": lib.nn.Linear(4, 1)})
            self.scale = lib.nn.Parameter(lib.ones(1))
            self.register_buffer("count", lib.zeros(1))
            self.register_buffer("scratch", lib.zeros(1), persistent=False)

        def forward(self, x):
            return self.heads["a"](self.body(self.embedding(x))) * self.scale

    return Model()


def test_names_and_order(lib):
    m = model(lib)
    assert [n for n, _ in m.named_parameters()] == [
        "scale", "embedding.weight", "body.0.weight", "body.0.bias", "heads.a.weight", "heads.b.weight", "heads.b.bias",
    ]  # fmt: skip
    assert [n for n, _ in m.named_buffers()] == ["count", "scratch"]
    assert [n for n, _ in m.named_children()] == ["embedding", "body", "heads"]
    assert [n for n, _ in m.named_modules()] == [
        "", "embedding", "body", "body.0", "body.1", "body.2", "heads", "heads.a", "heads.b",
    ]  # fmt: skip
    assert list(m.state_dict()) == [
        "scale", "count", "embedding.weight", "body.0.weight", "body.0.bias", "heads.a.weight", "heads.b.weight",
        "heads.b.bias",
    ]  # fmt: skip
    assert [n for n, _ in m.body.named_parameters(prefix="p", recurse=True)] == ["p.0.weight", "p.0.bias"]


@pytest.mark.oracle
def test_repr_is_pytorchs():
    torch = pytest.importorskip("torch")
    assert repr(model(metagrad)) == repr(model(torch))
    for make in (
        lambda nn: nn.ModuleList([nn.Linear(1, 2), nn.Linear(1, 2), nn.Sequential()]),
        lambda nn: nn.ModuleList([nn.Sequential(nn.Tanh()), nn.Sequential(nn.Tanh())]),
        lambda nn: nn.ModuleList(),
        lambda nn: nn.Embedding(4, 2, padding_idx=-1),
        lambda nn: nn.RNNCell(2, 3, nonlinearity="relu"),
        lambda nn: nn.LSTMCell(2, 3, bias=False),
        lambda nn: nn.CrossEntropyLoss(),
    ):
        assert repr(make(metagrad.nn)) == repr(make(torch.nn))


def test_parameters_can_be_replaced_shared_and_removed(lib, nn):
    m = nn.Linear(2, 2)
    first = m.weight
    m.weight = nn.Parameter(lib.zeros(2, 2))
    assert m.weight is not first and [n for n, _ in m.named_parameters()] == ["weight", "bias"]
    del m.bias
    with pytest.raises(AttributeError):
        m.bias
    m.tied = nn.Linear(2, 2)
    m.tied.weight = m.weight
    assert [n for n, _ in m.named_parameters()] == ["weight", "tied.bias"]
    assert list(m.state_dict()) == ["weight", "tied.weight", "tied.bias"]
    m.weight = None
    assert m.weight is None
    with pytest.raises(TypeError):
        m.weight = lib.zeros(2, 2)
    with pytest.raises(TypeError):
        m.tied = 3


def test_names_are_checked(lib, nn):
    m = nn.Linear(2, 2)
    for name, error in (("a.b", KeyError), ("", KeyError), ("forward", KeyError), (3, TypeError)):
        with pytest.raises(error):
            m.register_parameter(name, nn.Parameter(lib.zeros(1)))
        with pytest.raises(error):
            m.register_buffer(name, lib.zeros(1))
    with pytest.raises(TypeError):
        m.register_parameter("x", lib.zeros(1))
    with pytest.raises((TypeError, ValueError)):
        m.register_parameter("x", nn.Parameter(lib.zeros(1)) * 2)

    class Early(nn.Module):
        def __init__(self):
            self.weight = nn.Parameter(lib.zeros(1))

    with pytest.raises(AttributeError):
        Early()


def test_state_goes_round(lib):
    source, target = model(lib), model(lib)
    source.count += 3
    state = {k: v.clone() for k, v in source.state_dict().items()}
    weight = target.scale
    result = target.load_state_dict(state)
    assert str(result) == "<All keys matched successfully>"
    assert target.scale is weight and target.count.item() == 3
    for (_, a), (_, b) in zip(source.named_parameters(), target.named_parameters(), strict=True):
        assert (a == b).all() and a is not b


def test_a_state_that_does_not_fit_is_refused_with_all_names(lib):
    m = model(lib)
    state = dict(m.state_dict())
    del state["scale"], state["body.0.bias"]
    state["extra"] = lib.zeros(1)
    state["heads.b.weight"] = lib.zeros(9, 9)
    with pytest.raises(RuntimeError) as error:
        m.load_state_dict(state)
    for name in ("scale", "body.0.bias", "extra", "heads.b.weight"):
        assert name in str(error.value)
    del state["heads.b.weight"]
    result = m.load_state_dict(state, strict=False)
    assert sorted(result.missing_keys) == ["body.0.bias", "heads.b.weight", "scale"]
    assert result.unexpected_keys == ["extra"]


def test_nothing_changes_when_a_state_is_refused():
    m = model(metagrad)
    before = {k: v.clone() for k, v in m.state_dict().items()}
    state = {k: v + 1 for k, v in before.items()}
    state["heads.b.bias"] = metagrad.zeros(7)
    with pytest.raises(RuntimeError, match="size mismatch"):
        m.load_state_dict(state)
    assert all(v.equal(before[k]) for k, v in m.state_dict().items())


def test_modes_and_freezing(lib):
    m = model(lib)
    assert m.training and m.eval() is m and not m.body[2].training
    assert m.train().body[2].training
    m.requires_grad_(False)
    assert not any(p.requires_grad for p in m.parameters())
    m.body.requires_grad_()
    assert [n for n, p in m.named_parameters() if p.requires_grad] == ["body.0.weight", "body.0.bias"]


def test_gradients_are_forgotten(lib):
    m = model(lib)
    m(lib.tensor([1, 2])).sum().backward()
    assert m.scale.grad is not None
    m.zero_grad(set_to_none=False)
    assert m.scale.grad.item() == 0
    m.zero_grad()
    assert all(p.grad is None for p in m.parameters())


def test_dtypes_are_converted_in_place(lib):
    m = model(lib)
    m.register_buffer("steps", lib.zeros(1, dtype=lib.int64))
    weight = m.scale
    m(lib.tensor([1])).sum().backward()
    assert m.double() is m and m.scale is weight
    assert m.scale.dtype == m.count.dtype == m.scale.grad.dtype == lib.float64 and m.steps.dtype == lib.int64
    assert m.to(lib.float32).scale.dtype == lib.float32
    assert m.to(dtype=lib.float64).scale.dtype == lib.float64
    assert m.to("cpu", lib.float16).scale.dtype == lib.float16
    with pytest.raises(TypeError):
        m.to(lib.int32)


def test_apply_visits_children_first(nn):
    seen = []
    nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.Tanh())).apply(lambda m: seen.append(type(m).__name__))
    assert seen == ["Linear", "Tanh", "Sequential", "Sequential"]


def test_forward_hooks(lib, nn):
    m, seen = nn.Linear(2, 2), []
    first = m.register_forward_pre_hook(lambda module, args: (args[0] * 0,))
    second = m.register_forward_hook(lambda module, args, output: seen.append(args[0].sum().item()) or output + 1)
    out = m(lib.ones(3, 2))
    assert seen == [0.0] and (out == m.bias + 1).all()
    first.remove()
    second.remove()
    assert (m(lib.zeros(1, 2)) == m.bias).all() and len(seen) == 1
    m.register_forward_hook(lambda module, args, kwargs, output: seen.append(sorted(kwargs)), with_kwargs=True)
    m(input=lib.zeros(1, 2))
    assert seen[-1] == ["input"]


def test_full_backward_hooks(lib, nn):
    m, seen = nn.Linear(2, 3), []
    x = lib.ones(4, 2, requires_grad=True)

    def hook(module, grad_input, grad_output):
        seen.append((tuple(grad_input[0].shape), tuple(grad_output[0].shape)))
        return (grad_input[0] * 2,)

    handle = m.register_full_backward_hook(hook)
    m(x).sum().backward()
    assert seen == [((4, 2), (4, 3))]
    np.testing.assert_allclose(x.grad.numpy(), np.tile(2 * m.weight.detach().numpy().sum(0), (4, 1)), rtol=1e-6)
    handle.remove()
    m(x).sum().backward()
    assert len(seen) == 1


def test_containers(nn, lib):
    s = nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 3))
    assert len(s) == 3 and s[-1].out_features == 3 and len(s[:2]) == 2 and type(s[:2]) is nn.Sequential
    s.append(nn.Tanh())
    s.insert(0, nn.Identity())
    assert [type(m).__name__ for m in s] == ["Identity", "Linear", "ReLU", "Linear", "Tanh"]
    del s[0]
    s[1] = nn.Sigmoid()
    assert list(s._modules) == ["0", "1", "2", "3"] and type(s[1]).__name__ == "Sigmoid"
    with pytest.raises(IndexError):
        s[9]
    layers = nn.ModuleList(nn.Linear(1, 1) for _ in range(2))
    layers.extend([nn.Tanh()])
    assert len(layers) == 3 and len(list(layers.parameters())) == 4
    with pytest.raises(NotImplementedError):
        layers(lib.zeros(1))
    named = nn.ModuleDict({"x": nn.Tanh()})
    named.update({"y": nn.ReLU()})
    assert list(named) == ["x", "y"] and "x" in named and len(named) == 2
    assert type(named.pop("x")).__name__ == "Tanh" and list(named.keys()) == ["y"]
    values = nn.ParameterList([lib.ones(1), lib.zeros(2)])
    assert (
        len(values) == 2
        and isinstance(values[0], nn.Parameter)
        and [n for n, _ in values.named_parameters()] == ["0", "1"]
    )
    pairs = nn.ParameterDict({"w": lib.ones(1)})
    assert isinstance(pairs["w"], nn.Parameter) and list(pairs.keys()) == ["w"]


def test_submodules_by_dotted_name(lib):
    m = model(lib)
    assert m.get_submodule("body.0") is m.body[0] and m.get_parameter("heads.b.bias") is m.heads["b"].bias
    assert m.get_buffer("count") is m.count
    for get, name in ((m.get_submodule, "body.9"), (m.get_parameter, "body.0.nothing"), (m.get_buffer, "scale")):
        with pytest.raises(AttributeError):
            get(name)


def test_a_copy_is_independent(lib):
    m = model(lib)
    other = copy.deepcopy(m)
    with lib.no_grad():
        other.scale += 1
    assert other.scale.item() == 2 and m.scale.item() == 1 and isinstance(other.scale, lib.nn.Parameter)


def test_a_module_survives_pickling_by_its_user():
    layer = metagrad.nn.Sequential(metagrad.nn.Linear(2, 3), metagrad.nn.GRU(3, 2))
    again = pickle.loads(pickle.dumps(layer))
    assert all((a == b).all() for a, b in zip(layer.parameters(), again.parameters(), strict=True))
    assert isinstance(again[0].weight, metagrad.nn.Parameter) and again[0].weight.requires_grad


def test_a_wrong_shape_is_named():
    with pytest.raises(
        RuntimeError, match=r"in_features=3\) got input of shape \(2, 5\): its last dimension must be 3"
    ):
        metagrad.nn.Linear(3, 4)(metagrad.zeros(2, 5))


def test_embedding_padding_and_limits(lib, nn):
    table = nn.Embedding(4, 3, padding_idx=1)
    assert (table.weight[1] == 0).all()
    table(lib.tensor([[0, 1, 1], [3, 0, 2]])).sum().backward()
    assert table.weight.grad.sum(1).tolist() == [6.0, 0.0, 3.0, 3.0]
    limited = nn.Embedding(4, 3, max_norm=1.0)
    assert limited(lib.tensor([0, 3])).norm(dim=1).max().item() <= 1.0 + 1e-6
    frequent = nn.Embedding(4, 1, scale_grad_by_freq=True)
    frequent(lib.tensor([0, 0, 1])).sum().backward()
    assert frequent.weight.grad.flatten().tolist() == [1.0, 1.0, 0.0, 0.0]
    assert not nn.Embedding.from_pretrained(lib.ones(2, 2)).weight.requires_grad
    with pytest.raises(IndexError):
        table(lib.tensor([4]))
    with pytest.raises(AssertionError):
        nn.Embedding(4, 3, padding_idx=4)


def test_clipping(lib, nn):
    p, q = (lib.tensor(v, requires_grad=True) for v in ([3.0], [4.0]))
    (p * 3 + q * 4).sum().backward()
    norm = nn.utils.clip_grad_norm_([p, q], 1.0)
    assert norm.item() == pytest.approx(5.0)
    assert (p.grad.item(), q.grad.item()) == (pytest.approx(0.6, rel=1e-5), pytest.approx(0.8, rel=1e-5))
    assert nn.utils.clip_grad_norm_([p, q], 5.0, norm_type=float("inf")).item() == pytest.approx(0.8, rel=1e-5)
    assert nn.utils.clip_grad_norm_([p, q], 5.0, norm_type=1).item() == pytest.approx(1.4, rel=1e-5)
    nn.utils.clip_grad_value_([p, q], 0.7)
    assert q.grad.item() == pytest.approx(0.7)
    p.grad.fill_(float("nan"))
    with pytest.raises(RuntimeError):
        nn.utils.clip_grad_norm_([p, q], 1.0, error_if_nonfinite=True)
    vector = nn.utils.parameters_to_vector([p, q])
    nn.utils.vector_to_parameters(vector * 0 + 7, [p, q])
    assert p.item() == q.item() == 7


INITIALISERS = [
    ("uniform_", (-2, 3), 0.5, 5 / 12**0.5),
    ("normal_", (1.0, 2.0), 1.0, 2.0),
    ("trunc_normal_", (0.0, 1.0, -1.0, 1.0), 0.0, 0.54),
    ("constant_", (3.0,), 3.0, 0.0),
    ("ones_", (), 1.0, 0.0),
    ("xavier_uniform_", (), 0.0, (2 / 500) ** 0.5),
    ("xavier_normal_", (2.0,), 0.0, 2 * (2 / 500) ** 0.5),
    ("kaiming_uniform_", (), 0.0, (2 / 200) ** 0.5),
    ("kaiming_normal_", (0, "fan_out", "relu"), 0.0, (2 / 300) ** 0.5),
    ("orthogonal_", (), 0.0, 300**-0.5),
]


@pytest.mark.parametrize(("name", "arguments", "mean", "spread"), INITIALISERS)
def test_initialisers(lib, name, arguments, mean, spread):
    lib.manual_seed(0)
    w = lib.empty(300, 200)
    assert getattr(lib.nn.init, name)(w, *arguments) is w
    np.testing.assert_allclose([w.mean().item(), w.std().item()], [mean, spread], atol=0.02 + 0.01 * spread)


def test_structured_initialisers(lib):
    w = lib.nn.init.orthogonal_(lib.empty(4, 6))
    np.testing.assert_allclose((w @ w.t()).numpy(), np.eye(4), atol=1e-5)
    assert lib.nn.init.eye_(lib.empty(2, 3)).tolist() == [[1, 0, 0], [0, 1, 0]]
    assert (lib.nn.init.sparse_(lib.empty(10, 4), 0.3) == 0).sum(0).tolist() == [3] * 4
    kernel = lib.nn.init.dirac_(lib.empty(4, 2, 3), groups=2)
    assert kernel[:, :, 1].tolist() == [[1, 0], [0, 1], [1, 0], [0, 1]] and kernel.sum().item() == 4
    for name, expected in (("tanh", 5 / 3), ("relu", 2**0.5), ("linear", 1), ("leaky_relu", (2 / 1.0001) ** 0.5)):
        assert lib.nn.init.calculate_gain(name) == pytest.approx(expected)
    with pytest.raises(ValueError, match="dimensions"):
        lib.nn.init.xavier_uniform_(lib.empty(3))


def test_metagrad_never_imports_torch():
    import subprocess

    code = "import sys, metagrad, metagrad.tagger.commands; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_full_backward_hooks_are_called_where_no_input_has_a_gradient():
    seen = []
    layer = metagrad.nn.Linear(2, 3)
    layer.register_full_backward_hook(lambda module, given, found: seen.append((given, tuple(found[0].shape))))
    with pytest.warns(UserWarning, match="no inputs require gradients"):
        layer(metagrad.ones(4, 2)).sum().backward()
    assert seen == [((None,), (4, 3))] and layer.weight.grad is not None


def test_a_parameter_dict_says_what_it_holds():
    held = metagrad.nn.ParameterDict({"a": metagrad.nn.Parameter(metagrad.zeros(2)), "b": metagrad.ones(3, 2)})
    assert "(b): Parameter containing: [metagrad.FloatTensor of size 3x2]" in repr(held)
    held.update({"c": metagrad.zeros(1)})
    assert list(held) == ["a", "b", "c"] and held.get("d") is None and held.pop("a").shape == (2,) and len(held) == 2


def test_a_list_of_parameters_is_printed_as_pytorch_prints_it():
    torch = pytest.importorskip("torch")
    for shapes in ([], [(2, 3)], [(1,), (2,)]):
        ours, theirs = (
            library.nn.ParameterList([library.nn.Parameter(library.ones(*shape)) for shape in shapes])
            for library in (metagrad, torch)
        )
        assert repr(ours).replace("metagrad", "torch") == repr(theirs)


def test_a_module_under_two_names_is_asked_once_for_its_mode():
    asked = []

    class Asked(metagrad.nn.Module):
        def train(self, mode=True):
            asked.append(mode)
            return super().train(mode)

    child = Asked()
    tree = metagrad.nn.Sequential(child, metagrad.nn.Sequential(child), child)
    tree.train(), tree.eval()
    assert asked == [True, True, False, False] and not child.training  # once by each of its two parents
