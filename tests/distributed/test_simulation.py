"""The simulator of `python -m benchmarks scale` against what the textbooks say."""

import numpy as np
import pytest
from benchmarks.scale import fit, models_of, predict
from benchmarks.simulation import ALGORITHMS, Link, Model, Stragglers, closed_form, mean_step, step

LINK = Link(3e-5, 2e-9)


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize("ranks", [2, 4, 64])
def test_ranks_that_begin_together_take_the_textbooks_time(name, ranks):
    for size in (8, 10**6):
        found = ALGORITHMS[name](np.zeros(ranks), size, LINK)
        np.testing.assert_allclose(found.max(), closed_form(name, ranks, size, LINK), rtol=1e-12)


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize("ranks", [2, 3, 5, 8, 13])
def test_nobody_is_done_before_the_last_has_begun(name, ranks):
    for late in range(ranks):
        starts = np.zeros(ranks)
        starts[late] = 1.0
        found = ALGORITHMS[name](starts, 1000, LINK)
        assert (found >= 1.0).all() and found.max() <= 1.0 + 2.1 * max(
            closed_form(name, 16, 1000, LINK), closed_form(name, ranks, 1000, LINK)
        )


def test_overlap_hides_what_comes_before_the_end_of_the_backward_pass():
    model = Model(0.1, (10**6,) * 10, backward=0.5)
    own = np.full(4, 0.1)
    times = [step(own, model, "ring", LINK, overlap) for overlap in (False, True)]
    one = closed_form("ring", 4, 10**6, LINK)
    np.testing.assert_allclose(times, [0.1 + 10 * one, 0.1 + one], rtol=1e-9)


def test_stragglers():
    model = Model(0.1, (1000,))
    even = mean_step(64, model, "tree", LINK)
    assert mean_step(64, model, "tree", LINK, Stragglers(spread=0.1)) > 1.1 * even
    assert mean_step(64, model, "tree", LINK, Stragglers(share=1.0, factor=3.0)) == pytest.approx(even + 0.2)
    assert step([0.1], model, "ring", LINK) == pytest.approx(0.1)


@pytest.mark.parametrize("ranks", [2, 4])
def test_the_fit_finds_what_the_times_were_made_of(ranks):
    sizes = [4 << (2 * k) for k in range(10)]
    times = {str(n): closed_form("halving-doubling", ranks, n, LINK) for n in sizes}
    link, *_ = fit({"ranks": ranks, "collectives": [times]})
    assert link.latency == pytest.approx(LINK.latency) and link.per_byte == pytest.approx(LINK.per_byte)
    found = {"ranks": ranks, "own": [[[0.1] * 3] * ranks], "buckets": [1000, 2000]}
    expected = 0.1 + sum(closed_form("halving-doubling", ranks, n, LINK) for n in (1000, 2000))
    assert predict(found, link) == pytest.approx(expected)


def test_a_model_by_its_number_of_parameters():
    class Options:
        parameters, seconds = 10**8, 0.2

    (model,) = models_of(Options, {}).values()
    assert sum(model.buckets) == 4 * 10**8 and model.seconds == 0.2 and max(model.buckets) == 25 << 20
