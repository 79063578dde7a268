"""A trained tagger: its network, vocabularies and settings together, as one file, and tagging with it."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, cast

import numpy as np

from metagrad.autograd.mode import no_grad
from metagrad.autograd.variable import wrap
from metagrad.serialization.safetensors import load_file, read_metadata, save_file
from metagrad.tagger.batches import by_length, encode
from metagrad.tagger.metrics import TRACE
from metagrad.tagger.model import Network, Settings
from metagrad.tagger.tokenize import tokenize_raw
from metagrad.tagger.vocabulary import Lexicon, Vocabulary

FORMAT = "metagrad tagger"
VERSION = 2
AT_ONCE = 512  # sentences held while tagging a stream
TOGETHER = 64  # sentences in a batch
TRAINING = "training/"  # begins the names of what a checkpoint has beside the model

Array = np.ndarray[Any, Any]


class ModelFileError(ValueError):
    """A file that is not a tagger this version can use."""


@dataclass(frozen=True)
class Tagged:
    """A word, its tag, and that tag's probability given the whole sentence."""

    word: str
    tag: str
    probability: float


class Model:
    """What a trained tagger consists of, its file, and tagging streams with it; ``Tagger`` is the same for everyday use."""

    def __init__(
        self, network: Network, settings: Settings, lexicon: Lexicon, tags: Sequence[str], about: dict[str, Any]
    ) -> None:
        self.network, self.settings, self.lexicon, self.tags, self.about = network, settings, lexicon, list(tags), about

    @classmethod
    def new(
        cls, settings: Settings, lexicon: Lexicon, tags: Sequence[str], about: dict[str, Any] | None = None
    ) -> Model:
        """An untrained one; ``about`` is kept in its file and says where it came from."""
        network = Network(settings, lexicon.sizes, len(lexicon.alphabet), len(tags))
        return cls(network, settings, lexicon, tags, about or {})

    # ------------------------------------------------ the file

    def description(self) -> dict[str, str]:
        """A file's metadata: everything but the weights."""
        description = {
            "settings": self.settings.as_dict(),
            "vocabularies": {name: v.entries for name, v in self.lexicon.vocabularies.items()},
            "alphabet": self.lexicon.alphabet.entries,
            "tags": self.tags,
            "about": self.about,
        }
        return {"format": FORMAT, "version": str(VERSION), "tagger": json.dumps(description, ensure_ascii=False)}

    def save(self, path: Path, weights: Mapping[str, Any] | None = None) -> None:
        """Write one safetensors file: the weights (or the ones given), and everything else as JSON in its metadata."""
        save_file(self.network.state_dict() if weights is None else weights, path, self.description())

    @classmethod
    def load(cls, path: Path) -> Model:
        """Read what ``save`` wrote; ModelFileError if it is something else, or damaged, or of another version."""
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
            words = {name: Vocabulary(entries) for name, entries in description["vocabularies"].items()}
            lexicon = Lexicon(words, Vocabulary(description["alphabet"]))
            model = cls.new(Settings(**description["settings"]), lexicon, description["tags"], description["about"])
            weights = {name: t for name, t in load_file(path).items() if not name.startswith(TRAINING)}
            model.network.load_state_dict(weights)
        except (KeyError, TypeError, AttributeError, RuntimeError, json.JSONDecodeError) as error:
            raise ModelFileError(
                f"{path} is damaged: its settings and its weights do not fit together ({error})"
            ) from error
        model.network.eval()
        return model

    # ------------------------------------------------ tagging

    def tokenize(self, text: str | Iterable[str]) -> Iterator[list[str]]:
        """Raw text as sentences of words, with brackets and quotation marks as the training corpus writes them."""
        knows = self.lexicon.knows
        plain_quotes = knows('"') and not knows("``")
        for words in tokenize_raw(text, convert_parentheses=knows("-LRB-")):
            yield ['"' if plain_quotes and word in ("``", "''") else word for word in words]

    @no_grad()
    def scored(self, sentences: Sequence[Sequence[str]]) -> list[tuple[Array, Array]]:
        """For each sentence its tags' numbers (T), and the probability of every tag for every word (T, K)."""
        self.network.eval()
        labels = len(self.tags)
        results: list[tuple[Array, Array]] = [(np.zeros(0, np.int64), np.zeros((0, labels), np.float32))] * len(
            sentences
        )
        filled = [i for i, words in enumerate(sentences) if len(words)]
        encoded = encode([[(word, "") for word in sentences[i]] for i in filled], self.lexicon, self.tags)
        impossible = np.array([tag == TRACE for tag in self.tags])  # nobody writes a trace
        for batch in by_length(encoded, TOGETHER):
            scores = self.network(batch).array
            if not impossible.all():
                scores = np.where(impossible, -np.inf, scores).astype(scores.dtype)
            possible = wrap(scores)
            probabilities = np.exp(self.network.log_probabilities(possible, batch).array)
            best = self.network.best(possible, batch)
            for (place, tags), (_, p) in zip(batch.sentences(best), batch.sentences(probabilities), strict=True):
                results[filled[place]] = tags, p
        return results

    def tag_all(self, sentences: Iterable[Sequence[str]], at_once: int = AT_ONCE) -> Iterator[list[Tagged]]:
        """Tag sentences as they come, holding no more than ``at_once`` of them."""
        source = iter(sentences)
        names = self.tags
        while some := list(islice(source, at_once)):
            for words, (tags, p) in zip(some, self.scored(some), strict=True):
                sure = p[np.arange(len(tags)), tags].tolist()
                yield [Tagged(w, names[k], q) for w, k, q in zip(words, tags.tolist(), sure, strict=True)]


