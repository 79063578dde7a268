"""JSON: a line is a sentence, or a file one list of them.

A sentence is ``{"words": […], "tags": […]}``, or ``{"tokens": [{"word": …, "tag": …}, …]}``, which is what ``metagrad tag predict
--json`` writes, or ``[["word", "tag"], …]``. A tag of several columns is a list, or a mapping from their names.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from metagrad.tagger.corpora.corpus import Sentence
from metagrad.tagger.corpora.lines import Faults, Line, malformed
from metagrad.tagger.corpora.tables import WORDS, column_of_tags, columns_of_tags, one_of

LISTS_OF_WORDS = ("words", "tokens", "sentence", "forms")
LISTS_OF_TAGS = ("tags", "labels", "pos", "ner_tags", "pos_tags", "upos", "xpos", "ner", "chunk_tags")
JSON_FORMS = (
    '{"words": ["…"], "tags": ["…"]}, {"tokens": [{"word": "…", "tag": "…"}]} or [["word", "tag"], …], '
    "as many tags as words"
)


def json_lines(lines: Iterable[Line], name: str, tag: str | None) -> Iterator[Sentence]:
    """Read sentences of JSON, one or several on each line, or a list of sentences over all lines.

    Where the tags are is decided by the first sentence; one of another form is refused.

    >>> text = ['{"words": ["Go"], "tags": ["VB"]}', '{"words": ["a"], "tags": ["DT"]}']
    >>> list(json_lines([Line(n, line) for n, line in enumerate(text, 1)], "a.jsonl", None))
    [[('Go', 'VB')], [('a', 'DT')]]
    >>> list(json_lines([Line(1, '[["Why", "WRB"], ["?", "."]]')], "a.jsonl", None))
    [[('Why', 'WRB'), ('?', '.')]]
    """
    usual, faults = tag, Faults(name)
    for line, content in records(lines, faults):
        try:
            if usual is None and isinstance(content, dict):
                usual = next((key for key in LISTS_OF_TAGS if key in content), None)
            pairs = pairs_of(content, tag, usual)
        except (ValueError, KeyError, TypeError, AttributeError, StopIteration, IndexError):
            pairs = [("", "")]
        if not all(isinstance(part, str) and part for pair in pairs for part in pair):
            faults.add(line, wrong(pairs, usual))
        elif pairs:
            yield pairs
    faults.check()


def wrong(pairs: Sequence[tuple[Any, Any]], usual: str | None) -> str:
    """What was expected in place of words and tags that are not all strings."""
    if any(isinstance(tag, int) for _, tag in pairs):
        return "tags that are strings; these are numbers, whose names stand elsewhere: put the names, such as B-PER, in their place"
    which = f"with a list {usual!r} as the first sentence has it, " if usual else ""
    return f"{JSON_FORMS}, {which}each a string that is not empty"


def json_columns(lines: Iterable[Line], name: str, tag: str | None) -> tuple[str | None, str, tuple[str, ...]]:
    """What the tags are called in JSON, if they have a name, a remark, and what else could be tags."""
    first = next((content for _, content in records(lines, Faults(name))), None)
    if isinstance(first, dict):
        words = one_of(list(first), LISTS_OF_WORDS)
        if first[words] and isinstance(first[words][0], str):
            names = [key for key, value in first.items() if isinstance(value, list) and len(value) == len(first[words])]
            chosen = tag or one_of(names, LISTS_OF_TAGS)
            return chosen, "", tuple(n for n in names if n not in (chosen, words))
        first = first[words]
    if isinstance(first, list) and first and isinstance(first[0], dict):
        names = [key.lower() for key, value in first[0].items() if isinstance(value, (str, dict, list))]
        return names_of(first[0].get("tag"), *columns_of_tags(names, tag, name))
    return None, "", ()


def names_of(value: Any, column: str, others: tuple[str, ...]) -> tuple[str, str, tuple[str, ...]]:
    """The column; the names of several, if the tag is a mapping from them."""
    return (",".join(value) if isinstance(value, dict) and column == "tag" else column), "", others


def records(lines: Iterable[Line], faults: Faults) -> Iterator[tuple[Line, Any]]:
    """The sentences of JSON, and the lines they are on."""
    full = [line for line in lines if line.text.strip()]
    if full and full[0].text.lstrip().startswith("[") and parsed(full[0].text) is None:
        whole = parsed("\n".join(line.text for line in full))
        if not isinstance(whole, list):
            malformed(faults.name, full[0], JSON_FORMS)
        yield from ((full[0], content) for content in (whole if are_sentences(whole) else [whole]))
        return
    for line in full:
        content = parsed(line.text)
        if content is None:
            faults.add(line, JSON_FORMS)
            continue
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
        return [(token[of_word], as_tag(token[of_tag])) for token in words]
    return list(zip(words, map(as_tag, content[usual or one_of(list(content), LISTS_OF_TAGS)]), strict=True))


def as_tag(value: Any) -> Any:
    r"""A tag of several columns, a list or a mapping in JSON, as one string.

    >>> as_tag("NOUN"), as_tag({"UPOS": "NOUN", "FEATS": "_"}), as_tag(["NOUN", "_"])
    ('NOUN', 'NOUN\t_', 'NOUN\t_')
    """
    parts = list(value.values()) if isinstance(value, dict) else value
    return (
        "\t".join(parts)
        if isinstance(parts, list) and len(parts) > 1 and all(isinstance(part, str) for part in parts)
        else value
    )
