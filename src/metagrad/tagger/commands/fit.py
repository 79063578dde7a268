"""Whether a model and a corpus belong together: as many columns of tags, tags that the model knows, a column that has them."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from metagrad.tagger.corpora import Corpus, Sentence, load_corpus
from metagrad.tagger.tagset import TAB
from metagrad.tagger.trained import Model

LISTED = 8  # tags named in a warning


def unknown_tags(sentences: Sequence[Sentence], model: Model) -> Counter[str]:
    """The true tags that the model does not have, and how many words have them; of several columns, the column stands before."""
    names = [""] if model.tags.is_one else [f"{name} " for name in model.columns]
    return Counter(
        names[c] + tag for sentence in sentences for _, whole in sentence for c, tag in model.tags.unknown(whole)
    )


def unknown_words(sentences: Sequence[Sentence], model: Model) -> int:
    """How many words have a tag that the model does not have, or a part of one."""
    return sum(bool(model.tags.unknown(tag)) for sentence in sentences for _, tag in sentence)


def check_columns(corpus: Corpus, model: Model, what: str) -> None:
    """ValueError if the corpus's tags are of more columns, or fewer, than the model's."""
    own = len(model.tags[0].split(TAB)) if model.tags.is_one else len(model.tags.columns)
    there = len(corpus.sentences[0][0][1].split(TAB))
    if own != there:
        names = f" ({model.column})" if own > 1 else ""
        advice = f"use --tag-column {model.column}" if corpus.format == "conllu" else "give a corpus that has as many"
        raise ValueError(
            f"{what} gives tags of {own} column{'s' * (own > 1)}{names}, and those of {corpus.source} are of {there}: {advice}"
        )


def warning(corpus: Corpus, sentences: Sequence[Sentence], model: Model, options: argparse.Namespace, what: str) -> str:
    """What to say of true tags that the model does not know, and of a column that has those it knows; nothing if it knows all."""
    count, words = unknown_words(sentences, model), sum(map(len, sentences))
    if not count:
        return ""
    unknown = unknown_tags(sentences, model)
    listed = ", ".join(f"{tag} ({n:,})" for tag, n in unknown.most_common(LISTED)) + ", …" * (len(unknown) > LISTED)
    text = f"{count:,} of {words:,} words have tags that {what} does not know, and so cannot be right: {listed}."
    better = better_column(corpus, count / max(words, 1), model, options)
    return text + (f" Its tags are those of the column {better}: use --tag-column {better}." if better else "")


def better_column(corpus: Corpus, share: float, model: Model, options: argparse.Namespace) -> str | None:
    """The column, or the columns, of a file with far fewer tags that the model does not know."""
    name: str = options.corpus or model.about.get("path") or ""
    for column in candidates(corpus, model) if name else ():
        given: dict[str, Any] = {name: getattr(options, name) for name in ("format", "separator", "columns")}
        with suppress(ValueError):
            other = load_corpus(name, **given, tag_column=column)
            if unknown_words(other.sentences, model) / other.words < share / 2:
                return column
    return None


def candidates(corpus: Corpus, model: Model) -> Iterator[str]:
    """The columns that the tags could be from: the model's own, and all that the file has."""
    count = 1 if model.tags.is_one else len(model.tags.columns)
    for column in dict.fromkeys([model.column, *corpus.others]):
        if column != corpus.column and len(column.split(",")) == count:
            yield column
