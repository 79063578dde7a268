"""CSV and TSV with a header, and JSON.

A table has a row for each word; a sentence ends at an empty row, or where the column ``sentence`` (or ``sent_id``) changes. A
line of JSON is a sentence: ``{"words": […], "tags": […]}``, or ``{"tokens": [{"word": …, "tag": …}, …]}``, which is what
``metagrad tag predict --json`` writes, or ``[["word", "tag"], …]``; a file may be one list of these, too.
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
LISTS_OF_WORDS = ("words", "tokens", "sentence", "forms")
LISTS_OF_TAGS = ("tags", "labels", "pos", "ner_tags", "pos_tags", "upos", "xpos", "ner", "chunk_tags")
JSON_FORMS = (
    '{"words": ["…"], "tags": ["…"]}, {"tokens": [{"word": "…", "tag": "…"}]} or [["word", "tag"], …], '
    "as many tags as words"
)


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
        cells = cells_of_row(line.text, delimiter, len(names))
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


def cells_of_row(text: str, delimiter: str, count: int) -> list[str]:
    """The cells of a row. Between tabs a quotation mark may be a word, which is then not quoted.

    >>> cells_of_row('"\\tX', "\\t", 2), cells_of_row('"a b"\\tX', "\\t", 2), cells_of_row('"a,b",X', ",", 2)
    (['"', 'X'], ['a b', 'X'], ['a,b', 'X'])
    """
    plain = text.split(delimiter)
    if delimiter == "\t" and len(plain) == count:
        whole = [len(cell) > 2 and cell[0] == cell[-1] == '"' for cell in plain]
        return [c[1:-1].replace('""', '"') if is_quoted else c for c, is_quoted in zip(plain, whole, strict=True)]
    return next(csv.reader([text], delimiter=delimiter), [])


def json_lines(lines: Iterable[Line], name: str, tag: str | None) -> Iterator[Sentence]:
    """Read sentences of JSON, one or several on each line, or a list of sentences over all lines.

    Where the tags are is decided by the first sentence; one of another form is refused.

    >>> text = ['{"words": ["Go"], "tags": ["VB"]}', '{"words": ["a"], "tags": ["DT"]}']
    >>> list(json_lines([Line(n, line) for n, line in enumerate(text, 1)], "a.jsonl", None))
    [[('Go', 'VB')], [('a', 'DT')]]
    >>> list(json_lines([Line(1, '[["Why", "WRB"], ["?", "."]]')], "a.jsonl", None))
    [[('Why', 'WRB'), ('?', '.')]]
    """
    usual = tag
    for line, content in records(lines, name):
        try:
            if usual is None and isinstance(content, dict):
                usual = next((key for key in LISTS_OF_TAGS if key in content), None)
            pairs = pairs_of(content, tag, usual)
        except (ValueError, KeyError, TypeError, AttributeError, StopIteration, IndexError):
            pairs = [("", "")]
        if not all(isinstance(part, str) and part for pair in pairs for part in pair):
            which = f"with a list {usual!r} as the first sentence has it, " if usual else ""
            malformed(name, line, f"{JSON_FORMS}, {which}each a string that is not empty")
        if pairs:
            yield pairs


def records(lines: Iterable[Line], name: str) -> Iterator[tuple[Line, Any]]:
    """The sentences of JSON, and the lines they are on."""
    full = [line for line in lines if line.text.strip()]
    if full and full[0].text.lstrip().startswith("[") and parsed(full[0].text) is None:
        whole = parsed("\n".join(line.text for line in full))
        if not isinstance(whole, list):
            malformed(name, full[0], JSON_FORMS)
        yield from ((full[0], content) for content in (whole if are_sentences(whole) else [whole]))
        return
    for line in full:
        content = parsed(line.text)
        if content is None:
            malformed(name, line, JSON_FORMS)
        yield from ((line, one) for one in (content if are_sentences(content) else [content]))


def parsed(text: str) -> Any:
    """What JSON says, or None where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def are_sentences(content: Any) -> bool:
    """Whether a list is of sentences: of objects with lists, or of lists that are more than a word and its tag.

    >>> are_sentences([["Why", "WRB"]]), are_sentences([[["Why", "WRB"]]]), are_sentences([{"words": ["Why"], "tags": ["WRB"]}])
    (False, True, True)
    """
    first = content[0] if isinstance(content, list) and content else None
    inside = list(first.values()) if isinstance(first, dict) else first if isinstance(first, list) else []
    return any(isinstance(part, (list, dict)) for part in inside)


def pairs_of(content: Any, tag: str | None, usual: str | None) -> Sentence:
    """The words and tags of a sentence in JSON; ``tag`` is the column asked for, ``usual`` the list that others have."""
    if isinstance(content, list) and content and not isinstance(content[0], dict):
        return [(word, own) for word, own in content]
    words = content if isinstance(content, list) else content[one_of(list(content), LISTS_OF_WORDS)]
    if words and isinstance(words[0], dict):
        names = [key.lower() for key in words[0]]
        of_word, of_tag = one_of(names, WORDS), column_of_tags(names, tag, "JSON")
        return [(token[of_word], token[of_tag]) for token in words]
    return list(zip(words, content[usual or one_of(list(content), LISTS_OF_TAGS)], strict=True))
