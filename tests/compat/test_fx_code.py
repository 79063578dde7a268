"""``torch.fx``: what generated functions hand on, take and return."""

import copy
import pickle
import subprocess
import sys

import pytest

import metagrad as mg
from metagrad import fx


@pytest.mark.parametrize("lib", ["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
def test_functions_written_in_python_hand_on_their_defaults(lib):
    lib = pytest.importorskip(lib)
    f = lib.nn.functional
    old = {"size_average": None, "reduce": None}
    for program, args, kwargs in [
        (lambda x: f.relu(x), 1, {"inplace": False}),
        (lambda x: f.dropout(x, 0.1, training=False), 1, {"p": 0.1, "training": False, "inplace": False}),
        (lambda x: f.layer_norm(x, (3,)), 2, {"weight": None, "bias": None, "eps": 1e-5}),
        (lambda x: f.softmax(x, -1), 1, {"dim": -1, "_stacklevel": 3, "dtype": None}),
        (lambda x: f.softmin(x, -1), 1, {"dim": -1, "_stacklevel": 3, "dtype": None}),
        (lambda x: f.mse_loss(x, x, reduction="sum"), 2, {**old, "reduction": "sum", "weight": None}),
        (lambda x: f.l1_loss(x, x), 2, {**old, "reduction": "mean"}),
        (lambda x: f.threshold(x, 1, 2), 3, {"inplace": False}),
        (
            lambda x: f.batch_norm(x, x, x),
            3,
            {"weight": None, "bias": None, "training": False, "momentum": 0.1, "eps": 1e-5},
        ),
        (lambda x: lib.split(x, 2), 2, {"dim": 0}),
        (lambda x: lib.norm(x), 1, {"p": "fro", "dim": None, "keepdim": False, "out": None, "dtype": None}),
        (lambda x: lib.meshgrid(x, x), 2, {"indexing": None}),
        (lambda x: lib.nn.init.normal_(x), 0, {"mean": 0.0, "std": 1.0, "generator": None}),
        (lambda x: f.gelu(x), 1, {}),  # in C: as it was given
        (lambda x: f.linear(x, weight=x), 1, {"weight"}),
        (lambda x: f.conv2d(x, x, padding=1), 2, {"padding": 1}),
        (lambda x: lib.sum(x, 1, True), 3, {}),
        (lambda x: f.tanh(x), 1, {}),
    ]:
        step = list(lib.fx.symbolic_trace(program).graph.nodes)[-2]
        given = {key: value for key, value in step.kwargs.items() if key != "tensor"}
        assert len(step.args) == args and (given == kwargs or set(given) == kwargs)
    assert step.op == "call_method"  # as functional.tanh calls it
    assert lib.overrides.resolve_name(lib.einsum) == "torch.functional.einsum"


def test_code_with_defaults_runs():
    program = fx.symbolic_trace(lambda x: mg.norm(mg.nn.functional.dropout(x, 0.5, training=False)))
    assert program.code.splitlines()[3:6] == [
        "def forward(self, x):",
        "    dropout = torch.nn.functional.dropout(x, p = 0.5, training = False, inplace = False);  x = None",
        "    norm = torch.norm(dropout, p = 'fro', dim = None, keepdim = False, out = None, dtype = None);  dropout = None",
    ]
    assert program(mg.tensor([3.0, 4.0])).item() == 5


class WithContainers(mg.nn.Module):
    def forward(self, x, ys):
        return {"sum": x + ys["a"] * ys["b"][0], "both": [x, ys["b"][0]]}


def test_arguments_may_be_containers():
    holes = {"a": fx.PH, "b": (fx.PH, 3)}
    traced = fx.symbolic_trace(WithContainers(), concrete_args={"ys": holes})
    assert traced.code.strip().splitlines() == [
        "def forward(self, x, ys):",
        "    self, x, ys_1, ys_2, ys_3, = fx_pytree.tree_flatten_spec([self, x, ys], self._in_spec)",
        "    eq = ys_3 == 3;  ys_3 = None",
        "    _assert = torch._assert(eq, 'ys has been specialized to have value 3 but got another value');  eq = _assert = None",
        "    mul = ys_1 * ys_2;  ys_1 = None",
        "    add = x + mul;  mul = None",
        "    return pytree.tree_unflatten([add, x, ys_2], self._out_spec)",
    ]
    x, ys = mg.tensor([1.0]), {"a": mg.tensor([2.0]), "b": (mg.tensor([3.0]), 3)}
    for way in (traced, fx.Interpreter(traced).run, copy.deepcopy(traced), fx.Transformer(traced).transform()):
        assert str(way(x, ys)) == "{'sum': tensor([7.]), 'both': [tensor([1.]), tensor([3.])]}"
    with pytest.raises(AssertionError, match="specialized to have value 3"):
        traced(x, {**ys, "b": (x, 4)})


def test_a_module_that_takes_containers_is_pickled():
    traced = fx.symbolic_trace(WithContainers(), concrete_args={"ys": {"a": fx.PH, "b": (fx.PH, 3)}})
    made = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(traced))))
    assert made.code == traced.code and "tree_flatten_spec" in traced.code
    assert [n.name for n in made.graph.nodes] == [n.name for n in traced.graph.nodes]
    x, ys = mg.tensor([1.0]), {"a": mg.tensor([2.0]), "b": (mg.tensor([3.0]), 3)}
    assert str(made(x, ys)) == "{'sum': tensor([7.]), 'both': [tensor([1.]), tensor([3.])]}"
    with pytest.raises(AssertionError, match="specialized to have value 3"):
        made(x, {**ys, "b": (x, 4)})
    with pytest.raises(ValueError, match="Node arity mismatch; expected 2, but got 1"):
        traced(x, {"a": x})


