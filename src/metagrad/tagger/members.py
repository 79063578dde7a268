"""The members of a tagger's network: descriptions of words in, a score for every tag out.

Legend: N packed words, U distinct words of the batch, I features of a word, H hidden features, D directions,
K tags, those of all columns together, C columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial, reduce
from itertools import accumulate
from operator import add
from typing import Any, cast

import numpy as np

from metagrad import nn
from metagrad.nn import functional as F
from metagrad.nn.utils.rnn import PackedSequence
from metagrad.ops.shape.joining import cat, stack
from metagrad.tagger.batches import NO_TAG, Batch
from metagrad.tagger.settings import Settings
from metagrad.tagger.vocabulary import IDENTITIES, PADDING
from metagrad.tensors.tensor import Tensor

Array = np.ndarray[Any, Any]

LAYERS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
FREQUENCIES = 16  # classes of the auxiliary loss: ⌊ln count⌋


class Member(nn.Module):
    """What all kinds of members have in common: features of every word, a linear layer, and if asked a CRF.

    Called with a batch it gives the tags' scores (N, K). A kind says how it reads a batch, and what its ``scorer`` is
    and its layer for the ``frequency``, if it has one.
    """

    def __init__(self, settings: Settings, tags: Sequence[int]) -> None:
        super().__init__()
        if settings.crf and len(tags) > 1:
            raise ValueError(f"a CRF chooses the tags of one column, and there are {len(tags)}: leave the CRF out")
        self.slices = columns_of(tags)
        self.scorer: nn.Module = nn.Identity()
        self.frequency: nn.Module | None = None
        self.crf: nn.CRF | None = None

    def read(self, batch: Batch) -> Tensor:
        """Features (N, *) of every word."""
        raise NotImplementedError

    def forward(self, batch: Batch) -> Tensor:
        """Scores (N, K) for every word and tag."""
        return cast(Tensor, self.scorer(self.read(batch)))

    def losses(self, batch: Batch, smoothing: float = 0.0) -> tuple[Tensor, Tensor | None]:
        """−ln p(tags) a word, of the whole sentence with a CRF, else of each word by itself, the sum over columns; and the loss of
        the auxiliary task.

        ``smoothing`` is the share of each true tag's probability that is given to all alike (Szegedy et al. 2016), without a CRF.
        """
        features = self.read(batch)
        scores = self.scorer(features)
        if self.crf is not None:
            loss = self.crf(batch.packed(scores), batch.packed(batch.tags))
        else:
            losses = [
                F.cross_entropy(own, tags, ignore_index=missing, label_smoothing=smoothing)
                for own, tags, missing in by_column(scores, batch.tags, self.slices)
            ]
            loss = reduce(add, losses)
        if self.frequency is None:
            return loss, None
        return loss, F.cross_entropy(self.frequency(features), batch.frequencies)

    def log_probabilities(self, scores: Tensor, batch: Batch) -> Tensor:
        """ln p(tag of a word), (N, K), given the whole sentence; those of each column sum to 1."""
        if self.crf is not None:
            return cast(Tensor, self.crf.marginals(batch.packed(scores)).data.log())
        return over_columns(partial(F.log_softmax, dim=-1), scores, self.slices)

    def best(self, scores: Tensor, batch: Batch) -> Array:
        """The tags' numbers (N), or (N, C): of the best path with a CRF, else the best of each word by itself."""
        if self.crf is not None:
            return cast(Array, self.crf.decode(batch.packed(scores)).data.array)
        return best_by_column(scores, self.slices).array


