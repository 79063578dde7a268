"""``metagrad.nn.functional``: the layers as plain functions, for those who keep the parameters themselves.

=================  ==================================================================
``activation.py``  relu, leaky_relu, elu, softplus, softmax, log_softmax …
``loss.py``        cross entropy, squared error and their relatives
=================  ==================================================================

Functions that are also tensor ops (linear, embedding, dropout, one_hot …) live in ``metagrad.ops``.
"""

from metagrad.nn.functional.activation import (
    elu,
    gumbel_softmax,
    hardtanh,
    leaky_relu,
    log_softmax,
    logsigmoid,
    relu,
    relu6,
    selu,
    silu,
    softmax,
    softmin,
    softplus,
    softsign,
)
from metagrad.nn.functional.loss import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    nll_loss,
    smooth_l1_loss,
)
from metagrad.ops.gathering import embedding, one_hot
from metagrad.ops.matmul import linear
from metagrad.ops.noise import dropout
from metagrad.ops.trigonometry import sigmoid, tanh

__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy", "dropout", "elu", "embedding",
    "gumbel_softmax", "hardtanh", "huber_loss", "kl_div", "l1_loss", "leaky_relu", "linear", "log_softmax", "logsigmoid",
    "mse_loss", "nll_loss", "one_hot", "relu", "relu6", "selu", "sigmoid", "silu", "smooth_l1_loss", "softmax", "softmin",
    "softplus", "softsign", "tanh",
]  # fmt: skip
