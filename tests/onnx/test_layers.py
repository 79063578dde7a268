"""Every layer and loss that ONNX can express, run in onnxruntime at the traced extents and at others."""

import numpy as np
import pytest
from tests.onnx.running import exported, kinds

import metagrad
from metagrad import nn
from metagrad.nn.utils.rnn import pack_padded_sequence

onnx = pytest.importorskip("onnx", reason="needs the extra onnx, and onnxruntime")
pytest.importorskip("onnxruntime", reason="needs the extra onnx, and onnxruntime")


@pytest.fixture(autouse=True)
def seed():
    metagrad.manual_seed(0)


def x(*shape):
    return metagrad.randn(*shape)


def positive(*shape):
    return metagrad.rand(*shape) + 0.1


def classes(count, *shape):
    return metagrad.randint(0, count, shape)


def signs(*shape):
    return metagrad.randint(0, 2, shape).float() * 2 - 1


def test_a_loss_counts_the_targets_of_each_batch():
    """Which targets are ignored is not known when the file is written."""
    scores, targets = x(4, 5), metagrad.tensor([1, 2, 3, 4])
    for smoothing in (0.0, 0.1):
        loss = nn.CrossEntropyLoss(ignore_index=0, label_smoothing=smoothing)
        exported(loss, scores, targets, others=[[scores, metagrad.tensor([0, 2, 0, 4])]])


class Applied(nn.Module):
    """A layer that is called in some other way than with its input alone."""

    def __init__(self, layer, call):
        super().__init__()
        self.layer, self.call = layer, call

    def forward(self, *args):
        return self.call(self.layer, *args)


B = 3  # the traced batch; the other one has 5