def test_a_module_with_an_argument_that_is_always_none_is_pickled():
    def program(x, y=None):
        return x * 2 if y is None else y

    traced = fx.symbolic_trace(program, concrete_args={"y": None})
    made = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(traced))))
    assert made.code == traced.code
    assert made(mg.tensor([3.0])).tolist() == [6.0]
    with pytest.raises(AssertionError, match="specialized to have value None"):
        made(mg.tensor([3.0]), mg.tensor([1.0]))


def test_the_lines_of_a_function_may_be_changed():
    traced = fx.symbolic_trace(lambda x: mg.relu(x))
    plain = traced.code
    with traced.graph.on_generate_code(lambda before: lambda lines: ["x = x - 1\n", *lines]):
        traced.recompile()
        assert traced.code.splitlines()[4] == "    x = x - 1" and traced(mg.tensor(3.0)) == 2
        inner = traced.graph.on_generate_code(lambda before: lambda lines: before(["x = 2 * x\n", *lines]))
        traced.recompile()
        assert [line.strip() for line in traced.code.splitlines()[4:6]] == ["x = x - 1", "x = 2 * x"]
        with inner:
            assert traced(mg.tensor(3.0)) == 4
    traced.recompile()
    assert traced.code == plain

    class Counted(fx.graph.CodeGen):
        def gen_fn_def(self, free_vars, maybe_return_annotation):
            return "def forward(self, *all):\n    (x,) = all"

        def generate_output(self, output_args, *, descs=None):
            return f"return {output_args!r}, number"

        def additional_globals(self):
            return [("number", 5)]

    traced.graph.set_codegen(Counted())
    traced.recompile()
    assert [float(part) for part in traced(mg.tensor(3.0))] == [3, 5]


