"""Conjugated and negated views: what is written to the one is seen in the other, and gradients know of it."""

import copy
import gc
import threading

import numpy as np
import pytest

import metagrad
from metagrad.autograd.views import mirrors


def numbers(lib):
    return lib.tensor([1 + 2j, 3 - 4j, 5 + 6j], dtype=lib.complex128)


def by_view(lib, x):
    y = x.conj()
    y.mul_(2j)
    return y


def by_base(lib, x):
    y = x.conj()
    x.mul_(1j)
    return y


def by_piece(lib, x):
    y = x.conj()
    y[1:] = 5
    return y


def by_imaginary_part(lib, x):
    y = x.conj().imag
    y[0] = 7
    return y


def by_base_of_imaginary_part(lib, x):
    y = x.conj().imag
    x[1] = 7j
    return y


def by_view_of_real_part(lib, x):
    y = x.conj().real
    y.add_(1)
    return y


def by_piece_of_two(lib, x):
    y = x.conj()
    y.split([1, 2])[1].zero_()
    return y


def by_twice_conjugated(lib, x):
    y = x[1:].conj()
    y.conj()[0] = 9j
    return y


def by_slice(lib, x):
    y = x[::2].conj()
    x.neg_()
    return y


def by_detached(lib, x):
    y = x.conj()
    x.detach().mul_(3)
    y.data[0] = 1j
    return y


def by_out(lib, x):
    y = x.conj()
    lib.add(x, 1, out=y)
    return y


def by_itself(lib, x):
    y = x.conj()
    y += x
    x.copy_(y)
    return y


def by_adjoint(lib, x):
    y = x[:2].reshape(2, 1).mH
    y[0, 1] = 4j
    return y


def by_negated(lib, x):
    y = lib._neg_view(x)
    y[0] = 5
    x[1] = 2
    return y


def by_negated_conjugate(lib, x):
    y = lib._neg_view(x.conj())
    y[0] = 5j
    x[1] = 2j
    return y


def by_reshaped_in_place(lib, x):
    y = x.conj()
    y.unsqueeze_(0)
    y[0, 0] = 0
    return y


def by_strides(lib, x):
    y = x.conj().as_strided((2,), (1,))
    y[0] = 1j
    return y


# For each write: the base, and what was returned.
WRITTEN = {
    by_view: ([4 - 2j, -8 - 6j, 12 - 10j], [4 + 2j, -8 + 6j, 12 + 10j]),
    by_base: ([-2 + 1j, 4 + 3j, -6 + 5j], [-2 - 1j, 4 - 3j, -6 - 5j]),
    by_piece: ([1 + 2j, 5, 5], [1 - 2j, 5, 5]),
    by_imaginary_part: ([1 - 7j, 3 - 4j, 5 + 6j], [7, 4, -6]),
    by_base_of_imaginary_part: ([1 + 2j, 7j, 5 + 6j], [-2, -7, -6]),
    by_view_of_real_part: ([2 + 2j, 4 - 4j, 6 + 6j], [2, 4, 6]),
    by_piece_of_two: ([1 + 2j, 0, 0], [1 - 2j, 0, 0]),
    by_twice_conjugated: ([1 + 2j, 9j, 5 + 6j], [-9j, 5 - 6j]),
    by_slice: ([-1 - 2j, -3 + 4j, -5 - 6j], [-1 + 2j, -5 + 6j]),
    by_detached: ([-1j, 9 - 12j, 15 + 18j], [1j, 9 + 12j, 15 - 18j]),
    by_out: ([2 - 2j, 4 + 4j, 6 - 6j], [2 + 2j, 4 - 4j, 6 + 6j]),
    by_itself: ([2, 6, 10], [2, 6, 10]),
    by_adjoint: ([1 + 2j, -4j, 5 + 6j], [[1 - 2j, 4j]]),
    by_negated: ([-5, 2, 5 + 6j], [5, -2, -5 - 6j]),
    by_negated_conjugate: ([5j, 2j, 5 + 6j], [5j, 2j, -5 + 6j]),
    by_reshaped_in_place: ([0, 3 - 4j, 5 + 6j], [[0, 3 + 4j, 5 - 6j]]),
    by_strides: ([-1j, 3 - 4j, 5 + 6j], [1j, 3 + 4j]),
}


