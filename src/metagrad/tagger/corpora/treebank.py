"""NLTK's Penn Treebank sample: 3,914 sentences of the Wall Street Journal of 1989, found on this machine or fetched."""

from __future__ import annotations

import subprocess
import sys
import zlib
from zipfile import BadZipFile

from metagrad.base.optional import need
from metagrad.tagger.corpora.corpus import Corpus, Sentence

NAME = "treebank"
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

    Raises CorpusUnavailable, saying why and what to do, and ImportError if NLTK is not installed.
    """
    how = "found at"
    try:
        sentences = read()
    except LookupError:
        download()
        how = "just downloaded to"
        try:
            sentences = read()
        except LookupError as error:
            raise CorpusUnavailable(
                "NLTK's downloader put the Penn Treebank sample where NLTK does not look for it: set the environment "
                f"variable NLTK_DATA to the folder it chose. NLTK says: {' '.join(str(error).split())}"
            ) from error
    where = need("nltk.corpus", "tagger").treebank.root
    if len(sentences) < SENTENCES:
        raise damaged(f"it has {len(sentences)} of its {SENTENCES} sentences")
    return Corpus(NAME, sentences, f"NLTK's Penn Treebank sample, {how} {where}", LICENCE, TRAINING)


def read() -> list[Sentence]:
    """All sentences; NLTK's LookupError if it does not find the treebank."""
    corpus = need("nltk.corpus", "tagger").treebank
    try:
        return [list(sentence) for sentence in corpus.tagged_sents()]
    except (BadZipFile, zlib.error, OSError, ValueError, KeyError, IndexError) as error:
        raise damaged(f"{type(error).__name__}: {error}") from error


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
