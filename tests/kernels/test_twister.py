"""The Mersenne Twister's loops beside NumPy's generator, and the stream that draws by them beside one that does not."""

import numpy as np
import pytest

from metagrad.kernels import tuning
from metagrad.kernels.compiled import twister
from metagrad.ops.create.mersenne import MersenneStream


def state_of(bits):
    found = bits.state["state"]
    return found["key"].copy(), found["pos"]


def test_words_and_the_state_after_them_are_numpys():
    bits = np.random.MT19937(5)
    state, place = state_of(bits)
    for count in (1, 3, 0, 620, 624, 1, 625, 2000):
        words = np.empty(count, np.uint32)
        place = twister.draw_words(state, place, words)
        assert (words == bits.random_raw(count)).all()
        expected, expected_place = state_of(bits)
        assert place == expected_place
        assert (state == expected).all()


@pytest.mark.parametrize("chance", [0.0, 0.1, 0.5, 1.0, 1 - 2.0**-53])
def test_a_stream_is_the_same_by_loops_and_without(monkeypatch, chance):
    drawn = []
    for least in (1, 1 << 60):
        monkeypatch.setattr(tuning, "DRAWN_BY_LOOP", least)
        stream = MersenneStream(7)
        drawn.append([
            stream.random(3, np.float32), stream.bernoulli(chance, (5, 400)), stream.random((41, 41), np.float32),
            stream.random(700), stream.integers(-5, 12, 900), stream.integers(-(2**63), 2**63, 9), stream.permutation(30),
            stream.standard_normal(1001, np.float32), stream.kept((7,), 0.3), stream.state_bytes(7),
        ])  # fmt: skip
    for found, expected in zip(*drawn, strict=True):
        assert found.dtype == expected.dtype
        assert found.shape == expected.shape
        assert (found == expected).all()


def test_words_that_are_equal_to_the_thresholds_first_are_told_apart_by_the_second():
    bits = np.random.MT19937(5)
    words = np.random.MT19937(5).random_raw(2)
    high, low = int(words[0]) % 2**21, int(words[1])
    for second, expected in ((low, False), (low + 1, True)):
        found = np.empty(1, bool)
        twister.draw_below(*state_of(bits), high, second, found)
        assert found[0] == expected
