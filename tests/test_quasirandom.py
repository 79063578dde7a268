"""Sobol sequences: the points are PyTorch's, scrambled ones too, and they fill the cube evenly."""

import copy

import numpy as np
import pytest

import metagrad

SobolEngine = metagrad.quasirandom.SobolEngine


@pytest.mark.oracle
@pytest.mark.parametrize("dimension", [1, 2, 3, 7, 64])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_points_are_pytorchs(dimension, dtype, torch):
    theirs, ours = torch.quasirandom.SobolEngine(dimension), SobolEngine(dimension)
    for n in (1, 1, 6, 0, 50):
        expected = theirs.draw(n, dtype=getattr(torch, dtype)).numpy()
        np.testing.assert_array_equal(ours.draw(n, dtype=dtype).numpy(), expected)
        np.testing.assert_array_equal(ours.quasi.numpy(), theirs.quasi.numpy())
    np.testing.assert_array_equal(ours.sobolstate.numpy(), theirs.sobolstate.numpy())


@pytest.mark.oracle
def test_more_dimensions_come_from_scipy(torch):
    pytest.importorskip("scipy", reason="needs the extra scipy")
    ours, theirs = SobolEngine(300), torch.quasirandom.SobolEngine(300)
    np.testing.assert_array_equal(ours.draw(40).numpy(), theirs.draw(40).numpy())
    np.testing.assert_array_equal(SobolEngine(65).sobolstate.numpy()[:64], SobolEngine(64).sobolstate.numpy())


@pytest.mark.oracle
@pytest.mark.parametrize("seed", [0, 3, 2**40 + 7, -5])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_scrambled_points_are_pytorchs(seed, dtype, torch):
    theirs = torch.quasirandom.SobolEngine(5, scramble=True, seed=seed)
    ours = SobolEngine(5, scramble=True, seed=seed)
    for n in (3, 1, 30):
        expected = theirs.draw(n, dtype=getattr(torch, dtype)).numpy()
        np.testing.assert_array_equal(ours.draw(n, dtype=dtype).numpy(), expected)
    np.testing.assert_array_equal(ours.shift.numpy(), theirs.shift.numpy())
    assert repr(ours) == repr(theirs)


@pytest.mark.oracle
def test_leaving_out_and_starting_over(torch):
    for scramble in (False, True):
        theirs = torch.quasirandom.SobolEngine(4, scramble=scramble, seed=1)
        ours = SobolEngine(4, scramble=scramble, seed=1)
        for step in (0, 3, 1, 1000):
            assert ours.fast_forward(step) is ours
            theirs.fast_forward(step)
            np.testing.assert_array_equal(ours.draw(2).numpy(), theirs.draw(2).numpy())
            assert ours.num_generated == theirs.num_generated
        first = ours.reset().draw(3)
        np.testing.assert_array_equal(first.numpy(), theirs.reset().draw(3).numpy())
        np.testing.assert_array_equal(copy.deepcopy(ours).draw(5).numpy(), theirs.draw(5).numpy())


def test_without_a_seed_the_scrambling_is_drawn_anew():
    metagrad.manual_seed(0)
    first, second = (SobolEngine(3, scramble=True).draw_base2(4) for _ in range(2))
    assert not metagrad.equal(first, second)
    metagrad.manual_seed(0)
    assert metagrad.equal(first, SobolEngine(3, scramble=True).draw_base2(4))


@pytest.mark.parametrize("scramble", [False, True])
def test_each_of_the_equal_intervals_has_one_point(scramble):
    points = SobolEngine(64, scramble=scramble, seed=2 if scramble else None).draw_base2(7, dtype="float64").numpy()
    for coordinate in points.T:
        assert sorted(np.floor(coordinate * 128)) == list(range(128))


def test_out_is_given_the_shape_and_the_values():
    out = metagrad.empty(0)
    assert SobolEngine(2).draw(4, out=out) is out
    assert metagrad.equal(out, SobolEngine(2).draw(4))


def test_what_is_refused():
    for dimension in (0, 21202):
        with pytest.raises(ValueError, match=r"\[1, 21201\], got"):
            SobolEngine(dimension)
    engine = SobolEngine(2)
    engine.draw(3)
    with pytest.raises(ValueError, match=r"2\*\*2 make 7: use SobolEngine.draw\(4\)"):
        engine.draw_base2(2)
    with pytest.raises(NotImplementedError, match="not metagrad.float16"):
        engine.draw(1, dtype=metagrad.float16)
    with pytest.raises(RuntimeError, match="must not be negative"):
        engine.draw(-1)
    with pytest.raises(RuntimeError, match=r"has 2\*\*30 points"):
        engine.fast_forward(2**30)
    assert engine.num_generated == 3
