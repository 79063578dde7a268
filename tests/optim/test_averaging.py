"""The running average of weights."""

import numpy as np
import pytest

import metagrad
from metagrad.optim import ExponentialAverage


def test_the_average_follows_its_formula_and_leaves_the_weights_alone():
    p = metagrad.nn.Parameter(metagrad.zeros(3))
    average = ExponentialAverage([p], decay=0.6)
    expected, random = np.zeros(3), np.random.default_rng(0)
    for n in range(1, 30):
        p.array[...] = value = random.standard_normal(3).astype(np.float32)
        average.update()
        d = min(0.6, (1 + n) / (10 + n))
        expected = d * expected + (1 - d) * value
    np.testing.assert_allclose(average.arrays[0], expected, rtol=1e-5)
    with average.in_place():
        np.testing.assert_allclose(p.array, expected, rtol=1e-5)
    assert (p.array == value).all()
    with pytest.raises(KeyError), average.in_place():
        raise KeyError
    assert (p.array == value).all()


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_bad_decay(decay):
    with pytest.raises(ValueError, match="decay"):
        ExponentialAverage([], decay)
