"""``torch.fx``: the same nodes as PyTorch's, the same code, and graphs that are changed, copied and run."""

import collections
import copy
import operator
import pickle

import pytest

import metagrad as mg
from metagrad import fx

PROGRAM = """
import enum, math, operator
from typing import NamedTuple
import torch
from torch import fx, nn
import torch.nn.functional as F

fx.wrap("len")

@fx.wrap
def apart(a, b):
    return a + b if bool((a > 0).all()) else a

class Linear(nn.Linear):
    pass

class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear, self.seq = nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2), nn.ReLU())
        self.w, self.plain = nn.Parameter(torch.ones(2)), torch.ones(2)
        self.register_buffer("b", torch.ones(2))
        self.many = nn.ModuleList([nn.Sequential(nn.Linear(2, 2)), nn.Dropout(0.5)])
        self.attention, self.own = nn.MultiheadAttention(2, 1), Linear(2, 2)

def attributes(m, x):
    return m.linear(x) + m.w * m.b - m.plain, m.linear.weight.t(), m.linear.weight

def constants(m, x):
    return torch.ones(2) + x, x + torch.ones(2), x * m.b

def modules(m, x):
    y, _ = m.attention(x, x, x, need_weights=False)
    return m.seq(y) + m.many[0][0](x) + m.many[1](x)

def subclass(m, x):
    return m.own(x)

def operators(m, x):
    a = 1 - x * 2
    a += x
    return a, -a, +a, ~(x > 2), x // 2, 2**x, x @ x, abs(x), x % 3, (x == 1) | (x != 2), x <= 1, x >= 1, x << 1, x ^ 1, 3 / x

def methods(m, x):
    return x.add(2).relu_().sum(-1), x.size(0), x.shape[0], x.T, x.to(torch.float64), x.view(-1, 2), getattr(x, "ndim")

def functions(m, x):
    y = torch.cat([x, torch.relu(x)], dim=-1).sum()
    value, where = torch.max(x, 0)
    return torch.abs(y), F.relu(x), F.softmax(x, dim=-1), torch.zeros_like(x), value, F.gelu(x), torch.erf(x)

def structures(m, x):
    return {"a": x + 1, "b": [x, (x.neg(), None)]}, slice(x.size(0), None), x[..., None, 1:2, : x.size(0)]

def wrapped(m, x):
    return apart(x, len(x)), math.sqrt(x.size(0))

def several(m, x, y=2, *args, flag=True, **more):
    return x + y, args, more, flag

def names(m, x):
    sum_1 = x.sum()
    return sum_1.sum(), x.sum().max(), F.max_pool2d(x, 2), torch.sum(x), x.float(), torch.nn.functional.linear(x, m.w)

def annotated(m, x: torch.Tensor, n: int = 3) -> torch.Tensor:
    return x * n

def unpacked(m, x):
    a, b, c = x.split(1)
    (d, e), f = torch.min(a, 0), b
    return a + c, d, e * f

def loops(m, x):
    for scale in (1, 2, 3):
        x = F.relu(x * scale) + 0.5
    return x

def dropped(m, x):
    y = x + 1
    torch._assert(x.size(0) == 2, "two rows")
    return F.dropout(x, 0.5, training=m.training)

for function in (attributes, constants, modules, subclass, operators, methods, functions, structures, wrapped, several, names,
                 annotated, unpacked, loops, dropped):
    torch.manual_seed(0)
    module = type(function.__name__.title(), (Block,), {"forward": function})()
    traced = fx.symbolic_trace(module)
    for n in traced.graph.nodes:
        target = n.target if isinstance(n.target, str) else n.format_node().split("target=")[1].split("]")[0]
        print(function.__name__, n.op, n.name, target, n.type, [m.name for m in n.all_input_nodes], [*n.users])
    traced.graph.lint()
    print(sorted(traced.state_dict()), traced.graph.eliminate_dead_code(), len(traced.graph.nodes))
    traced.recompile()
    print(traced.code, traced)
    print(fx.symbolic_trace(traced).code, str(traced.graph))

def flagged(x, flag, other=None, size=2):
    return (x + 1 if flag else x) * (1 if other is None else other) * size

print(fx.symbolic_trace(flagged, concrete_args={"flag": True, "other": None, "size": fx.PH}).code)
class Pair(NamedTuple):
    first: torch.Tensor
    second: int

class Side(enum.Enum):
    LEFT = 1

def random(x):
    torch.rand_like(x), x.add_(1), torch.relu(x)
    return x

for way in (lambda x: Pair(x, 1), lambda x: apart(x, Side.LEFT), random, lambda x: x.to(torch.float16).view(torch.Size([1, 2])),
            lambda x: x.contiguous(memory_format=torch.channels_last).to(torch.device("cpu")),
            lambda x: apart(x, [1j, "a'b", float("inf")]), lambda x: None, lambda x: sum([x, x]), lambda x: torch.ones(3)[x]):
    traced = fx.symbolic_trace(way)
    traced.graph.eliminate_dead_code()
    traced.recompile()
    print(traced.code)

class C:
    def __call__(self):
        pass

for argument in (len, lambda: 1, C(), C, math.sqrt, torch.relu, int, b"x", {1}, nn.ReLU(), NotImplemented, torch.Tensor, math):
    try:
        print(fx.symbolic_trace(lambda x: apart(x, argument)).code)
    except Exception as error:
        print(type(error).__name__)

for way in (lambda x: x if x.sum() > 0 else -x, lambda x: [a for a in x], lambda x: len(x), lambda x: int(x), lambda x: range(x),
            lambda x: {**x}, lambda x: 1 in x, lambda x: x.__setitem__(0, 1), lambda x: x(1), lambda x: f"{x}"):
    try:
        print(fx.symbolic_trace(way).code)
    except Exception as error:
        print(type(error).__name__)
"""


