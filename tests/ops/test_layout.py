"""How copies, views and results lie in memory: strides as PyTorch's, so that flatten() and view() do what they do there."""

import pytest

import metagrad


def laid_out(lib):
    x = lib.arange(24.0).reshape(2, 3, 4)
    t, e = x.transpose(0, 2), x[:1].expand(3, 3, 4)
    return {
        "clone of a transposed": t.clone(), "clone of a slice": x[:, ::2].clone(), "clone of an expanded": e.clone(),
        "clone in order": t.clone(memory_format=lib.contiguous_format), "contiguous": t.contiguous(),
        "clone with an extent of 1": lib.zeros(2, 1, 3).transpose(0, 2).clone(),
        "zeros_like": lib.zeros_like(t), "ones_like of an expanded": lib.ones_like(e), "empty_like": lib.empty_like(x[:, ::2]),
        "full_like": lib.full_like(t, 2), "to": t.to(lib.float64), "to of an expanded": e.double(), "exp of an expanded": e.exp(),
        "sum of transposed": t + t, "cat": lib.cat([t, t], 1), "stack": lib.stack([t, t], 1), "roll": t.roll(1, 1),
        "repeat": t.repeat(1, 1, 1), "tile": t.tile(2), "expand": e, "expand of one": x[:1].expand(1, 3, 4),
        "none": x[:, None], "none at the end": x[..., None], "unsqueeze": t.unsqueeze(1),
        "squeeze": x[:1].transpose(0, 1).squeeze(),
        "empty": lib.empty(0, 3, 0, 2), "zeros": lib.zeros(3, 0), "nothing of a slice": x[2:].clone(), "unfold": x.unfold(1, 2, 1),
    }  # fmt: skip


@pytest.mark.oracle
@pytest.mark.parametrize("name", laid_out(metagrad))
def test_strides_as_in_pytorch(torch, name):
    found, expected = laid_out(metagrad)[name], laid_out(torch)[name]
    assert (found.stride(), found.is_contiguous()) == (expected.stride(), expected.is_contiguous())


def test_fixed_strides():
    found = {name: x.stride() for name, x in laid_out(metagrad).items()}
    assert found["clone of a transposed"] == (1, 4, 12) and found["clone of an expanded"] == (12, 4, 1)
    assert found["clone in order"] == (6, 2, 1) and found["none"] == (12, 12, 4, 1) and found["empty"] == (6, 2, 2, 1)


@pytest.mark.parametrize("name", ["cat", "stack", "roll", "repeat", "clone in order"])
def test_writing_to_the_flattened_result_reaches_it(name):
    y = laid_out(metagrad)[name]
    y.flatten().zero_()
    assert y.abs().sum() == 0


def test_second_derivatives_through_a_write_into_a_transposed():
    x = metagrad.arange(6.0, dtype=metagrad.float64).reshape(2, 3).requires_grad_()

    def loss(x):
        y = (x * x).T
        y[0] = 1.0
        return (y * y).sum()

    assert metagrad.autograd.gradcheck(loss, (x,)) and metagrad.autograd.gradgradcheck(loss, (x,))


def test_an_inserted_dimension_has_the_step_that_its_place_gives_it():
    """Which tells that a signal, (N, L, C) in memory, is no image in ``channels_last`` when it gets a last dimension of 1."""
    x = metagrad.zeros(2, 5, 3).transpose(1, 2)
    assert [x.unsqueeze(d).stride() for d in (0, 1, 2, 3)] == [
        (30, 15, 1, 3), (15, 3, 1, 3), (15, 1, 15, 3), (15, 1, 3, 1),
    ]  # fmt: skip
    assert metagrad.nn.functional.conv2d(x.unsqueeze(-1), metagrad.zeros(4, 3, 1, 1)).stride() == (20, 5, 1, 1)
    assert metagrad.nn.functional.conv2d(x.unsqueeze(2), metagrad.zeros(4, 3, 1, 1)).stride() == (20, 1, 20, 4)
