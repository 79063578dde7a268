"""What ``export`` promises beyond the single op: names, free extents, refusals that name the line, in-place writes, own ops."""

import inspect
import io
import os
import subprocess
import sys

import numpy as np
import pytest
from tests.onnx.running import answers, assert_same, exported, kinds

import metagrad
from metagrad import nn
from metagrad.onnx import ExportError

onnx = pytest.importorskip("onnx", reason="needs the extra onnx, and onnxruntime")
pytest.importorskip("onnxruntime", reason="needs the extra onnx, and onnxruntime")


def line_of(function, text):
    """``file:line`` of a line of a function, as a pattern."""
    lines, first = inspect.getsourcelines(function)
    number = first + next(i for i, line in enumerate(lines) if text in line)
    return rf"test_export\.py:{number}: "


def refuses(model, *args, match, **settings):
    with pytest.raises(ExportError, match=match) as caught:
        metagrad.onnx.export(model, args, **settings)
    return str(caught.value)


# ------------------------------------------------ names, and the file


def test_names():
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    proto = exported(model, metagrad.randn(2, 4), input_names=["x"])
    kept = set(model.state_dict()) - {"1.num_batches_tracked"}  # nothing depends on it
    assert {w.name for w in proto.graph.initializer} == kept
    assert [i.name for i in proto.graph.input] == ["x"] and [o.name for o in proto.graph.output] == ["output_0"]
    proto = exported(model, metagrad.randn(2, 4), input_names=["0.weight"])  # a name that a parameter has
    assert {w.name for w in proto.graph.initializer} == (kept - {"0.weight"}) | {"0.weight.parameter"}


def test_several_inputs_and_outputs():
    def model(pair, *, scale=None):
        a, b = pair
        return {"sum": a + b, "rest": [a - b, None, (a * scale,)]}

    x, y, s = metagrad.randn(2), metagrad.randn(2), metagrad.randn(1)
    proto = metagrad.onnx.export(
        model, ((x, y),), kwargs={"scale": s}, input_names=["a", "b", "s"], output_names=["sum"]
    )
    assert [o.name for o in proto.graph.output] == ["sum", "output_1", "output_2"]
    found = answers(proto, x, y, s)
    for value, expected in zip(found, (x + y, x - y, x * s), strict=True):
        np.testing.assert_allclose(value, expected.numpy(), rtol=1e-6)


def test_where_it_goes(tmp_path):
    model, x = nn.Linear(2, 2), metagrad.ones(1, 2)
    file = io.BytesIO()
    metagrad.onnx.export(model, (x,), file)
    metagrad.onnx.export(model, x, tmp_path / "m.onnx")
    metagrad.onnx.export(model, x, f=str(tmp_path / "f.onnx"), verbose=False, dynamo=True, do_constant_folding=True)
    assert (tmp_path / "m.onnx").read_bytes() == (tmp_path / "f.onnx").read_bytes() == file.getvalue()
    with pytest.raises(FileNotFoundError, match="does not exist"):
        metagrad.onnx.export(model, x, tmp_path / "nowhere" / "m.onnx")


