"""Where embeddings come from: the gradient of a look-up, and of negative sampling."""

from __future__ import annotations

import numpy as np

from metagrad.base.typing import Array
from metagrad.learn.exercise import Chapter, Exercise, Mistake

_draw = np.random.default_rng(0)
G = _draw.normal(size=(4, 2))


def _added(indices: Array, g: Array, rows: int) -> Array:
    found = np.zeros((rows, g.shape[1]))
    np.add.at(found, indices, g)
    return found


def _last_only(indices: Array, g: Array, rows: int) -> Array:
    found = np.zeros((rows, g.shape[1]))
    found[indices] += g
    return found


def _mean(indices: Array, g: Array, rows: int) -> Array:
    counts = np.maximum(np.bincount(indices, minlength=rows), 1)
    found: Array = _added(indices, g, rows) / counts[:, None]
    return found


LOOKUP = Exercise(
    name="lookup_gradient",
    task="""y = E[indices] looks up a row of E for each index. Given the indices (N), the gradient g (N, D) of y,
    and how many rows E has, return the gradient of E. An index may occur several times.""",
    stub="""
import numpy as np

def lookup_gradient(indices, g, rows):
    ...
""",
    line="∂E[i] = Σ of ∂y over all places that looked up i",
    cases=[(np.array([2, 0, 2, 1]), G, 4), (np.array([1, 1, 1, 1]), G, 2), (np.array([0, 1, 2, 0]), G, 5)],
    right=_added,
    mistakes=[
        Mistake(
            _last_only,
            "Of equal indices only the last one counts. NumPy's E[indices] += g reads, adds and writes once for "
            "all; np.add.at adds for each.",
        ),
        Mistake(_mean, "The rows were averaged. A word used twice influences the result twice, and influences add up."),
        Mistake(
            lambda indices, g, rows: _added(indices, g, rows)[indices],
            "This has a row for each index again. The gradient of E has a row for each of E's.",
        ),
    ],
)

W, C = _draw.normal(size=3), _draw.normal(size=(3, 3))


def _sigmoid(s: Array) -> Array:
    found: Array = 1 / (1 + np.exp(-s))
    return found


def _scores(w: Array, c: Array, target: float = 1.0, others: float = 0.0, sign: float = 1.0) -> tuple[Array, Array]:
    ds = _sigmoid(c @ w)
    ds[0] -= target
    ds[1:] -= others
    ds = sign * ds
    return ds @ c, np.outer(ds, w)


SAMPLING = Exercise(
    name="sampling_gradient",
    task="""Negative sampling: w (D) is a word's vector; c (1 + k, D) are those of a true neighbour, in the first
    row, and of k made-up ones. Return ∂L/∂w and ∂L/∂c of L = −ln σ(w·c₀) − Σ ln σ(−w·cⱼ), as a pair.""",
    stub="""
def sampling_gradient(w, c):
    ...
""",
    line="∂s = σ(s) − t with t = 1 for the true pair and 0 for the others,   ∂w = Σ ∂s c,   ∂c = ∂s w",
    cases=[(W, C), (2 * W, C[:2]), (W, -C)],
    right=_scores,
    mistakes=[
        Mistake(
            lambda w, c: _scores(w, c, 1.0, 1.0),
            "The made-up pairs were taken for true ones. For them σ should be 0: their ∂s is σ(s).",
        ),
        Mistake(
            lambda w, c: _scores(w, c, sign=-1.0),
            "The sign is turned: this makes true pairs less probable. ∂s is σ(s) − t.",
        ),
        Mistake(
            lambda w, c: (_scores(w, c)[0], np.outer(_sigmoid(c @ w) - np.eye(len(c))[0], np.ones_like(w)) * c),
            "∂c was multiplied by c. The product w · c hands each the other one: ∂c = ∂s w.",
        ),
    ],
)

CHAPTER = Chapter(9, "Where do a word's numbers come from?", "book/09_embeddings", (LOOKUP, SAMPLING))
