"""A recurrent layer over one sequence, forward only: what answering a single sentence needs.

With one sequence a step is a product of a matrix and a vector and a few short ufuncs, and their calls cost more than their
arithmetic. So there are as few calls as possible: both directions advance in one loop, side by side in the same arrays;
nothing is kept for a gradient; weights are used as they are, for copies in a better order would cost more than they save.

Legend: T steps, D directions, I inputs, H hidden features, P outputs (H without a projection), G gates. Arrays (T, D, *) are
in the order of the visits: row t belongs to step t of direction 0 and to step T − 1 − t of direction 1.

σ(a) = ½ + ½ tanh(a/2), so that one call of tanh serves all gates.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.compiled import one_sequence as compiled
from metagrad.kernels.compiled.choice import use_compiled
from metagrad.kernels.compiled.products import panels
from metagrad.kernels.matmul import product
from metagrad.kernels.recurrent.loops import both, gru_biases
from metagrad.kernels.rows import for_loop
from metagrad.kernels.threads import run_in_turn, run_on_threads


def run(cell: str, x: Array, states: Sequence[Array], weights: Sequence[Sequence[Array]]) -> tuple[Array, ...]:
    """(y (T, D·P), final h (D, 1, P), and final c (D, 1, H) of an LSTM) for x (T, I), states (D, 1, *).

    cell: RNN_TANH, RNN_RELU, LSTM or GRU; weights: for each direction W_ih, W_hh, b_ih, b_hh, and W_hr or nothing.
    """
    if use_compiled(x, 0):
        return _on_loops(cell, x, states, weights)
    (found,) = run_in_turn([lambda: _by_calls(cell, x, states, weights)])
    return found


def _by_calls(cell: str, x: Array, states: Sequence[Array], weights: Sequence[Sequence[Array]]) -> tuple[Array, ...]:
    """``run`` by NumPy's calls, both directions in one loop."""
    first_h = states[0][:, 0]
    steps, directions, width = len(x), len(weights), first_h.shape[1]
    h = np.empty((steps + 1, directions, width), x.dtype)  # row t + 1 is what visit t ends with
    h[0] = first_h
    inputs = _inputs(x, weights, both_biases=cell != "GRU")
    w_hh = [each[1] for each in weights]
    final: list[Array] = []
    if cell == "LSTM":
        final = [_lstm(inputs, h, states[1][:, 0], w_hh, [each[4] for each in weights if len(each) > 4])]
    elif cell == "GRU":
        _gru(inputs, h, w_hh, [each[3] for each in weights])
    else:
        _rnn(inputs, h, w_hh, np.tanh if cell == "RNN_TANH" else None)
    y = np.empty((steps, directions * width), x.dtype)
    y[:, :width] = h[1:, 0]
    if directions == 2:
        y[:, width:] = h[:0:-1, 1]
    return y, *[f[:, None] for f in (h[-1].copy(), *final)]


def _on_loops(cell: str, x: Array, states: Sequence[Array], weights: Sequence[Sequence[Array]]) -> tuple[Array, ...]:
    """``run`` on compiled loops, each direction on a thread if that pays."""
    final = [s.copy() for s in states]
    y, u = np.empty((len(x), len(weights), states[0].shape[2]), x.dtype), panels(x.T)
    jobs = [
        functools.partial(_loop(cell, weights[d], [f[d] for f in final], x.dtype), u, y, d) for d in range(len(weights))
    ]
    if len(x) * sum(w.size for w in weights[0][:2]) < tuning.ONE_SEQUENCE_WORTH_THREADS:
        for job in jobs:
            job()
    else:
        run_on_threads(jobs)
    return y.reshape(len(x), -1), *final


