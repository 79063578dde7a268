"""How good a tagging is: accuracy in several senses, precision and recall of each tag, and what is confused with what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from metagrad.tagger.calibration import Bin, bins, calibration_error
from metagrad.tagger.tagset import TAB, parts_of
from metagrad.utils.metrics.classification import PrecisionRecall
from metagrad.utils.metrics.spans import SpanScore

Array = np.ndarray[Any, Any]
TRACE = "-NONE-"  # the treebank's tag for a place where a word was moved from: not a word that anybody wrote


@dataclass(frozen=True)
class Share:
    """``right`` out of ``total``."""

    right: int
    total: int

    @property
    def value(self) -> float | None:
        """The quotient; None of nothing."""
        return self.right / self.total if self.total else None

    def __str__(self) -> str:
        return "-" if self.value is None else f"{self.value:.4f}  ({self.right:,} of {self.total:,})"


@dataclass(frozen=True)
class TagScore(PrecisionRecall):
    """How one tag fared: how often it was right, how often it was predicted, and how often it is there."""

    tag: str
    right: int
    predicted: int
    actual: int

    @property
    def found(self) -> int:  # type: ignore[override]  # a count by another name
        """How often it was predicted."""
        return self.predicted


@dataclass(frozen=True)
class Scores:
    """Everything that is counted about a tagging."""

    sentences: int
    overall: Share
    without_traces: Share
    known: Share
    unknown: Share
    whole_sentences: Share
    tags: list[TagScore]
    pairs: dict[tuple[str, str], int]  # (actual, predicted): how often, the right ones included
    bins: tuple[Bin, ...] = ()  # the words by the probability of their tag
    columns: Mapping[str, Scores] = field(default_factory=dict)  # each by itself, where the tags are of several
    spans: tuple[SpanScore, ...] = ()  # of all spans and of each type, where the tags are of spans

    @property
    def calibration_error(self) -> float | None:
        """How far the probabilities are from the shares of right tags; None where there are no probabilities."""
        return calibration_error(self.bins) if self.bins else None

    @property
    def main(self) -> float:
        """The one number to go by: F1 of the spans where there are any, else the accuracy."""
        return self.spans[0].f1 if self.spans else self.overall.value or 0.0

    @property
    def has_traces(self) -> bool:
        """Whether there were traces to tell apart."""
        return self.overall.total != self.without_traces.total

    def confusions(self, count: int = 15) -> list[tuple[str, str, int]]:
        """The most frequent mistakes: (actual, predicted, how often)."""
        wrong = [(a, p, n) for (a, p), n in self.pairs.items() if a != p]
        return sorted(wrong, key=lambda x: (-x[2], x[0], x[1]))[:count]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        shares = {
            "all": self.overall, "without_traces": self.without_traces, "known_words": self.known,
            "unknown_words": self.unknown, "whole_sentences": self.whole_sentences,
        }  # fmt: skip
        return {
            "sentences": self.sentences,
            "calibration": {"error": self.calibration_error, "bins": [b._asdict() for b in self.bins]},
            "accuracy": {k: {"value": s.value, "right": s.right, "total": s.total} for k, s in shares.items()},
            **(self._by_column() if self.columns else self._by_tag()),
            **({"spans": {s.type: s.as_dict() for s in self.spans}} if self.spans else {}),
        }  # fmt: skip

    def _by_column(self) -> dict[str, Any]:
        return {"columns": {name: s.as_dict() for name, s in self.columns.items()}}

    def _by_tag(self) -> dict[str, Any]:
        tags = {
            t.tag: {
                "precision": t.precision,
                "recall": t.recall,
                "f1": t.f1,
                "predicted": t.predicted,
                "actual": t.actual,
            }
            for t in self.tags
        }
        return {
            "tags": tags,
            "confusions": [{"actual": a, "predicted": p, "count": n} for a, p, n in self.confusions(50)],
        }


def score(
    sentences: Iterable[Sequence[tuple[str, str]]], predicted: Iterable[Sequence[str]], knows: Callable[[str], bool],
    sure: Array | None = None,
) -> Scores:  # fmt: skip
    """Compare predicted tags with the true ones. Known words are those of the training part; traces count for neither.

    ``sure``: the probabilities of the predicted tags, all words in a row, for the error of calibration.

    >>> s = score([[("dogs", "NNS"), ("bark", "VBP")]], [["NNS", "NN"]], {"dogs"}.__contains__)
    >>> s.overall.value, s.known.value, s.unknown.value, s.confusions()
    (0.5, 1.0, 0.0, [('VBP', 'NN', 1)])
    """
    pairs: Counter[tuple[str, str]] = Counter()
    counted: Counter[str] = Counter()
    right: Counter[str] = Counter()
    count = 0
    hits: list[bool] = []
    for sentence, tags in zip(sentences, predicted, strict=True):
        count += 1
        whole = True
        for (word, actual), found in zip(sentence, tags, strict=True):
            pairs[actual, found] += 1
            hits.append(actual == found)
            groups = ["all"]
            if actual != TRACE:
                groups += ["without traces", "known" if knows(word) else "unknown"]
            for group in groups:
                counted[group] += 1
                right[group] += found == actual
            whole &= found == actual
        counted["sentences"] += 1
        right["sentences"] += whole
    actual_counts, found_counts = Counter[str](), Counter[str]()
    for (actual, found), n in pairs.items():
        actual_counts[actual] += n
        found_counts[found] += n
    tags_seen = sorted({*actual_counts, *found_counts}, key=lambda t: (-actual_counts[t], t))
    shares = {
        group: Share(right[group], counted[group])
        for group in ("all", "without traces", "known", "unknown", "sentences")
    }
    return Scores(
        count,
        shares["all"],
        shares["without traces"],
        shares["known"],
        shares["unknown"],
        shares["sentences"],
        [TagScore(t, pairs[t, t], found_counts[t], actual_counts[t]) for t in tags_seen],
        dict(pairs),
        () if sure is None else tuple(bins(np.asarray(sure), np.array(hits, bool))),
    )


def score_columns(
    sentences: Sequence[Sequence[tuple[str, str]]], predicted: Sequence[Sequence[str]], knows: Callable[[str], bool],
    sure: Array | None, names: Sequence[str],
) -> Scores:  # fmt: skip
    r"""``score``; where tags are of several columns with tabs between, of all together, and in ``columns`` of each by itself.

    ``sure``: the probabilities, (N) or (N, C).

    >>> sentence, found = [("dogs", "NOUN\tNNS"), ("bark", "VERB\tVBP")], ["NOUN\tNN", "VERB\tVBP"]
    >>> s = score_columns([sentence], [found], str.istitle, None, ["U", "X"])
    >>> s.overall.value, {name: own.overall.value for name, own in s.columns.items()}
    (0.5, {'U': 1.0, 'X': 0.5})
    """
    several = sure is not None and sure.ndim == 2
    whole = score(sentences, predicted, knows, sure.prod(-1) if several and sure is not None else sure)
    count = next((tag.count(TAB) + 1 for sentence in sentences for _, tag in sentence), 1)
    if count == 1 or len(names) not in (1, count):
        return whole
    columns = {}
    for c, name in enumerate(names if len(names) == count else map(str, range(1, count + 1))):
        own = [[(word, part(tag, c)) for word, tag in sentence] for sentence in sentences]
        found = [[part(tag, c) for tag in tags] for tags in predicted]
        columns[name] = score(own, found, knows, sure[:, c] if several and sure is not None else None)
    return replace(whole, columns=columns)


def part(tag: str, column: int) -> str:
    """What a tag says in a column; nothing if it has not so many."""
    parts = parts_of(tag)
    return parts[column] if column < len(parts) else ""
