"""Word vectors learned elsewhere, from files of text: word2vec's and GloVe's.

Each line is a word and its numbers, with spaces between them; word2vec's files begin with a line of two numbers, how many
words there are and how many numbers each has (Mikolov et al. 2013; Pennington et al. 2014).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from metagrad.autograd.mode import no_grad
from metagrad.tagger.members import RecurrentMember
from metagrad.tagger.model import Network
from metagrad.tagger.vocabulary import Lexicon, Vocabulary, lower

Array = np.ndarray[Any, Any]
DESCRIPTION = "lower"  # the vectors stand for words in lower case
MOST = 100_000  # words taken from a file, which has the most frequent ones first


def read_vectors(path: Path, most: int = MOST) -> dict[str, Array]:
    """The first vectors of a file, by word in the form of ``lower``; of words that share this form, the first one's.

    ValueError, with the number of the line, for a line of another length, or of what is not a number.
    """
    vectors: dict[str, Array] = {}
    size = 0
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        for number, line in enumerate(file, start=1):
            cells = line.rstrip().split(" ")
            if number == 1 and len(cells) == 2 and all(cell.isdigit() for cell in cells):
                size = int(cells[1])
                continue
            if not line.strip():
                continue
            size = size or len(cells) - 1
            # A word may have spaces within it, as some of GloVe's have: the numbers are the last cells.
            word, numbers = " ".join(cells[: len(cells) - size]), cells[len(cells) - size :]
            try:
                vector = np.array(numbers, np.float32)
            except ValueError:
                vector = np.zeros(0, np.float32)
            if size < 1 or not word or len(vector) != size or not np.isfinite(vector).all():
                raise ValueError(
                    f"{path}, line {number}: expected a word and {size or 'some'} numbers, got {line[:60]!r}"
                )
            vectors.setdefault(lower(word), vector)
            if len(vectors) == most:
                break
    if not vectors:
        raise ValueError(f"there are no word vectors in {path}")
    return vectors


def with_words(lexicon: Lexicon, vectors: dict[str, Array]) -> Lexicon:
    """The lexicon with numbers for all words that have a vector, after its own."""
    if DESCRIPTION not in lexicon.vocabularies:
        raise ValueError(
            "word vectors stand for words in lower case, which this network does not read: leave spelling on"
        )
    known = lexicon.vocabularies[DESCRIPTION]
    more = Vocabulary([*known.entries, *(word for word in vectors if word not in known)])
    return Lexicon({**lexicon.vocabularies, DESCRIPTION: more}, lexicon.alphabet)


@no_grad()
def put_in(network: Network, lexicon: Lexicon, vectors: dict[str, Array]) -> None:
    """Make the vectors the network's initial embeddings, scaled to the spread that its own have."""
    place = list(lexicon.vocabularies).index(DESCRIPTION)
    rows = np.array([lexicon.vocabularies[DESCRIPTION][word] for word in vectors])
    values = np.stack(list(vectors.values()))
    for member in network.members:
        if not isinstance(member, RecurrentMember):
            continue  # it has weights of words, no vectors
        table = member.words.embeddings[place].weight
        if table.shape[1] != values.shape[1]:
            raise ValueError(
                f"the vectors have {values.shape[1]} numbers, the embeddings {table.shape[1]}: "
                f"use --embedding {values.shape[1]}"
            )
        own = float(table.array[1:].std())
        table.array[rows] = values * (own / max(float(values.std()), 1e-12))
