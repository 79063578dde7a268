"""A trained tagger: network, vocabularies, tokenizer and settings together, as one file, and tagging streams with it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from metagrad.autograd.mode import no_grad
from metagrad.autograd.variable import wrap
from metagrad.serialization.safetensors import load_file, read_metadata, save_file
from metagrad.tagger.batches import by_length, encode
from metagrad.tagger.corpora.conllu import COLUMNS, ConlluSentence
from metagrad.tagger.metrics import TRACE
from metagrad.tagger.model import Network
from metagrad.tagger.settings import Settings
from metagrad.tagger.spans import Rewritten, allowed_transitions, best_legal
from metagrad.tagger.tagset import TagSet, for_json, parts_of
from metagrad.tagger.text.forms import as_known
from metagrad.tagger.text.tokenizer import WEIGHTS, Tokenizer, Word
from metagrad.tagger.vocabulary import Lexicon, Vocabulary

FORMAT = "metagrad tagger"
VERSION, SEVERAL = "3", "4"  # of a file with tags of one column, and of several, each with its own vocabulary
READ = ("2", "3", "4")  # versions that can be read
AT_ONCE = 512  # sentences held while tagging a stream
WORDS_AT_ONCE = 20_000  # words held while tagging a stream
TOGETHER = 64  # sentences in a batch
WINDOW, OVERLAP = 500, 50  # words of a sentence read at a time, and words before and after that are read with them
TRAINING = "training/"  # begins the names of what a checkpoint has beside the model
UNIVERSAL = frozenset("ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X".split())

Array = np.ndarray[Any, Any]


class ModelFileError(ValueError):
    """A file that is not a tagger this version can use."""


@dataclass(frozen=True)
class Tagged:
    """A word, its tag, that tag's probability given the whole sentence, and the place of the word in the text it is from.

    columns: (name, tag, probability) for each, where the tag is of several columns; then ``tag`` has tabs between them, and
    ``probability`` is the product.
    """

    word: str
    tag: str
    probability: float
    start: int | None = None
    end: int | None = None
    columns: tuple[tuple[str, str, float], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        place = {} if self.start is None else {"start": self.start, "end": self.end}
        each = {name: {"tag": tag, "probability": round(q, 6)} for name, tag, q in self.columns}
        columns = {"columns": each} if each else {}
        tag = for_json(self.tag, [name for name, *_ in self.columns])
        return {"word": self.word, "tag": tag, "probability": round(self.probability, 6), **columns, **place}


class Model:
    """What a trained tagger consists of, its file, and tagging streams with it; ``Tagger`` is the same for everyday use.

    temperatures: one for each column of tags; probabilities are p^(1/temperature), made to sum to 1; found on held-out words,
    so that they are as often right as they say (Guo et al. 2017). learned: the tags of the network, which are those of the answers,
    ``tags``, unless spans are learned in a scheme of their own.
    """

    def __init__(
        self, network: Network, settings: Settings, lexicon: Lexicon, tags: Sequence[str], about: dict[str, Any]
    ) -> None:
        self.network, self.settings, self.lexicon, self.about = network, settings, lexicon, about
        self.tags = self.learned = TagSet.one(tags)
        self.tokenizer = Tokenizer()
        self.temperatures = [1.0] * len(self.tags.columns)
        self.rewritten = self.transitions = None
        if scheme := self.about.get("scheme"):
            own = self.about.get("learned_scheme", scheme)
            self.transitions = allowed_transitions(self.learned, own)
            if own != scheme:
                self.rewritten = Rewritten(self.learned, scheme)
                self.tags = TagSet.one(self.rewritten.names)

    @classmethod
    def new(
        cls, settings: Settings, lexicon: Lexicon, tags: Sequence[str], about: dict[str, Any] | None = None
    ) -> Model:
        """An untrained one; ``about`` is kept in its file and says where it came from."""
        network = Network(settings, lexicon.sizes, len(lexicon.alphabet), TagSet.one(tags).sizes)
        return cls(network, settings, lexicon, tags, about or {})

    @property
    def column(self) -> str:
        """The column of the tags: the one it was trained on, or the one of CoNLL-U that they belong into."""
        return self.about.get("tag_column") or self.conllu_column

    @property
    def conllu_column(self) -> str:
        """The column of CoNLL-U the tags belong into: the one it was trained on, or what the tags look like."""
        own = (self.about.get("tag_column") or "?").upper()
        return own if {*own.split(",")} <= {*COLUMNS} else "UPOS" if UNIVERSAL.issuperset(self.tags) else "XPOS"

    @property
    def columns(self) -> list[str]:
        """The names of the columns of tags."""
        names = self.column.split(",")
        return names if len(names) == len(self.tags.columns) else [str(c + 1) for c in range(len(self.tags.columns))]

    def check_column(self, column: str | None) -> None:
        """ValueError if the tags cannot be written into this column, or these, because there are more of them or fewer.

        With None it is the column that they belong into, if that is clear.
        """
        if column is None and "scheme" in self.about and self.column != self.conllu_column:
            raise ValueError(
                "CoNLL-U has no column for spans, which the model gives: say which to use, such as --tag-column XPOS"
            )
        chosen = (column or self.conllu_column).split(",")
        parts = len(self.tags.columns) if not self.tags.is_one else max(map(len, map(parts_of, self.tags)), default=1)
        if len(chosen) != parts:
            raise ValueError(
                f"the model has tags of {parts} column{'s' * (parts > 1)}, got {','.join(chosen)} to write them into"
            )

    # ------------------------------------------------ the file

    def description(self) -> dict[str, str]:
        """A file's metadata: everything but the weights."""
        description = {
            "settings": self.settings.as_dict(),
            "vocabularies": {name: v.entries for name, v in self.lexicon.vocabularies.items()},
            "alphabet": self.lexicon.alphabet.entries,
            "tags": list(self.learned) if self.tags.is_one else self.tags.columns,
            "together": None if self.tags.together is None else self.tags.together.tolist(),
            "tokenizer": self.tokenizer.description(),
            "temperature": self.temperatures[0] if self.tags.is_one else self.temperatures,
            "about": self.about,
        }
        version = VERSION if self.tags.is_one else SEVERAL
        return {"format": FORMAT, "version": version, "tagger": json.dumps(description, ensure_ascii=False)}

    def arrays(self, weights: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """A file's tensors: the network's weights (or the ones given) and the tokenizer's."""
        return {**(self.network.state_dict() if weights is None else weights), **self.tokenizer.arrays()}

    def save(self, path: Path, weights: Mapping[str, Any] | None = None) -> None:
        """Write one safetensors file: the weights (or the ones given), and everything else as JSON in its metadata."""
        save_file(self.arrays(weights), path, self.description())

    @classmethod
    def load(cls, path: Path) -> Model:
        """Read what ``save`` wrote; ModelFileError if it is something else, or damaged, or of another version."""
        metadata = checked_metadata(path)
        try:
            description = json.loads(metadata["tagger"])
            words = {name: Vocabulary(entries) for name, entries in description["vocabularies"].items()}
            lexicon = Lexicon(words, Vocabulary(description["alphabet"]))
            tags = description["tags"]
            tags = TagSet(tags, description.get("together")) if metadata["version"] == SEVERAL else tags
            model = cls.new(Settings(**description["settings"]), lexicon, tags, description["about"])
            weights = {name: t for name, t in load_file(path).items() if not name.startswith(TRAINING)}
            cutting = weights.pop(WEIGHTS, None)
            model.network.load_state_dict(weights)
            temperature = description.get("temperature", 1.0)
            model.temperatures = [float(t) for t in (temperature if isinstance(temperature, list) else [temperature])]
            if "tokenizer" in description:
                model.tokenizer = Tokenizer.read(description["tokenizer"], None if cutting is None else cutting.array)
        except (KeyError, TypeError, AttributeError, RuntimeError, ValueError) as error:
            raise ModelFileError(
                f"{path} is damaged: its settings and its weights do not fit together ({error})"
            ) from error
        model.network.eval()
        return model

    # ------------------------------------------------ tagging

    def sentences(self, text: str | Iterable[str]) -> Iterator[list[Word]]:
        """Raw text as sentences of words with their places."""
        return self.tokenizer.sentences(text)

    def read_as(self, words: Sequence[str]) -> list[str]:
        """The words as the network reads them: as the training corpus writes them."""
        return as_known(words, self.lexicon.knows)

    def scored(self, sentences: Sequence[Sequence[str]], traces: bool = False) -> list[tuple[Array, Array]]:
        """For each sentence its tags' numbers (T), and the probability of every tag for every word (T, K); with C columns of tags
        the numbers are (T, C), and the probabilities of each column sum to 1.

        A long sentence is read in windows. With ``traces`` a trace may be found, which nobody writes.
        """
        found = self.scored_as_learned(sentences, traces)
        return found if self.rewritten is None else [self.rewritten(tags, p) for tags, p in found]

    @no_grad()
    def scored_as_learned(self, sentences: Sequence[Sequence[str]], traces: bool = False) -> list[tuple[Array, Array]]:
        """``scored``, of the tags that the network has."""
        windows = [window for number, words in enumerate(sentences) for window in windows_of(number, len(words))]
        read = [self.read_as(words) for words in sentences]
        pieces = [read[w.sentence][w.first : w.last] for w in windows]
        found = self._scored(pieces, traces)
        parts: list[list[tuple[Array, Array]]] = [[] for _ in sentences]
        for w, (tags, p) in zip(windows, found, strict=True):
            kept = slice(w.start - w.first, w.end - w.first)
            parts[w.sentence].append((tags[kept], p[kept]))
        none = np.zeros(0 if self.tags.is_one else (0, len(self.tags.columns)), np.int64)
        nothing = none, np.zeros((0, len(self.learned)), np.float32)
        return [self._legal(*joined(own)) if own else nothing for own in parts]

    def _legal(self, tags: Array, p: Array) -> tuple[Array, Array]:
        """The same, or for spans the best tags of those that may follow one another."""
        if self.transitions is None:
            return tags, p
        return best_legal(np.log(np.maximum(p.astype(np.float64), 1e-30)), self.transitions), p

    def _scored(self, sentences: Sequence[Sequence[str]], traces: bool) -> list[tuple[Array, Array]]:
        """``scored`` for sentences that are short enough, and not empty."""
        self.network.eval()
        results: list[Any] = [None] * len(sentences)
        encoded = encode([[(word, "") for word in words] for words in sentences], self.lexicon, self.learned)
        impossible = np.array([tag == TRACE and not traces and self.tags.is_one for tag in self.learned])
        for batch in by_length(encoded, TOGETHER):
            scores = self.network(batch).array
            if impossible.any() and not impossible.all():
                scores = np.where(impossible, -np.inf, scores).astype(scores.dtype)
            possible = wrap(scores)
            log_p = self.network.log_probabilities(possible, batch).array
            best = self.network.best(possible, batch) if self.tags.together is None else self.tags.best_together(log_p)
            probabilities = np.concatenate(
                [tempered(log_p[:, own], t) for own, t in zip(self.learned.slices, self.temperatures, strict=True)], -1
            )
            for (place, tags), (_, p) in zip(batch.sentences(best), batch.sentences(probabilities), strict=True):
                results[place] = tags, p
        return results

    def tag_all(self, sentences: Iterable[Sequence[str]], at_once: int = AT_ONCE) -> Iterator[list[Tagged]]:
        """Tag sentences of words as they come, holding no more than ``at_once`` of them, nor many more than 20,000 words."""
        for some in portions(sentences, at_once):
            for words, (tags, p) in zip(some, self.scored(some), strict=True):
                yield [
                    Tagged(w, *own, None, None, rest) for w, own, rest in zip(words, *self._best(tags, p), strict=True)
                ]

    def tag_text(self, sentences: Iterable[Sequence[Word]], at_once: int = AT_ONCE) -> Iterator[list[Tagged]]:
        """``tag_all`` for sentences of raw text, whose words have places."""
        for some in portions(sentences, at_once):
            scored = self.scored([[word.form for word in words] for words in some])
            for words, (tags, p) in zip(some, scored, strict=True):
                yield [
                    Tagged(w.form, *own, w.start, w.end, rest)
                    for w, own, rest in zip(words, *self._best(tags, p), strict=True)
                ]

    def tag_conllu(self, sentences: Iterable[ConlluSentence], column: str | None = None) -> Iterator[str]:
        """Sentences of CoNLL-U as text again, with their tags in the model's column (or this one), and nothing else changed."""
        for some in portions(sentences, AT_ONCE):
            found = self.tag_all([sentence.words for sentence in some])
            for sentence, tagged in zip(some, found, strict=True):
                yield sentence.with_tags([t.tag for t in tagged], column or self.conllu_column)

    def _best(self, tags: Array, p: Array) -> tuple[list[tuple[str, float]], list[tuple[tuple[str, str, float], ...]]]:
        """Each word's tag by name and its probability; and the same for each column, where there are several."""
        q = chosen(tags, p)
        whole = [
            (self.tags.name(k), float(s)) for k, s in zip(tags.tolist(), q if q.ndim == 1 else q.prod(-1), strict=True)
        ]
        if self.tags.is_one:
            return whole, [()] * len(whole)
        columns = self.columns
        return whole, [
            tuple(zip(columns, [self.tags[k] for k in numbers], own, strict=True))
            for numbers, own in zip(tags.tolist(), q.tolist(), strict=True)
        ]


@dataclass(frozen=True)
class Window:
    """Words ``start`` to ``end`` of a sentence, read together with those from ``first`` to ``last``."""

    sentence: int
    start: int
    end: int
    first: int
    last: int


def windows_of(sentence: int, words: int) -> list[Window]:
    """One window for a sentence that is not too long, else as many as it takes.

    >>> [(w.first, w.start, w.end, w.last) for w in windows_of(0, 1200)]
    [(0, 0, 500, 550), (450, 500, 1000, 1050), (950, 1000, 1200, 1200)]
    """
    if words <= WINDOW + OVERLAP:
        return [Window(sentence, 0, words, 0, words)] if words else []
    return [
        Window(
            sentence, start, min(start + WINDOW, words), max(0, start - OVERLAP), min(start + WINDOW + OVERLAP, words)
        )
        for start in range(0, words, WINDOW)
    ]


def joined(parts: Sequence[tuple[Array, Array]]) -> tuple[Array, Array]:
    """The windows of a sentence put together."""
    return np.concatenate([tags for tags, _ in parts]), np.concatenate([p for _, p in parts])


def chosen(tags: Array, p: Array) -> Array:
    """The probabilities of the tags with these numbers, (T), or (T, C)."""
    return p[np.arange(len(tags)), tags] if tags.ndim == 1 else np.take_along_axis(p, tags, 1)


def tempered(log_p: Array, temperature: float) -> Array:
    """p^(1/temperature), made to sum to 1 over the last dimension."""
    if temperature == 1:
        return np.exp(log_p)
    scaled = log_p / temperature
    p = np.exp(scaled - scaled.max(-1, keepdims=True))
    return (p / p.sum(-1, keepdims=True)).astype(log_p.dtype)


def size(sentence: Any) -> int:
    """How many words a sentence has."""
    return len(sentence.places) if isinstance(sentence, ConlluSentence) else len(sentence)


def portions(sentences: Iterable[Any], most: int) -> Iterator[list[Any]]:
    """Sentences as they come, so many at a time that neither their number nor their words are too many."""
    some: list[Any] = []
    words = 0
    for sentence in sentences:
        some.append(sentence)
        words += size(sentence)
        if len(some) >= most or words >= WORDS_AT_ONCE:
            yield some
            some, words = [], 0
    if some:
        yield some


def checked_metadata(path: Path) -> dict[str, str]:
    """The metadata of a model file; the error to raise if it is none."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no model file {path}: make one with `metagrad tag train --output {path}`")
    metadata: dict[str, str] = read_metadata(path)
    if metadata.get("format") != FORMAT:
        raise ModelFileError(
            f"{path} is a safetensors file, but not a metagrad tagger: its metadata have "
            f"format={metadata.get('format')!r}, expected {FORMAT!r}"
        )
    if metadata.get("version") not in READ:
        raise ModelFileError(
            f"{path} has tagger format version {metadata.get('version')!r}, this metagrad reads version "
            f"{' and '.join(READ)}: update metagrad, or train the model again"
        )
    return metadata