@pytest.mark.parametrize("lib", ["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
def test_arguments_by_their_names(lib):
    lib = pytest.importorskip(lib)
    model = lib.nn.Sequential(lib.nn.Linear(2, 2))
    program = lib.fx.symbolic_trace(model)
    assert [n.normalized_arguments(program, normalize_to_only_use_kwargs=True) for n in program.graph.nodes][::2] == [
        None,
        None,
    ]
    (x, layer, _) = program.graph.nodes
    assert layer.normalized_arguments(program).args == (x,)
    assert layer.normalized_arguments(program, normalize_to_only_use_kwargs=True) == ((), {"input": x})
    x, total, step, _ = lib.fx.symbolic_trace(lambda x: lib.nn.functional.dropout(lib.sum(x, 1), 0.2)).graph.nodes
    assert total.normalized_arguments(model) == ((x, 1), {"keepdim": False, "dtype": None})
    assert step.normalized_arguments(model) == ((total,), {"p": 0.2, "training": True, "inplace": False})


HELD = """
import dataclasses, functools
import torch, torch.nn.functional as F
from torch import nn

TABLE, LIST, TUPLE = {"relu": F.relu}, [torch.sigmoid], (torch.tanh,)
NESTED = {"a": (F.relu, {"b": [torch.exp]})}
PARTIAL = functools.partial(F.softmax, dim=-1)

class Settings:
    act, plain, table = staticmethod(F.relu), F.elu, {"sin": torch.sin}

@dataclasses.dataclass
class Record:
    act: object = F.relu

class Holder:
    def __init__(self):
        self.floor = torch.floor

class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.bound = {"a": F.gelu}, functools.partial(F.leaky_relu, negative_slope=0.3)

    def forward(self, x):
        return self.bound(self.table["a"](x))

def default(x, f=torch.cos):
    return f(x)

def by_name(x, *, f=torch.abs):
    return f(x)

def closure(f):
    return lambda x: f(x)

class Early:
    f = torch.cos

Early.f(torch.ones(1))
Early().f
log, holder, settings = closure(torch.log), Holder(), Settings()

def program(x):
    x = log(by_name(default(holder.floor(Record().act(Settings.table["sin"](Settings.plain(settings.act(x))))))))
    return Early.f(PARTIAL(NESTED["a"][1]["b"][0](TUPLE[0](LIST[0](TABLE["relu"](x))))))

from torch import fx

print([node.name for node in fx.symbolic_trace(program).graph.nodes])
print([node.name for node in fx.symbolic_trace(Layer()).graph.nodes])
"""


@pytest.mark.parametrize(
    "prelude", ["from metagrad import alias; alias.install()", pytest.param("", marks=pytest.mark.oracle)]
)
def test_functions_that_a_program_held_before_are_steps(prelude):
    if not prelude:
        pytest.importorskip("torch")
    run = subprocess.run([sys.executable, "-c", prelude + HELD], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == [
        "['x', 'relu', 'elu', 'sin', 'relu_1', 'floor', 'cos', 'abs_1', 'log', 'relu_2', 'sigmoid', 'tanh', 'exp', 'softmax', "
        "'cos_1', 'output']",
        "['x', 'gelu', 'leaky_relu', 'output']",
    ]


@pytest.mark.parametrize("lib", ["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
def test_methods_written_in_python_hand_on_their_defaults(lib):
    lib = pytest.importorskip(lib)
    seen = []

    class Listening(lib.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            seen.append((func.__name__, len(args), kwargs or {}))

    x = lib.ones(2, 2).as_subclass(Listening)
    x.backward()
    x.norm(1, keepdim=True)
    x.split(1)
    x.sum(1)
    assert seen == [
        ("backward", 1, {"gradient": None, "retain_graph": None, "create_graph": False, "inputs": None}),
        ("norm", 1, {"p": 1, "dim": None, "keepdim": True, "dtype": None}),
        ("split", 2, {"dim": 0}),
        ("sum", 2, {}),
    ]


@pytest.mark.parametrize("lib", ["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
def test_layers_that_are_one_function_call_it(lib):
    lib = pytest.importorskip(lib)

    class Within(lib.fx.Tracer):
        def is_leaf_module(self, m, module_qualified_name):
            return False

    steps = list(Within().trace(lib.nn.Sequential(lib.nn.Tanh(), lib.nn.Sigmoid(), lib.nn.ReLU())).nodes)[1:-1]
    assert [(n.op, n.name) for n in steps] == [("call_function", name) for name in ("tanh", "sigmoid", "relu")]
