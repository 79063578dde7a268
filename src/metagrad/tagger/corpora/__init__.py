"""Tagged sentences to learn from.

===============  ============================================================
``corpus.py``    what a corpus is
``formats.py``   the three kinds of text file, told apart and read
``treebank.py``  NLTK's Penn Treebank sample, found or downloaded
``loading.py``   a corpus by its name or its path, and the one used by default
===============  ============================================================
"""

from metagrad.tagger.corpora.corpus import Corpus, Sentence
from metagrad.tagger.corpora.formats import CONLLU_COLUMNS, FORMATS, detect_format, detect_separator
from metagrad.tagger.corpora.loading import default_corpus, load_corpus
from metagrad.tagger.corpora.treebank import CorpusUnavailable

__all__ = [
    "CONLLU_COLUMNS",
    "FORMATS",
    "Corpus",
    "CorpusUnavailable",
    "Sentence",
    "default_corpus",
    "detect_format",
    "detect_separator",
    "load_corpus",
]
