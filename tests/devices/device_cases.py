"""What is run on a device, the stand-in's or a GPU: every module, every optimizer, training steps.

``MODULES[name]`` is (the arguments of its class, its inputs). An input is a shape, of numbers from the normal distribution, or an
array.
"""

import numpy as np
from tests.ops.rows import flat

import metagrad
from metagrad import nn, optim
from metagrad.autograd.variable import wrap

RNG = np.random.default_rng(0)
ROWS = (3, 8)
SPACE = {"1d": (2, 4, 9), "2d": (2, 4, 6, 7), "3d": (2, 4, 5, 6, 4)}


def whole(below, *shape):
    return RNG.integers(0, below, shape)


def share(*shape):
    return RNG.uniform(0.1, 0.9, shape)


SIGNS = np.array([1.0, -1.0, 1.0])
BY_SPACE = {  # the arguments of the classes of these names with 1d, 2d and 3d
    "AdaptiveAvgPool": (3,),
    "AdaptiveMaxPool": (3,),
    "AvgPool": (2,),
    "BatchNorm": (4,),
    "CircularPad": (1,),
    "ConstantPad": (1, 0.5),
    "Conv": (4, 6, 3),
    "ConvTranspose": (4, 6, 3),
    "Dropout": (0.4,),
    "InstanceNorm": (4,),
    "LPPool": (2, 2),
    "LazyBatchNorm": (),
    "LazyConv": (6, 3),
    "LazyConvTranspose": (6, 3),
    "LazyInstanceNorm": (),
    "MaxPool": (2,),
    "ReflectionPad": (1,),
    "ReplicationPad": (1,),
    "ZeroPad": (1,),
}
ELEMENTWISE = """
    AlphaDropout CELU Dropout ELU FeatureAlphaDropout Flatten GELU GLU Hardshrink Hardsigmoid Hardswish Hardtanh Identity
    LeakyReLU LogSigmoid Mish PReLU RReLU ReLU ReLU6 SELU SiLU Sigmoid Softplus Softshrink Softsign Tanh Tanhshrink
""".split()
ALIKE = "HuberLoss L1Loss MSELoss SmoothL1Loss CosineSimilarity PairwiseDistance".split()
MODULES = {
    **{f"{name}{d}": (args, [shape]) for name, args in BY_SPACE.items() for d, shape in SPACE.items()},
    **{name: ((), [ROWS]) for name in ELEMENTWISE},
    **{name: ((), [ROWS, ROWS]) for name in ALIKE},
    **{f"{name}": ((-1,), [ROWS]) for name in ("Softmax", "LogSoftmax", "Softmin")},
    "Softmax2d": ((), [SPACE["2d"]]),
    "Threshold": ((0.1, 0.2), [ROWS]),
    "Linear": ((8, 5), [ROWS]),
    "LazyLinear": ((5,), [ROWS]),
    "Bilinear": ((8, 8, 5), [ROWS, ROWS]),
    "LayerNorm": ((8,), [ROWS]),
    "RMSNorm": ((8,), [ROWS]),
    "GroupNorm": ((2, 4), [SPACE["2d"]]),
    "LocalResponseNorm": ((2,), [SPACE["2d"]]),
    "CrossMapLRN2d": ((2,), [SPACE["2d"]]),
    "ChannelShuffle": ((2,), [SPACE["2d"]]),
    "PixelShuffle": ((2,), [SPACE["2d"]]),
    "PixelUnshuffle": ((2,), [(2, 4, 6, 8)]),
    "Unflatten": ((1, (2, 4)), [ROWS]),
    "Unfold": ((2,), [SPACE["2d"]]),
    "Fold": (((4, 4), 2), [(2, 8, 9)]),
    "Upsample": ((None, 2, "bilinear"), [SPACE["2d"]]),
    "UpsamplingBilinear2d": ((None, 2), [SPACE["2d"]]),
    "UpsamplingNearest2d": ((None, 2), [SPACE["2d"]]),
    "FractionalMaxPool2d": ((2, 3), [SPACE["2d"]]),
    "FractionalMaxPool3d": ((2, 3), [SPACE["3d"]]),
    "VariationalDropout": ((0.4,), [(2, 5, 8)]),
    "Embedding": ((9, 5), [whole(9, 3, 4)]),
    "EmbeddingBag": ((9, 5), [whole(9, 3, 4)]),
    "RNN": ((8, 5, 2), [(4, 2, 8)]),
    "LSTM": ((8, 5, 2), [(4, 2, 8)]),
    "GRU": ((8, 5, 2), [(4, 2, 8)]),
    "RNNCell": ((8, 5), [ROWS]),
    "LSTMCell": ((8, 5), [ROWS]),
    "GRUCell": ((8, 5), [ROWS]),
    "CharacterConvolution": ((9, 4, 5), [whole(8, 3, 6) + 1]),
    "CharacterRecurrence": ((9, 4, 6), [whole(8, 3, 6) + 1]),
    "MultiheadAttention": ((8, 2), [(4, 2, 8)] * 3),
    "TransformerEncoderLayer": ((8, 2, 16, 0.0), [(4, 2, 8)]),
    "TransformerDecoderLayer": ((8, 2, 16, 0.0), [(4, 2, 8)] * 2),
    "Transformer": ((8, 2, 1, 1, 16, 0.0), [(4, 2, 8)] * 2),
    "BCELoss": ((), [share(*ROWS), share(*ROWS)]),
    "BCEWithLogitsLoss": ((), [ROWS, share(*ROWS)]),
    "CrossEntropyLoss": ((), [ROWS, whole(8, 3)]),
    "CTCLoss": ((), [(6, 2, 5), whole(4, 2, 3) + 1, np.array([6, 5]), np.array([3, 2])]),
    "CosineEmbeddingLoss": ((), [ROWS, ROWS, SIGNS]),
    "GaussianNLLLoss": ((), [ROWS, ROWS, share(*ROWS)]),
    "HingeEmbeddingLoss": ((), [(3,), SIGNS]),
    "KLDivLoss": ((None, None, "batchmean"), [ROWS, share(*ROWS)]),
    "LinearCrossEntropyLoss": ((8, 5), [ROWS, whole(5, 3)]),
    "MarginRankingLoss": ((), [(3,), (3,), SIGNS]),
    "MultiLabelMarginLoss": ((), [(2, 4), np.array([[1, 0, -1, 2], [2, -1, 0, 1]])]),
    "MultiLabelSoftMarginLoss": ((), [ROWS, share(*ROWS)]),
    "MultiMarginLoss": ((), [ROWS, whole(8, 3)]),
    "NLLLoss": ((), [ROWS, whole(8, 3)]),
    "NLLLoss2d": ((), [SPACE["2d"], whole(4, 2, 6, 7)]),
    "PoissonNLLLoss": ((), [ROWS, share(*ROWS)]),
    "SoftMarginLoss": ((), [(3,), SIGNS]),
    "TripletMarginLoss": ((), [ROWS] * 3),
    "TripletMarginWithDistanceLoss": ((), [ROWS] * 3),
    "AdaptiveLogSoftmaxWithLoss": ((16, 9, [3, 6]), [(3, 16), whole(9, 3)]),
    "CRF": ((4,), [(2, 5, 4), whole(4, 2, 5)]),
    "MaxUnpool1d": ((2,), [(2, 4, 4), np.broadcast_to(np.arange(0, 8, 2), (2, 4, 4))]),
    "MaxUnpool2d": ((2,), [(1, 1, 2, 2), np.array([[[[0, 3], [8, 10]]]])]),
    "MaxUnpool3d": ((2,), [(1, 1, 1, 1, 2), np.array([[[[[0, 3]]]]])]),
}
# Containers and bases of others, and what needs several ranks.
WITHOUT = """
    Module ModuleDict ModuleList ParameterDict ParameterList Sequential RNNBase RNNCellBase DataParallel SyncBatchNorm
    TransformerDecoder TransformerEncoder
""".split()
OPTIMIZERS = {
    "ASGD": {},
    "Adadelta": {"lr": 0.5},
    "Adafactor": {},
    "Adagrad": {},
    "Adam": {"amsgrad": True},
    "AdamW": {},
    "Adamax": {},
    "LBFGS": {"lr": 0.1, "line_search_fn": "strong_wolfe"},
    "Muon": {},
    "NAdam": {},
    "RAdam": {},
    "RMSprop": {"momentum": 0.5, "centered": True},
    "Rprop": {},
    "SGD": {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1},
}


