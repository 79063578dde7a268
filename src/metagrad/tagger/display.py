"""Tagged sentences as HTML for notebooks, each tag in a colour of its own."""

from __future__ import annotations

import html
import zlib
from collections.abc import Iterable, Sequence

from metagrad.tagger.trained import Tagged

GOLDEN_ANGLE = 137.508  # degrees: hues so far apart are told apart however many there are


class TaggedSentence(list[Tagged]):
    """The words of a sentence with their tags; a notebook shows them in colour."""

    def _repr_html_(self) -> str:
        return sentence_html(self)


class TaggedText(list[TaggedSentence]):
    """The sentences of a text; a notebook shows them in colour."""

    def _repr_html_(self) -> str:
        return "".join(sentence_html(sentence) for sentence in self)


def text_of(sentences: Iterable[Iterable[Tagged]]) -> TaggedText:
    """Sentences that show themselves."""
    return TaggedText(TaggedSentence(sentence) for sentence in sentences)


def colour(tag: str) -> str:
    """A tag's colour, half transparent so that it suits a light page and a dark one; the same tag has the same everywhere."""
    return f"hsl({zlib.crc32(tag.encode()) % 1000 * GOLDEN_ANGLE % 360:.0f} 65% 55% / .35)"


def sentence_html(sentence: Sequence[Tagged]) -> str:
    """A sentence as a line of words, the tag under each, the probability shown where the mouse rests.

    >>> "dog" in sentence_html([Tagged("dog", "NN", 0.9)])
    True
    """
    words = "".join(
        f'<span style="display:inline-block;margin:.15em;padding:.1em .4em;border-radius:.3em;text-align:center;'
        f'background:{colour(t.tag)}" title="{html.escape(t.tag)}: {t.probability:.1%}">{html.escape(t.word)}'
        f'<br><small>{html.escape(t.tag)}</small></span>'
        for t in sentence
    )  # fmt: skip
    return f'<div dir="auto" style="line-height:1.3">{words}</div>'
