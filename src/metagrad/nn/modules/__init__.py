"""Layers, one file per family.

===========================  ========================================================
``module.py``                Module, the base of all: a tree of layers and parameters
``loading.py``               its counterpart: a state checked and copied, module by module
``state_dict.py``            ``state_dict`` and back
``hooks.py``                 functions called around a module
``older_hooks.py``           what older programs and PyTorch's files know of hooks
``placement.py``             conversions to dtypes and devices
``container.py``             Sequential, ModuleList, ModuleDict
``parameter_containers.py``  ParameterList, ParameterDict
``linear.py``                Identity, Linear, Bilinear
``activation.py``            ReLU, Tanh, GELU and the other activations
``softmax.py``               Softmax, LogSoftmax, Softmin, Softmax2d
``sparse.py``                Embedding, EmbeddingBag
``rnn.py``                   RNN, LSTM, GRU
``rnn_checks.py``            whether inputs and states fit a recurrent layer
``rnn_cells.py``             RNNCell, LSTMCell, GRUCell
``attention.py``             MultiheadAttention
``transformer.py``           Transformer, its encoder, decoder and their layers
``dropout.py``               Dropout, of elements and of channels
``variational_dropout.py``   VariationalDropout: the same mask at every step
``batchnorm.py``             BatchNorm, InstanceNorm, SyncBatchNorm
``normalization.py``         LayerNorm, RMSNorm, GroupNorm, LocalResponseNorm
``conv.py``                  Conv1d, Conv2d, ConvTranspose2d …
``pooling.py``               MaxPool2d, AvgPool2d, AdaptiveAvgPool2d …
``padding.py``               ZeroPad2d, ReflectionPad2d …
``upsampling.py``            Upsample
``fold.py``                  Fold, Unfold
``pixelshuffle.py``          PixelShuffle, ChannelShuffle
``flatten.py``               Flatten, Unflatten
``distance.py``              CosineSimilarity, PairwiseDistance
``loss.py``                  CrossEntropyLoss, MSELoss …
``margin_loss.py``           ranking, embedding, triplet and likelihood losses
``adaptive.py``              AdaptiveLogSoftmaxWithLoss
``crf.py``                   CRF: labels of a sequence chosen together
``characters.py``            CharacterConvolution, CharacterRecurrence
``lazy.py``                  LazyLinear, LazyConv2d …
``utils.py``                 one number for all axes, or one for each
===========================  ========================================================
"""


def __getattr__(name: str) -> object:
    """Layers by the path ``metagrad.nn.modules.Linear``, too."""
    from metagrad import nn

    if name == "utils":  # the module beside this file, not ``nn.utils``
        import importlib

        return importlib.import_module("metagrad.nn.modules.utils")
    if name.startswith("_") or not hasattr(nn, name):
        raise AttributeError(f"module 'metagrad.nn.modules' has no attribute {name!r}")
    return getattr(nn, name)
