"""Layers, one file per family.

==================  ==========================================================
``module.py``       Module, the base of all: a tree of layers and parameters
``state.py``        ``state_dict`` and back
``hooks.py``        calling a module that has hooks
``container.py``    Sequential, ModuleList, ModuleDict, ParameterList …
``linear.py``       Linear, Identity
``sparse.py``       Embedding
``rnn.py``          RNN, LSTM, GRU
``rnn_cells.py``    RNNCell, LSTMCell, GRUCell
``activation.py``   ReLU, Tanh, Softmax …
``dropout.py``      Dropout
``flatten.py``      Flatten, Unflatten
``loss.py``         CrossEntropyLoss, MSELoss …
==================  ==========================================================
"""
