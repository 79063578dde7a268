"""``metagrad.nn.functional``: the layers as plain functions, for those who keep the parameters themselves.

=================  ==================================================================
``activation.py``  relu, leaky_relu, elu, softplus, softmax, log_softmax …
``loss.py``        cross entropy, squared error and their relatives
=================  ==================================================================

Functions that are also tensor ops (linear, embedding, dropout, one_hot …) live in ``metagrad.ops``.
"""

from metagrad.nn.functional.activation import *
from metagrad.nn.functional.loss import *
from metagrad.ops.gathering import embedding as embedding
from metagrad.ops.gathering import one_hot as one_hot
from metagrad.ops.matmul import linear as linear
from metagrad.ops.noise import dropout as dropout
from metagrad.ops.trigonometry import sigmoid as sigmoid
from metagrad.ops.trigonometry import tanh as tanh
