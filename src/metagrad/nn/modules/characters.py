"""Words read letter by letter: a vector for each word, from how it is spelled.

Legend: U words, L letters of the longest, V letters of the alphabet, E features of a letter, C features of a word.
A word is a row of letter numbers, 0 after its end.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from metagrad.autograd.variable import wrap
from metagrad.nn.modules.linear import Linear
from metagrad.nn.modules.module import Module
from metagrad.nn.modules.rnn import GRU, LSTM
from metagrad.nn.modules.sparse import Embedding
from metagrad.nn.utils.rnn import pack_padded_sequence
from metagrad.ops.create.creation import zeros
from metagrad.ops.index.indexing import Put
from metagrad.tensors.tensor import Tensor

__all__ = ["CharacterConvolution", "CharacterRecurrence"]


def _checked(letters: Tensor) -> Any:
    a = letters.array
    if a.ndim != 2 or a.dtype.kind not in "iu":
        raise ValueError(f"expected letters (U, L), integers, got shape {tuple(a.shape)} of {letters.dtype}")
    if not (a[:, :1] > 0).all():
        raise ValueError("every word must have a letter: the first of its numbers is 0, which stands after its end")
    return a


class CharacterConvolution(Module):
    """The strongest answer of each of C patterns of ``width`` letters, anywhere in the word (dos Santos and Zadrozny 2014).

    y = maxᵢ relu(W [eᵢ₋ₕ … eᵢ₊ₕ] + b), h = (width − 1)/2, with eᵢ the embedding of letter i, and zero beyond the word.
    Letters (U, L) integers below V, 0 after a word's end; result (U, C). How far a word is padded changes nothing.
    Raises ValueError unless the width is odd and positive.

    >>> import metagrad
    >>> from metagrad import nn
    >>> nn.CharacterConvolution(30, 8, 16)(metagrad.tensor([[3, 1, 20], [9, 0, 0]])).shape
    metagrad.Size([2, 16])
    """

    def __init__(self, letters: int, letter_features: int, features: int, width: int = 3) -> None:
        super().__init__()
        if width < 1 or width % 2 == 0:
            raise ValueError(f"the width of a pattern must be odd and positive, got {width}")
        self.width, self.features = width, features
        self.embedding = Embedding(letters, letter_features, padding_idx=0)
        self.patterns = Linear(width * letter_features, features)

    def forward(self, letters: Tensor) -> Tensor:
        """(U, L) letters to (U, C)."""
        a = _checked(letters)
        half = self.width // 2
        wide = np.pad(a, ((0, 0), (half, half))) if isinstance(a, np.ndarray) else _pad(a, half)
        word, letter = np.nonzero(a)  # only windows around a letter are looked at
        windows = np.stack([wide[word, letter + k] for k in range(self.width)], 1)
        found = self.patterns(self.embedding(wrap(windows)).flatten(1)).relu()
        # relu is never below 0, so zeros may stand beyond the end.
        room = zeros((*a.shape, self.features), dtype=found.dtype, device=found.device)
        return Put.apply(room, found, index=(word, letter)).amax(1)

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        return f"width={self.width}"


def _pad(a: Any, width: int) -> Any:
    edge = np.zeros((a.shape[0], width), a.dtype, like=a)
    return np.concatenate([edge, a, edge], 1)


class CharacterRecurrence(Module):
    """The last states of an LSTM (or GRU) that reads the word's letters in both directions (Ling et al. 2015).

    Letters (U, L) integers below V, 0 after a word's end; result (U, C), half of it from each direction. Raises
    ValueError for an unknown cell, or an odd number of features.

    >>> import metagrad
    >>> from metagrad import nn
    >>> nn.CharacterRecurrence(30, 8, 16, cell="gru")(metagrad.tensor([[3, 1, 20], [9, 0, 0]])).shape
    metagrad.Size([2, 16])
    """

    def __init__(self, letters: int, letter_features: int, features: int, cell: str = "lstm") -> None:
        super().__init__()
        cells = {"lstm": LSTM, "gru": GRU}
        if cell not in cells:
            raise ValueError(f"unknown cell {cell!r}: expected one of {', '.join(cells)}")
        if features < 2 or features % 2:
            raise ValueError(f"the features of a word must be even, half for each direction, got {features}")
        self.embedding = Embedding(letters, letter_features, padding_idx=0)
        self.reader = cells[cell](letter_features, features // 2, batch_first=True, bidirectional=True)

    def forward(self, letters: Tensor) -> Tensor:
        """(U, L) letters to (U, C)."""
        lengths = wrap((_checked(letters) > 0).sum(1))
        packed = pack_padded_sequence(self.embedding(letters), lengths, batch_first=True, enforce_sorted=False)
        _, state = self.reader(packed)
        last = state[0] if isinstance(state, tuple) else state  # (2, U, C/2)
        return last.transpose(0, 1).flatten(1)
