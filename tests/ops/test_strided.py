"""Views by strides, and writing through them: values and gradients as PyTorch's, on memory laid out in every way."""

import numpy as np
import pytest

import metagrad
from metagrad.autograd import gradcheck, gradgradcheck

LAYOUTS = {
    "in order": lambda lib: lib.from_numpy(np.arange(24.0)),
    "transposed": lambda lib: lib.from_numpy(np.asfortranarray(np.arange(24.0).reshape(4, 6))),
    "a part": lambda lib: lib.from_numpy(np.arange(24.0))[3:20],
    "detached": lambda lib: lib.from_numpy(np.arange(24.0))[3:20].detach(),
    "a column": lambda lib: lib.from_numpy(np.arange(24.0)).reshape(12, 2)[:, 1],
    "three dimensions": lambda lib: lib.from_numpy(np.arange(24.0)).reshape(2, 3, 4).permute(2, 0, 1),
}
PLACES = [
    ((2, 3), (3, 1), None),
    ((3, 2), (1, 2), 4),
    ((4,), (2,), 0),
    ((), (), 5),
    ((2, 2), (0, 3), 1),
    ((3, 3), (2, 1), None),
]


@pytest.mark.oracle
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("place", PLACES)
def test_as_strided_reads_the_memory(torch, layout, place):
    ours, theirs = LAYOUTS[layout](metagrad), LAYOUTS[layout](torch)
    found, expected = ours.as_strided(*place), theirs.as_strided(*place)
    assert found.tolist() == expected.tolist()
    assert found.stride() == expected.stride() and found.storage_offset() == expected.storage_offset()
    assert ours.storage_offset() == theirs.storage_offset() and ours.stride() == theirs.stride()


def written_through(lib, layout, place):
    """Gradients after a write through a view by strides of a result, and the result."""
    source = LAYOUTS[layout](lib).clone().requires_grad_()
    value = lib.tensor(2.0, dtype=lib.float64, requires_grad=True)
    x = LAYOUTS[layout](lib) * 0 + source * 3
    x.as_strided(*place).mul_(value)
    weights = lib.arange(x.numel(), dtype=lib.float64).reshape(tuple(x.shape))
    (x * x * weights).sum().backward()
    return x.tolist(), source.grad.tolist(), value.grad.item()


@pytest.mark.oracle
@pytest.mark.parametrize("layout", ["in order", "part of it"])
@pytest.mark.parametrize("place", [((2, 3), (3, 1), 0), ((3, 2), (1, 4), 4), ((4,), (2,), 0), ((), (), 5)])
def test_writes_through_a_view_by_strides(torch, layout, place, monkeypatch):
    monkeypatch.setitem(LAYOUTS, "part of it", lambda lib: lib.from_numpy(np.arange(24.0)).reshape(4, 6)[1:, :5])
    assert written_through(metagrad, layout, place) == written_through(torch, layout, place)


@pytest.mark.parametrize("order", ["C", "F"])
def test_writes_reach_a_base_that_is_not_in_order(order):
    leaf = metagrad.from_numpy(np.array(np.arange(12.0).reshape(3, 4), order=order)).requires_grad_()
    x = metagrad.zeros_like(leaf).copy_(leaf)  # as the leaf lies in memory
    assert x.stride() == leaf.stride()
    x.as_strided((2, 2), (1, 4)).zero_()
    (x * x).sum().backward()
    assert (leaf.grad == 2 * x.detach()).all() and (x == 0).sum() == 4


def test_derivatives_of_as_strided():
    x = metagrad.from_numpy(np.linspace(-1, 1, 12)).requires_grad_()
    for place in PLACES[:3]:
        assert gradcheck(lambda x, p=place: (x * 1).as_strided(*p), (x,))
        assert gradgradcheck(lambda x, p=place: (x * x).as_strided(*p), (x,))


