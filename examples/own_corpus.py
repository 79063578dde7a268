"""A tagger for a corpus of your own, from Python: here, one that tells the parts of simple arithmetic in words.

    pip install -e ".[tagger]" && python examples/own_corpus.py

The same from the command line, for a file of yours (CoNLL-U, word_TAG lines, or a word and a tag on each line):

    metagrad tag train --corpus my-corpus.txt --output my-tagger.safetensors
    metagrad tag predict --model my-tagger.safetensors "..."
"""

import random
import tempfile
from pathlib import Path

from metagrad.tagger.batches import encode
from metagrad.tagger.commands import evaluate_tagger, new_tagger
from metagrad.tagger.corpora import load_corpus
from metagrad.tagger.model import Settings
from metagrad.tagger.report import summary
from metagrad.tagger.splits import split
from metagrad.tagger.tagging import Tagger
from metagrad.tagger.training import Recipe, Trainer

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
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sums.txt"
        path.write_text("\n".join(" ".join(f"{w}_{t}" for w, t in sentence(rng)) for _ in range(400)))
        parts = split(load_corpus(path))

        recipe = Recipe(epochs=5)
        tagger = new_tagger(
            parts, Settings(cell="gru", hidden=16, embedding=16, dropout=0.1), recipe, {"corpus": "sums"}
        )
        train, dev = (encode(part, tagger.lexicon, tagger.tags) for part in (parts.train, parts.dev))
        Trainer(tagger.network, recipe).fit(
            train, dev,
            progress=lambda batches, count, title: batches,
            report=lambda epoch, is_best: print(f"epoch {epoch.number}: held-out accuracy {epoch.dev_accuracy:.4f}"),
        )  # fmt: skip
        print(summary(evaluate_tagger(tagger, parts.test)))

        tagger.save(Path(folder) / "sums.safetensors")
        tagger = Tagger.load(Path(folder) / "sums.safetensors")
        for token in tagger.tag("minus two minus minus three".split()):
            print(f"  {token.word:8} {token.tag:10} {token.probability:.3f}")


if __name__ == "__main__":
    main()
