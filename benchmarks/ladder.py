"""From the plain loop to the kernel: what each technique of ``docs/recurrence.md`` is worth, for one LSTM layer.

Every rung of a ladder does the same work, of the article's size, and the rungs are timed by turns. The first ladder is the
forward pass of one direction, in functions of ten lines; the second is metagrad's own layer, forward and backward, with one
technique after the other switched on.
"""

import contextlib
import statistics
import time
from unittest import mock

import numpy as np

import metagrad
from benchmarks.recurrent import sentence_lengths
from metagrad.kernels import threads, workspace
from metagrad.kernels.recurrent.lstm import LSTM as Kernel
from metagrad.kernels.recurrent.steps import Inputs
from metagrad.nn import fast_recurrence
from metagrad.nn.fast_recurrence import Layer, plain_layer

BATCH, HIDDEN = 32, 128
LENGTHS = sorted(sentence_lengths(BATCH), reverse=True)
STEPS = LENGTHS[0]


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def step_by_step(x, h, c, w, u, b):
    """The formulas as they stand, gates in PyTorch's order, a product for every step's input."""
    y = []
    for x_t in x:
        i, f, g, o = np.split(x_t @ w.T + h @ u.T + b, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        y.append(h)
    return np.stack(y)


def one_product(x, h, c, w, u, b):
    """All steps' inputs in one product."""
    a, y = x.reshape(-1, x.shape[2]) @ w.T + b, []
    for a_t in a.reshape(len(x), len(h), -1):
        i, f, g, o = np.split(a_t + h @ u.T, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        y.append(h)
    return np.stack(y)


def into_memory_at_hand(x, h, c, w, u, b):
    """The same without allocation in the loop."""
    a = (x.reshape(-1, x.shape[2]) @ w.T + b).reshape(len(x), len(h), -1)
    y, c, u = np.empty((len(x), *h.shape), x.dtype), c.copy(), np.ascontiguousarray(u.T)
    s, p = np.empty(a.shape[1:], x.dtype), np.empty_like(c)
    i, f, g, o = np.split(s, 4, axis=1)
    one = np.ones((), x.dtype)
    for a_t, y_t in zip(list(a), list(y), strict=True):
        np.add(np.matmul(h, u, out=s), a_t, out=s)
        for gate in (i, f, o):
            np.exp(np.negative(gate, out=gate), out=gate)
            np.divide(one, np.add(gate, one, out=gate), out=gate)
        np.tanh(g, out=g)
        np.multiply(c, f, out=c)
        np.add(c, np.multiply(i, g, out=p), out=c)
        np.multiply(o, np.tanh(c, out=p), out=y_t)
        h = y_t
    return y


def kernel_forward(x, h, c, w, u, b):
    """metagrad's kernel: gates in front, each contiguous, one tanh for all of them."""
    kernel = Kernel([x.shape[1]] * len(x), reverse=False)
    y, _ = kernel.forward(Inputs(x.reshape(-1, x.shape[2]), [h, c], [w, u, b, np.zeros_like(b)]))
    return y.reshape(len(x), *h.shape)


def by_turns(rungs, repeats):
    """The median time of each rung in milliseconds, measured by turns."""
    times = {name: [] for name in rungs}
    for _ in range(repeats + 2):
        for name, rung in rungs.items():
            started = time.perf_counter()
            rung()
            times[name].append((time.perf_counter() - started) * 1e3)
    return {name: statistics.median(found[2:]) for name, found in times.items()}


def forward_rungs(rng):
    """The forward pass of one direction, on one thread."""
    shapes = [(STEPS, BATCH, HIDDEN), *[(BATCH, HIDDEN)] * 2, *[(4 * HIDDEN, HIDDEN)] * 2, (4 * HIDDEN,)]
    arguments = [(rng.standard_normal(shape) * 0.1).astype(np.float32) for shape in shapes]
    expected = step_by_step(*arguments)
    rungs = {
        "formulas as they stand": step_by_step,
        "one product for all inputs": one_product,
        "no allocation in the loop": into_memory_at_hand,
        "gates in front, one tanh for all": kernel_forward,
    }
    for name, function in rungs.items():
        if not np.allclose(function(*arguments), expected, atol=1e-5):
            raise RuntimeError(f"the rung {name!r} computes something else")
    return {name: lambda f=function: f(*arguments) for name, function in rungs.items()}


class _FreshMemory(workspace.Workspace):
    def empty(self, shape, dtype):
        return np.empty(shape, dtype)


def _fresh_memory():
    stack = contextlib.ExitStack()
    for cell in ("lstm", "gru", "rnn"):
        stack.enter_context(mock.patch(f"metagrad.kernels.recurrent.{cell}.Workspace", _FreshMemory))
    return stack


def _one_thread():
    return mock.patch.object(fast_recurrence, "run_together", threads.run_in_turn)


def layer_rungs(rng):
    """Forward and backward of a layer of two directions."""
    packed_sizes = [sum(length > t for length in LENGTHS) for t in range(STEPS)]

    def prepared(sizes):
        rows = (sum(sizes), 2 * HIDDEN)
        weights = [(4 * HIDDEN, 2 * HIDDEN), (4 * HIDDEN, HIDDEN), (4 * HIDDEN,), (4 * HIDDEN,)] * 2
        shapes = [rows, (2, BATCH, HIDDEN), (2, BATCH, HIDDEN), *weights]
        made = [metagrad.tensor((rng.standard_normal(s) * 0.1).astype(np.float32), requires_grad=True) for s in shapes]
        return made, {"cell": "LSTM", "sizes": sizes, "directions": 2}

    padded, packed = prepared([BATCH] * STEPS), prepared(packed_sizes)

    def step(function, case, *switches):
        inputs, settings = case
        with contextlib.ExitStack() as stack:
            for switch in switches:
                stack.enter_context(switch())
            function(*inputs, **settings)[0].sum().backward()
        for x in inputs:
            x.grad = None

    return {
        "reference implementation: ordinary ops": lambda: step(plain_layer, padded),
        "kernels, on one thread, fresh memory": lambda: step(Layer.apply_many, padded, _fresh_memory, _one_thread),
        "memory that is used again": lambda: step(Layer.apply_many, padded, _one_thread),
        "a thread for each direction": lambda: step(Layer.apply_many, padded),
        "packed: nothing computed for padding": lambda: step(Layer.apply_many, packed),
    }


def run(options):
    """Measure both ladders and print them."""
    rng = np.random.default_rng(0)
    with threads.blas_on_one_thread():
        forward = by_turns(forward_rungs(rng), options.repeats)
    ladders = {
        "one direction, forward, one thread": forward,
        "two directions, forward and backward": by_turns(layer_rungs(rng), options.repeats),
    }
    for title, times in ladders.items():
        print(f"\n| {title} | ms | gain of this step | so far |\n| --- | --- | --- | --- |")
        first = before = next(iter(times.values()))
        for name, found in times.items():
            print(f"| {name} | {found:.1f} | {before / found:.2f} | {first / found:.2f} |")
            before = found
    work = f"LSTM, {BATCH} sentences of up to {STEPS} words ({sum(LENGTHS)} in all), {HIDDEN} cells"
    print(f"\n{work}; medians of {options.repeats}")


def add_to(parser):
    """The options of ``python -m benchmarks ladder``."""
    parser.set_defaults(run=run)
    parser.add_argument("--repeats", type=int, default=15)