class Tagger:
    """A part-of-speech tagger in a few lines, with scikit-learn's conventions.

    ``Tagger.load(path)`` reads a trained one; ``Tagger.train(sentences)`` trains one on lists of (word, tag), and
    ``Tagger(preset, **options).fit(X, y)`` on lists of words and lists of their tags. Options are those of ``Settings`` and
    ``Recipe``, put in the place of the preset's (see ``metagrad.tagger.presets``); ``dev``, a share of the sentences to choose
    the epoch by; ``vectors``, a file of word vectors to begin with. A sentence may be given as text, which is
    then cut into words (and sentences), or as a list of words.

    >>> from metagrad.tagger import Tagger
    >>> sentences = [[("the", "DT"), ("dog", "NN")], [("a", "DT"), ("cat", "NN")]] * 8
    >>> tagger = Tagger.train(sentences, epochs=20, hidden=8, embedding=8, dropout=0.0, seed=1)
    >>> tagger.tag(["the", "cat"])
    [('the', 'DT'), ('cat', 'NN')]
    >>> tagger.score([["a", "dog"]], [["DT", "NN"]])
    1.0
    """

    def __init__(self, preset: str = "fast", **options: Any) -> None:
        self.preset, self.options = preset, options
        self._model: Model | None = None

    # ------------------------------------------------ trained, read, written

    @classmethod
    def train(cls, sentences: Iterable[Sequence[tuple[str, str]]], preset: str = "fast", **options: Any) -> Tagger:
        """A tagger trained on sentences of (word, tag); the options are those of the class."""
        return cls(preset, **options).fit(list(sentences))

    @classmethod
    def load(cls, path: str | Path) -> Tagger:
        """The tagger in a file that ``save`` or ``metagrad tag train`` wrote."""
        tagger = cls()
        tagger._model = Model.load(Path(path))
        return tagger

    def save(self, path: str | Path) -> None:
        """Write the tagger as one safetensors file, whole or not at all."""
        self.model.save(Path(path))

    @property
    def model(self) -> Model:
        """The network with its vocabularies and settings; RuntimeError before ``fit`` or ``load``."""
        if self._model is None:
            raise RuntimeError("this tagger is not trained yet: call fit, or use Tagger.train or Tagger.load")
        return self._model

    # ------------------------------------------------ tagging

    def _sentences(self, sentence: str | Sequence[str]) -> list[list[str]]:
        if isinstance(sentence, str):
            return list(self.model.tokenize([sentence]))
        words = list(sentence)
        wrong = [word for word in words if not isinstance(word, str)]
        if wrong:
            raise TypeError(f"expected text or a list of words, got a list with a {type(wrong[0]).__name__}")
        return [words]

    def tag(self, sentence: str | Sequence[str]) -> list[tuple[str, str]]:
        """The words of a text, or of one sentence given as words, with their tags."""
        return self.tag_many([sentence])[0]

    def tag_many(self, sentences: Iterable[str | Sequence[str]]) -> list[list[tuple[str, str]]]:
        """``tag`` of each of them, in batches: much faster than one by one."""
        if isinstance(sentences, str):
            raise TypeError(
                "tag_many expects several texts or lists of words, got one text: put it into a list, or use tag"
            )
        return [[(word, self.model.tags[k]) for word, k, _ in found] for found in self._scored(sentences)]

    def probabilities(self, sentence: str | Sequence[str]) -> list[tuple[str, dict[str, float]]]:
        """The words with the probability of each tag given the whole sentence, the most probable first."""
        (found,) = self._scored([sentence])
        names = self.model.tags
        return [(word, {names[k]: float(p[k]) for k in np.argsort(-p, kind="stable").tolist()}) for word, _, p in found]

    def _scored(self, sentences: Iterable[str | Sequence[str]]) -> list[list[tuple[str, int, Array]]]:
        given = [self._sentences(sentence) for sentence in sentences]
        flat = [words for parts in given for words in parts]
        found = iter(self.model.scored(flat))
        return [
            [(word, k, p) for words in parts for word, k, p in zip(words, *_listed(next(found)), strict=True)]
            for parts in given
        ]

    # ------------------------------------------------ scikit-learn's conventions

    def fit(self, X: Iterable[Any], y: Iterable[Sequence[str]] | None = None) -> Tagger:
        """Train on sentences of words X and their tags y, or on sentences of (word, tag) if there is no y; returns itself."""
        from metagrad.tagger.learning import learn
        from metagrad.tagger.presets import settings_and_recipe
        from metagrad.tagger.splits import Split

        sentences = [list(sentence) for sentence in X] if y is None else _paired(X, y)
        _check(sentences)
        options = dict(self.options)
        dev, vectors = options.pop("dev", 0.0), options.pop("vectors", None)
        held_out = round(len(sentences) * dev)
        settings, recipe = settings_and_recipe(self.preset, options)
        parts = Split(sentences[: len(sentences) - held_out], sentences[len(sentences) - held_out :], [])
        self._model, _ = learn(
            parts, settings, recipe, {"preset": self.preset}, vectors=None if vectors is None else Path(vectors)
        )
        return self

    def predict(self, X: Iterable[str | Sequence[str]]) -> list[list[str]]:
        """The tags of each sentence."""
        return [[tag for _, tag in sentence] for sentence in self.tag_many(X)]

    def score(self, X: Iterable[Any], y: Iterable[Sequence[str]] | None = None) -> float:
        """The share of words tagged right; X and y as for ``fit``."""
        if y is None:
            pairs = [list(sentence) for sentence in X]
            X, y = [[w for w, _ in s] for s in pairs], [[t for _, t in s] for s in pairs]
        right = total = 0
        for found, tags in zip(self.predict(X), y, strict=True):
            right += sum(a == b for a, b in zip(found, tags, strict=True))
            total += len(tags)
        if not total:
            raise ValueError("expected words to score on, got none")
        return right / total

    @property
    def classes_(self) -> list[str]:
        """The tags it knows."""
        return list(self.model.tags)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The preset and the options."""
        return {"preset": self.preset, **self.options}

    def set_params(self, **params: Any) -> Tagger:
        """Change the preset or options, for the next ``fit``; returns itself."""
        self.preset = cast(str, params.pop("preset", self.preset))
        self.options |= params
        return self

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn asks of an estimator before it uses one."""
        tags: Any = importlib.import_module("sklearn.utils")
        targets = tags.TargetTags(required=False, two_d_labels=True)
        return tags.Tags(
            estimator_type=None, target_tags=targets, input_tags=tags.InputTags(two_d_array=False, string=True)
        )

    def __sklearn_is_fitted__(self) -> bool:
        """For scikit-learn's ``check_is_fitted``."""
        return self._model is not None

    def __repr__(self) -> str:
        options = "".join(f", {name}={value!r}" for name, value in self.options.items())
        return f"Tagger({self.preset!r}{options})"