def test_as_strided_shares_gradients_of_elements_in_one_place():
    x = metagrad.tensor([1.0, 2.0], requires_grad=True)
    x.unsqueeze(0).expand(3, 2).as_strided((2,), (1,)).sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_as_strided_scatter_has_the_gradient_of_what_it_computes():
    x, v = metagrad.randn(3, 4, dtype=metagrad.float64), metagrad.randn(2, 2, dtype=metagrad.float64)
    x.requires_grad_(), v.requires_grad_()
    for layout in (lambda x: x, lambda x: x.t(), lambda x: x[1:]):
        function = lambda x, v, layout=layout: metagrad.as_strided_scatter(layout(x) * 1, v, (2, 2), (1, 4))  # noqa: E731
        assert gradcheck(function, (x, v))
        assert gradgradcheck(function, (x, v))
    y = x.detach().t()
    written = y.clone(memory_format=metagrad.preserve_format)
    assert metagrad.as_strided_scatter(y, v.detach(), (2, 2), (1, 4)).shape == written.shape


@pytest.mark.oracle
def test_pytorchs_own_check_refuses_its_gradient_of_as_strided_scatter(torch):
    """Should this fail one day, PyTorch has mended it, and ours may be compared with its gradient."""
    x, v = torch.randn(3, 3, dtype=torch.float64, requires_grad=True), torch.randn(2, 2, dtype=torch.float64)
    function = lambda x: torch.as_strided_scatter(x, v, (2, 2), (1, 2), 0)  # noqa: E731
    assert not torch.autograd.gradcheck(function, (x,), raise_exception=False)


@pytest.mark.oracle
def test_unfold_is_a_view_to_write_through(torch):
    def run(lib):
        x = lib.arange(10.0, requires_grad=True)
        y = x * 1
        y.unfold(0, 3, 4)[:, 1].mul_(5)
        (y * y).sum().backward()
        return y.tolist(), x.grad.tolist()

    assert run(metagrad) == run(torch)


def test_repeated_elements_cannot_be_written():
    with pytest.raises(RuntimeError, match="share one place"):
        metagrad.zeros(3).as_strided((2, 3), (0, 1)).add_(1)


def test_expanding_nothing_leaves_it_writable():
    x = metagrad.zeros(2, 3)
    x.expand(1, 2, 3).add_(1)
    assert x.tolist() == [[1.0] * 3] * 2


def test_memory_beyond_the_end_is_never_shown():
    x = metagrad.zeros(3, 4)
    for place in [((13,), (1,)), ((2,), (1,), 11), ((4, 4), (4, 1)), ((2,), (12,))]:
        with pytest.raises(RuntimeError, match="out of bounds|reach over"):
            x.as_strided(*place)


def test_storages():
    x = metagrad.arange(6, dtype=metagrad.int32).reshape(2, 3)
    row = x[1]
    storage = row.untyped_storage()
    assert storage == x.untyped_storage() and storage.nbytes() == len(storage) == 24
    assert row.storage_offset() == 3 and row.data_ptr() == x.data_ptr() + 12
    assert row.storage().tolist() == [0, 1, 2, 3, 4, 5] and row.storage().dtype is metagrad.int32
    storage.fill_(0)
    assert x.sum() == 0 and row.is_set_to(x[1]) and not row.is_set_to(x[0])
    y = metagrad.empty(0, dtype=metagrad.int32).set_(x.storage(), 1, (2, 2), (1, 2))
    x.copy_(metagrad.arange(6).reshape(2, 3))
    assert y.tolist() == [[1, 3], [2, 4]]