@pytest.mark.parametrize("write", WRITTEN)
def test_two_memories_are_as_one(write):
    x = numbers(metagrad)
    y = write(metagrad, x)
    assert (x.tolist(), y.tolist()) == WRITTEN[write]


@pytest.mark.oracle
@pytest.mark.parametrize("write", WRITTEN)
def test_two_memories_are_as_one_in_pytorch(torch, write):
    x = numbers(torch)
    y = write(torch, x)
    assert (x.tolist(), y.tolist()) == WRITTEN[write]
    ours = numbers(metagrad)
    view = write(metagrad, ours)
    assert (view._is_view(), view._base is ours) == (y._is_view(), y._base is x)
    assert (view.is_conj(), view.is_neg()) == (y.is_conj(), y.is_neg())
    if write is not by_detached:
        assert ours._version == x._version


GRADIENTS = {
    "written to the view": lambda lib, w: (w.conj().mul_(1j), (w.real * w.imag).sum())[1],
    "written to the base": lambda lib, w: ((y := w.conj()), w.mul_(1 + 2j), (y.real * y.imag).sum())[2],
    "written to a part": lambda lib, w: (w.conj().imag.mul_(3), (w * w).real.sum())[1],
    "written to a piece": lambda lib, w: (w.conj()[1:].pow_(2), (w * w * w).real.sum())[1],
    "written to both": lambda lib, w: ((y := w.conj()), y.mul_(2j), w.mul_(1 + 1j), (y * y * w).imag.sum())[3],
    "written to negated": lambda lib, w: (lib._neg_view(w).pow_(2), (w * w).imag.sum())[1],
    "adjoint": lambda lib, w: (w.reshape(3, 1).mH[:, 0].pow_(3), (w * w.conj()).real.sum())[1],
}


def derivatives(lib, name):
    """The first and the second, as numbers."""
    x = (numbers(lib) / 4).requires_grad_()
    (first,) = lib.autograd.grad(GRADIENTS[name](lib, x * 1), x, create_graph=True)
    (second,) = lib.autograd.grad((first * first.conj()).real.sum(), x)
    return first.tolist() + second.tolist()


@pytest.mark.oracle
@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_of_pytorch(torch, name):
    assert np.allclose(derivatives(metagrad, name), derivatives(torch, name))


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients(name):
    x = numbers(metagrad) / 4
    assert metagrad.autograd.gradcheck(lambda z: GRADIENTS[name](metagrad, z * 1), (x.requires_grad_(),))


def test_gradients_as_numbers():
    x = numbers(metagrad).requires_grad_()
    GRADIENTS["written to the view"](metagrad, x * 1).backward()
    assert x.grad.tolist() == [-2 - 1j, 4 - 3j, -6 - 5j]


def test_a_leaf_is_not_written_to_through_its_conjugate():
    x = numbers(metagrad).requires_grad_()
    with pytest.raises(RuntimeError, match="a view of a leaf Variable that requires grad is being used in an in-place"):
        x.conj().mul_(2)


def test_what_was_saved_is_known_to_be_overwritten():
    x = numbers(metagrad).requires_grad_()
    w = x * x
    y, loss = w.conj(), (w * w).real.sum()
    y.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_numpy_is_refused_where_pytorch_refuses_it():
    x = numbers(metagrad)
    with pytest.raises(RuntimeError, match="conjugate bit set. Use tensor.resolve_conj"):
        x.conj().numpy()
    with pytest.raises(RuntimeError, match="negative bit set. Use tensor.resolve_neg"):
        np.asarray(x.conj().imag)
    assert x.conj().resolve_conj().numpy().tolist() == x.conj().numpy(force=True).tolist() == [1 - 2j, 3 + 4j, 5 - 6j]


def test_copies_are_on_their_own():
    x = numbers(metagrad)
    copies = copy.deepcopy(x.conj()), x.conj().clone(), x.conj().resolve_conj(), x.conj_physical()
    x[0] = 8
    for made in copies:
        made[1] = 0
        assert made.tolist() == [1 - 2j, 0, 5 - 6j] and x[1] == 3 - 4j


