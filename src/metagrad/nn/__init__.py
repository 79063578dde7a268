"""``metagrad.nn``: layers with parameters, losses, initialisation.

=========================  ========================================================================
``modules/``               the layers
``functional/``            the same as plain functions
``recurrence.py``          recurrent layers spelled out, step by step: the reference implementation
``fast_recurrence.py``     one op for a recurrent layer, on the kernels
``gpu_layer.py``           the same on a GPU's kernels
``gpu_recurrence.py``      steps for a GPU, with one kernel for what is done to each element
``fast_normalization.py``  norms of large arrays as one op each, on the kernels
``gpu_normalization.py``   batch norm on a GPU as one op
``convolution.py``         convolution spelled out: the reference implementation
``init.py``                initial values
``parameter.py``           Parameter, Buffer
``parallel/``              DataParallel, DistributedDataParallel
``attention.py``           the choice of attention's kernel
``common_types.py``        names for annotations
``grad.py``                gradients of convolutions by themselves
``utils/``                 padding and packing, gradient clipping, parametrizations, pruning
=========================  ========================================================================
"""

from metagrad.nn import attention, common_types, functional, grad, init, utils
from metagrad.nn.modules.activation import *
from metagrad.nn.modules.adaptive import *
from metagrad.nn.modules.attention import *
from metagrad.nn.modules.batchnorm import *
from metagrad.nn.modules.characters import *
from metagrad.nn.modules.container import *
from metagrad.nn.modules.conv import *
from metagrad.nn.modules.crf import *
from metagrad.nn.modules.distance import *
from metagrad.nn.modules.dropout import *
from metagrad.nn.modules.flatten import *
from metagrad.nn.modules.fold import *
from metagrad.nn.modules.lazy import *
from metagrad.nn.modules.linear import *
from metagrad.nn.modules.loss import *
from metagrad.nn.modules.margin_loss import *
from metagrad.nn.modules.module import *
from metagrad.nn.modules.normalization import *
from metagrad.nn.modules.padding import *
from metagrad.nn.modules.pixelshuffle import *
from metagrad.nn.modules.pooling import *
from metagrad.nn.modules.rnn import *
from metagrad.nn.modules.rnn_cells import *
from metagrad.nn.modules.softmax import *
from metagrad.nn.modules.sparse import *
from metagrad.nn.modules.transformer import *
from metagrad.nn.modules.upsampling import *
from metagrad.nn.modules.variational_dropout import *
from metagrad.nn.parallel import DataParallel
from metagrad.nn.parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter
