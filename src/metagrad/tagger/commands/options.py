"""Options and wording that several commands share."""

from __future__ import annotations

import argparse
import importlib.util
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from metagrad.base.optional import MissingExtra
from metagrad.tagger.corpora import FORMATS, Corpus, load_corpus

MODEL = "tagger-model.safetensors"
REPORT = "tagger-report"
CORPUS_HELP = (
    "treebank (NLTK's sample), sample (comes with metagrad), or a file, a folder or a pattern of files, also .gz, .bz2 and .xz: "
    "CoNLL-U, CoNLL-2000, 2003 and 2009, word_TAG lines, columns, TreeTagger, Penn Treebank, CSV or TSV with a header, JSON lines"
)


class Help(argparse.ArgumentDefaultsHelpFormatter):
    """Shows defaults, except where there is none."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default in (None, False) or action.default is argparse.SUPPRESS:
            return action.help
        return super()._get_help_string(action)


def add_file_options(parser: argparse.ArgumentParser, column: str) -> None:
    """How a corpus file is to be read; ``column`` says which column of tags it is by default."""
    parser.add_argument("--format", choices=FORMATS, help="of a corpus file, where its first lines do not tell")
    parser.add_argument("--separator", help="between word and tag in word_TAG text: _ or / if not given")
    parser.add_argument("--columns", help="what the columns of a file are, a word a line: for example word,_,tag")
    parser.add_argument(
        "--tag-column", metavar="NAME", help=f"the column of the tags, such as UPOS, NER or tag; {column}"
    )


def load(name: str, options: argparse.Namespace, prefer: str | Sequence[str] | None = None) -> Corpus:
    """The corpus of this name or path, read as the options say; ``prefer`` is the column of its tags if they do not say."""
    return load_corpus(
        name, format=options.format, separator=options.separator, columns=options.columns, tag_column=options.tag_column,
        prefer=prefer or (),
    )  # fmt: skip


def require(modules: list[str], extra: str) -> None:
    """An ImportError now, and not after an hour's training, if one of these is not installed; imports nothing yet."""
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtra(
            f'{", ".join(missing)} is needed for this and is not installed: pip install "metagrad[{extra}]"'
        )


def writable(option: str, path: Path, is_folder: bool = False) -> None:
    """A ValueError now, and not after an hour's training, if what an option names cannot be written."""
    if path.exists() and path.is_dir() != is_folder:
        kind = ("a file", "a folder") if is_folder else ("a folder", "a file")
        raise ValueError(f"{option} {path} is {kind[0]}: expected the name of {kind[1]}")
    folder = path if is_folder else path.parent
    if not is_folder and not folder.is_dir():
        raise ValueError(f"{option} {path}: the folder {folder} does not exist")
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(f"{option} {path} cannot be written: {error.strerror or error}") from None


def replaceable(option: str, path: Path) -> None:
    """A ValueError if a model would be written over a file that is no safetensors file, such as the corpus itself."""
    if path.is_file() and path.stat().st_size:
        with open(path, "rb") as file:
            start = file.read(9)  # the length of the header, and its first letter
        if start[8:] != b"{":
            raise ValueError(f"{option} {path} is a file of another kind, which would be lost: give another name")


def remove_leftovers(folder: Path, age: float = 600) -> None:
    """Remove the unfinished files that a killed process has left in a folder, not those another may be writing now."""
    for path in folder.glob(".metagrad-*"):
        try:
            if path.is_file() and time.time() - path.stat().st_mtime > age:
                path.unlink()
        except OSError:
            continue  # another has removed it, or it is not ours
