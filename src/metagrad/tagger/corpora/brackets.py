"""The Penn Treebank's own files: trees in brackets (``.mrg``), and words with tags in lines of ``[ the/DT dog/NN ]`` (``.pos``)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from metagrad.tagger.corpora.corpus import Sentence
from metagrad.tagger.corpora.lines import Line, fields, malformed

PART = re.compile(r"\(|\)|[^()\s]+")
RULER = re.compile(r"=+")


def trees(lines: Iterable[Line], name: str) -> Iterator[Sentence]:
    """The words of each tree in brackets with their tags, traces included; ValueError where brackets do not match.

    >>> list(trees([Line(1, "( (S (NP (NNS Dogs)) (VP (VBP bark)) (. .)))")], "wsj.mrg"))
    [[('Dogs', 'NNS'), ('bark', 'VBP'), ('.', '.')]]
    """
    depth, pending, sentence = 0, [], []  # type: int, list[str], Sentence
    last = Line(1, "")
    for line in lines:
        for part in PART.findall(line.text):
            last = line
            if part == "(":
                depth, pending = depth + 1, []
            elif part == ")":
                if len(pending) == 2:
                    sentence.append((pending[1], pending[0]))
                depth, pending = depth - 1, []
                if depth < 0:
                    malformed(name, line, "as many opening as closing brackets")
                if not depth and sentence:
                    yield sentence
                    sentence = []
            elif depth:
                pending.append(part)
            else:
                malformed(name, line, "a tree in brackets such as (S (NP (NNS Dogs)) (VP (VBP bark)))")
    if depth:
        malformed(name, last, f"{depth} more closing brackets before the end of the file")


def tagged_chunks(lines: Iterable[Line], name: str) -> Iterator[Sentence]:
    r"""The words of a ``.pos`` file; a sentence ends at a ruler of ``=``, at an empty line after a final mark, or with the file.

    ``\/`` within a word is a slash; of two tags (``JJ|NN``) the first is taken, as the treebank's readers do.

    >>> list(tagged_chunks([Line(1, "[ Dogs/NNS ]"), Line(2, "bark/VBP ./. "), Line(3, ""), Line(4, "[ 1\\/2/CD ]")], "w.pos"))
    [[('Dogs', 'NNS'), ('bark', 'VBP'), ('.', '.')], [('1/2', 'CD')]]
    """
    sentence: Sentence = []
    for line in lines:
        text = line.text.strip()
        ended = bool(sentence) and not text and sentence[-1][1] == "."
        if RULER.fullmatch(text) or ended:
            if sentence:
                yield sentence
            sentence = []
            continue
        for token in fields(text):
            if token in ("[", "]"):
                continue
            word, _, tag = token.rpartition("/")
            if not word or not tag:
                malformed(name, line._replace(text=token), "a word, '/' and its tag, or a bracket")
            sentence.append((word.replace("\\/", "/"), tag.split("|")[0]))
    if sentence:
        yield sentence
