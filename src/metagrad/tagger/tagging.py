"""A trained tagger: its network, vocabularies and settings together, as one file, and tagging with it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from metagrad.autograd.mode import no_grad
from metagrad.nn.functional import softmax
from metagrad.serialization import load_file, read_metadata, save_file
from metagrad.tagger.batches import batches, encode
from metagrad.tagger.metrics import TRACE
from metagrad.tagger.model import Network, Settings
from metagrad.tagger.vocabulary import Lexicon, Vocabulary

FORMAT = "metagrad tagger"
VERSION = 1


class ModelFileError(ValueError):
    """A file that is not a tagger this version can use."""


@dataclass(frozen=True)
class Tagged:
    """A word, its most probable tag, and that tag's probability."""

    word: str
    tag: str
    probability: float


class Tagger:
    """Tags sentences.

    >>> from metagrad.tagger.vocabulary import Lexicon
    >>> tagger = Tagger.new(Settings(hidden=4, embedding=4), Lexicon.of(["the", "dog"], ["word", "shape"]), ["DT", "NN"])
    >>> [(t.word, t.tag in ("DT", "NN")) for t in tagger.tag(["the", "dog"])]
    [('the', True), ('dog', True)]
    """

    def __init__(
        self, network: Network, settings: Settings, lexicon: Lexicon, tags: Sequence[str], about: dict[str, Any]
    ) -> None:
        self.network, self.settings, self.lexicon, self.tags, self.about = network, settings, lexicon, list(tags), about

    @classmethod
    def new(
        cls, settings: Settings, lexicon: Lexicon, tags: Sequence[str], about: dict[str, Any] | None = None
    ) -> Tagger:
        """An untrained tagger; ``about`` is kept in its file and says where it came from."""
        return cls(Network(settings, lexicon.sizes, len(tags)), settings, lexicon, tags, about or {})

    def save(self, path: Path) -> None:
        """Write one safetensors file: the weights, and everything else as JSON in its metadata."""
        description = {
            "settings": self.settings.as_dict(),
            "vocabularies": {name: v.entries for name, v in self.lexicon.vocabularies.items()},
            "tags": self.tags,
            "about": self.about,
        }
        metadata = {"format": FORMAT, "version": str(VERSION), "tagger": json.dumps(description, ensure_ascii=False)}
        save_file(self.network.state_dict(), path, metadata)

    @classmethod
    def load(cls, path: Path) -> Tagger:
        """Read what ``save`` wrote; ModelFileError if it is something else, or damaged, or of a newer version."""
        if not path.is_file():
            raise FileNotFoundError(
                f"there is no model file {path}: make one with `metagrad tag train --output {path}`"
            )
        metadata = read_metadata(path)
        if metadata.get("format") != FORMAT:
            raise ModelFileError(
                f"{path} is a safetensors file, but not a metagrad tagger: its metadata have "
                f"format={metadata.get('format')!r}, expected {FORMAT!r}"
            )
        if metadata.get("version") != str(VERSION):
            raise ModelFileError(
                f"{path} has tagger format version {metadata.get('version')!r}, this metagrad reads version "
                f"{VERSION}: update metagrad, or train the model again"
            )
        try:
            description = json.loads(metadata["tagger"])
            lexicon = Lexicon({name: Vocabulary(entries) for name, entries in description["vocabularies"].items()})
            tagger = cls.new(Settings(**description["settings"]), lexicon, description["tags"], description["about"])
            tagger.network.load_state_dict(load_file(path))
        except (KeyError, TypeError, AttributeError, RuntimeError, json.JSONDecodeError) as error:
            raise ModelFileError(
                f"{path} is damaged: its settings and its weights do not fit together ({error})"
            ) from error
        return tagger

    def tag(self, words: Sequence[str]) -> list[Tagged]:
        """Tag one sentence."""
        return next(self.tag_all([words]))

    @no_grad()
    def _tag_some(self, sentences: list[Sequence[str]]) -> list[list[Tagged]]:
        self.network.eval()
        possible = np.array([tag != TRACE for tag in self.tags])  # nobody writes a trace
        results: list[list[Tagged]] = [[] for _ in sentences]
        filled = [i for i, words in enumerate(sentences) if words]
        encoded = encode([[(word, "") for word in sentences[i]] for i in filled], self.lexicon, self.tags)
        for batch in batches(encoded, 32):
            probabilities = softmax(self.network(batch.words, batch.lengths), -1).numpy()
            best = np.where(possible, probabilities, -1).argmax(-1)
            for row, place in enumerate(batch.places):
                i = filled[place]
                results[i] = [
                    Tagged(word, self.tags[k], float(probabilities[row, t, k]))
                    for t, (word, k) in enumerate(zip(sentences[i], best[row], strict=False))
                ]
        return results

    def tag_all(self, sentences: Iterable[Sequence[str]], at_once: int = 256) -> Iterator[list[Tagged]]:
        """Tag sentences as they come, holding no more than ``at_once`` of them."""
        source = iter(sentences)
        while some := list(islice(source, at_once)):
            yield from self._tag_some(some)
