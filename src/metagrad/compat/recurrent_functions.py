"""Stacks of recurrent layers as functions of their weights: what programs call that put other weights into a layer's place.

``lstm(input, hx, weights, has_biases, num_layers, dropout, train, bidirectional, batch_first)`` for input (T, B, I), and for the
data and the batch sizes of a packed sequence ``lstm(data, batch_sizes, hx, weights, has_biases, num_layers, dropout, train,
bidirectional)``; ``gru``, ``rnn_tanh`` and ``rnn_relu`` likewise, with one tensor hx for the pair (h_0, c_0). The weights stand
in one list, as ``nn.LSTM`` has them in ``_flat_weights``: for each layer and direction W_ih, W_hh, b_ih, b_hh, and W_hr of a
projection.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from metagrad.nn.modules.rnn import run_layers
from metagrad.tensors.tensor import Tensor

__all__ = ["gru", "lstm", "rnn_relu", "rnn_tanh"]


def lstm(input: Tensor, *arguments: Any) -> tuple[Tensor, Tensor, Tensor]:
    """The output, h_n and c_n of layers of long short-term memory.

    >>> import metagrad
    >>> from metagrad import nn
    >>> layer, x = nn.LSTM(3, 4), metagrad.randn(5, 2, 3)
    >>> hx = metagrad.zeros(1, 2, 4), metagrad.zeros(1, 2, 4)
    >>> output, h_n, c_n = lstm(x, hx, layer._flat_weights, True, 1, 0.0, True, False, False)
    >>> output.equal(layer(x)[0])
    True
    """
    output, h, c = _run("LSTM", input, *arguments)
    return output, h, c


def gru(input: Tensor, *arguments: Any) -> tuple[Tensor, Tensor]:
    """The output and h_n of layers of gated recurrent units."""
    output, h = _run("GRU", input, *arguments)
    return output, h


def rnn_tanh(input: Tensor, *arguments: Any) -> tuple[Tensor, Tensor]:
    """The output and h_n of plain recurrent layers with tanh."""
    output, h = _run("RNN_TANH", input, *arguments)
    return output, h


def rnn_relu(input: Tensor, *arguments: Any) -> tuple[Tensor, Tensor]:
    """The output and h_n of plain recurrent layers with relu."""
    output, h = _run("RNN_RELU", input, *arguments)
    return output, h


def _run(cell: str, input: Tensor, second: Any, third: Any, *settings: Any) -> tuple[Tensor, ...]:
    """Padded or packed, by where the initial state stands."""
    if isinstance(second if cell == "LSTM" else third, Tensor):
        hx, (weights, *rest) = third, settings
        return _stack(cell, input, second.tolist(), hx, weights, *rest)
    *rest, batch_first = settings
    x = input.transpose(0, 1) if batch_first else input
    steps, batch, features = x.shape
    y, *final = _stack(cell, x.reshape(steps * batch, features), [batch] * steps, second, third, *rest)
    y = y.reshape(steps, batch, y.shape[1])
    return y.transpose(0, 1) if batch_first else y, *final


def _stack(
    cell: str,
    x: Tensor,
    sizes: Sequence[int],
    hx: Tensor | Sequence[Tensor],
    weights: Sequence[Tensor],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
) -> tuple[Tensor, ...]:
    """All layers over packed steps x (Σ Bₜ, I): the outputs, and the final states (L·D, B, *)."""
    initial = [hx] if isinstance(hx, Tensor) else list(hx)
    directions = 2 if bidirectional else 1
    each = len(weights) // (num_layers * directions)
    groups = [list(weights[at : at + each]) for at in range(0, len(weights), each)]
    whole = groups if has_biases else [[*group[:2], None, None, *group[2:]] for group in groups]
    layers = [sum(whole[at : at + directions], []) for at in range(0, len(whole), directions)]
    output, final = run_layers(cell, x, list(sizes), initial, layers, directions, dropout if train else 0)
    return output, *final