def names_of_modules():
    return {n for n in dir(nn) if isinstance(getattr(nn, n), type) and issubclass(getattr(nn, n), nn.Module)}


def names_of_optimizers():
    found = {
        n for n in dir(optim) if isinstance(getattr(optim, n), type) and issubclass(getattr(optim, n), optim.Optimizer)
    }
    return found - {"Optimizer", "SparseAdam"}


def module_and_inputs(name, dtype=np.float64):
    """A module of float64 and its inputs as arrays, the same each time."""
    args, inputs = MODULES[name]
    metagrad.manual_seed(1)
    rng = np.random.default_rng(2)
    arrays = [x if isinstance(x, np.ndarray) else rng.normal(size=x) for x in inputs]
    return getattr(nn, name)(*args).to(metagrad.float64), [
        a.astype(dtype) if a.dtype.kind == "f" else a for a in arrays
    ]


# ------------------------------------------------ one run of each, on arrays that ``place`` makes: np.array, or a device's


def forward_and_backward(name, place):
    """The results, and the gradients of inputs and parameters, as arrays of ``place``."""
    module, arrays = module_and_inputs(name)
    inputs = [wrap(place(a.copy())) for a in arrays]
    for x in inputs:
        x.requires_grad_(x.array.dtype.kind == "f")
    if name.startswith("Lazy"):
        module(*[wrap(a.copy()) for a in arrays])
    module.to("cpu" if place is np.array else "cuda")
    metagrad.manual_seed(5)
    results = [r for r in flat(module(*inputs)) if isinstance(r, metagrad.Tensor)]
    roots = [r for r in results if r.requires_grad]
    if roots:
        sum((r * r).sum() for r in roots).backward()
    leaves = [*[x for x in inputs if x.requires_grad], *module.parameters()]
    return results, [x.grad for x in leaves], [*module.buffers()]


