"""``torch.fx``: modules cut into parts, batch norms put into convolutions, patterns with filters, and passes in order."""

import pytest


@pytest.fixture(params=["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
def lib(request):
    return pytest.importorskip(request.param)


def found_in(lib, path):
    """A module of ``fx.passes``; ours has other files."""
    if lib.__name__ == "torch":
        return pytest.importorskip(f"torch.fx.{path}")
    ours = {"experimental.optimization": "fusing"}
    return pytest.importorskip(f"metagrad.compat.fx.passes.{ours.get(path, path.rpartition('.')[2])}")


def program(lib):
    class Block(lib.nn.Module):
        def __init__(self):
            super().__init__()
            self.lin, self.p = lib.nn.Linear(4, 3), lib.nn.Parameter(lib.ones(3))
            self.seq = lib.nn.Sequential(lib.nn.Linear(3, 3), lib.nn.ReLU())

        def forward(self, x, y=2.0):
            z = lib.relu(self.lin(x) + self.p * y)
            return {"a": self.seq(z), "b": [z, (z, 1)]}

    return Block()


def test_a_module_is_cut_into_parts(lib):
    split_module = found_in(lib, "passes.split_module").split_module
    model, names = program(lib), {}
    traced = lib.fx.symbolic_trace(model)
    whole = split_module(traced, model, lambda n: int(n.name in ("seq_0", "seq_1", "relu")), names)
    assert whole.code.strip().splitlines() == [
        "def forward(self, x, y = 2.0):",
        "    p = self.p",
        "    submod_0 = self.submod_0(x, p, y);  x = p = y = None",
        "    submod_1 = self.submod_1(submod_0);  submod_0 = None",
        "    getitem = submod_1[0]",
        "    getitem_1 = submod_1[1];  submod_1 = None",
        "    return {'a': getitem, 'b': [getitem_1, (getitem_1, 1)]}",
    ]
    assert whole.submod_1.code.strip().splitlines() == [
        "def forward(self, add):",
        "    relu = torch.relu(add);  add = None",
        "    seq_0 = self.seq_0(relu)",
        "    seq_1 = self.seq_1(seq_0);  seq_0 = None",
        "    return (seq_1, relu)",
    ]
    assert names == {"submod_0.lin": "lin", "submod_1.seq_0": "seq.0", "submod_1.seq_1": "seq.1"}
    x = lib.rand(2, 4)
    assert lib.equal(whole(x)["a"], model(x)["a"]) and whole.p is model.p
    with pytest.raises(RuntimeError, match="cycle exists between partitions!"):
        split_module(traced, model, lambda n: n.name == "add")


def test_batch_norms_go_into_convolutions(lib):
    optimization = found_in(lib, "experimental.optimization")
    nn = lib.nn
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Sequential(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2)), nn.Dropout()
    )
    model(lib.rand(4, 1, 5, 5))
    model.eval()
    x = lib.rand(1, 1, 4, 4)
    fused = optimization.fuse(model)
    assert [n.target for n in fused.graph.nodes if n.op == "call_module"] == ["0", "2.0", "3"]
    assert lib.allclose(fused(x), model(x), atol=1e-6) and len(model[2]) == 2
    without = optimization.remove_dropout(model)
    assert [n.target for n in without.graph.nodes if n.op == "call_module"] == ["0", "1", "2.0", "2.1"]


def test_patterns_are_replaced_where_filters_agree(lib):
    def wanted(a, b):
        return lib.relu(a + b)

    def traced():
        return lib.fx.symbolic_trace(lambda x, y: lib.relu(x + y) * lib.relu(y + x))

    replace = lib.fx.subgraph_rewriter.replace_pattern_with_filters
    program = traced()

    def first(match, graph, pattern):
        return match.placeholder_nodes[0].name == "x"

    found = replace(program, wanted, lambda a, b: lib.sigmoid(a * b), [first])
    assert [node.name for node in found[0].replacements] == ["mul_1", "sigmoid"] and len(found) == 1
    x, times, last = [next(n for n in program.graph.nodes if n.name == name) for name in ("x", "mul_1", "output")]
    assert x < times < last and last >= times and not x > times and sorted([last, x]) == [x, last]
    assert lib.fx.Interpreter(program).boxed_run([lib.tensor(1.0), lib.tensor(-2.0)]).item() == 0


def test_passes_run_in_order(lib):
    base, manager = found_in(lib, "passes.infra.pass_manager"), found_in(lib, "passes.infra.pass_manager")
    if lib.__name__ == "torch":
        base = found_in(lib, "passes.infra.pass_base")
    seen = []

    class Negated(base.PassBase):
        def requires(self, graph_module):
            seen.append("before")

        def call(self, graph_module):
            changed = [n for n in graph_module.graph.nodes if n.op == "call_method" and n.target == "abs"]
            for node in changed:
                node.target = "neg"
            return base.PassResult(graph_module, bool(changed))

    traced = lib.fx.symbolic_trace(lambda x: x.abs())
    result = manager.PassManager([Negated(), manager.pass_result_wrapper(lambda gm: seen.append("plain"))], steps=1)(
        traced
    )
    assert result.modified and result.graph_module(lib.tensor(3.0)).item() == -3 and seen == ["before", "plain"]
    assert not manager.PassManager([Negated()])(traced).modified
    with pytest.raises(
        Exception, match=r"An error occurred when running the '<lambda>' pass after the following passes: \[\]"
    ):
        manager.PassManager([lambda gm: None])(traced)


def test_constraints_order_the_passes(lib):
    manager = found_in(lib, "passes.infra.pass_manager")
    before = manager.this_before_that_pass_constraint
    seen = []
    passes = {n: manager.pass_result_wrapper(lambda gm, n=n: seen.append(n)) for n in "abcde"}
    traced = lib.fx.symbolic_trace(lambda x: x.abs())

    def order(given, pairs):
        seen.clear()
        manager.PassManager([passes[n] for n in given], [before(passes[a], passes[b]) for a, b in pairs])(traced)
        return "".join(seen)

    assert [order("cba", []), order("ba", ["ab"]), order("dcba", ["ab"])] == ["cba", "ab", "dcab"]
    assert [order("edcba", ["ae", "bd"]), order("cbade", ["ab", "bc", "de", "ad"])] == ["cbade", "abdce"]
    for circle in (["ab", "ba"], ["ab", "bc", "ca"]):
        with pytest.raises(RuntimeError, match="Circular dependency detected within the following passes"):
            order("abc", circle)
    later = manager.PassManager([passes["b"], passes["a"]])
    later(traced)
    later.add_constraint(before(passes["a"], passes["b"]))
    with pytest.raises(RuntimeError, match="pass schedule constraint violated"):
        later.validate_constraints()
    seen.clear()
    later(traced)
    later.validate_constraints()
    assert seen == ["a", "b"]
