"""A recurrent layer's steps for a GPU: all of them in one kernel, forward, and in another one back.

A step by itself is too little work for a GPU: it takes longer to begin a kernel than to compute it. But what a sequence does
depends on no other sequence. So each block of threads takes a few sequences of one direction through all of their steps, with
nobody to wait for but its own threads:

    forward, for each step t:     1. every thread sums its part of  W_hh hₜ₋₁  (the states are in the block's shared memory)
                                  2. the gates' formula, for each of the sequences and each feature
    back, from the last step on:  1. the gates' gradients, for each of the sequences and each feature
                                  2. every thread sums its part of  W_hhᵀ ∂a
                                  3. the parts are joined to ∂hₜ₋₁

The products with x, and the weights' gradients, are those of whole matrices (``nn/gpu_layer.py``). Each phase is written as work
of every thread, ``EACH(thread)`` to ``END``, with nothing kept in a thread between two of them: the tests run the same text as C.

Legend: N packed rows, T steps, B sequences, D directions, H features, G gates, R sequences of a block, P parts of a sum.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

from metagrad.base.device import cupy
from metagrad.kernels.cuda_text import PHASES

GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "LSTM": 4, "GRU": 3}
KEPT = {"RNN_TANH": 1, "RNN_RELU": 1, "LSTM": 5, "GRU": 4}  # numbers of a feature in a step that the gradient needs
_THREADS = 1024  # of a block, at most
_SHARED = 48 * 1024  # bytes that every block may have
_BLOCKS = 132  # that work at once: more of them, and each takes more sequences
_TOO_MUCH = 4_000_000  # numbers that a block reads in a step


class Plan(NamedTuple):
    """How a layer's work is dealt out."""

    sequences: int  # R
    forward_parts: int  # P
    backward_parts: int
    threads: int
    shared: int  # bytes


