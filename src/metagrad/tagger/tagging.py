"""``Tagger``: training and tagging in a few lines of Python, with scikit-learn's conventions."""

from __future__ import annotations

import html
import importlib
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from metagrad.base.optional import need
from metagrad.tagger.corpora import Corpus, load_corpus
from metagrad.tagger.corpora.conllu import read_documents, writable_column
from metagrad.tagger.display import TaggedSentence, TaggedText, text_of
from metagrad.tagger.inputs import check, iterable, joined, joined_tag, listed, paired, words_of
from metagrad.tagger.learning import evaluate, learn
from metagrad.tagger.metrics import Scores
from metagrad.tagger.presets import plain, settings_and_recipe
from metagrad.tagger.splits import Split, hold_out
from metagrad.tagger.tagset import TAB
from metagrad.tagger.trained import Array, Model, ModelFileError, Tagged
from metagrad.tagger.training import Epoch

__all__ = ["Model", "ModelFileError", "Tagged", "Tagger"]


class Tagger:
    """A part-of-speech tagger in a few lines, with scikit-learn's conventions.

    ``Tagger.load(path)`` reads a trained one; ``Tagger.train(sentences)`` trains one on lists of (word, tag), and
    ``Tagger(preset, **options).fit(X, y)`` on lists of words and lists of their tags. Options are those of ``Settings`` and
    ``Recipe``, put in the place of the preset's (see ``metagrad.tagger.presets``); ``dev``, a share of the sentences to choose
    the epoch by; ``vectors``, a file of word vectors to begin with; ``tag_column``, such as ``"UPOS,FEATS"``, of a corpus's
    file; ``verbose=True`` prints the epochs. A sentence may be given as text, which is then cut into words (and sentences), or as
    a list of words. A tag may be a tuple, of the tags of several columns: each column is learned for itself.

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
    def train(
        cls, sentences: Iterable[Sequence[tuple[str, str]]] | Corpus | str | Path, preset: str = "fast", **options: Any
    ) -> Tagger:
        """A tagger trained on sentences of (word, tag), on a corpus or on a file of it; the options are those of the class."""
        return cls(preset, **options).fit(sentences if isinstance(sentences, (Corpus, str, Path)) else list(sentences))

    @classmethod
    def load(cls, path: str | Path) -> Tagger:
        """The tagger in a file that ``save`` or ``metagrad tag train`` wrote."""
        model = Model.load(Path(path))
        tagger = cls(model.about.get("preset", "fast"), **model.about.get("options", {}))
        tagger._model = model
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
            return [[word.form for word in words] for words in self.model.sentences(sentence)]
        return [words_of(sentence)]

    def annotate(self, sentence: str | Sequence[str]) -> TaggedText:
        """The sentences of a text, each word with its tag, probability and place (``text[w.start:w.end]``)."""
        if isinstance(sentence, str):
            return text_of(self.model.tag_text(self.model.sentences(sentence)))
        return text_of(self.model.tag_all([words_of(sentence)]))

    def tag(self, sentence: str | Sequence[str]) -> list[tuple[str, Any]]:
        """The words of a text, or of one sentence given as words, with their tags; a tag of several columns is a tuple."""
        return self.tag_many([sentence])[0]

    def tag_many(self, sentences: Iterable[str | Sequence[str]]) -> list[list[tuple[str, Any]]]:
        """``tag`` of each of them, in batches: much faster than one by one."""
        if isinstance(sentences, str):
            raise TypeError(
                "tag_many expects several texts or lists of words, got one text: put it into a list, or use tag"
            )
        name = self._name
        return [[(word, name(k)) for word, k, _ in found] for found in self._scored(sentences)]

    def _name(self, numbers: int | list[int]) -> str | tuple[str, ...]:
        tags = self.model.tags
        return tags[numbers] if isinstance(numbers, int) else tuple(tags[k] for k in numbers)

    def tag_conllu(self, text: str, column: str | None = None) -> str:
        r"""A text in CoNLL-U with its words' tags filled in, into the column trained on or this one; every other byte stays.

        >>> sentences = [[("the", "DET"), ("dog", "NOUN")]] * 20
        >>> tagger = Tagger.train(sentences, epochs=20, hidden=8, embedding=8, dropout=0.0, seed=1)
        >>> tagger.tag_conllu("# the\r\n1\tdog\t_\t_\t_\t_\t_\t_\t_\t_\r\n")
        '# the\r\n1\tdog\t_\tNOUN\t_\t_\t_\t_\t_\t_\r\n'
        """
        if not isinstance(text, str):
            raise TypeError(f"tag_conllu expects the text of a file in CoNLL-U, got {type(text).__name__}")
        writable_column(column)
        self.model.check_column(column)
        return "".join(self.model.tag_conllu(read_documents([text], "the text"), column and column.upper()))

    def probabilities(self, sentence: str | Sequence[str]) -> list[tuple[str, Any]]:
        """The words with the probability of each tag given the whole sentence, the most probable first; of several columns, a
        tuple of these."""
        (found,) = self._scored([sentence])
        tags = self.model.tags
        if tags.is_one:
            return [(word, ranked(tags, p)) for word, _, p in found]
        each = list(zip(tags.columns, tags.slices, strict=True))
        return [(word, tuple(ranked(column, p[own]) for column, own in each)) for word, _, p in found]

    def _scored(self, sentences: Iterable[str | Sequence[str]]) -> list[list[tuple[str, Any, Array]]]:
        given = [self._sentences(sentence) for sentence in iterable(sentences, "several texts or lists of words")]
        flat = [words for parts in given for words in parts]
        found = iter(self.model.scored(flat))
        return [
            [(word, k, p) for words in parts for word, k, p in zip(words, *_both(next(found)), strict=True)]
            for parts in given
        ]

    # ------------------------------------------------ scikit-learn's conventions

    def fit(self, X: Iterable[Any] | Corpus | str | Path, y: Iterable[Sequence[str]] | None = None) -> Tagger:
        """Train on sentences of words X and their tags y, or on sentences of (word, tag), a corpus or its file if there is no y.

        Returns itself. Raises TypeError for what are no words and tags, ValueError for empty ones.
        """
        column = self.options.get("tag_column")
        if column is not None and not isinstance(X, (str, Path)):
            raise TypeError(f"tag_column={column!r} is for a corpus that is read from a file, got {type(X).__name__}")
        corpus = (
            load_corpus(X, tag_column=column) if isinstance(X, (str, Path)) else X if isinstance(X, Corpus) else None
        )
        if corpus is not None:
            sentences: list[Any] = corpus.sentences
        else:
            sentences = (
                [listed(sentence) for sentence in iterable(X, "sentences, each a list of (word, tag)")]
                if y is None
                else paired(cast(Iterable[Any], X), y)
            )
        sentences = [joined(sentence) for sentence in sentences]
        check(sentences)
        if constant := (corpus or Corpus("", sentences, "", "")).constant:
            warnings.warn(constant, stacklevel=2)
        options = dict(self.options)
        options.pop("tag_column", None)
        dev, vectors, verbose = options.pop("dev", 0.0), options.pop("vectors", None), options.pop("verbose", False)
        held_out = round(len(sentences) * dev)
        settings, recipe = settings_and_recipe(self.preset, options)
        if TAB in next(tag for sentence in sentences for _, tag in sentence):
            settings = settings.without_crf()
        parts = hold_out(Split(sentences[: len(sentences) - held_out], sentences[len(sentences) - held_out :], []))
        about = {"preset": self.preset, "options": _plain(self.options), "tag_column": corpus and corpus.column}
        self._model, _ = learn(
            parts, settings, recipe, about, vectors=None if vectors is None else Path(vectors),
            report=_print if verbose else _silent,
        )  # fmt: skip
        return self

    def predict(self, X: Iterable[str | Sequence[str]]) -> list[list[str]]:
        """The tags of each sentence."""
        return [[tag for _, tag in sentence] for sentence in self.tag_many(X)]

    def score(self, X: Iterable[Any], y: Iterable[Sequence[str]] | None = None) -> float:
        """The share of words tagged right; X and y as for ``fit``."""
        if y is None:
            pairs = [listed(sentence) for sentence in iterable(X, "sentences, each a list of (word, tag)")]
            X, y = [[w for w, _ in s] for s in pairs], [[t for _, t in s] for s in pairs]
        right = total = 0
        for found, tags in zip(self.predict(X), y, strict=True):
            right += sum(joined_tag(a) == joined_tag(b) for a, b in zip(found, tags, strict=True))
            total += len(tags)
        if not total:
            raise ValueError("expected words to score on, got none")
        return right / total

    def report(self, X: Iterable[Any], y: Iterable[Sequence[str]] | None = None) -> Scores:
        """All that is counted about the tags of these sentences: accuracies, each tag's precision and recall, calibration."""
        sentences = [listed(sentence) for sentence in iterable(X, "sentences")] if y is None else paired(X, y)
        sentences = [joined(sentence) for sentence in sentences]
        check(sentences)
        return evaluate(self.model, sentences)[0]

    def to_frame(self, X: Iterable[Any], y: Iterable[Sequence[str]] | None = None) -> Any:
        """``report`` as a DataFrame: for each tag (or type of span) precision, recall, F1, and how often it occurs.

        It needs pandas, which the extra ``metagrad[pandas]`` has.
        """
        pandas = need("pandas", "pandas")
        scores = self.report(X, y)
        rows = [(s.type, s.precision, s.recall, s.f1, s.actual) for s in scores.spans]
        for name, own in (scores.columns or {"": scores}).items() if not rows else ():
            rows += [(f"{name} {t.tag}".strip(), t.precision, t.recall, t.f1, t.actual) for t in own.tags]
        frame = pandas.DataFrame(rows, columns=["tag", "precision", "recall", "f1", "actual"])
        return frame.set_index("tag")

    @property
    def classes_(self) -> list[Any]:
        """The tags it knows; of several columns, a list of those of each."""
        return list(self.model.tags) if self.model.tags.is_one else list(self.model.tags.columns)

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

    def _repr_html_(self) -> str:
        """For notebooks: what it is, and its tags in their colours."""
        if self._model is None:
            return f"<code>{html.escape(repr(self))}</code> (not trained)"
        tags = TaggedSentence(Tagged(tag, tag, 1.0) for tag in self.model.tags)
        corpus = self.model.about.get("corpus")
        where = f", trained on {html.escape(str(corpus))}" if corpus else ""
        return f"<code>{html.escape(repr(self))}</code>: {html.escape(self.model.settings.summary)}{where}{tags._repr_html_()}"

    def __repr__(self) -> str:
        options = "".join(f", {name}={value!r}" for name, value in self.options.items())
        return f"Tagger({self.preset!r}{options})"


def ranked(tags: Sequence[str], p: Array) -> dict[str, float]:
    """Tags with their probabilities, the most probable first."""
    return {tags[k]: float(p[k]) for k in np.argsort(-p, kind="stable").tolist()}


def _plain(options: dict[str, Any]) -> dict[str, Any]:
    """Options as JSON can hold them."""
    return {name: str(value) if isinstance(value, Path) else plain(value) for name, value in options.items()}


def _silent(epoch: Epoch, is_kept: bool) -> None:
    """Say nothing."""


def _print(epoch: Epoch, is_kept: bool) -> None:
    """Print an epoch."""
    print(epoch.line(is_kept), flush=True)


def _both(found: tuple[Array, Array]) -> tuple[list[int], Array]:
    tags, probabilities = found
    return tags.tolist(), probabilities
