"""Layers, one file per family.

==================  ==========================================================
``module.py``       Module, the base of all: a tree of layers and parameters
``state.py``        ``state_dict`` and back
``hooks.py``        functions called around a module
``placement.py``    conversions to dtypes and devices
``container.py``    Sequential, ModuleList, ModuleDict …
``linear.py``       Linear, Identity
``lazy.py``         LazyLinear, LazyConv2d …
``sparse.py``       Embedding
``rnn.py``          RNN, LSTM, GRU
``rnn_cells.py``    RNNCell, LSTMCell, GRUCell
``activation.py``   ReLU, Tanh, Softmax …
``adaptive.py``     AdaptiveLogSoftmaxWithLoss
``attention.py``    MultiheadAttention
``transformer.py``  Transformer, its encoder, decoder and their layers
``dropout.py``      Dropout
``sequence_dropout.py``  VariationalDropout
``characters.py``   CharacterConvolution, CharacterRecurrence
``flatten.py``      Flatten, Unflatten
``conv.py``         Conv1d, Conv2d, ConvTranspose2d …
``pooling.py``      MaxPool2d, AvgPool2d, AdaptiveAvgPool2d …
``padding.py``      ZeroPad2d, ReflectionPad2d …
``upsampling.py``   Upsample
``folding.py``      Fold, Unfold, PixelShuffle …
``loss.py``         CrossEntropyLoss, MSELoss …
==================  ==========================================================
"""


def __getattr__(name: str) -> object:
    """Layers by the path ``metagrad.nn.modules.Linear``, too."""
    from metagrad import nn

    if name.startswith("_") or not hasattr(nn, name):
        raise AttributeError(f"module 'metagrad.nn.modules' has no attribute {name!r}")
    return getattr(nn, name)
