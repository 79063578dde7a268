"""What a tagger's network is built from, apart from its vocabularies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from metagrad.tagger.vocabulary import DESCRIPTIONS

CELLS = ("rnn", "lstm", "gru", "none")  # none: a linear model, see ``linear.py``
LETTERS = ("none", "convolution", "lstm", "gru")
MOST = 100  # layers, and members


@dataclass(frozen=True)
class Settings:
    """What the network is built from, apart from its vocabularies.

    cell: the recurrent layers, or none for a linear model (``linear.py``), to which of the rest only spelling and crf mean
    anything. variational: dropout of the same features throughout a sentence. shortcut: the tags' scores also see the input
    of each layer. scale: of the initial embeddings. members: networks whose probabilities are averaged. variants: in which of
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
        if self.cell == "none":
            return f"linear{' with a CRF' if self.crf else ''}"
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
