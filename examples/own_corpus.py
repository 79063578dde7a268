"""A tagger for a corpus of your own, from Python: here, one that tells the parts of simple arithmetic in words.

    pip install -e ".[tagger]" && python examples/own_corpus.py

The same from the command line, for a file of yours (CoNLL-U, word_TAG lines, or a word and a tag on each line):

    metagrad tag train --corpus my-corpus.txt --output my-tagger.safetensors
    metagrad tag predict --model my-tagger.safetensors "..."
"""

import random
import tempfile
from pathlib import Path

from metagrad.tagger import Tagger

NUMBERS = "one two three four five six seven eight nine ten twenty thirty".split()
SIGNS = "plus minus times".split()


def sentence(rng):
    """A sum in words; "minus" is a SIGN between numbers, and part of the NUMBER before one: context decides."""
    words = []
    for i in range(rng.randint(2, 5)):
        if i:
            words.append((rng.choice(SIGNS), "SIGN"))
        if rng.random() < 0.3:
            words.append(("minus", "NEGATIVE"))
        words.append((rng.choice(NUMBERS), "NUMBER"))
    return words


def main():
    rng = random.Random(0)
    sentences = [sentence(rng) for _ in range(400)]
    train, test = sentences[:360], sentences[360:]
    tagger = Tagger.train(train, epochs=5, cell="gru", hidden=16, embedding=16, dropout=0.1)
    found = tagger.tag_many([[word for word, _ in words] for words in test])
    right = [a == b for words, tagged in zip(test, found, strict=True) for a, b in zip(words, tagged, strict=True)]
    print(f"{sum(right) / len(right):.1%} of {len(right)} words of {len(test)} sentences it has not seen are right")

    with tempfile.TemporaryDirectory() as folder:
        tagger.save(Path(folder) / "sums.safetensors")
        tagger = Tagger.load(Path(folder) / "sums.safetensors")
    for word, tag in tagger.tag("minus two minus minus three".split()):
        print(f"  {word:8} {tag}")


if __name__ == "__main__":
    main()