def test_the_program_calls_it_torch(tmp_path):
    from metagrad.compat import alias

    program = tmp_path / "program.py"
    program.write_text(
        "import torch\nimport torch.onnx\n"
        "torch.onnx.export(torch.nn.Linear(2, 2), torch.ones(1, 2), OUT, input_names=['x'], dynamic_axes={'x': {0: 'n'}})\n"
    )
    program.write_text(program.read_text().replace("OUT", repr(str(tmp_path / "m.onnx"))))
    assert alias.__name__ == "metagrad.compat.alias"
    import subprocess
    import sys

    done = subprocess.run([sys.executable, "-m", "metagrad", "run", str(program)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    proto = onnx.load(tmp_path / "m.onnx")
    assert proto.producer_name == "metagrad"
    assert proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "n"


def test_the_model_is_left_as_it_was():
    model = nn.Sequential(nn.Linear(4, 3), nn.Dropout(), nn.BatchNorm1d(3)).train()
    model[0].eval()
    state = {n: t.clone() for n, t in model.state_dict().items()}
    arrays = [t.array for t in [*model.parameters(), *model.buffers()]]
    metagrad.onnx.export(model, metagrad.randn(2, 4))
    assert [m.training for m in model] == [False, True, True]
    assert all(a is b for a, b in zip(arrays, [t.array for t in [*model.parameters(), *model.buffers()]], strict=True))
    assert all((state[n] == t).all() for n, t in model.state_dict().items())
    with pytest.raises(ZeroDivisionError):
        metagrad.onnx.export(lambda x: 1 / 0, metagrad.ones(1))
    assert metagrad.onnx.is_in_onnx_export() is False
    assert isinstance((model[0].weight + 1).array, np.ndarray)


def test_a_model_knows_that_it_is_exported():
    def model(x):
        return x + 1 if metagrad.onnx.is_in_onnx_export() else x

    assert answers(metagrad.onnx.export(model, metagrad.zeros(1)), metagrad.zeros(1))[0].tolist() == [1.0]


def test_settings_that_cannot_be():
    model, x = nn.Linear(2, 2), metagrad.ones(1, 2)
    refuses(model, x, match="opset_version must be from 18 to 24, got 9", opset_version=9)
    refuses(model, x, match="2 input_names for 1 inputs", input_names=["a", "b"])
    refuses(model, x, x, match="input_names must be distinct", input_names=["a", "a"])
    refuses(model, x, match="has no dimension 5", dynamic_axes={"input_0": {5: "n"}})
    refuses(lambda a, b: a + b, x, metagrad.ones(3, 2), match="'n' is 1 in one input and 3 in 'input_1'",
            dynamic_axes={"input_0": {0: "n"}, "input_1": {0: "n"}})  # fmt: skip
    refuses(model, x, match="dynamic_shapes names", dynamic_shapes={"y": {0: "n"}})
    refuses(model, x, match="export_params=False", export_params=False)
    refuses(lambda: metagrad.ones(1), match="at least one tensor")
    refuses(lambda x: "text", x, match="returns a str")
    with pytest.raises(TypeError, match="unexpected keyword argument 'nonsense'"):
        metagrad.onnx.export(model, x, nonsense=1)


# ------------------------------------------------ free extents


@pytest.mark.parametrize(
    "shapes",
    [
        {"dynamic_axes": {"input_0": [0, 1]}},
        {"dynamic_axes": {"input_0": {0: "n", -1: "m"}}},
        {"dynamic_shapes": ({0: "n", 1: "m"},)},
        {"dynamic_shapes": {"x": {0: "n", 1: "m"}}},
        {"dynamic_shapes": {"input_0": ("n", "m")}},
    ],
)
def test_ways_to_say_which(shapes):
    def model(x):
        return x.flatten().sum() + x.t()

    proto = exported(model, metagrad.randn(2, 3), others=[[metagrad.randn(4, 5)]], **shapes)
    assert all(d.dim_param for d in proto.graph.input[0].type.tensor_type.shape.dim)


SHAPES = {
    "reshape": lambda x: x.reshape(x.shape[0] * x.shape[1], x.shape[2]),
    "split apart": lambda x: x.reshape(x.shape[0], x.shape[1] * 2, -1).transpose(1, 2),
    "positions": lambda x: x + metagrad.arange(x.shape[1]).unsqueeze(1),
    "positions backwards": lambda x: x * metagrad.arange(x.shape[1] - 1, -1, -1).unsqueeze(1),
    "causal mask": lambda x: (x @ x.mT).masked_fill(metagrad.ones(x.shape[1], x.shape[1]).triu(1) > 0, -1e9).softmax(-1),
    "made of numbers": lambda x: x + metagrad.full((x.shape[1], 1), 3.0),
    "unit matrix": lambda x: metagrad.eye(x.shape[1]) @ x,
    "mean by hand": lambda x: x.sum(1) / x.shape[1],
    "scaled by a root": lambda x: x / x.shape[1] ** 0.5,
    "last": lambda x: x[:, x.shape[1] - 1],
    "half": lambda x: x[:, : x.shape[1] // 2],
    "all but the last": lambda x: x[:, :-1] - x[:, 1:],
    "every second": lambda x: x[:, ::2],
    "expanded": lambda x: x[:, :1].expand(x.shape[0], x.shape[1], x.shape[2]),
    "repeated": lambda x: x.repeat(1, 2, 1),
    "rows of blocks": lambda x: metagrad.cat([x, x.flip(1)], 1),
    "as wide as two": lambda x: metagrad.zeros(x.shape[0], 2 * x.shape[1] + 1).sum(1, keepdim=True) + x.sum(2),
    "padded": lambda x: nn.functional.pad(x, (0, 0, 1, 2)),
    "windows": lambda x: x.unfold(1, 2, 1),
    "flat and back": lambda x: x.flatten(0, 1).unflatten(0, (x.shape[0], x.shape[1])),
    "outer": lambda x: metagrad.einsum("bti,bsi->bts", x, x),
    "where": lambda x: metagrad.where(metagrad.arange(x.shape[1])[:, None] < 2, x, x.new_zeros(1)),
    "sorted": lambda x: x.sort(1).values,
    "triangle": lambda x: x.mT.tril(),
    "diagonal": lambda x: (x @ x.mT).diagonal(0, 1, 2),
    "chunks": lambda x: metagrad.cat(x.chunk(2, 2)[::-1], 2),
    "norm": lambda x: nn.functional.layer_norm(x, x.shape[2:]),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_extents_in_expressions(name):
    free = {"input_0": {0: "batch", 1: "time"}}
    exported(
        SHAPES[name],
        metagrad.randn(2, 5, 4),
        others=[[metagrad.randn(3, 8, 4)], [metagrad.randn(1, 4, 4)]],
        dynamic_axes=free,
    )


def test_a_loop_over_an_extent_is_named():
    def model(x):
        total = x[0]
        for t in range(1, x.shape[0]):
            total = total.tanh() + x[t]
        return total

    refuses(
        model,
        metagrad.randn(3, 2),
        match=r"test_export\.py:\d+: the model does something else",
        dynamic_axes={"input_0": [0]},
    )
    exported(model, metagrad.randn(3, 2))


def test_a_shape_that_became_a_number_is_named():
    def model(x):
        steps = x.shape[0]
        return x * metagrad.tensor([float(steps**3 % 7)])

    where = line_of(model, "float(steps")
    refuses(model, metagrad.randn(3, 2), match=where + ".*became a Python number", dynamic_axes={"input_0": [0]})


def test_a_branch_over_an_extent_is_named():
    def model(x):
        return x.relu() if x.shape[0] > 3 else x.tanh()

    refuses(
        model,
        metagrad.randn(3, 2),
        match=line_of(model, "relu") + "the model does something else",
        dynamic_axes={"input_0": [0]},
    )


def test_a_model_that_needs_even_extents():
    def model(x):
        return nn.functional.pixel_unshuffle(x, 2)

    exported(
        model, metagrad.randn(1, 1, 4, 6), others=[[metagrad.randn(2, 1, 2, 8)]], dynamic_axes={"input_0": [0, 2, 3]}
    )


# ------------------------------------------------ values that become numbers


NUMBERS = {
    "item": lambda x: x * x.sum().item(),
    "if": lambda x: x if x.sum() > 0 else -x,
    "float": lambda x: x + float(x[0, 0]),
    "tolist": lambda x: x + metagrad.tensor(x.tolist()),
    "numpy": lambda x: x + metagrad.tensor(np.asarray(x)),
    "int": lambda x: x[: int(x.sum().abs()) + 1],
}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_value_that_became_a_number_is_named(name):
    refuses(NUMBERS[name], metagrad.ones(2, 3), match=r"test_export\.py:\d+: the model makes .* of a tensor")


def test_a_value_that_became_a_number_is_named_where_classes_are_asked():
    program = """
import io, metagrad
from metagrad import onnx
class Own(metagrad.Tensor): pass
for model in (lambda x: x * x.sum().item(), lambda x: x + (1 if x.sum() > 0 else 2), lambda x: x * float(x.sum())):
    try:
        onnx.export(model, (metagrad.ones(2, 3),), io.BytesIO())
    except onnx.ExportError as error:
        assert "the model makes a Python" in str(error), error
    else:
        raise AssertionError("exported")
"""
    subprocess.run(
        [sys.executable, "-c", program], check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )


@pytest.mark.parametrize("value", [0.0, 1.0, 3])
@pytest.mark.parametrize("shape", [(2, 3), (1,), ()])
def test_a_value_that_metagrad_itself_takes_is_noticed(value, shape):
    """The range of a histogram is a number in metagrad too; also where the example's numbers are all the same."""
    refuses(
        lambda x: metagrad.histc(x.float(), 4),
        metagrad.full(shape, value),
        match=r"test_export\.py:\d+: .*became a Python number",
    )


def test_numbers_of_constants_are_no_matter():
    def model(x):
        rates = [r.item() for r in metagrad.linspace(0, 1, 3)]
        return x * rates[1] + metagrad.tensor([2.0]).sum().item()

    exported(model, metagrad.randn(2))


# ------------------------------------------------ in-place writes


def with_view(x):
    y = x.clone()
    y[:, 1:].mul_(2)
    return y


def of_views(x):
    y = x.clone()
    first, turned = y[0], y.t()
    turned[1] = -1.0
    first.add_(10)
    return y, first * 2, turned.reshape(-1)


def of_base(x):
    y = x.clone()
    view = y[:, 1]
    y.mul_(3)
    return view + 1, y


def rows_put(x):
    y = metagrad.zeros(3, x.shape[1])
    y[metagrad.tensor([2, 0])] = x[:2]
    y[1, ::2] = 5.0
    return y


def by_mask(x):
    y = x.clone()
    y[y > 0] = 0.0
    y.masked_fill_(y < -0.5, 7.0)
    return y


def accumulated(x):
    total = metagrad.zeros_like(x[0])
    for row in x:
        total += row
    return total


def written_twice(x):
    y = metagrad.zeros(4, 3)
    y[1:3] = x[:2]
    y[2:4] += x[:2]
    y.fill_diagonal_(1.0)
    return y


def through_two_views(x):
    y = x.clone()
    y.view(-1)[1:5].view(2, 2).t()[0].zero_()
    return y


def scattered(x):
    y = x.clone()
    y.scatter_add_(1, metagrad.zeros(2, 3, dtype=metagrad.int64), x)
    y.index_add_(0, metagrad.tensor([0, 0]), x)
    return y


def into_out(x):
    y = metagrad.empty(2, 3)
    metagrad.add(x, 1, out=y)
    return y * 2


IN_PLACE = [
    with_view,
    of_views,
    of_base,
    rows_put,
    by_mask,
    accumulated,
    written_twice,
    through_two_views,
    scattered,
    into_out,
]


@pytest.mark.parametrize("model", IN_PLACE, ids=lambda f: f.__name__)
def test_in_place_writes(model):
    x = metagrad.tensor([[0.5, -1.0, 2.0], [-0.25, 3.0, -2.0]])
    exported(lambda v: model(v), x, others=[[x.flip(0) * 1.5]])


@pytest.mark.parametrize("model", [with_view, of_views, of_base, by_mask])
def test_in_place_writes_with_free_extents(model):
    x = metagrad.randn(2, 3)
    exported(lambda v: model(v), x, others=[[metagrad.randn(4, 5)]], dynamic_axes={"input_0": [0, 1]})


def test_an_input_that_is_written_to():
    def model(x):
        x += 1
        return x * 2

    proto = metagrad.onnx.export(model, metagrad.ones(2))
    assert answers(proto, metagrad.zeros(2))[0].tolist() == [2.0, 2.0]


def test_a_buffer_that_is_written_to():
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("seen", metagrad.zeros(1))

        def forward(self, x):
            self.seen += 1
            return x + self.seen

    model = Counting()
    proto = metagrad.onnx.export(model, metagrad.zeros(2))
    assert answers(proto, metagrad.zeros(2))[0].tolist() == [1.0, 1.0]
    assert model.seen.tolist() == [0.0]


# ------------------------------------------------ ops


def test_what_onnx_does_not_have_is_named_with_its_line():
    def model(x):
        return metagrad.lgamma(x) + 1

    refuses(model, metagrad.ones(2), match=line_of(model, "lgamma") + "Lgamma cannot be exported")
    refuses(lambda x: metagrad.fft.fft(x), metagrad.ones(4), match="complex|dtype complex64")
    refuses(nn.Dropout().train(), metagrad.ones(64), match="cannot be exported|differs", training="preserve")


@pytest.mark.parametrize("degrees", [[0.0, 0.0], [1.0, 1.0], [0.5, 0.0], [-1.0, -2.0], [3.0, 2.0]], ids=str)
def test_a_polynomial_of_a_degree_that_is_an_input_is_refused(degrees):
    """Also where no other degree that is tried happens to take more steps."""
    given = metagrad.tensor([0.1, 0.2]), metagrad.tensor(degrees)
    refuses(metagrad.special.legendre_polynomial_p, *given, match="Python number of a tensor")


def test_a_special_function_is_one_step():
    """Of a model that takes it apart, ONNX would get hundreds of nodes, or numbers of the traced run."""
    model = lambda x: metagrad.erf(x) + nn.functional.gelu(x)  # noqa: E731
    found = metagrad.onnx.export(model, metagrad.randn(3, 4), opset_version=18)
    assert [n.op_type for n in found.graph.node].count("Erf") == 2
    refuses(metagrad.special.bessel_j0, metagrad.ones(3), match="j0 cannot be exported: ONNX has no operator")


class Doubled(metagrad.autograd.Function):
    @staticmethod
    def forward(ctx, x, times):
        return x * times

    @staticmethod
    def backward(ctx, grad):
        return grad, None


def test_an_op_of_ones_own():
    @metagrad.onnx.register_converter(Doubled)
    def convert(g, step, x, times):
        return g.op("Scaled", x, domain="com.example", times=int(times))

    try:
        proto = metagrad.onnx.export(lambda x: Doubled.apply(x, 2).relu(), metagrad.ones(2))
    finally:
        del metagrad.onnx.exporting.registry.CUSTOM[Doubled]
    assert kinds(proto) == {"Scaled", "Relu"}
    assert {o.domain: o.version for o in proto.opset_import}["com.example"] == 1
    assert kinds(exported(lambda x: Doubled.apply(x, 2).relu(), metagrad.ones(2))) == {"Mul", "Relu"}  # its pieces


class Sixfold(metagrad.autograd.Function):
    def forward(self, x, times):
        return x * times

    def backward(self, grad):
        return grad


def test_a_function_on_arrays_of_ones_own():
    @metagrad.onnx.register_converter(Sixfold)
    def convert(g, step, x, times):
        return g.op("Mul", x, g.scalar(times, "float32"))

    try:
        exported(lambda x: Sixfold.apply(x, times=6), metagrad.ones(2))
    finally:
        del metagrad.onnx.exporting.registry.CUSTOM[Sixfold]


def test_verify():
    model = nn.Sequential(nn.Linear(4, 3), nn.GELU(), nn.LayerNorm(3))
    metagrad.onnx.export(model, metagrad.randn(2, 4), verify=True, dynamic_axes={"input_0": [0]})

    @metagrad.onnx.register_converter(Sixfold)
    def convert(g, step, x, times):
        return g.op("Identity", x)  # wrong

    try:
        refuses(
            lambda x: Sixfold.apply(x, times=6), metagrad.ones(2), match="'output_0' differs .* by up to 5", verify=True
        )
    finally:
        del metagrad.onnx.exporting.registry.CUSTOM[Sixfold]


def test_tied_parameters_are_written_once():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.head = nn.Embedding(7, 4), nn.Linear(4, 7, bias=False)
            self.head.weight = self.embedding.weight

        def forward(self, x):
            return self.head(self.embedding(x))

    model = Tied()
    proto = exported(model, metagrad.tensor([[1, 2]]))
    assert [w.name for w in proto.graph.initializer] == ["embedding.weight"]
    assert_same(proto, model, metagrad.tensor([[3, 0]]))


def test_other_threads_are_not_traced():
    import threading

    found = []

    def model(x):
        thread = threading.Thread(target=lambda: found.append(type((metagrad.ones(2) * 2).array)))
        thread.start()
        thread.join()
        return x + 1

    exported(model, metagrad.ones(2))
    assert set(found) == {np.ndarray}
