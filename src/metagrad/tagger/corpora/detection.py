"""What a file of tagged sentences is, told by its first lines.

================  ============================================================  ===================
format            a sentence                                                    read in
================  ============================================================  ===================
``word_TAG``      one line: ``The_DT dog_NN barks_VBZ ._.``                     ``pairs.py``
``two-column``    a line for each word: word, tab or spaces, tag                ``columns.py``
``treetagger``    word, tag, lemma between tabs; ``</s>`` ends a sentence       ``columns.py``
``conll2000``     word, part of speech, chunk                                   ``columns.py``
``conll2003``     word, part of speech, chunk, name                             ``columns.py``
``conll2009``     fourteen columns or more between tabs                         ``columns.py``
``columns``       columns as ``--columns`` says                                 ``columns.py``
``conllu``        ten columns between tabs                                      ``conllu.py``
``trees``         Penn Treebank brackets, ``.mrg``                              ``brackets.py``
``penn-pos``      Penn Treebank ``.pos``: ``[ the/DT dog/NN ]``                 ``brackets.py``
``table``         CSV or TSV with a header                                      ``tables.py``
``jsonl``         JSON for each sentence, on a line of its own or in a list     ``jsonl.py``
================  ============================================================  ===================

An empty line ends a sentence wherever a word has a line of its own. All are UTF-8. A comment is a line that is ``#`` or begins with
``# ``; in CoNLL-U, one that begins with ``#``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from metagrad.tagger.corpora.columns import DELIMITERS, DOCUMENT, MARKUP, cells_of
from metagrad.tagger.corpora.conllu import COLUMNS as CONLLU_COLUMNS
from metagrad.tagger.corpora.jsonl import parsed
from metagrad.tagger.corpora.lines import Line, fields, malformed
from metagrad.tagger.corpora.pairs import SEPARATORS, content, splits
from metagrad.tagger.corpora.tables import cells_of_row, header

FORMATS = (
    "word_TAG", "two-column", "treetagger", "conll2000", "conll2003", "conll2009", "columns", "conllu", "trees", "penn-pos",
    "table", "jsonl",
)  # fmt: skip
ENDINGS = {".conllu": "conllu", ".mrg": "trees", ".jsonl": "jsonl", ".ndjson": "jsonl"}
BIO = re.compile(r"O|[BIESLUM]-.+")
ELEMENT = re.compile(r"</\w+>|^<\?xml|<\w+[^<>]*/>")  # of XML
CUTS: tuple[tuple[Callable[[str], list[str]], str], ...] = (
    (lambda text: text.split("\t"), "between tabs"), (fields, "between blanks"),
    *((partial(cells_of_row, delimiter=mark), f"between {mark!r}") for mark in DELIMITERS),
)  # fmt: skip


def detect_format(lines: Sequence[Line], name: str) -> str:
    """Tell the format by what most of the first lines look like; ValueError if they look like nothing known.

    >>> detect_format([Line(1, "The_DT dog_NN barks_VBZ ._.")], "dogs.txt")
    'word_TAG'
    >>> detect_format([Line(1, "The DT"), Line(2, "dog NN"), Line(3, "")], "dogs.txt")
    'two-column'
    """
    first = [
        line for line in content(lines) if not MARKUP.fullmatch(line.text.strip()) and not begins_document(line.text)
    ]
    if not first:
        raise ValueError(f"{name}: expected tagged sentences, got a file without any")

    def half(test: Callable[[str], bool]) -> bool:
        return sum(test(line.text) for line in first) * 2 >= len(first)

    if first[0].text.lstrip().startswith("(") and half(lambda text: "(" in text):
        return "trees"
    if half(lambda text: text.lstrip().startswith("{")):
        return "jsonl"
    if first[0].text.lstrip().startswith("[") and is_json(first[0].text, lines):
        return "jsonl"
    if half(lambda text: ELEMENT.search(text) is not None):
        malformed(
            name, first[0], "tagged sentences in a format that can be read, and not XML: convert it to a word a line"
        )
    if header(first[0].text) is not None:
        return "table"
    if half(lambda text: text.count("\t") == len(CONLLU_COLUMNS) - 1):
        return "conllu"
    if half(lambda text: text.count("\t") >= 13 and text.split("\t")[0].isdigit()):
        return "conll2009"
    if half(lambda text: text.count("\t") == 1 and " " not in text.strip()):
        return "two-column"
    if half(lambda text: text.count("\t") == 2 and all(map(str.strip, text.split("\t"))) and not ends_in_bio(text)):
        return "treetagger"
    for format, count in (("conll2000", 3), ("conll2003", 4)):
        if half(lambda text, count=count: len(cells_of(text)) == count and ends_in_bio(text)):  # type: ignore[misc]
            return format
    tokens = [token for line in first for token in fields(line.text)]
    pairs = sum(splits(token, SEPARATORS) for token in tokens if token not in ("[", "]"))
    if any(line.text.startswith("[ ") for line in first) and pairs * 2 > len(tokens) - tokens.count("[") - tokens.count(
        "]"
    ):
        return "penn-pos"
    if pairs * 2 > len(tokens):
        return "word_TAG"
    refuse_separator(first[0], tokens, name)
    if half(lambda text: text.count("\t") == 1 or "\t" not in text and len(fields(text)) == 2):
        return "two-column"
    if len(first) > 2:
        refuse_table(first, name)
    if half(lambda text: ELEMENT.search(text) is not None):
        malformed(
            name,
            first[0],
            "tagged sentences in one of the formats that can be read, and not XML: convert it to a word a line",
        )
    malformed(
        name, first[0],
        "word_TAG pairs (The_DT dog_NN), a word and its tag in two columns, the ten columns of CoNLL-U, CoNLL-2000, 2003 or 2009, "
        "TreeTagger, Penn Treebank trees or .pos, CSV or TSV with a header, or JSON lines; "
        f"if the file is one of these, name its format, one of {', '.join(FORMATS)}, or its columns, such as word,_,tag",
    )  # fmt: skip


def refuse_separator(line: Line, tokens: Sequence[str], name: str) -> None:
    """ValueError for words and tags with a mark between them that might be a part of words, too."""
    for mark in "|\\#^~+:":
        if all(splits(token, mark) for token in tokens):
            malformed(name, line, f"'_' or '/' between words and tags, and not {mark!r}: name it as the separator")


def refuse_table(first: Sequence[Line], name: str) -> None:
    """ValueError for lines with the same number of columns, which only who has the file can name."""
    for cut, where in CUTS:
        count, lines = Counter(len(cut(line.text)) for line in first).most_common(1)[0]
        if count > 1 and lines * 10 >= len(first) * 9:
            names = ",".join(["word", *["_"] * (count - 2), "tag"])
            malformed(
                name, first[0], f"columns whose meaning is known, and not {count} {where}: say what they are by columns, such as "
                f"{names}, where _ is one to pass over"
            )  # fmt: skip


def begins_document(text: str) -> bool:
    """Whether a line is CoNLL-2003's mark of a new document."""
    return fields(text)[:1] == [DOCUMENT]


def is_json(first: str, lines: Sequence[Line]) -> bool:
    """Whether the first line, or all lines together, are JSON; a word may begin with a bracket too."""
    return parsed(first) is not None or parsed("\n".join(line.text for line in lines)) is not None


def ends_in_bio(text: str) -> bool:
    """Whether the last column is the label of a span, such as ``B-NP`` or ``O``."""
    return BIO.fullmatch(cells_of(text)[-1]) is not None
