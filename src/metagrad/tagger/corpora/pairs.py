"""``word_TAG``: a sentence a line, each word with its tag behind a separator, as ``The_DT dog_NN barks_VBZ ._.``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from metagrad.tagger.corpora.corpus import Sentence
from metagrad.tagger.corpora.lines import Faults, Line, fields, is_comment

SEPARATORS = ("_", "/")
LOOK = 50  # lines that are looked at to tell what a file is


def content(lines: Iterable[Line]) -> list[Line]:
    """The first lines that are neither blank nor comments."""
    return list(islice((line for line in lines if line.text.strip() and not is_comment(line.text)), LOOK))


def splits(token: str, separators: Iterable[str]) -> bool:
    """Whether there is a word before, and a tag after, one of the separators."""
    return any(all(token.rpartition(separator)[::2]) for separator in separators)


def detect_separator(lines: Sequence[Line]) -> str:
    """``_`` or ``/``: the one that most words of the first lines have last.

    >>> detect_separator([Line(1, "and/or_CC 1/2_CD ._.")])
    '_'
    """
    tokens = [token for line in content(lines) for token in fields(line.text)]
    return max(SEPARATORS, key=lambda s: sum(token.rfind(s) == max(map(token.rfind, SEPARATORS)) for token in tokens))


def word_tag(lines: Iterable[Line], name: str, separator: str) -> Iterator[Sentence]:
    """Read sentences of the form ``The_DT dog_NN``; the tag is what stands after the last separator.

    >>> list(word_tag([Line(1, "# dogs"), Line(2, "A/DT and/or/CC")], "dogs.txt", "/"))
    [[('A', 'DT'), ('and/or', 'CC')]]
    """
    faults = Faults(name)
    for line in lines:
        if is_comment(line.text):
            continue
        sentence = []
        for token in fields(line.text):
            word, _, tag = token.rpartition(separator)
            if not word or not tag:
                faults.add(line._replace(text=token), f"a word, {separator!r} and its tag")
            sentence.append((word, tag))
        if sentence:
            yield sentence
    faults.check()
