"""Infinities, nan and the largest numbers go through every op without a warning, as they do in PyTorch."""

import warnings

import numpy as np
import pytest

from metagrad.autograd.variable import Variable, wrap
from tests.devices.test_standin import CASES

EXTREMES = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0, 3e38, -3e38, 1e-44, 1.0, -100.0], np.float32)


def extreme(value, seed):
    if not isinstance(value, Variable) or not value.is_floating_point():
        return value
    numbers = np.random.default_rng(seed).choice(EXTREMES, tuple(value.shape))
    return wrap(numbers, requires_grad=True)


@pytest.mark.parametrize("name", [n for n in CASES if n not in ("bce", "bce logits", "to dtype")])
def test_special_values_give_no_warning(name):
    function, *inputs = CASES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for seed in range(3):
            moved = [extreme(x, seed + i) for i, x in enumerate(inputs)]
            out = function(*moved)
            if isinstance(out, Variable) and out.requires_grad:
                assert out.dtype.name == "float32"
                out.sum().backward()
