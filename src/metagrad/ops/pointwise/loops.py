"""Large pointwise ops by compiled loops: one pass over an array, each thread over its part."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from metagrad.autograd.function import Function
from metagrad.autograd.node import BESIDE
from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.chunks import spread
from metagrad.kernels.compiled.choice import use_compiled


class Loops(NamedTuple):
    """Compiled loops that do in one pass what the formulas of an op of one array x do.

    ``forward(x, y, *numbers)`` and ``backward(kept, grad, grad_x, *numbers)``, where kept is what the op saves for its
    gradient: x, or its result. The numbers are the op's parameters, which it keeps under their names. ``least``: elements from
    which they are faster than NumPy's calls.
    """

    forward: Callable[..., None]
    backward: Callable[..., None] | None = None
    keeps_result: bool = False
    least: int = tuning.COMPILED_WORTH

    def serve(self, x: Array) -> bool:
        """Whether they are to be taken for x, or for the gradient of a result."""
        return x.size >= self.least and fit(x)


def fit(x: Array, *others: Array) -> bool:
    """Whether compiled loops serve these arrays: of one shape and one dtype, in order in memory."""
    return use_compiled(x) and all(
        a.__class__ is ndarray and a.dtype == x.dtype and a.shape == x.shape and a.flags.c_contiguous
        for a in (x, *others)
    )


def forward_by_loop(
    node: Function, loops: Loops, x: Array, params: dict[str, Any], memory: Array | None = None
) -> Array:
    """The op's result, in ``memory`` if given; the node keeps what its gradient needs."""
    y = np.empty_like(x) if memory is None else memory
    run_loop(loops.forward, x, y, numbers=params)
    node.save(y if loops.keeps_result else x)
    node.__dict__.update(params)
    return y


def backward_by_loop(node: Function, loop: Callable[..., None], grad: Array) -> Array:
    """The gradient of x."""
    out = np.empty_like(grad)
    numbers = {name: number for name, number in node.__dict__.items() if name not in BESIDE}
    run_loop(loop, node.saved[0], grad, out, numbers=numbers)
    return out


def run_loop(loop: Callable[..., None], *arrays: Array, numbers: dict[str, float]) -> None:
    """The loop over the arrays, on all threads."""
    spread(loop, [a.reshape(-1) for a in arrays], numbers=[float(number) for number in numbers.values()])