@pytest.mark.oracle
def test_what_a_tensor_says_of_its_memory(torch):
    for make in (
        lambda lib: lib.zeros(2, 3, 4, 5),
        lambda lib: lib.zeros(2, 3, 4, 5).permute(0, 2, 3, 1),
        lambda lib: lib.zeros(2, 3, 4, 5, dtype=lib.int16)[:, 1:, ::2],
        lambda lib: lib.zeros(2, 3, 4, 5).contiguous(memory_format=lib.channels_last),
        lambda lib: lib.zeros(2, 3, 4, 5).clone(memory_format=lib.channels_last),
        lambda lib: lib.zeros(2, 3, 4, 5).to(memory_format=lib.channels_last),
        lambda lib: lib.empty(2, 3, 4, 5, memory_format=lib.channels_last),
        lambda lib: lib.zeros_like(lib.zeros(2, 3, 4, 5), memory_format=lib.channels_last),
        lambda lib: lib.empty(2, 3, 4, 5, 6, memory_format=lib.channels_last_3d),
        lambda lib: lib.zeros_like(lib.zeros(4, 3).t()),
        lambda lib: lib.ones_like(lib.zeros(4, 3).t(), memory_format=lib.contiguous_format),
        lambda lib: lib.empty_strided((2, 3), (1, 2)),
        lambda lib: lib.empty_permuted((2, 3, 4), (2, 0, 1)),
        lambda lib: lib.zeros(1).new_empty_strided((2, 3), (1, 2), dtype=lib.int64),
    ):
        ours, theirs = make(metagrad), make(torch)
        assert tuple(ours.shape) == tuple(theirs.shape)
        assert ours.stride() == theirs.stride() and ours.storage_offset() == theirs.storage_offset()
        assert ours.stride(-1) == theirs.stride(-1) and ours.dim_order() == theirs.dim_order()
        for name in ("is_contiguous", "element_size", "get_device", "is_pinned", "is_shared", "is_signed"):
            assert getattr(ours, name)() == getattr(theirs, name)(), name
        for name in (
            "itemsize",
            "nbytes",
            "is_cpu",
            "is_cuda",
            "is_sparse",
            "is_quantized",
            "is_meta",
            "is_leaf",
            "output_nr",
        ):
            assert getattr(ours, name) == getattr(theirs, name), name
        if ours.ndim == 4:
            last = [lib.channels_last for lib in (metagrad, torch)]
            assert ours.is_contiguous(memory_format=last[0]) == theirs.is_contiguous(memory_format=last[1])
        assert ours.layout is metagrad.strided


# ------------------------------------------------ leaves that are views


def seen_through(lib, make):
    x = make(lib).requires_grad_()
    y = x.as_strided((2,), (1,))
    (y * y).sum().backward()
    return y.requires_grad, y.tolist(), x.grad.tolist()


LEAVES = {
    "slice": lambda lib: lib.arange(6.0)[1:5],
    "matrix": lambda lib: lib.arange(6.0).view(2, 3),
    "transposed": lambda lib: lib.arange(6.0).view(2, 3).T,
    "row": lambda lib: lib.arange(6.0).view(2, 3)[1],
}


@pytest.mark.oracle
@pytest.mark.parametrize("name", LEAVES)
def test_a_leaf_that_is_a_view_as_in_pytorch(torch, name):
    assert seen_through(metagrad, LEAVES[name]) == seen_through(torch, LEAVES[name])


def test_a_leaf_that_is_a_view_keeps_its_gradient():
    assert seen_through(metagrad, LEAVES["slice"]) == (True, [1.0, 2.0], [2.0, 4.0, 0.0, 0.0])
    x = metagrad.arange(6.0)[1:5].requires_grad_()
    y = x.view(2, 2).as_strided((2,), (1,))
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 0.0, 0.0]


def test_a_view_of_such_a_leaf_is_not_written_to():
    x = metagrad.arange(6.0)[1:5].requires_grad_()
    with pytest.raises(RuntimeError, match="view of a leaf"):
        x.view(2, 2).mul_(2)
    with metagrad.no_grad():
        x.view(2, 2).mul_(2)
    assert x.is_leaf and x.requires_grad and x.tolist() == [2.0, 4.0, 6.0, 8.0]


def test_the_parts_of_complex_numbers_by_strides():
    """A view of another dtype than its base's has its own elements counted, and its gradient."""
    x = metagrad.tensor([1 + 2j, 3 + 4j], requires_grad=True)
    parts = metagrad.view_as_real(x)
    assert parts.as_strided((2,), (1,), 0).tolist() == [1.0, 2.0]
    assert parts.as_strided((2,), (2,), 1).tolist() == [2.0, 4.0]
    assert x.real.as_strided((2,), (2,)).tolist() == [1.0, 3.0] and x.imag.as_strided((1,), (1,)).tolist() == [2.0]
    parts.as_strided((2,), (2,), 1).mul(metagrad.tensor([5.0, 7.0])).sum().backward()
    assert x.grad.tolist() == [5j, 7j]
