"""Calls of the table of ops that are run on a device, the stand-in's or a GPU."""

import warnings

import numpy as np
import pytest
from tests.ops.rows import Dtype, Fixed, Numbers, find, flat, laid_out, numbers, tensors_of
from tests.ops.table import ROWS, WRITES

import metagrad
from metagrad.autograd.variable import wrap

# What cannot be on a GPU, or has another meaning there, and why.
ON_THE_CPU = {
    "cpu": "it goes to the CPU",
    "to": "it goes where it is told",
    "get_device": "the number of the GPU, −1 for the CPU",
    "tensor": "data are copied to the default device",
    "arange": "its bounds are numbers, and 0-d tensors stand for numbers",
    "linspace": "the same",
    "logspace": "the same",
    "special.airy_ai": "CuPy has no Airy functions: an error says so",
}
CALLS = [
    pytest.param(r, c, d, id=f"{r.name}-{i}-{d}")
    for r in [*ROWS, *WRITES]
    for i, c in enumerate(r.calls)
    for d in (r.dtypes if i == 0 else r.dtypes[:1])
    if tensors_of(c) and r.name not in ON_THE_CPU
]


def run(row, call, dtype, place):
    """Results and gradients as arrays of ``place``."""
    leaves, seeds = [], iter(range(len(tensors_of(call))))

    def made(value):
        if isinstance(value, (list, tuple)):
            return type(value)(made(v) for v in value)
        if isinstance(value, Dtype):
            return getattr(metagrad, value.name)
        if not isinstance(value, (Numbers, Fixed)):
            return value
        x = wrap(place(laid_out(numbers(value, dtype, "spread", next(seeds)), "plain")))
        if isinstance(value, Fixed):
            return x
        leaves.append(x.requires_grad_(x.dtype.category >= 2 and row.grad))
        return x.clone() if row in WRITES else x

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        args, kwargs = [made(a) for a in call.args], {k: made(v) for k, v in call.kwargs.items()}
        results = flat(find(metagrad, row.name)(*args, **kwargs))
    tensors = [r for r in results if isinstance(r, metagrad.Tensor)]
    roots = [r for r in tensors if r.requires_grad]
    rng = np.random.default_rng(3)
    cotangents = [wrap(place(rng.uniform(0.5, 1.5, tuple(r.shape)).astype(r.array.dtype))) for r in roots]
    grads = metagrad.autograd.grad(roots, leaves, cotangents, allow_unused=True) if roots else []
    others = [r for r in results if not isinstance(r, metagrad.Tensor)]
    return [t.array for t in tensors], [None if g is None else g.array for g in grads], others
