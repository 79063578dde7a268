"""The steps for a GPU equal those spelled out: values, gradients, and gradients of gradients."""

import numpy as np
import pytest

import metagrad
from metagrad.nn import gpu_recurrence, recurrence


def given(cell, projection):
    rng = np.random.default_rng(0)
    gates, out = (4 if cell == "lstm" else 3), 2 if projection else 3
    shapes = [(5, gates * 3), (gates * 3, out), (gates * 3,), *([(2, 3)] if projection else []), (5, out)]
    shapes += [(5, 3)] if cell == "lstm" else []
    return [metagrad.tensor(rng.normal(size=s), requires_grad=True) for s in shapes]


def run(module, cell, projection, inputs):
    gates_x, w, b, *rest = inputs
    more, state = (rest[:1], rest[1:]) if projection else ([], rest)
    return getattr(module, f"{cell}_step")(w, b, *more)(gates_x, tuple(state))


@pytest.mark.parametrize(("cell", "projection"), [("lstm", False), ("lstm", True), ("gru", False)])
def test_a_step(cell, projection):
    found = []
    for module in (recurrence, gpu_recurrence):
        inputs = given(cell, projection)
        after = run(module, cell, projection, inputs)
        total = sum((s * s * (i + 1)).sum() for i, s in enumerate(after))
        first = metagrad.autograd.grad(total, inputs, create_graph=True)
        second = metagrad.autograd.grad(sum((g * g).sum() for g in first), inputs)
        found.append([t.detach().numpy() for t in (*after, *first, *second)])
    for theirs, ours in zip(*found):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_against_finite_differences(cell):
    assert metagrad.autograd.gradcheck(lambda *inputs: run(gpu_recurrence, cell, False, inputs), given(cell, False))
    assert metagrad.autograd.gradgradcheck(lambda *inputs: run(gpu_recurrence, cell, False, inputs), given(cell, False))
