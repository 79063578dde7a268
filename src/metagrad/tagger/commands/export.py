"""``metagrad tag export``: the tagger as an ONNX file, for programs that have no metagrad."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np

from metagrad import nn
from metagrad.autograd.variable import wrap
from metagrad.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence
from metagrad.tagger.commands.options import MODEL, Help, writable
from metagrad.tagger.members import best_by_column
from metagrad.tagger.metrics import TRACE
from metagrad.tagger.tagging import Model
from metagrad.tagger.vocabulary import DESCRIPTIONS, LONGEST_WORD
from metagrad.tensors.tensor import Tensor

EXAMPLE = (("Words", "of", "two", "sentences"), ("One", "more"), ("x",))


def add_to(commands: Any) -> None:
    """Add the command to a parser."""
    parser = commands.add_parser("export", help="write the tagger as an ONNX file", formatter_class=Help)
    parser.set_defaults(run=run)
    parser.add_argument("--model", type=Path, default=Path(MODEL))
    parser.add_argument("--output", type=Path, required=True, help="the file to write, such as tagger.onnx")


def run(options: argparse.Namespace) -> int:
    """Write the file, and say what its inputs are."""
    writable("--output", options.output)
    model = Model.load(options.model)
    if options.output.is_file() and options.output.samefile(options.model):
        raise ValueError(f"--output {options.output} is the model itself, which would be lost: give another name")
    export(model, options.output)
    print(f"{options.output}: features (batch, words, descriptions), letters (batch, words, letters), lengths (batch)")
    print("to tags (batch, words) and probabilities (batch, words, tags); the vocabularies are in its metadata")
    return 0


class Padded(nn.Module):
    """A tagger's network for padded sentences: features (B, T, F), letters (B, T, L), lengths (B) to tags (B, T), −1 beyond a
    sentence's end, and the probability of every tag (B, T, K). With C columns of tags they are (B, T, C)."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.network = model.network
        impossible = np.array([tag == TRACE and model.tags.is_one for tag in model.learned])  # nobody writes a trace
        barred = impossible if not impossible.all() else ~impossible
        together = model.tags.together
        self.shares, self.is_free = model.tags.shares, together is None
        self.register_buffer("together", wrap(np.zeros((0, 0), np.int64) if together is None else together), False)
        self.register_buffer("barred", wrap(np.where(barred, -np.inf, 0.0).astype(np.float32)), persistent=False)

    def forward(self, features: Tensor, letters: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Tags and probabilities."""
        order = lengths.argsort(descending=True, stable=True)
        batch: Any = Packed(features[order], letters[order], lengths[order])
        scores = self.network(batch) + self.barred
        probabilities = self.network.log_probabilities(scores, batch).exp()
        (member, *others) = self.network.members
        if not self.is_free:
            best = self.best_together(probabilities.log())
        elif member.crf is not None and not others:
            best = member.crf.decode(batch.packed(scores[0])).data
        else:
            best = best_by_column(scores[0] if not others else probabilities, self.network.slices)
        back = order.argsort()
        tags, _ = pad_packed_sequence(batch.packed(best), batch_first=True, padding_value=-1)
        padded, _ = pad_packed_sequence(batch.packed(probabilities), batch_first=True)
        return tags[back], padded[back]

    def best_together(self, log_p: Tensor) -> Tensor:
        """``TagSet.best_together`` of tensors."""
        parts = [log_p[:, self.together[:, c]] * share for c, share in enumerate(self.shares)]
        return self.together[reduce(add, parts).argmax(-1)]


class Packed:
    """What the network reads of a batch, made of padded tensors, the longest sentence first."""

    which = slice(None)  # every word is described by itself

    def __init__(self, features: Tensor, letters: Tensor, lengths: Tensor) -> None:
        self._like = pack_padded_sequence(features, lengths, batch_first=True)
        self.features = self._like.data
        self.letters = pack_padded_sequence(letters, lengths, batch_first=True).data

    def packed(self, data: Tensor) -> PackedSequence:
        """Features (N, *) of this batch's words as a packed sequence."""
        return PackedSequence(data, *self._like[1:])


def arrays(model: Model, sentences: Sequence[Sequence[str]]) -> tuple[Any, Any, Any]:
    """Sentences as the file's inputs: features (B, T, F), letters (B, T, L) and lengths (B), int64."""
    lexicon = model.lexicon
    steps, letters = max(map(len, sentences)), max(len(lexicon.spell(w)) for s in sentences for w in s)
    described = np.zeros((len(sentences), steps, len(lexicon.sizes)), np.int64)
    spelled = np.zeros((len(sentences), steps, letters), np.int64)
    for i, sentence in enumerate(sentences):
        for t, word in enumerate(sentence):
            described[i, t] = lexicon.describe(word)
            spelling = lexicon.spell(word)
            spelled[i, t, : len(spelling)] = spelling
    return described, spelled, np.array([len(s) for s in sentences], np.int64)


def metadata(model: Model) -> dict[str, str]:
    """What a program needs to make the inputs and to read the outputs, as JSON strings."""
    return {
        "format": "metagrad tagger",
        "tags": json.dumps(model.learned, ensure_ascii=False),
        "columns": json.dumps({n: len(own) for n, own in zip(model.columns, model.learned.columns, strict=True)}),
        "vocabularies": json.dumps({n: v.entries for n, v in model.lexicon.vocabularies.items()}, ensure_ascii=False),
        "alphabet": json.dumps(model.lexicon.alphabet.entries, ensure_ascii=False),
        "descriptions": json.dumps(list(DESCRIPTIONS)),
        "longest_word": str(LONGEST_WORD),
    }


def export(model: Model, path: Path | None) -> Any:
    """Write a tagger as an ONNX file; the message is returned."""
    import metagrad.onnx

    names = ["features", "letters", "lengths"]
    free = {
        "features": {0: "batch", 1: "words"},
        "letters": {0: "batch", 1: "words", 2: "letters"},
        "lengths": {0: "batch"},
    }
    given = tuple(wrap(a) for a in arrays(model, EXAMPLE))
    return metagrad.onnx.export(
        Padded(model), given, path, input_names=names, output_names=["tags", "probabilities"], dynamic_axes=free,
        metadata=metadata(model),
    )  # fmt: skip
