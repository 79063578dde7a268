"""What ``Tagger`` is given: sentences of words and tags, checked, and tags of several columns as one string each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from metagrad.tagger.tagset import TAB


def iterable(given: Any, what: str) -> Iterable[Any]:
    """What was given; TypeError if it cannot be gone through."""
    if not isinstance(given, Iterable) or isinstance(given, (bytes, Mapping)):
        raise TypeError(f"expected {what}, got {type(given).__name__}")
    return given


def words_of(sentence: Any) -> list[str]:
    """A sentence as a list of words; TypeError if it is none, ValueError if one of them is empty or blank."""
    words = list(iterable(sentence, "text or a list of words"))
    wrong = [word for word in words if not isinstance(word, str)]
    if wrong:
        many = "; for several sentences use tag_many" if isinstance(wrong[0], (list, tuple)) else ""
        raise TypeError(f"expected text or a list of words, got a list with a {type(wrong[0]).__name__}{many}")
    place = next((i for i, word in enumerate(words) if not word.strip(" \t\r\n")), None)
    if place is not None:
        raise ValueError(
            f"expected words, got {words[place]!r} as word {place + 1} of {len(words)}: leave empty ones out"
        )
    return words


def listed(sentence: Any) -> Any:
    """A sentence that can be gone over again; one that knows more than its words stays what it is."""
    return sentence if isinstance(sentence, list) else list(iterable(sentence, "sentences, each a list of (word, tag)"))


def joined_tag(tag: Any) -> Any:
    """A tag of several columns, a tuple, as one string."""
    return TAB.join(tag) if isinstance(tag, tuple) and all(isinstance(part, str) for part in tag) else tag


def joined(sentence: Any) -> Any:
    """A sentence whose tags are strings, those of several columns too."""
    if not any(isinstance(pair, (tuple, list)) and len(pair) == 2 and isinstance(pair[1], tuple) for pair in sentence):
        return sentence
    return [(pair[0], joined_tag(pair[1])) for pair in sentence]


def paired(X: Iterable[Any], y: Iterable[Sequence[str]]) -> list[Any]:
    """Sentences of words and their tags as sentences of (word, tag)."""
    words, tags = (
        [list(iterable(sentence, "a list for each sentence")) for sentence in iterable(given, "sentences")]
        for given in (X, y)
    )
    if len(words) != len(tags):
        raise ValueError(
            f"X has {len(words)} sentences and y has the tags of {len(tags)}: give a list of tags for each"
        )
    for number, (w, t) in enumerate(zip(words, tags, strict=True)):
        if len(w) != len(t):
            raise ValueError(f"sentence {number} has {len(w)} words and {len(t)} tags: give each word its tag")
    return [list(zip(w, t, strict=True)) for w, t in zip(words, tags, strict=True)]


def check(sentences: Sequence[Sequence[Any]]) -> None:
    """Raise unless these are sentences to learn from: lists of (word, tag), two strings each."""
    for number, sentence in enumerate(sentences):
        for pair in sentence:
            if not (isinstance(pair, (tuple, list)) and len(pair) == 2 and all(isinstance(part, str) for part in pair)):
                raise TypeError(f"sentence {number}: expected (word, tag), two strings, got {pair!r}")
            if not pair[0].strip() or not pair[1].strip():
                raise ValueError(f"sentence {number}: expected a word and a tag, got {pair!r}, one of them empty")
    if not any(sentences):
        raise ValueError("expected sentences to learn from, got none with a word")
