"""Many random numbers come in blocks on all threads: the same ones however many those are, and none of them twice."""

import numpy as np
import pytest

import metagrad
from metagrad.kernels import tuning
from metagrad.ops.create.streams import Stream

DRAWS = {
    "float32": lambda: metagrad.randn(70, 10),
    "float64": lambda: metagrad.randn(7, 100, dtype=metagrad.float64),
    "float16": lambda: metagrad.randn(700, dtype=metagrad.float16),
    "complex64": lambda: metagrad.randn(700, dtype=metagrad.complex64),
    "in place": lambda: metagrad.empty(30, 30).normal_(),
    "integers": lambda: metagrad.randint(-4, 1000, (9, 100)),
}


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(tuning, "RANDOM_BLOCK", 64)
    before = metagrad.get_num_threads()
    yield
    metagrad.set_num_threads(before)


@pytest.mark.parametrize("name", DRAWS)
def test_threads_change_nothing(name):
    found = []
    for threads in (1, 2, 3):
        metagrad.set_num_threads(threads)
        metagrad.manual_seed(5)
        found.append([DRAWS[name]().numpy(), DRAWS[name]().numpy(), metagrad.rand(3).numpy()])
    for others in found[1:]:
        for x, y in zip(found[0], others, strict=True):
            np.testing.assert_array_equal(x, y)
    first, second, _ = found[0]
    assert (first != second).mean() > 0.9


def test_no_block_is_another_one():
    blocks = Stream(3).standard_normal(64 * 20, np.float32).reshape(20, 64)
    assert len({block.tobytes() for block in blocks}) == 20
    assert abs(np.corrcoef(blocks)[np.triu_indices(20, 1)]).max() < 0.6


def test_distribution():
    x = Stream(3).standard_normal((400, 500))
    assert abs(x.mean()) < 0.01 and abs(x.std() - 1) < 0.01 and abs((x**4).mean() - 3) < 0.1
    i = Stream(3).integers(-2, 3, 200_000, np.int64, True)
    assert np.abs(np.bincount(i + 2) / len(i) - 1 / 6).max() < 0.01
    assert Stream(3).integers(2, size=1000).max() == 1
    assert Stream(3).integers(7, size=None, dtype=np.int32).dtype == np.int32


def test_a_state_goes_on_in_the_middle():
    g = metagrad.Generator().manual_seed(1)
    metagrad.randn(300, generator=g)
    state = g.get_state()
    expected = metagrad.randn(300, generator=g).tolist()
    assert metagrad.randn(300, generator=g.set_state(state)).tolist() == expected
