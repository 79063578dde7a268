"""Figures of merit: how good an answer is, rather than what is made small while training.

=====================  ==========================================================
``classification.py``  the share of right answers, the confusion matrix, perplexity
``translation.py``     BLEU
``spans.py``           precision, recall and F1 of spans of words
=====================  ==========================================================
"""

from metagrad.utils.metrics.classification import accuracy, confusion_matrix, perplexity
from metagrad.utils.metrics.spans import Span, SpanScore, score_spans, spans_of
from metagrad.utils.metrics.translation import bleu

__all__ = ["Span", "SpanScore", "accuracy", "bleu", "confusion_matrix", "perplexity", "score_spans", "spans_of"]
