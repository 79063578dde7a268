"""What ``is_conj`` and ``is_neg`` say: the marks that PyTorch's bits are here."""

import copy

import pytest

import metagrad as mg


def bits(t):
    return t.is_conj(), t.is_neg()


CASES = {
    "conj": lambda lib, z: z.conj(),
    "twice": lambda lib, z: z.conj().conj(),
    "real": lambda lib, z: lib.ones(2).conj(),
    "physical": lambda lib, z: z.conj().conj_physical(),
    "imaginary part": lambda lib, z: z.conj().imag,
    "real part": lambda lib, z: z.conj().real,
    "imaginary part of it twice": lambda lib, z: z.conj().conj().imag,
    "resolved": lambda lib, z: z.conj().resolve_conj(),
    "resolved of neither": lambda lib, z: z.resolve_conj().resolve_neg(),
    "negation resolved": lambda lib, z: z.conj().imag.resolve_neg(),
    "a view": lambda lib, z: z.conj().reshape(2, 1).t()[0],
    "a piece": lambda lib, z: z.conj().split(1)[0],
    "detached": lambda lib, z: z.conj().detach(),
    "a copy": lambda lib, z: z.conj().clone(),
    "computed": lambda lib, z: z.conj() + 1,
    "in place": lambda lib, z: z.conj().add_(1),
    "adjoint": lambda lib, z: z.reshape(2, 1).mH,
    "adjoint twice": lambda lib, z: z.reshape(2, 1).mH.mH,
    "negated": lambda lib, z: lib._neg_view(z.real),
    "negated twice": lambda lib, z: lib._neg_view(lib._neg_view(z.real)),
    "negated complex": lambda lib, z: lib._neg_view(z.conj()),
    "real part of that": lambda lib, z: lib._neg_view(z.conj()).real,
}


@pytest.mark.oracle
@pytest.mark.parametrize("name", CASES)
def test_marks_are_pytorchs_bits(torch, name):
    found, expected = (CASES[name](lib, lib.tensor([1 + 2j, 3 - 1j])) for lib in (mg, torch))
    assert bits(found) == bits(expected)
    assert found.tolist() == expected.tolist()


def test_a_mark_dies_with_its_tensor():
    from metagrad.autograd.views import conjugated

    before = len(conjugated)
    z = mg.tensor([1j]).conj()
    assert len(conjugated) == before + 1
    del z
    assert len(conjugated) == before


def test_gradients_go_through_what_resolves():
    z = mg.tensor([1 + 2j], requires_grad=True)
    z.conj().resolve_conj().imag.sum().backward()
    assert z.grad.tolist() == [-1j]


def test_pairs_of_a_conjugated_tensor_are_refused_until_it_is_resolved():
    z = mg.tensor([1 + 2j]).conj()
    with pytest.raises(RuntimeError, match="resolve_conj"):
        mg.view_as_real(z)
    assert mg.view_as_real(z.resolve_conj()).tolist() == [[1, -2]]
    assert copy.deepcopy(z).tolist() == [1 - 2j]


def test_complex_numbers_become_real_ones_where_nothing_is_lost():
    assert float(mg.tensor(3 + 0j)) == 3 and int(mg.tensor(3 + 0j)) == 3
    for kind in (float, int):
        with pytest.raises(RuntimeError, match="without overflow"):
            kind(mg.tensor(3 + 1j))
    with pytest.raises(RuntimeError, match="In-place abs"):
        mg.tensor([1j]).abs_()


def test_data_has_the_marks_of_what_it_is_set_to():
    c = mg.tensor([1 + 2j])
    y = c.conj()
    assert y.data.is_conj()
    y.data = c.clone()
    assert not y.is_conj() and mg.view_as_real(y).tolist() == [[1, 2]]
    y.data = c.conj()
    assert y.is_conj()


def test_numbers_of_one_row_are_seen_as_complex_whatever_its_step():
    one_row = mg.arange(9.0).reshape(3, 3)[0:1, 0:2]
    assert mg.view_as_complex(one_row).tolist() == [1j]
