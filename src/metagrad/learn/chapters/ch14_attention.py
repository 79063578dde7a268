"""Looking back: attention and its gradient, and the mask that hides the future."""

from __future__ import annotations

import numpy as np

from metagrad.base.typing import Array
from metagrad.learn.exercise import Chapter, Exercise, Mistake, called_quietly

_draw = np.random.default_rng(0)


def _softmax(s: Array, axis: int = -1) -> Array:
    e = np.exp(s - s.max(axis, keepdims=True))
    found: Array = e / e.sum(axis, keepdims=True)
    return found


def _causal(q: Array, k: Array, v: Array, scaled: bool = True, hidden: int = 1, axis: int = -1) -> Array:
    s = q @ k.T
    if scaled:
        s = s / np.sqrt(q.shape[1])
    if hidden is not None:
        s = np.where(np.triu(np.ones_like(s), hidden) > 0, -np.inf, s)
    with np.errstate(all="ignore"):
        found: Array = _softmax(s, axis) @ v
    return found


def _open(q: Array, k: Array, v: Array) -> Array:
    found: Array = _softmax(q @ k.T / np.sqrt(q.shape[1])) @ v
    return found


def _zeroed(q: Array, k: Array, v: Array) -> Array:
    found: Array = np.tril(_softmax(q @ k.T / np.sqrt(q.shape[1]))) @ v
    return found


def _case(t: int, d: int) -> tuple[Array, Array, Array]:
    return _draw.normal(size=(t, d)), _draw.normal(size=(t, d)), _draw.normal(size=(t, 2))


CAUSAL = Exercise(
    name="causal_attention",
    task="""Self-attention that does not look ahead: for Q, K (T, d) and V (T, n), place t looks at the places up to
    and including t. Return Y (T, n).""",
    stub="""
import numpy as np

def causal_attention(Q, K, V):
    ...
""",
    line="S = Q Kᵀ/√d, −∞ where a place would look at a later one,   P = softmax of each row,   Y = P V",
    cases=[_case(3, 4), _case(5, 2), _case(1, 3)],
    right=_causal,
    ask=called_quietly,
    mistakes=[
        Mistake(
            _open, "Every place looks at all places, the later ones too: set their scores to −∞ before the softmax."
        ),
        Mistake(
            lambda q, k, v: _causal(q, k, v, scaled=False),
            "The scores are not divided by √d. Their variance is d, and a softmax of large scores has chosen already.",
        ),
        Mistake(
            _zeroed,
            "The weights of later places were set to 0 after the softmax, so the rest no longer sums to 1: hide "
            "them before it.",
        ),
        Mistake(
            lambda q, k, v: _causal(q, k, v, hidden=0),
            "A place does not see itself, and the first one sees nothing at all: hide only what is later.",
        ),
    ],
)


def _score_gradient(p: Array, dp: Array) -> Array:
    found: Array = p * (dp - (p * dp).sum(-1, keepdims=True))
    return found


def _probabilities(t: int, s: int) -> tuple[Array, Array]:
    return _softmax(_draw.normal(size=(t, s))), _draw.normal(size=(t, s))


SCORES = Exercise(
    name="score_gradient",
    task="""P is the softmax of each row of the scores S. Given P and ∂P, return ∂S.""",
    stub="""
def score_gradient(P, dP):
    ...
""",
    line="∂S = P ⊙ (∂P − Σ P ⊙ ∂P), the sum over each row",
    cases=[_probabilities(2, 3), _probabilities(1, 5), _probabilities(4, 2)],
    right=_score_gradient,
    mistakes=[
        Mistake(
            lambda p, dp: p * dp,
            "The weights sum to 1, so what one gets the others lose: the mean Σ P ⊙ ∂P of the row is to be "
            "subtracted first.",
        ),
        Mistake(
            lambda p, dp: p * (dp - dp.mean(-1, keepdims=True)),
            "The plain mean was subtracted. It is the mean with the weights P.",
        ),
        Mistake(
            lambda p, dp: p * (1 - p) * dp,
            "This is a sigmoid's slope, for each weight by itself. In a softmax each score moves all the weights "
            "of its row.",
        ),
    ],
)

CHAPTER = Chapter(14, "May it look back?", "book/14_attention", (CAUSAL, SCORES))