class WordEncoder(nn.Module):
    """What the network makes of a word by itself: the embeddings of its descriptions, and its letters, read; (U, I)."""

    def __init__(self, settings: Settings, sizes: Mapping[str, int], alphabet: int) -> None:
        super().__init__()
        small = max(1, settings.embedding // 4)
        widths = {name: settings.embedding if name in IDENTITIES else small for name in sizes}
        self.embeddings = nn.ModuleList(
            [nn.Embedding(size, widths[name], padding_idx=PADDING) for name, size in sizes.items()]
        )
        for table in self.embeddings:
            table.weight.data.mul_(settings.scale)
        self.features = sum(widths.values())
        self.letters: nn.Module | None = None
        if settings.letters == "convolution":
            self.letters = nn.CharacterConvolution(alphabet, 32, settings.letter_features)
        elif settings.letters != "none":
            self.letters = nn.CharacterRecurrence(alphabet, 32, settings.letter_features, settings.letters)
        if self.letters is not None:
            self.letters.embedding.weight.data.mul_(settings.scale)
            self.features += settings.letter_features

    def forward(self, features: Tensor, letters: Tensor) -> Tensor:
        """(U, F) and (U, L) to (U, I)."""
        parts = [table(features[:, i]) for i, table in enumerate(self.embeddings)]
        if self.letters is not None:
            parts.append(self.letters(letters))
        return cat(parts, 1)


class RecurrentMember(Member):
    """Words encoded, a stacked recurrent network over them, a linear layer, and if asked a CRF.

    Dropout acts on the input, between layers, and on the output.
    """

    def __init__(self, settings: Settings, sizes: Mapping[str, int], alphabet: int, tags: Sequence[int]) -> None:
        super().__init__(settings, tags)
        self.words = WordEncoder(settings, sizes, alphabet)
        directions = 2 if settings.bidirectional else 1
        widths = [self.words.features] + [settings.hidden * directions] * (settings.layers - 1)
        make = LAYERS[settings.cell]
        self.recurrent = nn.ModuleList(
            [make(width, settings.hidden, bidirectional=settings.bidirectional) for width in widths]
        )
        self.dropout = nn.Dropout(settings.dropout)
        self.between = nn.VariationalDropout(settings.dropout) if settings.variational else None
        self.shortcut, self.padded = settings.shortcut, settings.padded
        width = settings.hidden * directions + (sum(widths) if settings.shortcut else 0)
        self.scorer = nn.Linear(width, sum(tags))
        self.frequency = nn.Linear(width, FREQUENCIES) if settings.frequency else None
        self.crf = nn.CRF(tags[0]) if settings.crf else None

    def _dropped(self, x: PackedSequence) -> PackedSequence:
        if self.between is not None:
            return cast(PackedSequence, self.between(x))
        return PackedSequence(self.dropout(x.data), *x[1:])

    def _layer(self, layer: nn.Module, x: PackedSequence) -> PackedSequence:
        if not self.padded:
            return cast(PackedSequence, layer(x)[0])
        filled, lengths = nn.utils.rnn.pad_packed_sequence(x)
        return nn.utils.rnn.pack_padded_sequence(layer(filled)[0], lengths)

    def read(self, batch: Batch) -> Tensor:
        """What the recurrent layers say of every word, (N, D·H), after dropout."""
        x = batch.packed(self.words(batch.features, batch.letters)[batch.which])
        below = []
        for layer in self.recurrent:
            x = self._dropped(x)
            below.append(x.data)
            x = self._layer(layer, x)
        top = self._dropped(x).data
        return cat([*below, top], 1) if self.shortcut else top


# ------------------------------------------------ columns of tags, side by side in one row of scores


def columns_of(sizes: Sequence[int]) -> list[slice]:
    """Where the scores of each column are.

    >>> columns_of([3, 2])
    [slice(0, 3, None), slice(3, 5, None)]
    """
    ends = list(accumulate(sizes))
    return [slice(end - size, end) for size, end in zip(sizes, ends, strict=True)]


def by_column(scores: Tensor, tags: Tensor, slices: Sequence[slice]) -> Iterator[tuple[Tensor, Tensor, int]]:
    """Column by column: its scores (N, K_c), its tags' numbers (N) counted from 0, and the number of a tag that is not known."""
    if len(slices) == 1:
        yield scores, tags, NO_TAG
        return
    for c, own in enumerate(slices):
        yield scores[..., own], tags[:, c] - own.start, NO_TAG - own.start


def over_columns(function: Callable[[Tensor], Tensor], scores: Tensor, slices: Sequence[slice]) -> Tensor:
    """A function (N, K_c) to (N, K_c) of the scores of each column by itself."""
    return function(scores) if len(slices) == 1 else cat([function(scores[..., own]) for own in slices], -1)


def best_by_column(scores: Tensor, slices: Sequence[slice]) -> Tensor:
    """The number of the best tag of each column, (N, C), or (N) where there is one column."""
    if len(slices) == 1:
        return scores.argmax(-1)
    return stack([scores[..., own].argmax(-1) + own.start for own in slices], -1)
