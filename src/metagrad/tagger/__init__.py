"""The application: a part-of-speech tagger, from tagged text to a model file and back to tagged text.

>>> from metagrad.tagger import Tagger
>>> tagger = Tagger.train([[("a", "DT"), ("dog", "NN")]] * 9, epochs=40, hidden=8, embedding=8, dropout=0.0)
>>> tagger.tag(["a", "dog"])
[('a', 'DT'), ('dog', 'NN')]

===================  =========================================================
``corpora/``         tagged sentences: the treebank, and files of any format
``text/``            raw text into sentences and words
``splits.py``        training, held-out and test part
``vocabulary.py``    numbers for words and for how they are spelled
``tagset.py``        the tags of one column, or of several
``batches.py``       packed arrays
``settings.py``      what the network is built from
``members.py``       recurrent networks: words in, scores of tags out
``linear.py``        a linear model of the words about
``model.py``         the network: one member, or several
``training.py``      the training loop
``ranks.py``         the training loop on several ranks
``presets.py``       article, fast, best
``learning.py``      from sentences to a trained model
``checkpoints.py``   an unfinished training as a file
``trained.py``       a trained tagger, its file, and tagging streams with it
``tagging.py``       ``Tagger``: all of it from Python
``inputs.py``        what ``Tagger`` is given, checked
``vectors.py``       word vectors learned elsewhere
``commands/``        ``metagrad tag train | evaluate | predict | serve``
``serve/``           tagging over HTTP
``spans.py``         names and chunks as tags of words, and their scores
``metrics.py``       accuracy, precision, recall, confusion
``calibration.py``   whether the probabilities can be believed
``curve.py``         a learning curve: what more sentences would bring
``display.py``       tagged sentences in notebooks
``comparison.py``    two models compared
``report.py``        the report: HTML and JSON
``charts.py``        its charts, as SVG
``data/``            the sample
===================  =========================================================
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from metagrad.tagger.tagging import Tagged, Tagger

__all__ = ["Tagged", "Tagger"]


def __getattr__(name: str) -> Any:
    """``Tagger`` and ``Tagged`` are imported when they are first asked for."""
    if name in __all__:
        from metagrad.tagger import tagging

        return getattr(tagging, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
