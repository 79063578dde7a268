"""CSV and TSV with a header, and JSON lines.

A table has a row for each word; a sentence ends at an empty row, or where the column ``sentence`` (or ``sent_id``) changes. A
line of JSON is a sentence: ``{"words": […], "tags": […]}``, or ``{"tokens": [{"word": …, "tag": …}, …]}``, which is what
``metagrad tag predict --json`` writes.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from metagrad.tagger.corpora.corpus import Sentence
from metagrad.tagger.corpora.lines import Line, malformed

WORDS = ("word", "form", "token", "text")
TAGS = ("tag", "pos", "upos", "xpos", "label", "ner", "chunk")
SENTENCES = ("sentence", "sentence_id", "sent_id", "sent", "sentence #")
LISTS_OF_WORDS, LISTS_OF_TAGS = ("words", "tokens", "sentence"), ("tags", "labels", "pos", "ner_tags", "pos_tags")


def header(line: str) -> tuple[str, list[str]] | None:
    """The delimiter and the columns of a table, if this line is a header with a column of words and one of tags."""
    for delimiter in ("\t", ",", ";"):
        names = [name.strip().lower() for name in next(csv.reader([line], delimiter=delimiter), [])]
        if any(n in WORDS for n in names) and any(n in TAGS for n in names):
            return delimiter, names
    return None


def one_of(names: Sequence[str], known: Sequence[str]) -> str:
    """The first of the known names that is there."""
    return next(name for name in known if name in names)


def column_of_tags(names: Sequence[str], wanted: str | None, name: str) -> str:
    """The column asked for, or the usual one."""
    chosen = wanted.lower() if wanted else one_of(names, TAGS)
    if chosen not in names:
        raise ValueError(f"{name}: expected the column of the tags, one of {', '.join(names)}, got {wanted!r}")
    return chosen


def rows(lines: Sequence[Line], name: str, tag: str | None) -> Iterator[Sentence]:
    """Read the sentences of a table with a header.

    >>> text = ["sentence,word,tag", "1,Dogs,NNS", "1,bark,VBP", '2,",",","']
    >>> list(rows([Line(n, line) for n, line in enumerate(text, 1)], "a.csv", None))
    [[('Dogs', 'NNS'), ('bark', 'VBP')], [(',', ',')]]
    """
    found = header(lines[0].text)
    if found is None:
        malformed(
            name, lines[0], f"a header with a column of words ({', '.join(WORDS)}) and of tags ({', '.join(TAGS)})"
        )
    delimiter, names = found
    of_word, of_tag = names.index(one_of(names, WORDS)), names.index(column_of_tags(names, tag, name))
    of_sentence = next((names.index(n) for n in SENTENCES if n in names), None)
    sentence: Sentence = []
    number = ""
    for line in lines[1:]:
        cells = next(csv.reader([line.text], delimiter=delimiter), [])
        blank = not any(cell.strip() for cell in cells)
        if not blank and (len(cells) != len(names) or not cells[of_word] or not cells[of_tag]):
            malformed(name, line, f"the {len(names)} columns {', '.join(names)}, with a word and a tag")
        here = number if blank or of_sentence is None else cells[of_sentence].strip() or number
        if sentence and (blank or here != number):
            yield sentence
            sentence = []
        number = here
        if not blank:
            sentence.append((cells[of_word], cells[of_tag]))
    if sentence:
        yield sentence


def json_lines(lines: Iterable[Line], name: str, tag: str | None) -> Iterator[Sentence]:
    """Read a sentence from each line of JSON.

    >>> text = ['{"words": ["Go"], "tags": ["VB"]}', '{"tokens": [{"word": "a", "tag": "DT"}]}']
    >>> list(json_lines([Line(n, line) for n, line in enumerate(text, 1)], "a.jsonl", None))
    [[('Go', 'VB')], [('a', 'DT')]]
    """
    for line in lines:
        if not line.text.strip():
            continue
        try:
            pairs = pairs_of(json.loads(line.text), tag)
        except (ValueError, KeyError, TypeError, AttributeError, StopIteration, RecursionError):
            pairs = [("", "")]
        if not all(isinstance(part, str) and part for pair in pairs for part in pair):
            malformed(
                name,
                line,
                '{"words": ["…"], "tags": ["…"]}, as many tags as words, or {"tokens": [{"word": "…", "tag": "…"}]}',
            )
        if pairs:
            yield pairs


def pairs_of(content: dict[str, Any], tag: str | None) -> Sentence:
    """The words and tags of a sentence in JSON."""
    words = content[one_of(list(content), LISTS_OF_WORDS)]
    if words and isinstance(words[0], dict):
        names = [key.lower() for key in words[0]]
        of_word, of_tag = one_of(names, WORDS), column_of_tags(names, tag, "JSON")
        return [(token[of_word], token[of_tag]) for token in words]
    return list(zip(words, content[tag or one_of(list(content), LISTS_OF_TAGS)], strict=True))
