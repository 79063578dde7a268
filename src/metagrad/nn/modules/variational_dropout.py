"""Dropout for recurrent networks: the same features are dropped at every step of a sequence."""

from __future__ import annotations

import numpy as np

from metagrad.autograd.variable import wrap
from metagrad.base.device import move
from metagrad.base.typing import Array
from metagrad.nn.modules.module import Module
from metagrad.nn.utils.rnn import PackedSequence, packed_positions
from metagrad.ops.create.random import source
from metagrad.tensors.tensor import Tensor

__all__ = ["VariationalDropout"]


class VariationalDropout(Module):
    """While training, zero each feature of a whole sequence with probability p, and scale the rest by 1/(1 − p).

    yₜ = m xₜ / (1 − p), with one mask m for all steps t of a sequence: what is dropped at one step does not come back at the
    next, so a recurrent network cannot average the noise away (Gal and Ghahramani 2016).

    Input (B, T, F), or (T, B, F) with ``batch_first=False``, or a PackedSequence; the output is of the same kind.
    Raises ValueError for a p outside [0, 1).

    >>> import metagrad
    >>> from metagrad import nn
    >>> y = nn.VariationalDropout(0.5)(metagrad.ones(2, 7, 3))
    >>> bool((y == y[:, :1]).all())
    True
    """

    def __init__(self, p: float = 0.5, batch_first: bool = True) -> None:
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f"dropout probability has to be at least 0 and below 1, but got {p}")
        self.p, self.batch_first = p, batch_first

    def _mask(self, sequences: int, features: int, like: Tensor) -> Array:
        kept = source(None, like.device).kept((sequences, features), self.p)
        scale = np.ones((), like.array.dtype) / np.asarray(1 - self.p, like.array.dtype)
        return move(kept.astype(like.array.dtype) * scale[()], like.device)

    def forward(self, input: Tensor | PackedSequence) -> Tensor | PackedSequence:
        """The input with random features of each sequence zero while training, itself otherwise.

        Raises ValueError for an input that is neither packed nor 3-D.
        """
        if not self.training or not self.p:
            return input
        if isinstance(input, PackedSequence):
            _, sequence = packed_positions(input.batch_sizes.array)
            mask = self._mask(int(input.batch_sizes.array[0]), input.data.shape[1], input.data)
            return PackedSequence(input.data * wrap(mask[sequence]), *input[1:])
        if input.ndim != 3:
            raise ValueError(
                f"VariationalDropout: expected a PackedSequence or a 3-D tensor, got shape {tuple(input.shape)}"
            )
        mask = self._mask(input.shape[0 if self.batch_first else 1], input.shape[2], input)
        return input * wrap(mask[:, None] if self.batch_first else mask[None])

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        return f"p={self.p}" + ("" if self.batch_first else ", batch_first=False")
