"""Tensors among other libraries: NumPy's functions and conversions, DLPack, Python's own types."""

import numpy as np
import pytest

import metagrad


def test_lists_are_inferred_as_by_pytorch():
    assert metagrad.tensor([1, 2]).dtype is metagrad.int64 and metagrad.tensor([1, 2]).tolist() == [1, 2]
    assert metagrad.tensor([1.0, 2]).dtype is metagrad.float32
    assert metagrad.tensor([True]).dtype is metagrad.bool
    assert metagrad.tensor([1j]).dtype is metagrad.complex64
    assert metagrad.tensor(np.zeros(2)).dtype is metagrad.float64
    assert metagrad.tensor([[1, 2], [3, 4]]).shape == (2, 2)
    assert metagrad.tensor([metagrad.tensor(1), metagrad.tensor(2)]).tolist() == [1, 2]
    assert metagrad.Tensor(2, 3).shape == (2, 3) and metagrad.Tensor.zeros(2).tolist() == [0, 0]
    with pytest.raises(ValueError):
        metagrad.tensor([[1, 2], [3]])


def test_item_and_tolist_give_pythons_own_types():
    assert type(metagrad.tensor(1.5).item()) is float and type(metagrad.tensor([2]).item()) is int
    assert type(metagrad.tensor(True).item()) is bool and type(metagrad.tensor([1.5]).tolist()[0]) is float
    with pytest.raises(RuntimeError, match=r"2 elements|one element|scalar"):
        metagrad.tensor([1, 2]).item()
    assert float(metagrad.tensor(2)) == 2.0 and int(metagrad.tensor(2.7)) == 2 and [10, 20][metagrad.tensor(1)] == 20
    assert bool(metagrad.tensor([0])) is False
    with pytest.raises(RuntimeError, match="ambiguous"):
        bool(metagrad.tensor([1, 2]))
    with pytest.raises(TypeError):
        len(metagrad.tensor(1))
    assert f"{metagrad.tensor(3.14159):.2f}" == "3.14"
    assert 2 in metagrad.tensor([1, 2]) and hash(metagrad.ones(1)) is not None


def test_numpy_conversions_share_memory():
    array = np.arange(3.0)
    tensor = metagrad.from_numpy(array)
    tensor[0] = 9
    assert array[0] == 9 and tensor.numpy() is not None and np.shares_memory(tensor.numpy(), array)
    assert np.asarray(tensor).tolist() == [9, 1, 2] and np.array(tensor, dtype=np.float32).dtype == np.float32
    assert metagrad.as_tensor(array).array is array and not np.shares_memory(metagrad.tensor(array).array, array)
    with pytest.raises(RuntimeError, match="detach"):
        metagrad.ones(2, requires_grad=True).numpy()


@pytest.mark.parametrize(
    "name",
    "exp expm1 log1p sqrt sin cos tan tanh abs square negative reciprocal sign floor rint".split(),
)
def test_numpy_functions_are_recorded(name):
    x = metagrad.tensor([0.3, 1.2], dtype=metagrad.float64, requires_grad=True)
    y = getattr(np, name)(x)
    assert isinstance(y, metagrad.Tensor) and y.requires_grad
    np.testing.assert_allclose(y.detach().numpy(), getattr(np, name)(x.detach().numpy()))
    assert metagrad.autograd.gradcheck(getattr(np, name), (x,))


@pytest.mark.parametrize(
    ("function", "method"),
    [
        (lambda x: np.sum(x, axis=1), lambda x: x.sum(1)),
        (lambda x: np.mean(x, axis=0, keepdims=True), lambda x: x.mean(0, keepdim=True)),
        (lambda x: np.max(x, axis=1), lambda x: x.amax(1)),
        (lambda x: np.where(x > 0, x, 0), lambda x: x.relu()),
        (lambda x: np.clip(x, -1, 1), lambda x: x.clamp(-1, 1)),
        (lambda x: np.concatenate([x, x], axis=1), lambda x: metagrad.cat([x, x], 1)),
        (lambda x: np.stack([x, x]), lambda x: metagrad.stack([x, x])),
        (lambda x: np.transpose(x), lambda x: x.t()),
        (lambda x: np.reshape(x, (3, 2)), lambda x: x.reshape(3, 2)),
        (lambda x: np.expand_dims(x, 0), lambda x: x.unsqueeze(0)),
        (lambda x: np.matmul(x, np.ones((3, 2), np.float32)), lambda x: x @ metagrad.ones(3, 2)),
        (lambda x: np.ones((2, 3), np.float32) * x, lambda x: x * 1),
        (lambda x: np.float32(2) * x, lambda x: 2 * x),
        (lambda x: np.cumsum(x, axis=1), lambda x: x.cumsum(1)),
        (lambda x: np.flip(x, 1), lambda x: x.flip(1)),
    ],
)
def test_numpy_functions_are_the_ops_of_the_same_name(function, method):
    found = []
    for f in (function, method):
        x = metagrad.tensor([[1.0, -2.0, 0.5], [0.1, 2.0, -1.0]], requires_grad=True)
        y = f(x)
        assert isinstance(y, metagrad.Tensor) and y.dtype is metagrad.float32
        (y * y).sum().backward()
        found.append((y.tolist(), x.grad.tolist()))
    assert found[0] == found[1]


