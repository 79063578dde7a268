"""A corpus by its name or by the path of its file, and the corpus used when none is named."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from os import PathLike
from pathlib import Path

from metagrad.tagger.corpora import treebank
from metagrad.tagger.corpora.corpus import Corpus, Sentence
from metagrad.tagger.corpora.formats import (
    FORMATS,
    conllu,
    detect_format,
    detect_separator,
    read_lines,
    two_column,
    word_tag,
)

SAMPLE = "sample"
DEFAULT_COLUMNS = ("FORM", "XPOS")


def load_corpus(
    name_or_path: str | PathLike[str],
    *,
    format: str | None = None,
    separator: str | None = None,
    columns: tuple[str, str] | None = None,
) -> Corpus:
    """The corpus called ``"treebank"`` or ``"sample"``, or the tagged sentences of a file.

    A file is in one of the formats of `metagrad.tagger.corpora.formats`. Its name (``.conllu``) or its first lines tell
    which, unless ``format`` does. ``separator`` is what stands between word and tag in ``"word_TAG"`` (by default ``_``
    or ``/``, whichever the file has). ``columns`` are CoNLL-U's columns for the word and the tag, by default FORM and
    XPOS, with UPOS for a word whose XPOS is ``_``.

    Raises ValueError for a malformed file, naming the line; FileNotFoundError; and for the treebank, CorpusUnavailable
    if it is neither here nor to be fetched, and ImportError if NLTK is not installed.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "dogs.txt")
    ...     _ = path.write_text("A/DT dog/NN barks/VBZ ./.")
    ...     corpus = load_corpus(path)
    >>> corpus.name, corpus.sentences
    ('dogs.txt', [[('A', 'DT'), ('dog', 'NN'), ('barks', 'VBZ'), ('.', '.')]])
    """
    if name_or_path in (treebank.NAME, SAMPLE):
        given = {"format": format, "separator": separator, "columns": columns}
        refuse({key: value for key, value in given.items() if value is not None}, f"the corpus {name_or_path!r}")
        return treebank.treebank() if name_or_path == treebank.NAME else sample()
    path = Path(name_or_path)
    if not path.is_file():
        what = "a folder" if path.is_dir() else "nothing there"
        raise FileNotFoundError(
            f"expected {treebank.NAME!r}, {SAMPLE!r} or the path of a file of tagged sentences, "
            f"got {str(path)!r}, and found {what}"
        )
    sentences = read_file(path, str(path), format, separator, columns)
    return Corpus(path.name, sentences, f"the file {path}", "not known: the terms of the file's owner apply")


def default_corpus() -> tuple[Corpus, str]:
    """The treebank if it is here or can be fetched, otherwise the sample; and a sentence saying which, and why."""
    try:
        corpus = treebank.treebank()
    except (treebank.CorpusUnavailable, ImportError) as error:
        corpus = sample()
        return corpus, (
            f"Using the small sample that comes with metagrad ({len(corpus.sentences)} sentences), "
            f"because the larger Penn Treebank sample cannot be used. {error}"
        )
    return corpus, f"Using {corpus.source} ({len(corpus.sentences)} sentences)."


def sample() -> Corpus:
    """The corpus that comes with metagrad: short, and tagged by hand with the tags of the Penn Treebank."""
    resource = files("metagrad.tagger").joinpath("data", "sample.pos")
    sentences = read_file(resource, str(resource), "word_TAG", "_", None)
    return Corpus(SAMPLE, sentences, "the sample that comes with metagrad", "CC0")


def read_file(
    path: Traversable, name: str, format: str | None, separator: str | None, columns: tuple[str, str] | None
) -> list[Sentence]:
    """The sentences of a file, in the format given or detected; ``name`` is what errors call the file."""
    with path.open("rb") as stream:
        lines = list(read_lines(stream, name))
    if format is None:
        format = "conllu" if name.lower().endswith(".conllu") else detect_format(lines, name)
    if format not in FORMATS:
        raise ValueError(f"expected a format, one of {', '.join(FORMATS)}, got {format!r}")
    if separator is not None and format != "word_TAG":
        refuse({"separator": separator}, f"{name}, which is read as {format!r}")
    if columns is not None and format != "conllu":
        refuse({"columns": columns}, f"{name}, which is read as {format!r}")
    if separator == "":
        raise ValueError("expected a separator such as '_' or '/', got an empty one")
    if format == "conllu":
        sentences = list(conllu(lines, name, columns or DEFAULT_COLUMNS))
    elif format == "two-column":
        sentences = list(two_column(lines, name))
    else:
        sentences = list(word_tag(lines, name, separator or detect_separator(lines)))
    if not sentences:
        raise ValueError(f"{name}: expected tagged sentences, got a file without any")
    return sentences


def refuse(given: dict[str, object], what: str) -> None:
    """Raise ValueError if there are settings that have no meaning for this corpus."""
    for key, value in given.items():
        raise ValueError(f"{key} has no meaning for {what}: got {value!r}, expected None")
