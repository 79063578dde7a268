"""Pictures of graphs: what is behind a tensor, its values and gradients, DOT, SVG, and where the boxes stand."""

import shutil
from xml.etree import ElementTree

import numpy as np
import pytest

import metagrad
from metagrad import nn, viz
from metagrad.utils.viz.graph import shortened


def leaf(*values):
    return metagrad.tensor(values, requires_grad=True)


def diamond():
    """A graph with a value used twice, one of them past a layer."""
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    with viz.watch() as seen:
        c = a * b
        d = c.tanh() + c
        root = d.sum()
        root.backward()
    return a, b, c, root, seen


def test_a_graph_has_every_op_and_leaf_once():
    a, b, c, root, _ = diamond()
    graph = viz.graph(root, names={"a": a, "b": b, "c": c, "L": root})
    assert [vertex.label for vertex in graph.vertices] == ["L", "Add", "Tanh", "c", "a", "b"]
    assert sorted(graph.edges) == [
        ("v1", "v0"), ("v2", "v1"), ("v3", "v1"), ("v3", "v2"), ("v4", "v3"), ("v5", "v3"),
    ]  # fmt: skip


def test_values_and_gradients_are_shown_where_they_are_known():
    a, _, c, root, seen = diamond()
    by_label = {v.label: v for v in viz.graph(root, names={"a": a, "c": c}, watch=seen).vertices}
    assert by_label["a"].grad is a.grad.array and by_label["c"].value is c.array
    np.testing.assert_allclose(by_label["c"].grad, 2 - np.tanh(c.array) ** 2, rtol=1e-6)
    assert by_label["Add"].grad.tolist() == [1, 1]
    hidden = viz.graph(root, names={"a": a}, watch=seen, values=False, gradients=False).vertices
    assert all(v.value is None and v.grad is None for v in hidden)
    unwatched = {v.label: v for v in viz.graph(root).vertices}
    assert unwatched["Add"].value is None


def test_watching_notes_the_steps_in_their_order():
    *_, seen = diamond()
    assert [step.node.op_name for step in seen.steps] == ["Sum", "Add", "Tanh", "Mul"]
    assert len(seen.steps[-1].sent) == 2
    metagrad.ones(2, requires_grad=True).exp()
    assert len(seen.values) == 4  # nothing is noted after the block


def test_several_results_count_as_one_node():
    x = metagrad.arange(6.0).reshape(2, 3).requires_grad_()
    values, _ = x.max(dim=1)
    low, high = x.split([1, 2], dim=1)
    for root in (values.sum(), (low * high).sum()):
        graph = viz.graph(root)
        assert [vertex.op for vertex in graph.vertices].count("") == 1
        assert all(vertex.op != "Output" for vertex in graph.vertices)
        graph.svg()


def test_what_has_no_graph_is_refused():
    with pytest.raises(ValueError, match="requires_grad=True"):
        viz.graph(metagrad.ones(2))
    with pytest.raises(ValueError, match="graphviz"):
        viz.graph(leaf(1.0)).svg(engine="paint")
    with pytest.raises(ValueError, match="right"):
        viz.graph(leaf(1.0)).svg("up")


def model_graph():
    metagrad.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1))
    return viz.graph(model(metagrad.randn(2, 3)).sum(), names=dict(model.named_parameters()))


@pytest.mark.parametrize("direction", ["down", "right"])
def test_boxes_do_not_overlap_and_lines_go_one_way(direction):
    layout = model_graph().layout(direction)
    for i, one in enumerate(layout.boxes):
        assert 0 <= one.x - one.width / 2 and one.x + one.width / 2 <= layout.width
        assert 0 <= one.y - one.height / 2 and one.y + one.height / 2 <= layout.height
        for other in layout.boxes[:i]:
            apart = abs(one.x - other.x) * 2 >= one.width + other.width
            assert apart or abs(one.y - other.y) * 2 >= one.height + other.height
    for _, _, points in layout.lines:
        along = [y if direction == "down" else x for x, y in points]
        assert along == sorted(along)


def test_the_svg_is_xml_with_every_label():
    graph = model_graph()
    texts = [e.text for e in ElementTree.fromstring(graph.svg()).iter("{http://www.w3.org/2000/svg}text")]
    assert {"0.weight", "4.bias", "Tanh"} <= set(texts)
    assert graph._repr_svg_() == graph.svg()


def test_names_with_quotes_are_escaped():
    x = leaf(1.0)
    graph = viz.graph(x * 2, names={'"<&\\': x})
    assert '\\"<&\\\\' in graph.dot()
    ElementTree.fromstring(graph.svg())


def test_graphviz_draws_the_same_graph():
    if shutil.which("dot") is None:
        pytest.skip("needs Graphviz's program dot")
    drawn = model_graph().svg(engine="graphviz")
    assert "0.weight" in drawn and "</svg>" in drawn


def test_without_graphviz_the_error_says_what_to_do(monkeypatch):
    pytest.importorskip("graphviz", reason="needs the extra viz (graphviz)")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RuntimeError, match='engine="metagrad"'):
        viz.graph(leaf(1.0) * 2).svg(engine="graphviz")


@pytest.mark.parametrize(
    ("array", "text"),
    [(np.zeros((0, 2)), "empty"), (np.array([1, 2]), "[1, 2]"), (np.float16(0.5), "0.5"), (np.inf, "inf")],
)
def test_numbers_are_shortened(array, text):
    assert shortened(np.asarray(array)) == text


def test_layers_are_drawn_with_shapes_and_sizes():
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1000))
    picture = viz.layers(model, metagrad.zeros(2, 4))
    texts = [e.text for e in ElementTree.fromstring(picture._repr_svg_()).iter("{http://www.w3.org/2000/svg}text")]
    assert {"Sequential", "0: Linear", "1: ReLU", "[2, 1000]", "9,000", "9,040 parameters, 9,040 trainable"} <= {
        t.strip() for t in texts
    }
    assert "1: ReLU" in repr(picture)
