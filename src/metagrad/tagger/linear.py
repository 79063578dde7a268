"""A linear member: the score of a tag is a sum of weights, one for each description of the word and of its neighbours.

    score(t, k) = 5 Σ_d Σ_i W[d, i, x(t + d, i), k]

where x(t, i) is the number of word t under description i, and d runs over the word itself and two words on each side. The
factor makes it learn as with five times the learning rate, since few of its weights are moved at each step. With a
CRF over the scores it is the classical tagger with hand-made features (Lafferty et al. 2001). It reads no letters and
remembers nothing of the sentence, so its mistakes are less like a recurrent network's than those of another network are.

Legend: N packed words, U distinct words of the batch, F descriptions, T words of the longest sentence, B sentences, K tags.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import add

from metagrad import nn
from metagrad.nn import functional as F
from metagrad.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from metagrad.ops.shape.joining import cat
from metagrad.tagger.batches import Batch
from metagrad.tagger.members import Member
from metagrad.tagger.settings import Settings
from metagrad.tensors.tensor import Tensor

GAIN = 5.0  # of the scores over the sums of weights
NEXT = ("lower", "last two letters", "last three letters", "shape")
NEIGHBOURS = {-2: ("lower",), -1: NEXT, 1: NEXT, 2: ("lower",)}  # how far away: what is read of it


class SummedWeights(nn.Module):
    """The sum of the weights of a word's numbers under some descriptions: (U, F) to (U, K); 0 before training.

    Where none of the descriptions named is there, the first one, the word itself, is read.
    """

    def __init__(self, sizes: Mapping[str, int], names: Sequence[str], tags: int) -> None:
        super().__init__()
        self.columns = [i for i, name in enumerate(sizes) if name in names] or [0]
        self.weights = nn.ModuleList([nn.Embedding(list(sizes.values())[i], tags) for i in self.columns])
        for table in self.weights:
            nn.init.zeros_(table.weight)

    def forward(self, features: Tensor) -> Tensor:
        """Numbers to sums."""
        columns = zip(self.columns, self.weights, strict=True)
        return reduce(add, [table(features[:, i]) for i, table in columns])


class LinearMember(Member):
    """Scores (N, K) of words by their own descriptions and those of their neighbours, and if asked a CRF over them.

    A neighbour beyond the beginning or the end of the sentence adds nothing.
    """

    def __init__(self, settings: Settings, sizes: Mapping[str, int], tags: Sequence[int]) -> None:
        super().__init__(settings, tags)
        self.count = sum(tags)
        self.own = SummedWeights(sizes, list(sizes), self.count)
        self.near = nn.ModuleList([SummedWeights(sizes, names, self.count) for names in NEIGHBOURS.values()])
        self.crf = nn.CRF(tags[0]) if settings.crf else None

    def read(self, batch: Batch) -> Tensor:
        """The scores themselves."""
        near = cat([weights(batch.features) for weights in self.near], 1)[batch.which]
        filled, lengths = pad_packed_sequence(batch.packed(near))
        parts = zip(filled.split(self.count, 2), NEIGHBOURS, strict=True)
        around = reduce(add, [shifted(part, distance) for part, distance in parts])
        own = self.own(batch.features)[batch.which]
        return (own + pack_padded_sequence(around, lengths).data) * GAIN


def shifted(x: Tensor, distance: int) -> Tensor:
    """y[t] = x[t + distance] along the first of three dimensions, 0 where there is no such t: (T, B, K) to (T, B, K)."""
    if distance < 0:
        return F.pad(x, (0, 0, 0, 0, -distance, 0))[:distance]
    return F.pad(x, (0, 0, 0, 0, 0, distance))[distance:]
