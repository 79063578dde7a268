"""What a model does with raw text: where sentences and words end. The training corpus decides, and the model's file keeps it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple

import numpy as np

from metagrad.tagger.corpora.corpus import Sentence, Token, Written
from metagrad.tagger.text.division import Division, Rule
from metagrad.tagger.text.segmenter import LEAST, Segmenter
from metagrad.tagger.text.sentences import LONGEST, Ends, rule_ends, spans
from metagrad.tagger.text.streams import without_mark
from metagrad.tagger.text.words import RULES, by_rule, kind

WEIGHTS = "tokenizer/weights"
FREQUENT = frozenset("the of to a in and for that is on".split())  # in English about one word in five
ENGLISH_FROM = 0.08
LOOK = 20_000  # words that are looked at to tell the language


class Word(NamedTuple):
    """A word of raw text, and the place of the token it is written in."""

    form: str
    start: int
    end: int


class Tokenizer:
    """Raw text into sentences of words.

    kind: ``english`` (the Penn Treebank's rules), ``unicode`` (Unicode's word breaks), or ``learned`` from a treebank.

    >>> [[word.form for word in words] for words in Tokenizer("english").sentences("Mr. Hill can't come. Why?", rule_ends)]
    [['Mr.', 'Hill', 'ca', "n't", 'come', '.'], ['Why', '?']]
    """

    def __init__(self, kind: str = "english", segmenter: Segmenter | None = None) -> None:
        if kind not in (*RULES, "learned") or (kind == "learned") != (segmenter is not None):
            raise ValueError(f"expected a tokenizer, one of {', '.join(RULES)}, learned, got {kind!r}")
        self.kind, self.segmenter = kind, segmenter

    @classmethod
    def of(cls, sentences: Sequence[Sentence]) -> Tokenizer:
        """The one for a corpus: learned if the corpus says where spaces were, or has none; else by its language."""
        written = written_sentences(sentences)
        if sum(len(s) for s in written) >= LEAST:
            return cls("learned", Segmenter.learn(written))
        words = [word.lower() for word, _ in islice(chain.from_iterable(sentences), LOOK)]
        frequent = sum(word in FREQUENT for word in words)
        return cls(
            "english"
            if frequent >= ENGLISH_FROM * len(words) or len(words) < LEAST and ascii_only(words)
            else "unicode"
        )

    def sentences(
        self, text: str | Iterable[str], ends: Ends | None = None, longest: int = LONGEST
    ) -> Iterator[list[Word]]:
        """The words of raw text, sentence by sentence, each given once the next one has begun; none of more than ``longest``
        characters, unless it is one word."""
        chunks = without_mark([text] if isinstance(text, str) else text)
        for span in spans(chunks, ends or self.ends(), self.segmenter is None or self.segmenter.spaced, longest):
            yield [
                word
                for a, b in self.words(span.text)
                for word in self.divided(span.text[a:b], span.start + a, span.start + b)
            ]

    def ends(self) -> Ends:
        """Where sentences end."""
        return rule_ends if self.segmenter is None else self.segmenter.ends

    def words(self, sentence: str) -> Iterable[tuple[int, int]]:
        """The places of the tokens of a sentence."""
        return by_rule(sentence, RULES[self.kind]) if self.segmenter is None else self.segmenter.words(sentence)

    def divided(self, token: str, start: int, end: int) -> list[Word]:
        """The words a token stands for: one, or as the treebank divides it."""
        forms = [token] if self.segmenter is None else self.segmenter.forms(token)
        return [Word(form, start, end) for form in forms]

    # ------------------------------------------------ the model's file

    def description(self) -> dict[str, Any]:
        """What JSON can hold of it."""
        if self.segmenter is None:
            return {"kind": self.kind}
        d = self.segmenter.division
        known = {"multiword": d.known, "endings": d.endings, "beginnings": d.beginnings}
        return {
            "kind": self.kind,
            **known,
            "blanks_within": self.segmenter.blanks_within,
            "marks": self.segmenter.marks,
        }

    def arrays(self) -> dict[str, Any]:
        """The rest of it."""
        return {} if self.segmenter is None else {WEIGHTS: self.segmenter.weights.astype(np.float16)}

    @classmethod
    def read(cls, description: Mapping[str, Any], weights: Any) -> Tokenizer:
        """From what ``description`` and ``arrays`` gave."""
        if description["kind"] != "learned":
            return cls(description["kind"])
        rules = (
            {e: Rule(*rule) for e, rule in description.get(kind, {}).items()} for kind in ("endings", "beginnings")
        )
        division = Division(description["multiword"], *rules)
        return cls(
            "learned",
            Segmenter(
                weights.astype(np.float32),
                division,
                description["blanks_within"],
                description.get("marks"),
                description.get("spaced", True),
            ),
        )


def ascii_only(words: Iterable[str]) -> bool:
    """Whether nothing but ASCII is in these words."""
    return all(word.isascii() for word in words)


def written_sentences(sentences: Sequence[Sentence]) -> list[Written]:
    """The sentences that know how they were written; those of a script without spaces are known to be written without."""
    known = [s for s in sentences if isinstance(s, Written)]
    tokens = [token for s in known for token in s.tokens[:-1]]
    if any(not token.space_after or " " in token.form for token in tokens):
        return known
    letters = [kind(c) for s in islice(sentences, 200) for word, _ in s for c in word]
    if letters and sum(k in "HK" for k in letters) * 2 > len(letters):
        return [Written(s, [Token(word, False, (word,)) for word, _ in s], False) for s in sentences]
    return []
