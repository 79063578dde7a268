"""Every layer and loss that ONNX can express, run in onnxruntime at the traced extents and at others."""

import numpy as np
import pytest
from tests.onnx.layer_cases import CELLS, LAYERS, Applied, classes, other_batch, x
from tests.onnx.running import exported, kinds

import metagrad
from metagrad import nn
from metagrad.nn.utils.rnn import pack_padded_sequence

onnx = pytest.importorskip("onnx", reason="needs the extra onnx, and onnxruntime")
pytest.importorskip("onnxruntime", reason="needs the extra onnx, and onnxruntime")


@pytest.fixture(autouse=True)
def seed():
    metagrad.manual_seed(0)


def test_a_loss_counts_the_targets_of_each_batch():
    """Which targets are ignored is not known when the file is written."""
    scores, targets = x(4, 5), metagrad.tensor([1, 2, 3, 4])
    for smoothing in (0.0, 0.1):
        loss = nn.CrossEntropyLoss(ignore_index=0, label_smoothing=smoothing)
        exported(loss, scores, targets, others=[[scores, metagrad.tensor([0, 2, 0, 4])]])


# Layers with an input of which dimension 0 is the batch, or what ``free`` says.


@pytest.mark.parametrize("name", LAYERS)
def test_layer(name):
    model, *args = LAYERS[name]
    for parameter in model.parameters():
        parameter.data.normal_(0.1, 0.5)
    for buffer in model.buffers():
        if buffer.dtype.is_floating_point:
            buffer.data.uniform_(0.5, 1.5)
    free = {f"input_{i}": {0: "batch"} for i in range(len(args))}
    exported(model, *args, others=[[other_batch(a) for a in args]], dynamic_axes=free)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_padded_recurrence(cell, layers, both, batch_first, bias):
    model = CELLS[cell](4, 3, layers, bidirectional=both, batch_first=batch_first, bias=bias)
    free = {"input_0": {0: "first", 1: "second"}}
    proto = exported(model, x(5, 2, 4), others=[[x(3, 6, 4)]], dynamic_axes=free)
    assert cell.upper() in kinds(proto)
    assert {name for name, _ in model.named_parameters()} <= {w.name for w in proto.graph.initializer}


@pytest.mark.parametrize("cell", CELLS)
def test_recurrence_from_a_state(cell):
    rows = 4
    model = CELLS[cell](4, 3, 2, bidirectional=True)
    states = [x(rows, 2, 3) for _ in range(1 + (cell == "lstm"))]
    others = [x(rows, 5, 3) for _ in states]
    called = Applied(model, lambda m, v, *s: m(v, tuple(s) if len(s) == 2 else s[0]))
    free = {"input_0": {0: "t", 1: "batch"}, "input_1": {1: "batch"}, "input_2": {1: "batch"}}
    exported(
        called,
        x(6, 2, 4),
        *states,
        others=[[x(4, 5, 4), *others]],
        dynamic_axes={n: free[n] for n in list(free)[: 1 + len(states)]},
    )


def test_recurrence_of_one_sequence():
    exported(nn.LSTM(4, 3, 2, bidirectional=True), x(6, 4), others=[[x(9, 4)]], dynamic_axes={"input_0": {0: "t"}})


def test_recurrence_with_relu():
    exported(nn.RNN(4, 3, nonlinearity="relu", bidirectional=True), x(6, 2, 4))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("both", [False, True])
def test_packed_recurrence(cell, both):
    """A packed sequence is a padded batch and its lengths, also at other numbers of steps and of sequences."""
    model = CELLS[cell](4, 3, 2, bidirectional=both)
    packed = pack_padded_sequence(x(7, 3, 4), [7, 4, 2])
    other = pack_padded_sequence(x(9, 5, 4), [2, 9, 1, 4, 4], enforce_sorted=False)
    free = {"input_0": {0: "t", 1: "batch"}, "input_1": {0: "batch"}}
    exported(model, packed, others=[[pack_padded_sequence(x(9, 4, 4), [9, 4, 2, 1])]], dynamic_axes=free)
    packed = pack_padded_sequence(x(7, 3, 4), [2, 7, 4], enforce_sorted=False)
    proto = exported(model, packed, others=[[other]], dynamic_axes=free)
    [layer, *_] = [n for n in proto.graph.node if n.op_type == cell.upper()]
    assert layer.input[4]  # the lengths


class Tagger(nn.Module):
    def __init__(self, between):
        super().__init__()
        self.embedding, self.between = nn.Embedding(20, 6), between
        self.first, self.second = nn.LSTM(6, 5, bidirectional=True), nn.GRU(10, 4, bidirectional=True)
        self.scores = nn.Linear(8, 7)

    def forward(self, tokens, lengths):
        packed = pack_padded_sequence(self.embedding(tokens), lengths, batch_first=True, enforce_sorted=False)
        packed, _ = self.first(packed)
        if self.between:  # something is done with the rows themselves
            packed = nn.utils.rnn.PackedSequence(packed.data.tanh() * 2, *packed[1:])
        packed, _ = self.second(packed)
        padded, lengths = nn.utils.rnn.pad_packed_sequence(packed, batch_first=True, padding_value=-1.0)
        return self.scores(padded), lengths


@pytest.mark.parametrize("between", [False, True])
def test_packing_inside_a_model(between):
    args = classes(20, 3, 6), metagrad.tensor([2, 6, 4])
    other = classes(20, 5, 9), metagrad.tensor([3, 2, 8, 1, 3])
    free = {"input_0": {0: "batch", 1: "time"}, "input_1": {0: "batch"}}
    exported(Tagger(between), *args, others=[other], dynamic_axes=free)


NAMED = {
    "BatchNormalization": (nn.BatchNorm2d(4), x(2, 4, 3, 3)),
    "LayerNormalization": (nn.LayerNorm(4), x(2, 4)),
    "RMSNormalization": (nn.RMSNorm(4), x(2, 4)),
    "GroupNormalization": (nn.GroupNorm(2, 4), x(2, 4, 3)),
    "InstanceNormalization": (nn.InstanceNorm1d(4), x(2, 4, 3)),
    "Gather": (nn.Embedding(9, 4), classes(9, 2, 3)),
    "Attention": (Applied(nn.Identity(), lambda m, v: nn.functional.scaled_dot_product_attention(v, v, v)), x(2, 2, 5, 4)),
    "Conv": (nn.Conv2d(2, 3, 3), x(2, 2, 5, 5)),
    "ConvTranspose": (nn.ConvTranspose2d(2, 3, 3, bias=False), x(2, 2, 5, 5)),
    "MaxPool": (nn.MaxPool2d(2), x(2, 2, 4, 4)),
    "AveragePool": (nn.AvgPool2d(2), x(2, 2, 4, 4)),
    "Gemm": (nn.Linear(3, 2), x(2, 3)),
    "Softmax": (nn.Softmax(1), x(2, 3)),
    "LogSoftmax": (nn.LogSoftmax(1), x(2, 3)),
    "Gelu": (nn.GELU(), x(2, 3)),
    "Mish": (nn.Mish(), x(2, 3)),
    "Resize": (nn.Upsample(scale_factor=2), x(2, 2, 3)),
}  # fmt: skip


@pytest.mark.parametrize("op", NAMED)
def test_one_operator(op):
    """What has an operator of its name is that operator and nothing else."""
    model, value = NAMED[op]
    assert kinds(exported(model, value)) == {op}


@pytest.mark.parametrize("mask", ["none", "causal", "bool", "numbers"])
def test_attention(mask):
    q, k, v = x(2, 3, 5, 4), x(2, 3, 6, 4), x(2, 3, 6, 7)
    masks = {"bool": metagrad.ones(5, 6).tril(1) > 0, "numbers": x(2, 1, 5, 6)}

    def attend(q, k, v, *mask_):
        return nn.functional.scaled_dot_product_attention(q, k, v, *mask_, is_causal=mask == "causal")

    given = [masks[mask]] if mask in masks else []
    assert "Attention" in kinds(exported(attend, q, k, v, *given))


@pytest.mark.parametrize("opset", [18, 20, 21, 23])
def test_opsets(opset):
    """Where the opset has no operator of the name, its pieces."""
    attention = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, activation="gelu")
    model = nn.Sequential(attention, nn.RMSNorm(8), nn.GroupNorm(1, 5))
    proto = exported(model, x(2, 5, 8), others=[[x(4, 5, 8)]], dynamic_axes={"input_0": {0: "b"}}, opset_version=opset)
    assert proto.opset_import[0].version == opset


def test_numbers_outside_float32():
    for dtype in ("float64", "float16"):
        model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)).to(getattr(metagrad, dtype))
        value = x(2, 4).to(getattr(metagrad, dtype))
        proto = metagrad.onnx.export(model, value)
        from tests.onnx.running import assert_same

        assert_same(proto, model, value, tolerance=2e-3 if dtype == "float16" else 1e-12)
    assert np.isfinite(value.numpy()).all()
