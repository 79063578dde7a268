"""Recurrent layers, spelled out: one step after the other, in ordinary ops.

Legend: T steps, B sequences, I input features, H hidden features, G gates (1 for RNN, 4 for LSTM, 3 for GRU).
x input, h hidden state, c cell state; W_ih (G·H, I), W_hh (G·H, H), b_ih and b_hh (G·H).

What the input contributes to the gates, ``W_ih x + b_ih``, does not depend on the state, so it is one product for all
steps. The steps come as a list, one tensor (Bₜ, G·H) for each, and sequences are in order of falling length: where
Bₜ₊₁ < Bₜ the last sequences have ended. Padded input is the case in which all Bₜ are equal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from metagrad.ops.linalg.matmul import linear
from metagrad.ops.shape.joining import cat

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

State = tuple["Tensor", ...]  # (h,) or (h, c)
Step = Callable[["Tensor", State], State]


def rnn_step(nonlinearity: str, w_hh: Tensor, b_hh: Tensor | None) -> Step:
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu instead of tanh (Elman 1990)."""

    def step(gates_x: Tensor, state: State) -> State:
        (h,) = state
        a = gates_x + linear(h, w_hh, b_hh)
        return (a.tanh() if nonlinearity == "tanh" else a.relu(),)

    return step


def lstm_step(w_hh: Tensor, b_hh: Tensor | None, w_hr: Tensor | None = None) -> Step:
    """Long short-term memory (Hochreiter and Schmidhuber 1997; Gers et al. 2000).

    i, f, g, o = σ, σ, tanh, σ of the four parts of W_ih x + b_ih + W_hh h + b_hh;   c' = f c + i g;   h' = o tanh c',
    and with a projection h' = W_hr (o tanh c') (Sak et al. 2014).
    """

    def step(gates_x: Tensor, state: State) -> State:
        h, c = state
        i, f, g, o = (gates_x + linear(h, w_hh, b_hh)).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        return (h if w_hr is None else linear(h, w_hr)), c

    return step


def gru_step(w_hh: Tensor, b_hh: Tensor | None) -> Step:
    """Gated recurrent unit (Cho et al. 2014), with the reset gate after the product, as PyTorch has it.

    r = σ(a_r + u_r),  z = σ(a_z + u_z),  n = tanh(a_n + r u_n)  with a = W_ih x + b_ih and u = W_hh h + b_hh;
    h' = (1 − z) n + z h.
    """

    def step(gates_x: Tensor, state: State) -> State:
        (h,) = state
        a_r, a_z, a_n = gates_x.chunk(3, 1)
        u_r, u_z, u_n = linear(h, w_hh, b_hh).chunk(3, 1)
        r, z = (a_r + u_r).sigmoid(), (a_z + u_z).sigmoid()
        n = (a_n + r * u_n).tanh()
        return (n + z * (h - n),)

    return step


def unroll(step: Step, gates_x: Sequence[Tensor], state: State) -> tuple[list[Tensor], State]:
    """Run ``step`` from the first time step to the last: the outputs, and each sequence's state at its own end."""
    outputs: list[Tensor] = []
    ended: list[State] = []
    for gates in gates_x:
        running = gates.array.shape[0]
        if running < state[0].array.shape[0]:
            ended.append(tuple(s[running:] for s in state))
            state = tuple(s[:running] for s in state)
        state = step(gates, state)
        outputs.append(state[0])
    if ended:
        ended.append(state)
        state = tuple(cat(parts) for parts in zip(*ended[::-1], strict=True))
    return outputs, state


def unroll_reverse(step: Step, gates_x: Sequence[Tensor], initial: State) -> tuple[list[Tensor], State]:
    """Run ``step`` from the last time step to the first; a sequence joins in, with its initial state, at its own end."""
    outputs: list[Tensor] = []
    state = tuple(s[: gates_x[-1].array.shape[0]] for s in initial)
    for gates in gates_x[::-1]:
        before, running = state[0].array.shape[0], gates.array.shape[0]
        if running > before:
            state = tuple(cat([s, first[before:running]]) for s, first in zip(state, initial, strict=True))
        state = step(gates, state)
        outputs.append(state[0])
    return outputs[::-1], state


def layer(
    make_step: Callable[..., Step],
    x: Tensor,
    batch_sizes: Sequence[int],
    initial: State,
    weights: Sequence[Tensor | None],
    reverse: bool,
) -> tuple[Tensor, State]:
    """One direction of one layer over packed input: x (Σ Bₜ, I) gives the outputs (Σ Bₜ, H) and the final state.

    weights: W_ih, W_hh, b_ih, b_hh, and W_hr where there is a projection; the biases may be None.
    """
    w_ih, w_hh, b_ih, b_hh, *projection = weights
    assert w_ih is not None
    gates_x = linear(x, w_ih, b_ih).split(list(batch_sizes))
    run = unroll_reverse if reverse else unroll
    outputs, final = run(make_step(w_hh, b_hh, *projection), gates_x, initial)
    return cat(outputs), final