def test_mirrors_go_with_the_last_that_sees_them():
    x = numbers(metagrad)
    gc.collect()
    before = len(mirrors)
    part = x.conj()[1:].imag.detach()
    gc.collect()
    x[1] = 1j
    assert part.tolist() == [-1, -6] and len(mirrors) == before + 2
    del part
    gc.collect()
    assert len(mirrors) == before


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "Rprop"])
def test_an_optimizers_step_is_seen(name):
    x = metagrad.nn.Parameter(numbers(metagrad))
    y = x.conj()
    optimizer = getattr(metagrad.optim, name)([x], lr=0.1)
    (y * y).abs().sum().backward()
    optimizer.step()
    assert x[0] != 1 + 2j and y.tolist() == x.conj_physical().tolist()


def test_clipping_is_seen():
    x = metagrad.nn.Parameter(numbers(metagrad))
    x.grad = 2 * numbers(metagrad)
    y = x.grad.conj()
    metagrad.nn.utils.clip_grad_norm_([x], 1.0)
    assert y.abs().square().sum().item() == pytest.approx(1) and y.tolist() == x.grad.conj_physical().tolist()


# ------------------------------------------------ whoever writes, the views follow


def by_the_backward_pass(lib):
    x = lib.tensor([1 + 0j, 1 + 0j], requires_grad=True)
    (x * (1 + 1j)).real.sum().backward()
    y = x.grad.conj()
    (x * (2 + 1j)).real.sum().backward()
    return y


def by_an_optimizers_state(lib):
    p = lib.nn.Parameter(lib.ones(2))
    optimizer = lib.optim.Adam([p])
    p.grad = lib.ones(2)
    optimizer.step()
    y = lib._neg_view(optimizer.state[p]["exp_avg"])
    optimizer.step()
    return y


def by_an_embedding(lib):
    w = lib.ones(4, 4)
    y = lib._neg_view(w)
    lib.nn.functional.embedding(lib.tensor([1]), w, max_norm=1.0)
    return y[1]


def by_a_counted_write_of_numpys(lib):
    x = lib.tensor([1 + 1j, 2 + 2j])
    y = x.conj()
    x.numpy()[0] = 5j
    lib.autograd.graph.increment_version(x)
    return y


def by_the_other_of_two_changes(lib):
    x = lib.tensor([1 + 2j, 3 - 4j])
    y = x
    for _ in range(1200):
        y = y.conj()
    y.add_(1j)
    return lib.stack([x, y])


FOLLOWED = {
    by_the_backward_pass: [3 + 2j, 3 + 2j],
    by_an_optimizers_state: [-0.19, -0.19],
    by_an_embedding: [-0.5, -0.5, -0.5, -0.5],
    by_a_counted_write_of_numpys: [-5j, 2 - 2j],
    by_the_other_of_two_changes: [[1 + 3j, 3 - 3j], [1 + 3j, 3 - 3j]],
}


@pytest.mark.parametrize("library", ["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
@pytest.mark.parametrize("write", FOLLOWED, ids=lambda write: write.__name__)
def test_a_view_follows(library, write):
    found = write(pytest.importorskip(library))
    np.testing.assert_allclose(found.detach().resolve_conj().resolve_neg().numpy(), FOLLOWED[write], rtol=1e-6)


def test_changed_twice_it_is_the_first_memory_again():
    gc.collect()
    before = len(mirrors)
    x = metagrad.tensor([1 + 2j])
    y = x.conj().conj()
    assert y.data_ptr() == x.data_ptr() and not y.is_conj() and len(mirrors) == before


def test_views_whose_elements_share_places_have_memory_of_their_own():
    x = metagrad.arange(4).to(metagrad.complex64)
    windows = x.unfold(0, 2, 1)
    y = windows.conj()
    y[0, 1] = 9j
    assert x[1] == 1 and windows[1, 0] == 1 and y.is_conj()


def test_views_come_and_go_in_one_thread_while_another_writes():
    x, failed = metagrad.ones(500, dtype=metagrad.complex64), []

    def make():
        for _ in range(2000):
            views = [x.conj() for _ in range(3)]
            del views

    def write():
        try:
            for _ in range(4000):
                x.add_(1)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=target) for target in (make, write, make)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed and x[0] == 4001
