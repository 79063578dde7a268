"""The tagger's network: descriptions of words in, a score for every tag out.

Legend: N packed words, U distinct words of the batch, I features of a word, H hidden features, D directions,
K tags, those of all columns together, C columns.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
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
from metagrad.tagger.vocabulary import DESCRIPTIONS, IDENTITIES, PADDING
from metagrad.tensors.tensor import Tensor

Array = np.ndarray[Any, Any]

CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
LETTERS = ("none", "convolution", "lstm", "gru")
MOST = 100  # layers, and members
FREQUENCIES = 16  # classes of the auxiliary loss: ⌊ln count⌋


@dataclass(frozen=True)
class Settings:
    """What the network is built from, apart from its vocabularies.

    variational: dropout of the same features throughout a sentence. shortcut: the tags' scores also see the input of each
    layer. scale: of the initial embeddings. members: networks whose probabilities are averaged. variants: in which of
    these settings the members differ, in turn; with none they differ by chance only. padded: sentences are filled up to the
    longest of the batch and the filling is read too, as the article had it; without it they are packed, which is faster,
    and makes a sentence's tags independent of its neighbours.
    """

    cell: str = "lstm"
    layers: int = 1
    hidden: int = 128
    embedding: int = 128
    bidirectional: bool = True
    dropout: float = 0.5
    spelling: bool = True
    letters: str = "none"
    letter_features: int = 64
    variational: bool = False
    crf: bool = False
    frequency: bool = False
    shortcut: bool = False
    scale: float = 1.0
    members: int = 1
    variants: Sequence[Mapping[str, Any]] = ()
    padded: bool = False

    def __post_init__(self) -> None:
        for name, known in (("cell", CELLS), ("letters", LETTERS)):
            if getattr(self, name) not in known:
                raise ValueError(f"unknown {name} {getattr(self, name)!r}: expected one of {', '.join(known)}")
        for name in ("layers", "hidden", "embedding", "members", "letter_features"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("layers", "members"):
            if getattr(self, name) > MOST:
                raise ValueError(f"{name} must be at most {MOST}, got {getattr(self, name)}")
        object.__setattr__(self, "variants", tuple(dict(variant) for variant in self.variants))
        for number in range(self.members if self.variants else 0):
            self.member(number)  # raises for a variant that cannot be
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be at least 0 and below 1, got {self.dropout}")

    @property
    def descriptions(self) -> list[str]:
        """The descriptions of a word that the network reads."""
        return list(DESCRIPTIONS) if self.spelling else ["word"]

    @property
    def summary(self) -> str:
        """The network in a few words."""
        if self.members > 1:
            return f"{self.members} networks: " + "; ".join(self.member(m).summary for m in range(self.members))
        kind = f"{'bidirectional ' if self.bidirectional else ''}{self.cell}"
        return (
            f"{self.layers} {kind} layer{'s' * (self.layers > 1)} of {self.hidden}{' with a CRF' if self.crf else ''}"
        )

    def member(self, number: int) -> Settings:
        """The settings of one member."""
        own = self.variants[number % len(self.variants)] if self.variants else {}
        return replace(self, **{**own, "members": 1, "variants": ()})

    def without_crf(self) -> Settings:
        """The same without a CRF anywhere: for tags of several columns."""
        return replace(self, crf=False, variants=[{**variant, "crf": False} for variant in self.variants])

    def as_dict(self) -> dict[str, Any]:
        """For the model file."""
        return asdict(self)


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


class Member(nn.Module):
    """Words encoded, a stacked recurrent network over them, a linear layer, and if asked a CRF.

    Called with a batch it gives the tags' scores (N, K). Dropout acts on the input, between layers, and on the output.
    """

    def __init__(self, settings: Settings, sizes: Mapping[str, int], alphabet: int, tags: Sequence[int]) -> None:
        super().__init__()
        if settings.crf and len(tags) > 1:
            raise ValueError(f"a CRF chooses the tags of one column, and there are {len(tags)}: leave the CRF out")
        self.slices = columns_of(tags)
        self.words = WordEncoder(settings, sizes, alphabet)
        directions = 2 if settings.bidirectional else 1
        widths = [self.words.features] + [settings.hidden * directions] * (settings.layers - 1)
        make = CELLS[settings.cell]
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

    def forward(self, batch: Batch) -> Tensor:
        """Scores (N, K) for every word and tag."""
        return self.scorer(self.read(batch))

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


class Network(nn.Module):
    """One member, or several, which together are right more often than each of them (Hansen and Salamon 1990).

    Called with a batch it gives the scores of every member (M, N, K). The members learn side by side, each by itself; their
    opinions are averaged: p(tag) = Σ_m p_m(tag) / M.
    """

    def __init__(self, settings: Settings, sizes: Mapping[str, int], alphabet: int, tags: Sequence[int]) -> None:
        super().__init__()
        self.slices = columns_of(tags)
        self.members = nn.ModuleList(
            [Member(settings.member(m), sizes, alphabet, tags) for m in range(settings.members)]
        )

    def forward(self, batch: Batch) -> Tensor:
        """Scores (M, N, K) for every member, word and tag."""
        return stack([member(batch) for member in self.members])

    def log_probabilities(self, scores: Tensor, batch: Batch) -> Tensor:
        """ln p(tag of a word), (N, K), given the whole sentence, for scores (M, N, K)."""
        each = [member.log_probabilities(scores[m], batch) for m, member in enumerate(self.members)]
        return each[0] if len(each) == 1 else stack(each).logsumexp(0) - math.log(len(each))

    def best(self, scores: Tensor, batch: Batch) -> Array:
        """The tags' numbers (N), or (N, C): one member's choice, or the most probable in the opinion of several."""
        if len(self.members) == 1:
            return cast(Array, self.members[0].best(scores[0], batch))
        return best_by_column(self.log_probabilities(scores, batch), self.slices).array


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