def test_numpy_functions_without_a_gradient_say_so():
    x = metagrad.ones(2, requires_grad=True)
    with pytest.raises(TypeError, match="detach"):
        np.linalg.norm(x)
    with pytest.raises(TypeError, match="detach"):
        np.arctan2(x, x)
    assert np.linalg.norm(x.detach()) == pytest.approx(2**0.5)
    np.testing.assert_allclose(np.hypot(x.detach(), x.detach()).numpy(), [2**0.5] * 2, rtol=1e-6)


def test_dlpack_both_ways():
    x = metagrad.arange(6).reshape(2, 3)
    assert np.shares_memory(np.from_dlpack(x), x.array)
    again = metagrad.from_dlpack(np.arange(3.0))
    assert again.tolist() == [0, 1, 2] and again.dtype is metagrad.float64
    with pytest.raises(BufferError, match="detach"):
        np.from_dlpack(metagrad.ones(1, requires_grad=True))


@pytest.mark.oracle
def test_dlpack_with_pytorch():
    torch = pytest.importorskip("torch")
    x = metagrad.arange(4).float()
    theirs = torch.from_dlpack(x)
    theirs[0] = 7
    assert x.tolist() == [7, 1, 2, 3]
    ours = metagrad.from_dlpack(torch.arange(3))
    assert ours.tolist() == [0, 1, 2] and ours.dtype is metagrad.int64


def test_numpys_scalars_and_arrays_as_operands():
    x = metagrad.ones(2)
    assert (x + np.float64(1)).dtype is metagrad.float32
    assert (x + np.ones(2)).dtype is metagrad.float64
    assert (np.ones(2, np.float32) - x).tolist() == [0, 0] and isinstance(np.ones(2) - x, metagrad.Tensor)
    assert isinstance(np.add(x, 1), metagrad.Tensor)
    out = metagrad.zeros(2)
    np.add(x, x, out=out.array)
    assert out.tolist() == [2, 2]


def test_a_program_written_for_pytorch_runs():
    import metagrad as torch

    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(2, 16), torch.nn.Tanh(), torch.nn.Linear(16, 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    data = torch.utils.data.TensorDataset(
        torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), torch.tensor([0, 1, 1, 0])
    )
    for _ in range(60):
        for x, y in torch.utils.data.DataLoader(data, batch_size=2, shuffle=True):
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(x), y)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
    with torch.no_grad():
        assert model(data.tensors[0]).argmax(dim=1).equal(data.tensors[1])


def test_the_flat_namespace_has_everything():
    from metagrad import functions as F

    a, b = metagrad.zeros(1, 2, 3), metagrad.ones(1, 2, 3)
    assert F.cat([a, b], 2).shape == (1, 2, 6) and F.flip(F.arange(3), 0).tolist() == [2, 1, 0]
    np.testing.assert_allclose(F.log_softmax(a, axis=-1).exp().sum(-1).tolist(), [[1, 1]], rtol=1e-6)
    for name in ("relu", "cross_entropy", "embedding", "tanh", "stack", "one_hot"):
        assert callable(getattr(F, name)) and name in dir(F)
    with pytest.raises(AttributeError, match="no_such"):
        F.no_such


@pytest.mark.parametrize("number", [int, float, complex])
def test_several_elements_are_no_number(number):
    with pytest.raises(ValueError, match="only one element"):
        number(metagrad.ones(2))


def test_where_of_a_ufunc_may_be_a_tensor():
    x = metagrad.ones(3)
    assert np.multiply(x, 2, out=x, where=metagrad.tensor([True, False, True])) is x
    assert x.tolist() == [2, 1, 2]
    w = metagrad.ones(3, requires_grad=True)
    y = metagrad.zeros(3)
    np.multiply(w, 3, out=y, where=metagrad.tensor([True, False, True]))
    y.sum().backward()
    assert y.tolist() == [3, 0, 3] and w.grad.tolist() == [3, 0, 3]


@pytest.mark.parametrize("lib", ["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
def test_dlpack_takes_a_device_and_bfloat16(lib):
    lib = pytest.importorskip(lib)
    x = np.arange(3)
    shared = lib.from_dlpack(x, device="cpu", copy=False)
    shared[0] = 7
    assert x.tolist() == [7, 1, 2] and lib.from_dlpack(x, copy=True).data_ptr() != x.ctypes.data
    half = lib.ones(2, dtype=lib.bfloat16)
    again = lib.from_dlpack(half)
    again[0] = 3
    assert again.dtype == lib.bfloat16 and half.tolist() == [3.0, 1.0]
