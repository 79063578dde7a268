"""``metagrad.nn``: layers with parameters, losses, initialisation.

=================  ====================================================
``modules/``       the layers
``functional/``    the same as plain functions
``recurrence.py``  recurrent layers, step by step
``init.py``        initial values
``parameter.py``   Parameter, Buffer
``utils/``         padding and packing, gradient clipping
=================  ====================================================
"""

from metagrad.nn import functional, init, utils
from metagrad.nn.modules.activation import (
    ELU,
    SELU,
    Hardtanh,
    LeakyReLU,
    LogSigmoid,
    LogSoftmax,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softmin,
    Softplus,
    Softsign,
    Tanh,
)
from metagrad.nn.modules.container import ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential
from metagrad.nn.modules.dropout import Dropout
from metagrad.nn.modules.flatten import Flatten, Unflatten
from metagrad.nn.modules.linear import Identity, Linear
from metagrad.nn.modules.loss import (
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    MSELoss,
    NLLLoss,
    SmoothL1Loss,
)
from metagrad.nn.modules.module import Module
from metagrad.nn.modules.rnn import GRU, LSTM, RNN, RNNBase
from metagrad.nn.modules.rnn_cells import GRUCell, LSTMCell, RNNCell, RNNCellBase
from metagrad.nn.modules.sparse import Embedding
from metagrad.nn.parameter import Buffer, Parameter

__all__ = [
    "BCELoss", "BCEWithLogitsLoss", "Buffer", "CrossEntropyLoss", "Dropout", "ELU", "Embedding", "Flatten", "GRU",
    "GRUCell", "Hardtanh", "HuberLoss", "Identity", "KLDivLoss", "L1Loss", "LSTM", "LSTMCell", "LeakyReLU", "Linear",
    "LogSigmoid", "LogSoftmax", "MSELoss", "Module", "ModuleDict", "ModuleList", "NLLLoss", "Parameter", "ParameterDict",
    "ParameterList", "RNN", "RNNBase", "RNNCell", "RNNCellBase", "ReLU", "ReLU6", "SELU", "Sequential", "SiLU", "Sigmoid",
    "SmoothL1Loss", "Softmax", "Softmin", "Softplus", "Softsign", "Tanh", "Unflatten", "functional", "init", "utils",
]  # fmt: skip