def trained(name, place):
    metagrad.manual_seed(0)
    layer = nn.Linear(4, 3, bias=False).to("cpu" if place is np.array else "cuda")
    optimizer = getattr(optim, name)(layer.parameters(), **OPTIMIZERS[name])
    x, y = (wrap(place(a)) for a in (np.linspace(-1, 1, 20, dtype=np.float32).reshape(5, 4), np.array([0, 2, 1, 0, 1])))

    def loss():
        optimizer.zero_grad()
        value = nn.functional.cross_entropy(layer(x), y)
        value.backward()
        return value

    for _ in range(3):
        optimizer.step(loss)
    return layer.weight, optimizer.state_dict()["state"].get(0, {})


# ------------------------------------------------ models


class Tagger(nn.Module):
    """The article's network: words read in both directions by two layers, and scores of tags."""

    def __init__(self, cell):
        super().__init__()
        self.embedding = nn.Embedding(9, 4)
        self.dropout = nn.Dropout(0.25)
        self.recurrent = getattr(nn, cell)(4, 4, 2, batch_first=True, bidirectional=True, dropout=0.25)
        self.scores = nn.Linear(8, 4)

    def forward(self, words, lengths):
        read = self.dropout(self.embedding(words))
        packed = nn.utils.rnn.pack_padded_sequence(read, lengths, batch_first=True, enforce_sorted=False)
        found, _ = nn.utils.rnn.pad_packed_sequence(self.recurrent(packed)[0], batch_first=True)
        return self.scores(self.dropout(found))


def tagger(cell):
    network, lengths = Tagger(cell), metagrad.tensor([5, 2, 4])
    return network, lambda words: network(words, lengths), (3, 5), 9


def images():
    network = nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(36, 5),
    )
    return network, network, (3, 64), 0


def transformer():
    network = nn.Sequential(nn.Embedding(9, 8), nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), nn.Linear(8, 9))
    return network, network, (3, 5), 9


MODELS = {
    **{
        cell: (lambda cell=cell: tagger(cell), ["get"]) for cell in ("RNN", "LSTM", "GRU")
    },  # pad_packed_sequence, as PyTorch's
    "images": (images, []),
    "transformer": (transformer, []),
}