def _paired(X: Iterable[Any], y: Iterable[Sequence[str]]) -> list[Any]:
    """Sentences of words and their tags as sentences of (word, tag)."""
    words, tags = [list(sentence) for sentence in X], [list(sentence) for sentence in y]
    if len(words) != len(tags):
        raise ValueError(
            f"X has {len(words)} sentences and y has the tags of {len(tags)}: give a list of tags for each"
        )
    for number, (w, t) in enumerate(zip(words, tags, strict=True)):
        if len(w) != len(t):
            raise ValueError(f"sentence {number} has {len(w)} words and {len(t)} tags: give each word its tag")
    return [list(zip(w, t, strict=True)) for w, t in zip(words, tags, strict=True)]


def _check(sentences: Sequence[Sequence[Any]]) -> None:
    """Raise unless these are sentences to learn from: lists of (word, tag), two strings each."""
    for number, sentence in enumerate(sentences):
        for pair in sentence:
            if not (isinstance(pair, (tuple, list)) and len(pair) == 2 and all(isinstance(part, str) for part in pair)):
                raise TypeError(f"sentence {number}: expected (word, tag), two strings, got {pair!r}")
    if not any(sentences):
        raise ValueError("expected sentences to learn from, got none with a word")


def _listed(found: tuple[Array, Array]) -> tuple[list[int], Array]:
    tags, probabilities = found
    return tags.tolist(), probabilities
