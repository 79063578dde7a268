"""The tagger's network: descriptions of words in, a score for every tag out.

Legend: B sentences, T words, F descriptions of a word, E embedding features, H hidden features, D directions, K tags.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from metagrad import nn
from metagrad.ops.joining import cat
from metagrad.tagger.vocabulary import PADDING
from metagrad.tensor import Tensor

CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


@dataclass(frozen=True)
class Settings:
    """What the network is built from, apart from its vocabularies."""

    cell: str = "lstm"
    layers: int = 1
    hidden: int = 128
    embedding: int = 128
    bidirectional: bool = True
    dropout: float = 0.5
    spelling: bool = True

    def __post_init__(self) -> None:
        if self.cell not in CELLS:
            raise ValueError(f"unknown cell {self.cell!r}: expected one of {', '.join(CELLS)}")
        for name in ("layers", "hidden", "embedding"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be at least 0 and below 1, got {self.dropout}")

    def as_dict(self) -> dict[str, Any]:
        """For the model file."""
        return asdict(self)


class Network(nn.Module):
    """Embeddings of a word's descriptions, side by side; a stacked recurrent network over them; a linear layer.

    Input (B, T, F) integers, 0 for padding, and the lengths (B) of the sentences; returns scores (B, T, K). The word itself
    has E features, each other description E/4. Dropout acts on the input, between layers, and on the output.
    """

    def __init__(self, settings: Settings, sizes: list[int], tags: int) -> None:
        super().__init__()
        widths = [settings.embedding] + [max(1, settings.embedding // 4)] * (len(sizes) - 1)
        self.embeddings = nn.ModuleList(
            [nn.Embedding(size, width, padding_idx=PADDING) for size, width in zip(sizes, widths, strict=True)]
        )
        between = settings.dropout if settings.layers > 1 else 0.0
        self.recurrent = CELLS[settings.cell](
            sum(widths), settings.hidden, settings.layers, batch_first=True, dropout=between,
            bidirectional=settings.bidirectional,
        )  # fmt: skip
        self.dropout = nn.Dropout(settings.dropout)
        self.scores = nn.Linear(settings.hidden * (2 if settings.bidirectional else 1), tags)

    def forward(self, numbers: Tensor, lengths: Tensor) -> Tensor:
        """Scores (B, T, K) for every word and tag; those at padding mean nothing."""
        x = self.dropout(cat([table(numbers[..., i]) for i, table in enumerate(self.embeddings)], -1))
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        output, _ = self.recurrent(packed)
        padded, _ = nn.utils.rnn.pad_packed_sequence(output, batch_first=True)
        return self.scores(self.dropout(padded))
