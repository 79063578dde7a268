"""``metagrad.nn.functional``: the layers as plain functions, for those who keep the parameters themselves.

==========================  =====================================================================================
``activation.py``           relu, leaky_relu, elu, glu, thresholds and the other activations made of pieces
``smooth_activation.py``    gelu, silu, mish, softplus
``softmaxes.py``            softmax, log_softmax, softmin, gumbel_softmax
``inplace.py``              relu_ and its kind
``linear.py``               bilinear
``embedding_bags.py``       embedding_bag
``attention.py``            scaled dot-product attention
``multihead_attention.py``  attention with several heads
``layer_norm.py``           layer_norm, rms_norm, normalize: over the last dimensions
``normalization.py``        batch_norm, instance_norm, group_norm: over channels
``dropouts.py``             dropout of elements, of channels, alpha_dropout
``loss.py``                 cross entropy, squared error and their relatives
``squared_loss.py``         the squared error and Huber's as ops
``reduction.py``            the losses of the elements as one number: mean, sum, none
``class_targets.py``        targets that are numbers of classes, as rows and checked
``likelihood_loss.py``      losses of a distribution's likelihood: Poisson, Gaussian, ctc_loss
``margin_loss.py``          ranking, embedding and triplet losses
``distance.py``             cosine_similarity, pairwise_distance
``conv.py``                 convolution and its transpose
``conv_maps.py``            the ops they consist of
``conv_windows.py``         where the windows lie, checked
``pooling_windows.py``      the windows of pooling, checked
``max_pooling.py``          maxima of windows
``mean_pooling.py``         means and norms of windows
``adaptive_pooling.py``     pooling to a given size, at random positions, and its reversal
``im2col.py``               unfold, fold: patches of images as columns and back
``pixelshuffle.py``         pixel_shuffle, channel_shuffle
``interpolate.py``          images in another size
``interpolation_taps.py``   what their pixels are made of
``grid_sampling.py``        images sampled at given points
``tuples.py``               one number for all axes, or one for each
==========================  =====================================================================================

Functions that are also tensor ops (linear, embedding, dropout, one_hot …) live in ``metagrad.ops``.
"""

from metagrad.nn.functional.activation import *
from metagrad.nn.functional.adaptive_pooling import *
from metagrad.nn.functional.attention import *
from metagrad.nn.functional.conv import *
from metagrad.nn.functional.distance import *
from metagrad.nn.functional.dropouts import *
from metagrad.nn.functional.embedding_bags import *
from metagrad.nn.functional.grid_sampling import *
from metagrad.nn.functional.im2col import *
from metagrad.nn.functional.inplace import *
from metagrad.nn.functional.interpolate import *
from metagrad.nn.functional.layer_norm import *
from metagrad.nn.functional.likelihood_loss import *
from metagrad.nn.functional.linear import *
from metagrad.nn.functional.loss import *
from metagrad.nn.functional.margin_loss import *
from metagrad.nn.functional.max_pooling import *
from metagrad.nn.functional.mean_pooling import *
from metagrad.nn.functional.multihead_attention import *
from metagrad.nn.functional.normalization import *
from metagrad.nn.functional.pixelshuffle import *
from metagrad.nn.functional.smooth_activation import *
from metagrad.nn.functional.softmaxes import *
from metagrad.ops.index.embedding import embedding as embedding
from metagrad.ops.index.embedding import one_hot as one_hot
from metagrad.ops.linalg.matmul import linear as linear
from metagrad.ops.pointwise.activation import hardshrink as hardshrink
from metagrad.ops.pointwise.activation import prelu as prelu
from metagrad.ops.pointwise.activation import sigmoid as sigmoid
from metagrad.ops.pointwise.hyperbolic import tanh as tanh
from metagrad.ops.shape.padding import *