# Layers with an input of which dimension 0 is the batch, or what ``free`` says.
LAYERS = {
    "AdaptiveAvgPool1d": (nn.AdaptiveAvgPool1d(3), x(B, 2, 7)),
    "AdaptiveAvgPool2d": (nn.AdaptiveAvgPool2d((2, 1)), x(B, 2, 7, 6)),
    "AdaptiveAvgPool3d": (nn.AdaptiveAvgPool3d(2), x(B, 2, 4, 5, 6)),
    "AdaptiveMaxPool1d": (nn.AdaptiveMaxPool1d(3), x(B, 2, 7)),
    "AdaptiveMaxPool2d": (nn.AdaptiveMaxPool2d((2, 1)), x(B, 2, 7, 6)),
    "AdaptiveMaxPool3d": (nn.AdaptiveMaxPool3d(2), x(B, 2, 4, 5, 6)),
    "AdaptiveLogSoftmax": (Applied(nn.AdaptiveLogSoftmaxWithLoss(6, 10, [3, 7]), lambda m, v: m.log_prob(v)), x(B, 6)),
    "AlphaDropout": (nn.AlphaDropout(), x(B, 4)),
    "AvgPool1d": (nn.AvgPool1d(3, 2, 1), x(B, 2, 8)),
    "AvgPool2d": (nn.AvgPool2d(3, 2, 1, count_include_pad=False), x(B, 2, 8, 7)),
    "AvgPool2d ceil": (nn.AvgPool2d(3, 2, ceil_mode=True), x(B, 2, 8, 7)),
    "AvgPool3d": (nn.AvgPool3d(2), x(B, 2, 4, 4, 4)),
    "BatchNorm1d": (nn.BatchNorm1d(4), x(B, 4)),
    "BatchNorm1d of sequences": (nn.BatchNorm1d(4, affine=False), x(B, 4, 6)),
    "BatchNorm2d": (nn.BatchNorm2d(4), x(B, 4, 3, 3)),
    "BatchNorm3d": (nn.BatchNorm3d(4), x(B, 4, 2, 3, 3)),
    "Bilinear": (nn.Bilinear(3, 4, 5), x(B, 3), x(B, 4)),
    "CELU": (nn.CELU(0.7), x(B, 4)),
    "ChannelShuffle": (nn.ChannelShuffle(2), x(B, 4, 3, 3)),
    "CharacterConvolution": (nn.CharacterConvolution(20, 4, 6), classes(19, B, 7) + 1),
    "CircularPad1d": (nn.CircularPad1d(2), x(B, 2, 5)),
    "CircularPad2d": (nn.CircularPad2d((1, 2, 0, 1)), x(B, 2, 5, 4)),
    "CircularPad3d": (nn.CircularPad3d(1), x(B, 2, 3, 4, 3)),
    "ConstantPad1d": (nn.ConstantPad1d((1, -1), 2.5), x(B, 2, 5)),
    "ConstantPad2d": (nn.ConstantPad2d(1, 2.5), x(B, 2, 5, 4)),
    "ConstantPad3d": (nn.ConstantPad3d(1, 2.5), x(B, 2, 3, 3, 3)),
    "Conv1d": (nn.Conv1d(2, 4, 3, stride=2, padding=1, dilation=2), x(B, 2, 9)),
    "Conv2d": (nn.Conv2d(4, 6, (3, 2), padding="same", groups=2), x(B, 4, 6, 5)),
    "Conv2d circular": (nn.Conv2d(4, 6, 3, padding=1, padding_mode="circular"), x(B, 4, 6, 5)),
    "Conv3d": (nn.Conv3d(2, 3, 2, bias=False), x(B, 2, 3, 4, 3)),
    "ConvTranspose1d": (nn.ConvTranspose1d(2, 4, 3, stride=2, padding=1, output_padding=1), x(B, 2, 5)),
    "ConvTranspose2d": (nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2), x(B, 4, 3, 4)),
    "ConvTranspose3d": (nn.ConvTranspose3d(2, 3, 2, dilation=2), x(B, 2, 3, 3, 3)),
    "CosineSimilarity": (nn.CosineSimilarity(), x(B, 4), x(B, 4)),
    "CrossMapLRN2d": (nn.CrossMapLRN2d(3), x(B, 5, 2, 2)),
    "Dropout": (nn.Dropout(), x(B, 4)),
    "Dropout1d": (nn.Dropout1d(), x(B, 4, 2)),
    "Dropout2d": (nn.Dropout2d(), x(B, 4, 2, 2)),
    "Dropout3d": (nn.Dropout3d(), x(B, 4, 2, 2, 2)),
    "ELU": (nn.ELU(0.7), x(B, 4)),
    "Embedding": (nn.Embedding(9, 4, padding_idx=0), classes(9, B, 6)),
    "EmbeddingBag": (nn.EmbeddingBag(9, 4, mode="mean"), classes(9, B, 6)),
    "EmbeddingBag max": (nn.EmbeddingBag(9, 4, mode="max"), classes(9, B, 6)),
    "FeatureAlphaDropout": (nn.FeatureAlphaDropout(), x(B, 4, 2)),
    "Flatten": (nn.Flatten(), x(B, 4, 2)),
    "Fold": (nn.Fold((4, 5), 2), x(B, 8, 12)),
    "GELU": (nn.GELU(), x(B, 4)),
    "GELU tanh": (nn.GELU("tanh"), x(B, 4)),
    "GLU": (nn.GLU(), x(B, 4)),
    "GRUCell": (nn.GRUCell(4, 3), x(B, 4), x(B, 3)),
    "GroupNorm": (nn.GroupNorm(2, 4), x(B, 4, 3, 2)),
    "Hardshrink": (nn.Hardshrink(), x(B, 4)),
    "Hardsigmoid": (nn.Hardsigmoid(), x(B, 4)),
    "Hardswish": (nn.Hardswish(), x(B, 4)),
    "Hardtanh": (nn.Hardtanh(-0.5, 0.7), x(B, 4)),
    "Identity": (nn.Sequential(nn.Identity(), nn.ReLU()), x(B, 4)),
    "InstanceNorm1d": (nn.InstanceNorm1d(4), x(B, 4, 6)),
    "InstanceNorm2d": (nn.InstanceNorm2d(4, affine=True), x(B, 4, 3, 3)),
    "InstanceNorm2d running": (nn.InstanceNorm2d(4, track_running_stats=True), x(B, 4, 3, 3)),
    "InstanceNorm3d": (nn.InstanceNorm3d(4), x(B, 4, 2, 2, 2)),
    "LPPool1d": (nn.LPPool1d(2, 3), positive(B, 2, 8)),
    "LPPool2d": (nn.LPPool2d(2, 2), positive(B, 2, 4, 4)),
    "LPPool3d": (nn.LPPool3d(3, 2), positive(B, 2, 4, 4, 4)),
    "LSTMCell": (Applied(nn.LSTMCell(4, 3), lambda m, v, h, c: m(v, (h, c))), x(B, 4), x(B, 3), x(B, 3)),
    "LayerNorm": (nn.LayerNorm(4), x(B, 5, 4)),
    "LayerNorm of two": (nn.LayerNorm((5, 4), bias=False), x(B, 5, 4)),
    "LeakyReLU": (nn.LeakyReLU(0.1), x(B, 4)),
    "Linear": (nn.Linear(4, 3), x(B, 4)),
    "Linear of sequences": (nn.Linear(4, 3, bias=False), x(B, 5, 4)),
    "LocalResponseNorm": (nn.LocalResponseNorm(3), x(B, 5, 4)),
    "LogSigmoid": (nn.LogSigmoid(), x(B, 4)),
    "LogSoftmax": (nn.LogSoftmax(1), x(B, 4)),
    "MaxPool1d": (nn.MaxPool1d(3, 2, 1), x(B, 2, 8)),
    "MaxPool2d": (nn.MaxPool2d(2, ceil_mode=True), x(B, 2, 7, 7)),
    "MaxPool2d dilated": (nn.MaxPool2d(2, 1, dilation=2), x(B, 2, 7, 7)),
    "MaxPool3d": (nn.MaxPool3d(2), x(B, 2, 4, 4, 4)),
    "MaxPool and MaxUnpool1d": (
        Applied(nn.ModuleList([nn.MaxPool1d(2, return_indices=True), nn.MaxUnpool1d(2)]), lambda m, v: m[1](*m[0](v))),
        x(B, 2, 6)),
    "MaxPool and MaxUnpool2d": (
        Applied(nn.ModuleList([nn.MaxPool2d(2, return_indices=True), nn.MaxUnpool2d(2)]), lambda m, v: m[1](*m[0](v))),
        x(B, 2, 6, 4)),
    "MaxPool and MaxUnpool3d": (
        Applied(nn.ModuleList([nn.MaxPool3d(2, return_indices=True), nn.MaxUnpool3d(2)]), lambda m, v: m[1](*m[0](v))),
        x(B, 2, 4, 4, 4)),
    "Mish": (nn.Mish(), x(B, 4)),
    "MultiheadAttention": (Applied(nn.MultiheadAttention(8, 2, batch_first=True), lambda m, v: m(v, v, v)), x(B, 5, 8)),
    "MultiheadAttention without weights": (
        Applied(nn.MultiheadAttention(8, 2, batch_first=True), lambda m, v: m(v, v, v, need_weights=False)[0]),
        x(B, 5, 8)),
    "PReLU": (nn.PReLU(4), x(B, 4, 3)),
    "PairwiseDistance": (nn.PairwiseDistance(), x(B, 4), x(B, 4)),
    "PixelShuffle": (nn.PixelShuffle(2), x(B, 8, 3, 3)),
    "PixelUnshuffle": (nn.PixelUnshuffle(2), x(B, 2, 4, 6)),
    "RMSNorm": (nn.RMSNorm(4), x(B, 5, 4)),
    "RNNCell": (nn.RNNCell(4, 3), x(B, 4), x(B, 3)),
    "RReLU": (nn.RReLU(), x(B, 4)),
    "ReLU": (nn.ReLU(), x(B, 4)),
    "ReLU6": (nn.ReLU6(), x(B, 4) * 5),
    "ReflectionPad1d": (nn.ReflectionPad1d(2), x(B, 2, 5)),
    "ReflectionPad2d": (nn.ReflectionPad2d(1), x(B, 2, 5, 4)),
    "ReflectionPad3d": (nn.ReflectionPad3d(1), x(B, 2, 3, 4, 3)),
    "ReplicationPad1d": (nn.ReplicationPad1d(2), x(B, 2, 5)),
    "ReplicationPad2d": (nn.ReplicationPad2d(1), x(B, 2, 5, 4)),
    "ReplicationPad3d": (nn.ReplicationPad3d(1), x(B, 2, 3, 4, 3)),
    "SELU": (nn.SELU(), x(B, 4)),
    "SiLU": (nn.SiLU(), x(B, 4)),
    "Sigmoid": (nn.Sigmoid(), x(B, 4)),
    "Softmax": (nn.Softmax(-1), x(B, 4)),
    "Softmax2d": (nn.Softmax2d(), x(B, 4, 2, 2)),
    "Softmin": (nn.Softmin(1), x(B, 4)),
    "Softplus": (nn.Softplus(2.0), x(B, 4)),
    "Softshrink": (nn.Softshrink(), x(B, 4)),
    "Softsign": (nn.Softsign(), x(B, 4)),
    "SyncBatchNorm": (nn.SyncBatchNorm(4), x(B, 4, 3)),
    "Tanh": (nn.Tanh(), x(B, 4)),
    "Tanhshrink": (nn.Tanhshrink(), x(B, 4)),
    "Threshold": (nn.Threshold(0.1, 20.0), x(B, 4)),
    "Transformer": (nn.Transformer(8, 2, 1, 1, 16, batch_first=True), x(B, 5, 8), x(B, 4, 8)),
    "TransformerDecoder": (
        nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16, batch_first=True), 2),
        x(B, 5, 8), x(B, 4, 8)),
    "TransformerEncoder": (nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2), x(B, 5, 8)),
    "TransformerEncoderLayer": (
        nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True, activation="gelu"),
        x(B, 5, 8)),
    "Unflatten": (nn.Unflatten(1, (2, 3)), x(B, 6)),
    "Unfold": (nn.Unfold(2, padding=1, stride=2), x(B, 2, 5, 4)),
    "Upsample": (nn.Upsample(scale_factor=2), x(B, 2, 3, 4)),
    "Upsample linear": (nn.Upsample(size=7, mode="linear"), x(B, 2, 4)),
    "Upsample bilinear": (nn.Upsample(scale_factor=(1.5, 2), mode="bilinear"), x(B, 2, 4, 5)),
    "Upsample bicubic": (nn.Upsample(scale_factor=2, mode="bicubic"), x(B, 2, 4, 5)),
    "Upsample trilinear": (nn.Upsample(scale_factor=2, mode="trilinear"), x(B, 2, 2, 3, 4)),
    "UpsamplingBilinear2d": (nn.UpsamplingBilinear2d(scale_factor=2), x(B, 2, 3, 4)),
    "UpsamplingNearest2d": (nn.UpsamplingNearest2d(size=(6, 5)), x(B, 2, 3, 4)),
    "VariationalDropout": (nn.VariationalDropout(), x(B, 4, 2)),
    "ZeroPad1d": (nn.ZeroPad1d(1), x(B, 2, 3)),
    "ZeroPad2d": (nn.ZeroPad2d(1), x(B, 2, 3, 3)),
    "ZeroPad3d": (nn.ZeroPad3d(1), x(B, 2, 3, 3, 3)),
    # losses, of all the batch and of each element
    "BCELoss": (nn.BCELoss(), positive(B, 4) / 2, positive(B, 4) / 2),
    "BCEWithLogitsLoss": (nn.BCEWithLogitsLoss(pos_weight=positive(4)), x(B, 4), positive(B, 4) / 2),
    "CosineEmbeddingLoss": (nn.CosineEmbeddingLoss(), x(B, 4), x(B, 4), signs(B)),
    "CrossEntropyLoss": (nn.CrossEntropyLoss(label_smoothing=0.1), x(B, 4), classes(4, B)),
    "CrossEntropyLoss smoothed": (
        nn.CrossEntropyLoss(weight=positive(4), ignore_index=1, label_smoothing=0.1),
        x(B, 4, 3), classes(4, B, 3)),
    "CrossEntropyLoss smoothed, of each": (nn.CrossEntropyLoss(reduction="none", label_smoothing=0.1), x(B, 4), classes(4, B)),
    "CrossEntropyLoss of images": (nn.CrossEntropyLoss(weight=positive(4), ignore_index=1), x(B, 4, 3), classes(4, B, 3)),
    "CrossEntropyLoss of probabilities": (nn.CrossEntropyLoss(), x(B, 4), x(B, 4).softmax(1)),
    "GaussianNLLLoss": (nn.GaussianNLLLoss(), x(B, 4), x(B, 4), positive(B, 4)),
    "HingeEmbeddingLoss": (nn.HingeEmbeddingLoss(), x(B, 4), signs(B, 4)),
    "HuberLoss": (nn.HuberLoss(delta=0.5), x(B, 4), x(B, 4)),
    "KLDivLoss": (nn.KLDivLoss(reduction="batchmean"), x(B, 4).log_softmax(1), x(B, 4).softmax(1)),
    "L1Loss": (nn.L1Loss(), x(B, 4), x(B, 4)),
    "MSELoss": (nn.MSELoss(reduction="none"), x(B, 4), x(B, 4)),
    "MarginRankingLoss": (nn.MarginRankingLoss(0.1), x(B), x(B), signs(B)),
    "MultiLabelSoftMarginLoss": (nn.MultiLabelSoftMarginLoss(), x(B, 4), classes(2, B, 4).float()),
    "MultiMarginLoss": (nn.MultiMarginLoss(), x(B, 4), classes(4, B)),
    "NLLLoss": (nn.NLLLoss(), x(B, 4).log_softmax(1), classes(4, B)),
    "NLLLoss2d": (nn.NLLLoss2d(), x(B, 4, 2, 3), classes(4, B, 2, 3)),
    "PoissonNLLLoss": (nn.PoissonNLLLoss(), x(B, 4), positive(B, 4)),
    "SmoothL1Loss": (nn.SmoothL1Loss(), x(B, 4), x(B, 4)),
    "SoftMarginLoss": (nn.SoftMarginLoss(), x(B, 4), signs(B, 4)),
    "TripletMarginLoss": (nn.TripletMarginLoss(), x(B, 4), x(B, 4), x(B, 4)),
    "TripletMarginWithDistanceLoss": (nn.TripletMarginWithDistanceLoss(), x(B, 4), x(B, 4), x(B, 4)),
    "LinearCrossEntropyLoss": (nn.LinearCrossEntropyLoss(6, 4), x(B, 6), classes(4, B)),
}  # fmt: skip


def other_batch(tensor):
    """Five sequences, made of the three in another order."""
    return tensor[metagrad.tensor([2, 0, 1, 1, 2])]


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


CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


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
