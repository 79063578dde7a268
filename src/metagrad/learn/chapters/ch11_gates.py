"""What an LSTM keeps: a step of it, and the gradient of its cell."""

from __future__ import annotations

import numpy as np

from metagrad.base.typing import Array
from metagrad.learn.exercise import Chapter, Exercise, Mistake

_draw = np.random.default_rng(0)
Pair = tuple[Array, Array]


def _sigmoid(a: Array) -> Array:
    found: Array = 1 / (1 + np.exp(-a))
    return found


def _step(a: Array, c: Array, order: str = "ifgo", new: bool = True, shown: bool = True, couple: bool = False) -> Pair:
    part = dict(zip(order, np.split(a, 4), strict=True))
    i, f, o = (_sigmoid(part[k]) for k in "ifo")
    g = np.tanh(part["g"]) if new else _sigmoid(part["g"])
    c = (1 - i if couple else f) * c + i * g
    return o * (np.tanh(c) if shown else c), c


STEP = Exercise(
    name="lstm_step",
    task="""One step of an LSTM: a (4 H) is xW + hU + b, the four parts i, f, g, o one after the other, and c (H) is
    the cell before. Return the new h and the new c as a pair.""",
    stub="""
import numpy as np

def lstm_step(a, c):
    ...
""",
    line="i, f, o = σ(a),  g = tanh a,   cₜ = f ⊙ cₜ₋₁ + i ⊙ g,   hₜ = o ⊙ tanh cₜ",
    cases=[(_draw.normal(size=4 * n), _draw.normal(size=n)) for n in (1, 2, 3)],
    right=_step,
    mistakes=[
        Mistake(
            lambda a, c: _step(a, c, new=False),
            "g has a sigmoid. It is no gate but what comes in, and must be able to be negative: a tanh.",
        ),
        Mistake(
            lambda a, c: _step(a, c, shown=False),
            "h is o ⊙ c: the tanh between the cell and the output gate is missing.",
        ),
        Mistake(lambda a, c: _step(a, c, order="figo"), "The parts i and f are exchanged: the order is i, f, g, o."),
        Mistake(lambda a, c: _step(a, c, order="ifog"), "The parts g and o are exchanged: the order is i, f, g, o."),
    ],
)


def _back(dh: Array, dc_next: Array, f: Array, o: Array, c: Array, bend: bool = True, keep: bool = True) -> Pair:
    dc = dh * o * (1 - np.tanh(c) ** 2 if bend else 1) + (dc_next if keep else 0)
    return dc, dc * f


def _without_gate(dh: Array, dc_next: Array, f: Array, o: Array, c: Array) -> Pair:
    dc = _back(dh, dc_next, f, o, c)[0]
    return dc, dc


CELL = Exercise(
    name="cell_gradient",
    task="""The cell's gradient in one step: dh (H) reaches h = o ⊙ tanh c, and dc_next (H) has come back from the
    next step's cell. Return ∂c of this step, and what it sends to the cell before, of which the share f was kept,
    as a pair.""",
    stub="""
def cell_gradient(dh, dc_next, f, o, c):
    ...
""",
    line="∂cₜ = ∂hₜ ⊙ o ⊙ (1 − tanh² cₜ) + what came back,   and f ⊙ ∂cₜ goes to cₜ₋₁",
    cases=[
        (_draw.normal(size=n), _draw.normal(size=n), _draw.random(n), _draw.random(n), _draw.normal(size=n))
        for n in (1, 2, 3)
    ],
    right=_back,
    mistakes=[
        Mistake(
            lambda dh, dc_next, f, o, c: _back(dh, dc_next, f, o, c, keep=False),
            "What came back from the next cell is missing. That is the way on which the gradient does not vanish.",
        ),
        Mistake(
            lambda dh, dc_next, f, o, c: _back(dh, dc_next, f, o, c, bend=False),
            "The gradient went past the tanh between the cell and the output gate: 1 − tanh² c is missing.",
        ),
        Mistake(
            _without_gate,
            "All of ∂c was sent to the cell before. Only the share f of it was kept, so only f ⊙ ∂c goes back.",
        ),
    ],
)

CHAPTER = Chapter(11, "What do an LSTM and a GRU keep?", "book/11_gates", (STEP, CELL))
