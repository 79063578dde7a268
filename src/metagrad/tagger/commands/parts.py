"""The parts of a corpus as ``--dev`` and ``--test`` ask for them, what is said of them, and an example from them."""

from __future__ import annotations

import argparse
from dataclasses import replace

from metagrad.tagger.commands.options import load
from metagrad.tagger.corpora import Corpus, Sentence, text_of
from metagrad.tagger.metrics import TRACE
from metagrad.tagger.splits import Split, hold_out, split


def divide(corpus: Corpus, dev: str, test: str | None, options: argparse.Namespace) -> Split:
    """The parts; ``dev`` and ``test`` are shares of the sentences, or other corpora: then all of this one is learned from."""
    dev_share, test_share = share_of(dev), None if test is None else share_of(test)
    other = test is not None and test_share is None
    if other or dev_share is None and test is None:
        corpus, test_share = replace(corpus, training=None), 0.0  # all of it is to be learned from
    elif test_share is not None:
        corpus = replace(corpus, training=None)
    parts = split(corpus, dev=dev_share or 0.0, test=0.2 if test_share is None else test_share)
    if dev_share is None:
        parts = replace(parts, dev=load(dev, options, corpus.column).sentences)
    if other:
        parts = replace(parts, test=load(str(test), options, corpus.column).sentences)
    return hold_out(parts)


def share_of(text: str) -> float | None:
    """The share that is meant, or None if it is the name of a corpus."""
    try:
        return float(text)
    except ValueError:
        return None


def what_is_held_out(parts: Split) -> str:
    """How many sentences each part has."""
    calibration = f"{len(parts.calibration):,} held out to learn how sure it may be, " if parts.calibration else ""
    return (f"{len(parts.train):,} sentences to train, {len(parts.dev):,} held out to watch it by, {calibration}"
            f"{len(parts.test):,} to test.")  # fmt: skip


def judged(parts: Split) -> tuple[str, list[Sentence]]:
    """The sentences to report on, and what they are."""
    if parts.test:
        return "test sentences", parts.test
    if parts.dev:
        return "sentences it was watched by (there is no test part)", parts.dev
    return "sentences it was trained on (there is no test part)", parts.train


def example(sentences: list[Sentence]) -> str:
    """A sentence of the corpus to try the tagger on: a short one, in its own language."""
    words = [[pair for pair in s if pair[1] != TRACE] for s in sentences[:1000]]
    chosen = next((i for i, s in enumerate(words) if 4 <= len(s) <= 12), 0)
    same = len(words[chosen]) == len(sentences[chosen])
    return text_of(sentences[chosen] if same else words[chosen])
