"""``torch.fx``: steps gathered into parts, patterns found, calls in one form, and modules written as packages."""

import importlib
import operator

import pytest


@pytest.fixture(params=["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
def lib(request):
    return pytest.importorskip(request.param)


def module(lib, path):
    return importlib.import_module(f"{lib.__name__}.fx.{path}")


def lines_of(code):
    return code.strip().splitlines()


def adds_and_products(lib):
    class Support(module(lib, "passes.operator_support").OperatorSupportBase):
        def is_node_supported(self, submodules, node):
            return node.op == "call_function" and node.target in (operator.add, operator.mul)

    return Support()


def test_parts_do_not_wait_for_themselves(lib):
    def program(x):
        b = (x + 1).relu()
        return (lib.sin(b) + b) * 2

    traced = lib.fx.symbolic_trace(program)
    Partitioner = module(lib, "passes.infra.partitioner").CapabilityBasedPartitioner
    found = Partitioner(traced, adds_and_products(lib), allows_single_node_partition=True)
    parts = found.propose_partitions()
    assert [sorted(map(str, part.nodes)) for part in parts] == [["add_1", "mul"], ["add"]]
    fused = found.fuse_partitions(parts)
    assert lines_of(fused.code) == [
        "def forward(self, x):",
        "    fused_1 = self.fused_1(x);  x = None",
        "    relu = fused_1.relu();  fused_1 = None",
        "    sin = torch.sin(relu)",
        "    fused_0 = self.fused_0(sin, relu);  sin = relu = None",
        "    return fused_0",
    ]
    assert lines_of(fused.fused_0.code) == [
        "def forward(self, sin, relu):",
        "    add_1 = sin + relu;  sin = relu = None",
        "    mul = add_1 * 2;  add_1 = None",
        "    return mul",
    ]
    x = lib.tensor([0.5])
    assert lib.equal(fused(x), program(x))
    alone = Partitioner(lib.fx.symbolic_trace(program), adds_and_products(lib)).propose_partitions()
    assert [sorted(map(str, part.nodes)) for part in alone] == [["add_1", "mul"]]


def test_a_part_may_give_several_values(lib):
    traced = lib.fx.symbolic_trace(lambda x: ((x + 1).neg(), (x + 1) * 2))
    Partitioner = module(lib, "passes.infra.partitioner").CapabilityBasedPartitioner
    fused = Partitioner(traced, adds_and_products(lib)).partition_and_fuse()
    assert lines_of(fused.code) == [
        "def forward(self, x):",
        "    fused_0 = self.fused_0(x);  x = None",
        "    getitem = fused_0[0]",
        "    neg = getitem.neg();  getitem = None",
        "    getitem_1 = fused_0[1];  fused_0 = None",
        "    return (neg, getitem_1)",
    ]


def test_supports_are_asked_together(lib):
    support = module(lib, "passes.operator_support")
    traced = lib.fx.symbolic_trace(lib.nn.Sequential(lib.nn.Linear(2, 2), lib.nn.ReLU()))
    modules = dict(traced.named_modules())
    table = support.OperatorSupport({"torch.nn.modules.linear.Linear": None})
    first = support.create_op_support(lambda modules, node: node.name == "_1")
    nodes = [node for node in traced.graph.nodes if node.op == "call_module"]
    for asked, answers in ((table, [True, False]), (first, [False, True])):
        assert [asked.is_node_supported(modules, node) for node in nodes] == answers
    both, either = support.chain(table, first), support.any_chain(table, first)
    assert [both.is_node_supported(modules, n) for n in nodes] == [False, False]
    assert [either.is_node_supported(modules, n) for n in nodes] == [True, True]


def test_a_pattern_is_found(lib):
    Matcher = module(lib, "passes.utils.matcher_utils").SubgraphMatcher
    traced = lib.fx.symbolic_trace(lambda x: (x + 1).relu() + (x + 2).relu())
    pattern = lib.fx.symbolic_trace(lambda a: (a + 1).relu()).graph
    (match,) = Matcher(pattern).match(traced.graph)
    assert [str(n) for n in match.placeholder_nodes] == ["x"] and [str(n) for n in match.returning_nodes] == ["relu"]
    assert {str(k): str(v) for k, v in match.nodes_map.items()} == {"a": "x", "add": "add", "relu": "relu"}
    assert len(Matcher(pattern, ignore_literals=True).match(traced.graph)) == 2


def test_a_replacement_stands_before_its_first_user(lib):
    traced = lib.fx.symbolic_trace(lambda x: x.foo(1) + x.foo(2))
    lib.fx.replace_pattern(traced, lambda x: x.foo(1), lambda x: x.bar())
    assert lines_of(traced.code)[1:3] == ["    foo_1 = x.foo(2)", "    bar = x.bar();  x = None"]


def test_calls_have_one_form(lib):
    schemas, F = module(lib, "operator_schemas"), lib.nn.functional
    x = lib.ones(1)
    found = schemas.normalize_function(F.relu, (x,), {}, normalize_to_only_use_kwargs=True)
    assert found.args == () and found.kwargs == {"input": x, "inplace": False}
    assert schemas.normalize_function(len, (x,)) is None
    assert schemas.create_type_hint([int, int]) == list[int] and schemas.create_type_hint((int,)) == tuple[int, ...]
    assert schemas.type_matches(list[int], int) and not schemas.type_matches(float, int)
    traced = lib.fx.symbolic_trace(lambda x: F.gelu(x))
    Normalize = module(lib, "experimental.normalize").NormalizeArgs
    (call,) = [n for n in Normalize(traced).transform().graph.nodes if n.op == "call_function"]
    assert call.args == () and set(call.kwargs) == {"input", "approximate"}


def test_names_as_texts_have_them(lib):
    names = module(lib, "node")._get_qualified_name
    found = [names(f) for f in (lib.add, lib.nn.functional.relu, operator.add, lib.Tensor.add, len)]
    assert found == ["torch.add", "torch.nn.functional.relu", "_operator.add", "torch.Tensor.add", "len"]


def test_a_step_may_have_a_type(lib):
    graph = lib.fx.Graph()
    x = graph.placeholder("x")
    graph.output(graph.create_node("call_function", lib.sin, (x,), name="y", type_expr=lib.Tensor))
    assert lines_of(graph.python_code("root").src) == [
        "def forward(self, x):",
        "    y : torch.Tensor = torch.sin(x);  x = None",
        "    return y",
    ]


def test_what_a_module_has_not_cannot_be_called(lib):
    traced = lib.fx.symbolic_trace(lib.nn.Sequential(lib.nn.ReLU()))
    with pytest.raises(AttributeError):
        traced.graph.call_module("other")
    with pytest.warns(UserWarning, match="no underlying reference"):
        traced.graph.get_attr("other")
    with pytest.raises(RuntimeError, match="Unsupported type 3"):
        lib.fx.GraphModule(3, lib.fx.Graph())


def test_an_interpreter_says_what_it_lacks(lib):
    traced = lib.fx.symbolic_trace(lambda x, y: lib.sin(x) + y)
    with pytest.raises(RuntimeError, match="expected 2 arguments for placeholders but received 1"):
        lib.fx.Interpreter(traced).boxed_run([lib.ones(1)])
    interpreter = lib.fx.Interpreter(traced)
    interpreter.run(lib.ones(1), 2)
    assert [str(node) for node in interpreter.env] == ["output"]
    with pytest.raises(TypeError, match=r"While executing %sin .*\nOriginal traceback:\nNone"):
        interpreter.run("no tensor", 2)


def test_notes_are_kept(lib):
    notes = module(lib, "traceback")
    traced = lib.fx.symbolic_trace(lambda x: lib.sin(x))
    for node in traced.graph.nodes:
        node.meta["custom"] = node.name
    with notes.preserve_node_meta():
        again = lib.fx.Transformer(traced).transform()
        assert notes.has_preserved_node_meta()
    assert not notes.has_preserved_node_meta()
    assert [n.meta["custom"] for n in list(again.graph.nodes)[1:]] == ["sin", "output"]


def test_modules_without_use_go(lib):
    traced = lib.fx.symbolic_trace(lib.nn.Sequential(lib.nn.Linear(1, 1), lib.nn.Sequential(lib.nn.ReLU())))
    traced.add_submodule("1.other.inner", lib.nn.ReLU())
    traced.delete_submodule("0")
    traced.delete_all_unused_submodules()
    assert [name for name, _ in traced.named_modules()] == ["", "1", "1.0"]


def test_code_says_where_it_is_from(lib):
    traced = lib.fx.symbolic_trace(lambda x: lib.sin(x).neg())
    sin, neg = list(traced.graph.nodes)[1:3]
    text = traced.print_readable(print_output=False)
    assert text.count("# No stacktrace found for following nodes") == 1
    neg.meta["stack_trace"] = '  File "a.py", line 3, in run\n    return y.neg()\n'
    text = traced.print_readable(print_output=False)
    assert "# File: a.py:3 in run, code: return y.neg()" in text and text.index("sin") < text.index("File")


@pytest.mark.filterwarnings("ignore")
def test_a_module_is_written_as_a_package(lib, tmp_path):
    class Net(lib.nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = lib.nn.Linear(2, 3), lib.nn.ReLU()
            self.p = lib.nn.Parameter(lib.ones(3))
            self.register_buffer("n", lib.ones(1, dtype=lib.float64))

        def forward(self, x):
            return self.b(self.a(x)) * self.p + self.n

    traced = lib.fx.symbolic_trace(Net())
    traced.to_folder(tmp_path, "Written")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["__init__.py", "b.pt", "module.py", "state_dict.pt"]
    text = (tmp_path / "module.py").read_text()
    assert "        setattr(self, 'a', Linear(in_features=2, out_features=3, bias=True))\n" in text
    assert "        self.register_buffer('n', torch.empty([1], dtype=torch.float64))\n" in text
    names = {}
    exec(text.replace("torch", lib.__name__), names)
    x = lib.rand(4, 2)
    assert lib.equal(names["Written"]()(x), traced(x))
