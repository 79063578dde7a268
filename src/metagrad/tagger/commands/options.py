"""Options and wording that several commands share."""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path

from metagrad.tagger.corpora import CONLLU_COLUMNS, FORMATS, Corpus, load_corpus

MODEL = "tagger-model.safetensors"
REPORT = "tagger-report"
CORPUS_HELP = (
    "treebank (NLTK's sample), sample (comes with metagrad), or a file: CoNLL-U, word_TAG lines, or two columns"
)


class Help(argparse.ArgumentDefaultsHelpFormatter):
    """Shows defaults, except where there is none."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default in (None, False) or action.default is argparse.SUPPRESS:
            return action.help
        return super()._get_help_string(action)


def add_file_options(parser: argparse.ArgumentParser) -> None:
    """How a corpus file is to be read."""
    parser.add_argument("--format", choices=FORMATS, help="of a corpus file, where its first lines do not tell")
    parser.add_argument("--separator", help="between word and tag in word_TAG text: _ or / if not given")
    add_tag_column(parser, "of a CoNLL-U file; by default XPOS, or UPOS where that is empty")


def add_tag_column(parser: argparse.ArgumentParser, help: str) -> None:
    """Which column of CoNLL-U has the tags."""
    parser.add_argument("--tag-column", choices=CONLLU_COLUMNS, type=str.upper, help=help)


def load(name: str, options: argparse.Namespace) -> Corpus:
    """The corpus of this name or path, read as the options say."""
    columns = None if options.tag_column is None else ("FORM", options.tag_column)
    return load_corpus(name, format=options.format, separator=options.separator, columns=columns)


def require(modules: list[str], extra: str) -> None:
    """An ImportError now, and not after an hour's training, if one of these is not installed; imports nothing yet."""
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise ImportError(
            f'{", ".join(missing)} is needed for this and is not installed: pip install "metagrad[{extra}]"'
        )


def folder_exists(option: str, path: Path) -> None:
    """A ValueError if a file could not be written there because its folder does not exist."""
    if path.is_dir():
        raise ValueError(f"{option} {path} is a folder: expected the name of a file")
    if not path.parent.is_dir():
        raise ValueError(f"{option} {path}: the folder {path.parent} does not exist")
