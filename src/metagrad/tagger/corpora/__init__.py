"""Tagged sentences to learn from.

================  ================================================================================
``corpus.py``     what a corpus is
``loading.py``    a corpus by its name or its path, and the one used by default
``sources.py``    files, folders and patterns; packed files
``lines.py``      lines of text files
``detection.py``  which format a file has; the table of all formats
``pairs.py``      ``word_TAG``
``columns.py``    two columns, TreeTagger, CoNLL-2000, 2003, 2009, columns of one's own
``conllu.py``     CoNLL-U, kept byte for byte
``brackets.py``   the Penn Treebank's ``.mrg`` and ``.pos``
``tables.py``     CSV and TSV with a header
``jsonl.py``      JSON
``treebank.py``   NLTK's Penn Treebank sample, found or downloaded
================  ================================================================================
"""

from metagrad.tagger.corpora.conllu import COLUMNS as CONLLU_COLUMNS
from metagrad.tagger.corpora.corpus import Corpus, Sentence, Token, Written, text_of
from metagrad.tagger.corpora.detection import FORMATS, detect_format
from metagrad.tagger.corpora.loading import default_corpus, load_corpus
from metagrad.tagger.corpora.pairs import detect_separator
from metagrad.tagger.corpora.treebank import CorpusUnavailable

__all__ = [
    "CONLLU_COLUMNS",
    "FORMATS",
    "Corpus",
    "CorpusUnavailable",
    "Sentence",
    "Token",
    "Written",
    "default_corpus",
    "detect_format",
    "detect_separator",
    "load_corpus",
    "text_of",
]