def ran(library):
    from tests.compat.test_torch_function import ran as run

    return [line.replace("torch._C._nn.", "torch.nn.functional.") for line in run(library, PROGRAM)]


@pytest.mark.oracle
def test_graphs_and_code_are_pytorchs(torch):
    assert ran("metagrad") == ran("torch")


class Net(mg.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear, self.unused = mg.nn.Linear(3, 2), mg.nn.Sequential(mg.nn.ReLU())
        self.scale = mg.tensor([2.0, 3.0])

    def forward(self, x, shift=1.0):
        return mg.relu(self.linear(x) * self.scale) + shift


def test_a_traced_module_computes_and_learns_as_the_module():
    net = Net()
    traced = fx.symbolic_trace(net)
    assert traced.code.strip().splitlines() == [
        "def forward(self, x, shift = 1.0):",
        "    linear = self.linear(x);  x = None",
        "    scale = self.scale",
        "    mul = linear * scale;  linear = scale = None",
        "    relu = torch.relu(mul);  mul = None",
        "    add = relu + shift;  relu = shift = None",
        "    return add",
    ]
    x = mg.randn(4, 3)
    assert traced(x, 2.0).equal(net(x, 2.0)) and traced.linear is net.linear and not hasattr(traced, "unused")
    traced(x).sum().backward()
    assert net.linear.weight.grad is not None
    assert type(traced).__name__ == "Net" and isinstance(traced, fx.GraphModule) and "scale" in traced.state_dict()


def test_copies_and_pickles_are_modules_of_their_own():
    traced = fx.symbolic_trace(Net())
    x = mg.randn(4, 3)
    for made in (copy.deepcopy(traced), pickle.loads(pickle.dumps(traced))):
        assert made(x).equal(traced(x)) and made.code == traced.code
        assert made.linear is not traced.linear and made.graph.owning_module is made
        assert [n.name for n in made.graph.nodes] == [n.name for n in traced.graph.nodes]
        made.graph.output_node().args = (next(n for n in made.graph.nodes if n.name == "relu"),)
        assert made.graph.eliminate_dead_code() and not traced.graph.eliminate_dead_code()
        made.recompile()
        assert made(x).allclose(traced(x) - 1, atol=1e-6)
    assert copy.copy(traced).linear is traced.linear


def test_nodes_are_moved_replaced_and_erased():
    graph = fx.Graph()
    x = graph.placeholder("x")
    a = graph.call_function(mg.relu, (x,))
    b = graph.call_method("neg", (a,))
    graph.output(b)
    assert list(a.users) == [b] and b.all_input_nodes == [a] and a.next is b and b.prev is a and str(b) == "neg"
    with pytest.raises(RuntimeError, match="still had 1 users"):
        graph.erase_node(a)
    with graph.inserting_before(b):
        c = graph.call_function(operator.mul, (a, 2))
    with graph.inserting_after(a):
        d = graph.call_function(mg.abs, (a,))
    assert [n.name for n in graph.nodes] == ["x", "relu", "abs_1", "mul", "neg", "output"]
    assert a.replace_all_uses_with(c, lambda user: user is b) == [b] and b.args == (c,)
    graph.erase_node(d)
    c.update_arg(1, 3)
    with pytest.raises(TypeError, match="does not support mutation"):
        graph.call_function(mg.cat, ([a, c],)).args[0].append(a)
    assert graph.eliminate_dead_code() and graph.find_nodes(op="call_function") == [a, c]
    module = fx.GraphModule(mg.nn.Module(), graph)
    assert module(mg.tensor([-1.0, 2.0])).tolist() == [0.0, -6.0]
    a.append(x)
    with pytest.raises(RuntimeError, match="used before it has been defined"):
        graph.lint()
    other = fx.Graph()
    other.call_function(mg.relu, (a,))
    with pytest.raises(RuntimeError, match="does not belong to this Graph"):
        other.lint()


def test_modules_within_come_and_go(capsys):
    traced = fx.symbolic_trace(mg.nn.Sequential(mg.nn.Linear(2, 2)))
    assert traced.add_submodule("more.inner", mg.nn.ReLU()) and not traced.delete_submodule("nothing")
    first = next(n for n in traced.graph.nodes if n.op == "call_module")
    with traced.graph.inserting_after(first):
        new = traced.graph.call_module("more.inner", (first,))
    first.replace_all_uses_with(new, lambda user: user is not new)
    traced.graph.lint()
    traced.recompile()
    assert (traced(mg.randn(5, 2)) >= 0).all()
    traced.add_submodule("other", mg.nn.Tanh())
    traced.delete_all_unused_submodules()
    assert [name for name, _ in traced.named_modules()] == ["", "0", "more", "more.inner"]
    traced.delete_submodule("0")
    with pytest.raises(RuntimeError, match="references nonexistent attribute 0"):
        traced.graph.lint()
    traced.graph.print_tabular()
    assert traced.print_readable().startswith("class Sequential(torch.nn.Module):\n    def forward(self, input):")
    assert "call_module  more_inner" in capsys.readouterr().out
    with pytest.raises(RuntimeError, match="was not provided"):
        fx.GraphModule({}, traced.graph)


def test_graphs_are_interpreted_and_transformed():
    traced = fx.symbolic_trace(Net())
    x = mg.randn(4, 3)
    ran_nodes = []

    class Noting(fx.Interpreter):
        def run_node(self, n):
            ran_nodes.append(n.name)
            return super().run_node(n)

    assert Noting(traced).run(x).equal(traced(x)) and ran_nodes == [n.name for n in traced.graph.nodes]
    given = {n: mg.zeros(4, 2) for n in traced.graph.nodes if n.name == "relu"}
    assert fx.Interpreter(traced).run(x, 5.0, initial_env=given).tolist() == [[5.0, 5.0]] * 4
    with pytest.raises(RuntimeError, match="Expected positional argument for parameter x") as error:
        fx.Interpreter(traced).run()
    assert "\n\nWhile executing %x : [num_users=1] = placeholder[target=x]\n" in str(error.value)

    class Doubled(fx.Transformer):
        def call_module(self, target, args, kwargs):
            return super().call_module(target, args, kwargs) * 2

    doubled = Doubled(traced).transform()
    assert doubled(x, 0.0).allclose(traced(x, 0.0) * 2) and "mul_1" in doubled.code
    fx.passes.shape_prop.ShapeProp(traced).propagate(x)
    notes = {n.name: n.meta["tensor_meta"] for n in traced.graph.nodes if "tensor_meta" in n.meta}
    assert notes["linear"].shape == (4, 2) and notes["linear"].requires_grad and notes["scale"].stride == (1,)
    assert notes["x"].memory_format is mg.contiguous_format and "shift" not in notes


@pytest.mark.parametrize(("program", "names"), [
    (lambda x: mg.relu(x).neg() + mg.relu(x + 1).neg(), ["x", "add", "sigmoid", "sigmoid_1", "add_1", "output"]),
    (lambda x: mg.relu(mg.relu(x).neg()).neg(), ["x", "sigmoid", "sigmoid_1", "output"]),
    (lambda x: (mg.relu(x), x.neg()), ["x", "relu", "neg", "output"]),
])  # fmt: skip
def test_patterns_are_replaced(program, names):
    traced = fx.symbolic_trace(program)
    fx.replace_pattern(traced, lambda x: mg.relu(x).neg(), lambda x: mg.sigmoid(x))
    traced.graph.lint()
    assert [n.name for n in traced.graph.nodes] == names


def test_a_part_whose_inner_value_is_used_elsewhere_is_no_match():
    def program(x):
        y = mg.relu(x)
        return y.neg() + y

    traced = fx.symbolic_trace(program)
    assert fx.replace_pattern(traced, lambda x: mg.relu(x).neg(), lambda x: mg.sigmoid(x)) == []


class Own(fx.Tracer):
    def is_leaf_module(self, m, module_qualified_name):
        return isinstance(m, Net) or super().is_leaf_module(m, module_qualified_name)


def test_tracers_decide_what_is_one_step():
    model = mg.nn.Sequential(Net(), mg.nn.ReLU())
    assert [n.op for n in Own().trace(model).nodes] == ["placeholder", "call_module", "call_module", "output"]
    graph = fx.Tracer().trace(model)
    assert [n.target for n in graph.nodes if n.op == "call_module"] == ["0.linear", "1"]
    assert next(n for n in graph.nodes if n.op == "call_module").meta["nn_module_stack"]["0"] == ("0", Net)
    module = fx.GraphModule(model, Own().trace(model))
    assert isinstance(copy.deepcopy(module).graph, fx.Graph) and module.graph._tracer_cls is Own
    with pytest.raises(NameError, match="not installed as a submodule"):
        Own().trace(lambda x: mg.nn.Linear(2, 2)(x))
    with pytest.raises(fx.TraceError):
        fx.symbolic_trace(lambda x: x if x.sum() > 0 else -x)
    assert mg.nn.Linear(2, 2)(mg.zeros(1, 2)).shape == (1, 2) and not fx._symbolic_trace.is_fx_tracing()


def test_shapes_of_parameters_may_be_known():
    class Scaled(mg.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = mg.nn.Parameter(mg.ones(2, 3))

        def forward(self, x):
            if self.weight.shape[0] == 2 and self.weight.dim() == 2:
                x = x * self.weight
            return x.reshape(self.weight.size(1), -1)

    graph = fx.Tracer(param_shapes_constant=True).trace(Scaled())
    assert [n.name for n in graph.nodes] == ["x", "weight", "mul", "reshape", "output"]
    with pytest.raises(fx.TraceError):
        fx.symbolic_trace(Scaled())
    with pytest.raises(AssertionError, match="not a method"):
        fx.symbolic_trace(Scaled().forward)


def test_functions_that_a_layer_holds_are_steps():
    class Held(mg.nn.Module):
        def __init__(self, function):
            super().__init__()
            self.function = function

        def forward(self, x):
            return self.function(x)

    fx.Proxy(fx.Graph().placeholder("x"))  # from here on functions ask
    held = Held(mg.nn.functional.gelu.__wrapped__)
    assert [n.name for n in fx.symbolic_trace(held).graph.nodes] == ["x", "gelu", "output"]
    assert held.function is mg.nn.functional.gelu.__wrapped__


def test_layers_of_classes_of_ones_own_are_looked_into():
    class Convolution(mg.nn.Conv2d):
        pass

    traced = fx.symbolic_trace(mg.nn.Sequential(Convolution(1, 1, 1)))
    assert [n.name for n in traced.graph.nodes] == ["input_1", "_0_weight", "_0_bias", "conv2d", "output"]


def test_names_that_are_taken_are_numbered_as_pytorch_numbers_them():
    shared = mg.nn.Linear(2, 2)
    traced = fx.symbolic_trace(mg.nn.Sequential(shared, mg.nn.Sequential(shared, mg.nn.ReLU()), shared))
    assert [n.name for n in traced.graph.nodes] == ["input_1", "_0", "_0_1", "_1_1", "_0_2", "output"]


def test_of_overlapping_parts_the_first_is_replaced():
    traced = fx.symbolic_trace(lambda x: mg.relu(mg.relu(mg.relu(x))))
    found = fx.replace_pattern(traced, lambda x: mg.relu(mg.relu(x)), lambda x: mg.exp(x))
    assert mg.allclose(traced(mg.tensor([-1.0, 1.0])), mg.tensor([-1.0, 1.0]).exp())
    assert [match.anchor.name for match in found] == ["relu_1"]


def test_a_method_is_traced_with_its_object_and_tuples_with_names_are_looked_into():
    class Twice(mg.nn.Module):
        def forward(self, x):
            return self.scale(x) + 1

        def scale(self, x):
            return 2 * x

    assert "def forward(self, x)" in fx.symbolic_trace(Twice.forward).code
    Pair = collections.namedtuple("Pair", "a b")
    joined = fx.symbolic_trace(lambda x: mg.cat(Pair(x, x)))
    assert joined(mg.ones(2)).tolist() == [1, 1, 1, 1]


def test_a_tracer_may_make_proxies_in_a_way_of_its_own():
    class Noting(fx.Tracer):
        seen = ()

        def create_proxy(self, kind, target, args, kwargs, name=None, type_expr=None):
            self.seen = (*self.seen, kind)
            return super().create_proxy(kind, target, args, kwargs, name, type_expr)

    class Scaled(mg.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = mg.nn.Parameter(mg.ones(2))

        def forward(self, x):
            return x * self.scale

    tracer = Noting()
    tracer.trace(Scaled())
    assert tracer.seen == ("placeholder", "get_attr", "call_function")
