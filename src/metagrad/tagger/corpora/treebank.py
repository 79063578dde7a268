"""NLTK's Penn Treebank sample: 3,914 sentences of the Wall Street Journal of 1989, found on this machine or fetched.

NLTK finds its data and fetches them; the trees are read here, which takes a quarter of a second where NLTK's import and
reader take two.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from metagrad.base.optional import need
from metagrad.tagger.corpora.brackets import trees
from metagrad.tagger.corpora.corpus import Corpus, Sentence
from metagrad.tagger.corpora.lines import read_lines

NAME = "treebank"
PART = "combined"  # of the treebank's folder: trees with tagged words
FILES = re.compile(r"wsj_.*\.mrg")
SENTENCES = 3914  # fewer mean that files are missing
TRAINING = 3000  # the first 3,000 sentences are for training, the other 914 for the test
LICENCE = "(C) LDC 1995, about 5% of the Penn Treebank; NLTK distributes it for non-commercial use only"
PATIENCE = 9.0  # seconds until a download is given up, which leaves one of ten to end it
ADVICE = f"run  python -c \"import nltk; nltk.download('{NAME}')\"  where there is a connection"


class CorpusUnavailable(OSError):
    """A corpus that is not on this machine, is damaged here, or could not be fetched."""


def treebank() -> Corpus:
    """The treebank from NLTK's data path; if it is not there, NLTK's downloader gets ten seconds to fetch it.

    Traces, words that are not there to be read, are in it under the tag ``-NONE-``.

    Raises CorpusUnavailable, saying why and what to do, and ImportError if it is not there and NLTK is not installed.
    """
    how, where = "found at", find(usual_folders()) or find(folders_of_nltk())
    if where is None:
        download()
        how, where = "just downloaded to", find(folders_of_nltk())
    if where is None:
        raise CorpusUnavailable(
            "NLTK's downloader put the Penn Treebank sample where NLTK does not look for it: set the environment "
            f"variable NLTK_DATA to the folder it chose. NLTK looks in {', '.join(map(str, folders_of_nltk()))}"
        )
    sentences = read(where)
    if len(sentences) < SENTENCES:
        raise damaged(f"it has {len(sentences)} of its {SENTENCES} sentences")
    shown = where / NAME / PART if where.suffix == ".zip" else where
    return Corpus(NAME, sentences, f"NLTK's Penn Treebank sample, {how} {shown}", LICENCE, TRAINING)


def usual_folders() -> list[Path]:
    """Where NLTK looks for its data, told without importing it: NLTK_DATA, the user's folder, Python's, the system's."""
    if "nltk.data" in sys.modules:
        return folders_of_nltk()  # a program may have changed them
    named = filter(None, os.environ.get("NLTK_DATA", "").split(os.pathsep))
    own = [Path(sys.prefix, *parts, "nltk_data") for parts in ((), ("share",), ("lib",))]
    system = [
        Path("/usr", *parts, "nltk_data") for parts in (("share",), ("local", "share"), ("lib",), ("local", "lib"))
    ]
    return [*(Path(folder).expanduser() for folder in named), Path.home() / "nltk_data", *own, *system]


def folders_of_nltk() -> list[Path]:
    """Where NLTK itself says that it looks; ImportError if it is not installed."""
    return [Path(folder) for folder in need("nltk.data", "tagger").path]


def find(folders: Iterable[Path]) -> Path | None:
    """The folder of the trees, or else the archive that has it, in the first of these folders; None if none has it."""
    corpora = [folder / "corpora" for folder in folders]
    unpacked = (folder / NAME / PART for folder in corpora if (folder / NAME / PART).is_dir())
    packed = (folder / f"{NAME}.zip" for folder in corpora if (folder / f"{NAME}.zip").is_file())
    return next(unpacked, None) or next(packed, None)


def read(where: Path) -> list[Sentence]:
    """All sentences, in the order of the files' names."""
    try:
        files = dict(contents(where))
        return [s for name in sorted(files) for s in trees(read_lines(files[name], name), name)]
    except (BadZipFile, zlib.error, OSError, ValueError, KeyError) as error:
        raise damaged(f"{type(error).__name__}: {error}") from error


def contents(where: Path) -> Iterator[tuple[str, bytes]]:
    """The files of trees, by their names, of a folder or of an archive."""
    if where.suffix != ".zip":
        yield from ((file.name, file.read_bytes()) for file in where.iterdir() if FILES.fullmatch(file.name))
        return
    with ZipFile(where) as archive:
        for name in archive.namelist():
            folder, _, file = name.rpartition("/")
            if folder == f"{NAME}/{PART}" and FILES.fullmatch(file):
                yield file, archive.read(name)


def damaged(why: str) -> CorpusUnavailable:
    """The error for a treebank that is there but cannot be used."""
    return CorpusUnavailable(
        f"NLTK's Penn Treebank sample on this machine is damaged ({why}): "
        f"run  python -c \"import nltk; nltk.download('{NAME}', force=True)\"  to replace it"
    )


def download() -> None:
    """Fetch the treebank with NLTK's downloader, in a process of its own, since that can be ended at any point."""
    program = f"import nltk, sys; sys.exit(not nltk.download({NAME!r}, quiet=True, prefix=''))"
    command = [sys.executable, "-P", "-c", program]  # -P: no module of the working directory gets in the way
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        reason = f"it was not done within {PATIENCE:g} seconds"
    except OSError as error:
        reason = f"it could not be started: {error}"
    else:
        if done.returncode == 0:
            return
        reason = " ".join(done.stderr.split()[-60:]) or f"its process ended with code {done.returncode}"
    raise CorpusUnavailable(
        "NLTK's Penn Treebank sample is not on this machine, and NLTK's downloader could not fetch it "
        f"({reason}): {ADVICE}"
    )
