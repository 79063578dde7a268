"""The tagger's network: one member, or several whose opinions are averaged.

Legend: M members, N packed words, K tags, those of all columns together, C columns.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from metagrad import nn
from metagrad.ops.shape.joining import stack
from metagrad.tagger.batches import Batch
from metagrad.tagger.linear import LinearMember
from metagrad.tagger.members import Member, RecurrentMember, best_by_column, columns_of
from metagrad.tagger.settings import Settings
from metagrad.tensors.tensor import Tensor

Array = np.ndarray[Any, Any]


def new_member(settings: Settings, sizes: Mapping[str, int], alphabet: int, tags: Sequence[int]) -> Member:
    """An untrained member of the kind that the settings name."""
    if settings.cell == "none":
        return LinearMember(settings, sizes, tags)
    return RecurrentMember(settings, sizes, alphabet, tags)


class Network(nn.Module):
    """One member, or several, which together are right more often than each of them (Hansen and Salamon 1990).

    Called with a batch it gives the scores of every member (M, N, K). The members learn side by side, each by itself; their
    opinions are averaged: p(tag) = Σ_m p_m(tag) / M.
    """

    def __init__(self, settings: Settings, sizes: Mapping[str, int], alphabet: int, tags: Sequence[int]) -> None:
        super().__init__()
        self.slices = columns_of(tags)
        self.members = nn.ModuleList(
            [new_member(settings.member(m), sizes, alphabet, tags) for m in range(settings.members)]
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
