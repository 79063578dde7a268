"""The layers that are exported and loaded again, each with what it is called on."""

import metagrad
from metagrad import nn


def x(*shape):
    return metagrad.randn(*shape)


def positive(*shape):
    return metagrad.rand(*shape) + 0.1


def classes(count, *shape):
    return metagrad.randint(0, count, shape)


def signs(*shape):
    return metagrad.randint(0, 2, shape).float() * 2 - 1


class Applied(nn.Module):
    """A layer that is called in some other way than with its input alone."""

    def __init__(self, layer, call):
        super().__init__()
        self.layer, self.call = layer, call

    def forward(self, *args):
        return self.call(self.layer, *args)


B = 3  # the traced batch; the other one has 5


LAYERS = {
    "AdaptiveAvgPool1d": (nn.AdaptiveAvgPool1d(3), x(B, 2, 7)),
    "AdaptiveAvgPool2d": (nn.AdaptiveAvgPool2d((2, 1)), x(B, 2, 7, 6)),
    "AdaptiveAvgPool3d": (nn.AdaptiveAvgPool3d(2), x(B, 2, 4, 5, 6)),
    "AdaptiveMaxPool1d": (nn.AdaptiveMaxPool1d(3), x(B, 2, 7)),
    "AdaptiveMaxPool2d": (nn.AdaptiveMaxPool2d((2, 1)), x(B, 2, 7, 6)),
    "AdaptiveMaxPool3d": (nn.AdaptiveMaxPool3d(2), x(B, 2, 4, 5, 6)),
    "AdaptiveLogSoftmax": (Applied(nn.AdaptiveLogSoftmaxWithLoss(6, 10, [3, 7], div_value=2), lambda m, v: m.log_prob(v)), x(B, 6)),
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


CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