def plan(cell: str, batch: int, directions: int, hidden: int, itemsize: int) -> Plan | None:
    """The work of a layer dealt out; None where a block has too little memory, or whole products are quicker.

    A block reads W_hh once in each step, some 100 numbers a nanosecond at best: with many features and sequences a product of
    all sequences at once, for which W_hh is read once, is worth a kernel for each step.

    >>> plan("LSTM", 32, 2, 256, 4)
    Plan(sequences=1, forward_parts=1, backward_parts=4, threads=1024, shared=10240)
    >>> plan("LSTM", 4096, 2, 2048, 4) is None
    True
    """
    gates = GATES[cell] * hidden
    forward, backward = max(1, _THREADS // gates), max(1, _THREADS // hidden)
    each = itemsize * (2 * hidden + gates + max(forward * gates, backward * hidden))  # bytes for a sequence
    fitting = [n for n in (8, 4, 2, 1) if n * each <= _SHARED]
    if not fitting:
        return None
    sequences = next((n for n in fitting[::-1] if batch * directions <= _BLOCKS * n), fitting[0])
    if -(-batch * directions // (_BLOCKS * sequences)) * gates * hidden > _TOO_MUCH:
        return None
    threads = min(_THREADS, -(-max(forward * gates, backward * hidden) // 32) * 32)
    return Plan(sequences, forward, backward, threads, sequences * each)


_SIGMOID = """
DEVICE NUMBER sigmoid(NUMBER x) { return 1 / (EXP(-x) + 1); }
"""


def _states(h: str, c: str, from_h: str, from_c: str, into_h: str, into_c: str) -> dict[str, str]:
    """The phases in which a block takes its sequences' states from a GPU's memory, and gives them back."""
    whole = """
  EACH(thread)
    for (int i = thread; i < R * H; i += THREADS) {
      const int b = first + i / H;
      const long long at = ((long long)d * batch + b) * H + i % H;
      LINES
    }
  END
"""
    taken = f"{h}[i] = b < batch ? {from_h}[at] : 0;\n      if (HAS_C) {c}[i] = b < batch ? {from_c}[at] : 0;"
    given = f"if (b < batch) {into_h}[at] = {h}[i];\n      if (b < batch && HAS_C) {into_c}[at] = {c}[i];"
    return {"TAKE_STATES": whole.replace("LINES", taken), "GIVE_STATES": whole.replace("LINES", given)}


def _sums(vectors: str, depth: str, width: str) -> str:
    """The phase in which each thread sums its part of the products of R vectors with w (depth, width)."""
    return f"""
    EACH(thread)
      for (int i = thread; i < P * {width}; i += THREADS) {{
        const int part = i / {width}, column = i % {width};
        const int from = part * PART, to = from + PART < {depth} ? from + PART : {depth};
        NUMBER sum[R];
        UNROLL
        for (int r = 0; r < R; r++) sum[r] = 0;
        UNROLL_8
        for (int row = from; row < to; row++) {{
          const NUMBER weight = w[row * {width} + column];
          UNROLL
          for (int r = 0; r < R; r++) sum[r] += weight * {vectors}[r * {depth} + row];
        }}
        UNROLL
        for (int r = 0; r < R; r++) sums[(part * R + r) * {width} + column] = sum[r];
      }}
    END
"""


_FORWARD = """
KERNEL forward(const NUMBER *inputs, const NUMBER *weights, const NUMBER *bias_x0, const NUMBER *bias_h0,
               const NUMBER *bias_x1, const NUMBER *bias_h1, const NUMBER *h0, const NUMBER *c0,
               const long long *starts, const int *lengths, NUMBER *y, NUMBER *h_last, NUMBER *c_last,
               NUMBER *kept, NUMBER *before, const int rows, const int batch, const int directions, const int longest) {
  SHARED
  const int d = BLOCK_Y, first = BLOCK_X * R;
  NUMBER *h = memory, *c = h + R * H, *sums = c + R * H;
  const NUMBER *w = weights + (long long)d * H * GH, *x = inputs + (long long)d * rows * GH;
  const NUMBER *bias_x = d ? bias_x1 : bias_x0, *bias_h = d ? bias_h1 : bias_h0;

  TAKE_STATES

  for (int s = 0; s < longest; s++) {
    const int t = d ? longest - 1 - s : s;

    SUM_PRODUCTS

    EACH(thread)
      for (int i = thread; i < R * H; i += THREADS) {
        const int r = i / H, j = i % H, b = first + r;
        if (b >= batch || t >= lengths[b]) continue;
        const long long row = starts[t] + b, at = (long long)d * rows + row;
        NUMBER of_x[G], of_h[G];
        UNROLL
        for (int g = 0; g < G; g++) {
          of_x[g] = x[row * GH + g * H + j];
          of_h[g] = 0;
          for (int part = 0; part < P; part++) of_h[g] += sums[(part * R + r) * GH + g * H + j];
          if (HAS_BIAS) {
            of_x[g] += bias_x[g * H + j];
            of_h[g] += bias_h[g * H + j];
          }
        }
        NUMBER *keep = kept + at * KEPT * H + j;
        const NUMBER was = h[i];
        NUMBER now;
        CELL_STEP
        if (before) before[at * H + j] = was;
        h[i] = now;
        y[row * directions * H + d * H + j] = now;
      }
    END
  }

  GIVE_STATES
}
"""

_BACKWARD = """
KERNEL backward(const NUMBER *grad_y, const NUMBER *grad_h, const NUMBER *grad_c, const NUMBER *weights0,
                const NUMBER *weights1, const NUMBER *kept, const NUMBER *before,
                const long long *starts, const int *lengths, NUMBER *grad_x_gates, NUMBER *grad_h_gates,
                NUMBER *grad_h0, NUMBER *grad_c0, const int rows, const int batch, const int directions,
                const int longest) {
  SHARED
  const int d = BLOCK_Y, first = BLOCK_X * R;
  NUMBER *dh = memory, *dc = dh + R * H, *da = dc + R * H, *sums = da + R * GH;
  const NUMBER *w = d ? weights1 : weights0;

  TAKE_STATES

  for (int s = 0; s < longest; s++) {
    const int t = d ? s : longest - 1 - s;

    EACH(thread)
      for (int i = thread; i < R * H; i += THREADS) {
        const int r = i / H, j = i % H, b = first + r;
        NUMBER to_x[G], to_h[G];
        UNROLL
        for (int g = 0; g < G; g++) to_x[g] = to_h[g] = 0;
        if (b < batch && t < lengths[b]) {
          const long long row = starts[t] + b, at = (long long)d * rows + row;
          const NUMBER *keep = kept + at * KEPT * H + j;
          const NUMBER was = before[at * H + j];
          const NUMBER grad = dh[i] + grad_y[row * directions * H + d * H + j];
          NUMBER direct = 0;
          CELL_STEP
          dh[i] = direct;
          UNROLL
          for (int g = 0; g < G; g++) {
            grad_x_gates[at * GH + g * H + j] = to_x[g];
            if (HAS_OWN_H_GATES) grad_h_gates[at * GH + g * H + j] = to_h[g];
          }
        }
        UNROLL
        for (int g = 0; g < G; g++) da[r * GH + g * H + j] = to_h[g];
      }
    END

    SUM_PRODUCTS

    EACH(thread)
      for (int i = thread; i < R * H; i += THREADS) {
        const int r = i / H, b = first + r;
        if (b < batch && t < lengths[b])
          for (int part = 0; part < P; part++) dh[i] += sums[(part * R + r) * H + i % H];
      }
    END
  }

  GIVE_STATES
}
"""

# What stands for these names in the texts.
_PHASES_FORWARD = {
    **_states("h", "c", "h0", "c0", "h_last", "c_last"),
    "SUM_PRODUCTS": _sums("h", "H", "GH"),
}
_PHASES_BACK = {
    **_states("dh", "dc", "grad_h", "grad_c", "grad_h0", "grad_c0"),
    "SUM_PRODUCTS": _sums("da", "GH", "H"),
}

# A step of one feature. Forward, of_x and of_h are the gates' sums, and ``was`` is h before: to ``now``, and to c[i] of an LSTM.
# Back, ``grad`` is the gradient of ``now``: to those of the gates' sums, and to what of it goes straight to ``was``.
_RNN = (
    """
        now = ACTIVATION(of_x[0] + of_h[0]);
        if (before) keep[0] = now;
""",
    """
          const NUMBER now = keep[0];
          to_x[0] = to_h[0] = SLOPE;
""",
)
_LSTM = (
    """
        const NUMBER in = sigmoid(of_x[0] + of_h[0]), forget = sigmoid(of_x[1] + of_h[1]);
        const NUMBER new_ = TANH(of_x[2] + of_h[2]), out = sigmoid(of_x[3] + of_h[3]);
        if (before) { keep[0] = in; keep[H] = forget; keep[2 * H] = new_; keep[3 * H] = out; keep[4 * H] = c[i]; }
        c[i] = forget * c[i] + in * new_;
        now = out * TANH(c[i]);
""",
    """
          const NUMBER in = keep[0], forget = keep[H], new_ = keep[2 * H], out = keep[3 * H], c_was = keep[4 * H];
          const NUMBER bent = TANH(forget * c_was + in * new_);
          const NUMBER grad_c_now = dc[i] + grad * out * (1 - bent * bent);
          to_x[0] = grad_c_now * new_ * in * (1 - in);
          to_x[1] = grad_c_now * c_was * forget * (1 - forget);
          to_x[2] = grad_c_now * in * (1 - new_ * new_);
          to_x[3] = grad * bent * out * (1 - out);
          for (int g = 0; g < G; g++) to_h[g] = to_x[g];
          dc[i] = grad_c_now * forget;
""",
)
_GRU = (
    """
        const NUMBER reset = sigmoid(of_x[0] + of_h[0]), update = sigmoid(of_x[1] + of_h[1]);
        const NUMBER new_ = TANH(of_x[2] + reset * of_h[2]);
        if (before) { keep[0] = reset; keep[H] = update; keep[2 * H] = new_; keep[3 * H] = of_h[2]; }
        now = new_ + update * (was - new_);
""",
    """
          const NUMBER reset = keep[0], update = keep[H], new_ = keep[2 * H], of_h = keep[3 * H];
          to_x[2] = grad * (1 - update) * (1 - new_ * new_);
          to_x[1] = to_h[1] = grad * (was - new_) * update * (1 - update);
          to_x[0] = to_h[0] = to_x[2] * of_h * reset * (1 - reset);
          to_h[2] = to_x[2] * reset;
          direct = grad * update;
""",
)
_CELLS = {"RNN_TANH": _RNN, "RNN_RELU": _RNN, "LSTM": _LSTM, "GRU": _GRU}


def text_of(cell: str, dtype: str, hidden: int, has_bias: bool, dealt: Plan, backward: bool) -> str:
    """A kernel's text, ``forward`` or ``backward``, for layers of this size.

    >>> "KERNEL forward(" in text_of("GRU", "float32", 8, True, plan("GRU", 2, 1, 8, 4), backward=False)
    True
    """
    gates, single = GATES[cell] * hidden, "f" if dtype == "float32" else ""
    parts = dealt.backward_parts if backward else dealt.forward_parts
    is_tanh = cell == "RNN_TANH"
    defined = {
        "NUMBER": "float" if single else "double",
        "EXP": f"exp{single}",
        "TANH": f"tanh{single}",
        "ACTIVATION(x)": f"tanh{single}(x)" if is_tanh else "((x) > 0 ? (x) : (x) <= 0 ? 0 : (x))",  # nan stays nan
        "SLOPE": "grad * (1 - now * now)" if is_tanh else "(now > 0 ? grad : 0)",
        "H": hidden, "G": GATES[cell], "GH": gates, "R": dealt.sequences, "P": parts,
        "PART": -(-(gates if backward else hidden) // parts), "KEPT": KEPT[cell],
        "HAS_C": int(cell == "LSTM"), "HAS_BIAS": int(has_bias), "HAS_OWN_H_GATES": int(cell == "GRU"),
    }  # fmt: skip
    lines = [f"#define {name} {value}" for name, value in defined.items()]
    body, phases = (_BACKWARD, _PHASES_BACK) if backward else (_FORWARD, _PHASES_FORWARD)
    for name, phase in {**phases, "CELL_STEP": _CELLS[cell][backward]}.items():
        body = body.replace(name, phase)
    return "\n".join(lines) + PHASES + _SIGMOID + body


@functools.lru_cache(maxsize=256)
def kernel(cell: str, dtype: str, hidden: int, has_bias: bool, dealt: Plan, backward: bool) -> Any:
    """The compiled kernel, to be called with its grid, its block and its arguments."""
    text = text_of(cell, dtype, hidden, has_bias, dealt, backward)
    return cupy().RawKernel(text, "backward" if backward else "forward")  # type: ignore[union-attr]
