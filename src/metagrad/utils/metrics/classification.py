"""How good a classifier's answers are."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from metagrad.base.typing import Array
from metagrad.tensors.tensor import Tensor


class PrecisionRecall:
    """The three shares of ``right`` among what was ``found`` and what is there, ``actual``: for classes that have these counts."""

    right: int
    found: int
    actual: int

    @property
    def precision(self) -> float:
        """right / found; 0 if nothing was found."""
        return self.right / self.found if self.found else 0.0

    @property
    def recall(self) -> float:
        """right / actual; 0 if there is nothing."""
        return self.right / self.actual if self.actual else 0.0

    @property
    def f1(self) -> float:
        """Their harmonic mean, 2 right / (found + actual)."""
        return 2 * self.right / (self.found + self.actual) if self.found + self.actual else 0.0


def accuracy(predictions: Tensor | Array, targets: Tensor | Array, ignore_index: int | None = None) -> float:
    """The share of right answers, Σ [ŷ = t] / N.

    ``targets`` (…) are class numbers. ``predictions`` are class numbers of the same shape, or scores (…, C), of which the
    greatest is the answer. Targets equal to ``ignore_index`` are left out. ValueError if shapes do not fit, or if nothing is
    left.

    >>> import metagrad
    >>> accuracy(metagrad.tensor([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]]), metagrad.tensor([1, 0, 0]))
    0.6666666666666666
    """
    answers, truth = _answers(predictions, targets)
    kept = np.ones(truth.shape, bool) if ignore_index is None else truth != ignore_index
    if not kept.any():
        raise ValueError(f"expected at least one target to judge by, got none among {truth.size}")
    return float((answers == truth)[kept].mean())


def confusion_matrix(predictions: Tensor | Array, targets: Tensor | Array, num_classes: int | None = None) -> Array:
    """How often each class was taken for each: a matrix (C, C) of counts, actual classes down, answers across.

    Arguments as in ``accuracy``. C is ``num_classes``, or one more than the greatest class seen.

    >>> import numpy as np
    >>> confusion_matrix(np.array([0, 1, 1, 1]), np.array([0, 0, 1, 1])).tolist()
    [[1, 1], [0, 2]]
    """
    answers, truth = (x.reshape(-1) for x in _answers(predictions, targets))
    seen = int(max(answers.max(initial=-1), truth.max(initial=-1))) + 1
    classes = seen if num_classes is None else num_classes
    if seen > classes or min(answers.min(initial=0), truth.min(initial=0)) < 0:
        raise ValueError(f"expected classes from 0 to {classes - 1}, got others")
    return np.bincount(truth * classes + answers, minlength=classes * classes).reshape(classes, classes)


def perplexity(logits: Tensor | Array, targets: Tensor | Array, ignore_index: int | None = None) -> float:
    """How many words a language model wavers between on average: exp(−Σ ln p(t) / N), with p the softmax of the scores.

    ``logits`` (…, V), ``targets`` (…) of word numbers; targets equal to ``ignore_index`` are left out. A model that knows
    nothing has V.

    >>> import numpy as np
    >>> round(perplexity(np.zeros((2, 3, 50)), np.ones((2, 3), int)), 6)
    50.0
    """
    scores, truth = np.asarray(_array(logits), np.float64), _array(targets)
    if scores.shape[:-1] != truth.shape:
        raise ValueError(f"expected logits (…, V) for targets {truth.shape}, got {scores.shape}")
    kept = np.ones(truth.shape, bool) if ignore_index is None else truth != ignore_index
    if not kept.any():
        raise ValueError(f"expected at least one target to judge by, got none among {truth.size}")
    scores, truth = scores[kept], truth[kept]
    largest = scores.max(-1)
    log_sum = largest + np.log(np.exp(scores - largest[:, None]).sum(-1))
    return math.exp(float((log_sum - scores[np.arange(len(truth)), truth]).mean()))


def _answers(predictions: Tensor | Array, targets: Tensor | Array) -> tuple[Any, Any]:
    answers, truth = _array(predictions), _array(targets)
    if answers.shape != truth.shape and answers.shape[:-1] == truth.shape:
        answers = answers.argmax(-1)
    if answers.shape != truth.shape:
        raise ValueError(f"expected answers {truth.shape}, or scores {(*truth.shape, 'C')}, got {answers.shape}")
    return answers, truth


def _array(x: Tensor | Array) -> Array:
    return x.detach().cpu().numpy() if isinstance(x, Tensor) else np.asarray(x)