def _loop(
    cell: str, weights: Sequence[Array], states: Sequence[Array], kind: np.dtype[Any]
) -> Callable[[Array, Array, int], None]:
    """A direction's loop, as a function of the inputs in panels, y, and its number; the states become the final ones."""
    w_ih, w_hh, b_ih, b_hh, *projection = weights
    bias, b_q = gru_biases(b_ih, b_hh) if cell == "GRU" else (both(b_ih, b_hh), None)
    bias = np.zeros(len(w_ih), kind) if bias is None else bias
    w_ih, w, h = for_loop(w_ih), for_loop(w_hh), states[0]
    if cell == "GRU":
        b_q = np.zeros(len(w) // 3, kind) if b_q is None else b_q.copy()
        return lambda u, y, d: compiled.gru(u, w_ih, bias, w, b_q, h, y, d)
    if cell == "LSTM":
        w_hr = for_loop(projection[0]) if projection else None
        return lambda u, y, d: compiled.lstm(u, w_ih, bias, w, h, states[1], y, d, w_hr)
    return lambda u, y, d: compiled.rnn(u, w_ih, bias, w, h, y, d, cell == "RNN_RELU")


def _inputs(x: Array, weights: Sequence[Sequence[Array]], both_biases: bool) -> Array:
    """What the inputs contribute to the gates, (T, D, G·H)."""
    found = np.empty((len(x), len(weights), len(weights[0][0])), x.dtype)
    for d, (w_ih, _, b_ih, b_hh, *_) in enumerate(weights):
        a = product(x, w_ih.T)
        if b_ih is not None:
            a += b_ih + b_hh if both_biases else b_ih
        found[:, d] = a[::-1] if d else a
    return found


def _recurrent_products(h: Array, w_hh: Sequence[Array], out: Array) -> list[list[tuple[Array, Array, Array]]]:
    """For each visit the arguments of the products W_hh h of all directions, which end in ``out`` (D, G·H)."""
    before = [list(h[:-1, d]) for d in range(len(w_hh))]
    return [[(w, b, o) for w, b, o in zip(w_hh, row, out, strict=True)] for row in zip(*before, strict=True)]


def _rnn(inputs: Array, h: Array, w_hh: Sequence[Array], activate: Any) -> None:
    """hₜ = tanh(aₜ + W_hh hₜ₋₁), or relu if there is no ``activate``."""
    dot, add, maximum = np.dot, np.add, np.maximum
    s, zero = np.empty(inputs.shape[1:], h.dtype), np.zeros((), h.dtype)
    for products, a_t, h_t in zip(_recurrent_products(h, w_hh, s), list(inputs), list(h[1:]), strict=True):
        for w, before, out in products:
            dot(w, before, out)
        add(a_t, s, a_t)
        if activate is None:
            maximum(a_t, zero, out=h_t)
        else:
            activate(a_t, h_t)


def _gate_scale(directions: int, hidden: int, sigmoid: Sequence[bool], dtype: Any) -> tuple[Array, Array]:
    """(D, G·H): what a gate's argument and tanh are multiplied with, and what is added, to make tanh a sigmoid."""
    scale = np.repeat(np.array([0.5 if s else 1.0 for s in sigmoid], dtype), hidden)
    shift = np.repeat(np.array([0.5 if s else 0.0 for s in sigmoid], dtype), hidden)
    return np.tile(scale, (directions, 1)), np.tile(shift, (directions, 1))


def _lstm(inputs: Array, h: Array, first_c: Array, w_hh: Sequence[Array], w_hr: Sequence[Array]) -> Array:
    """i, f, g, o = σ, σ, tanh, σ of aₜ + W_hh hₜ₋₁;   cₜ = f cₜ₋₁ + i g;   hₜ = o tanh cₜ (times W_hr). The last c."""
    dot, add, multiply, tanh = np.dot, np.add, np.multiply, np.tanh
    directions, hidden = first_c.shape
    s, m, p, c = np.empty(inputs.shape[1:], h.dtype), np.empty_like(first_c), np.empty_like(first_c), first_c.copy()
    i, f, g, o = s.reshape(directions, 4, hidden).swapaxes(0, 1)
    scale, shift = _gate_scale(directions, hidden, (True, True, False, True), h.dtype)
    for products, a_t, h_t in zip(_recurrent_products(h, w_hh, s), list(inputs), list(h[1:]), strict=True):
        for w, before, out in products:
            dot(w, before, out)
        add(s, a_t, s)
        multiply(s, scale, s)
        tanh(s, s)
        multiply(s, scale, s)
        add(s, shift, s)
        multiply(c, f, c)
        multiply(i, g, p)
        add(c, p, c)
        tanh(c, m)
        if w_hr:
            multiply(m, o, m)
            for w, before, out in zip(w_hr, m, h_t, strict=True):
                dot(w, before, out)
        else:
            multiply(m, o, h_t)
    return c


def _gru(inputs: Array, h: Array, w_hh: Sequence[Array], b_hh: Sequence[Any]) -> None:
    """r, z = σ(a + u), n = tanh(a_n + r u_n) with u = W_hh hₜ₋₁ + b_hh;   hₜ = n + z (hₜ₋₁ − n)."""
    dot, add, subtract, multiply, tanh = np.dot, np.add, np.subtract, np.multiply, np.tanh
    _, directions, hidden = h.shape
    u, n = np.empty(inputs.shape[1:], h.dtype), np.empty(h.shape[1:], h.dtype)
    b_n = np.zeros(n.shape, h.dtype)
    if b_hh[0] is not None:
        biases = np.stack(b_hh)
        inputs[:, :, : 2 * hidden] += biases[:, : 2 * hidden]
        b_n = biases[:, 2 * hidden :].copy()
    gates, u_n = u[:, : 2 * hidden], u[:, 2 * hidden :]
    r, z = u[:, :hidden], u[:, hidden : 2 * hidden]
    a_gates, a_n = list(inputs[:, :, : 2 * hidden]), list(inputs[:, :, 2 * hidden :])
    half, rows = np.asarray(0.5, h.dtype), list(h)
    for products, a_t, an_t, h_t, y_t in zip(
        _recurrent_products(h, w_hh, u), a_gates, a_n, rows[:-1], rows[1:], strict=True
    ):
        for w, before, out in products:
            dot(w, before, out)
        add(gates, a_t, gates)
        multiply(gates, half, gates)
        tanh(gates, gates)
        multiply(gates, half, gates)
        add(gates, half, gates)
        add(u_n, b_n, n)
        multiply(n, r, n)
        add(n, an_t, n)
        tanh(n, n)
        subtract(h_t, n, y_t)
        multiply(y_t, z, y_t)
        add(y_t, n, y_t)
