"""segment_reduce, products in PyTorch's first notation, and capsules of DLPack."""

import numpy as np
import pytest

import metagrad as mg

REDUCTIONS = ["sum", "mean", "max", "min", "prod"]
GIVEN = {
    "lengths": {"lengths": [2, 0, 3]},
    "offsets": {"offsets": [0, 2, 2, 5]},
    "initial": {"lengths": [2, 0, 3], "initial": 1.5},
    "fewer, unsafely": {"lengths": [2, 2], "unsafe": True},
    "of a batch": {"lengths": [[1, 2], [2, 1]], "axis": 1},
    "too few": {"lengths": [2, 2]},
    "negative": {"lengths": [-1, 6]},
    "by index": {"indices": [0, 0, 1, 1, 1]},
    "nothing": {},
    "another axis": {"lengths": [2, 0, 3], "axis": 1},
}


def segments(lib, reduce, given):
    options = {k: lib.tensor(v) if isinstance(v, list) else v for k, v in GIVEN[given].items()}
    numbers = [[1.0, 2.0, 3.0], [4.0, 5.0, 7.0]] if "axis" in options else [[1, 2], [3, -4], [5, 6], [7, 8], [-3, 9]]
    data = lib.tensor(numbers, dtype=lib.float64, requires_grad=True)
    try:
        result = lib.segment_reduce(data, reduce, **options)
    except RuntimeError:
        return None
    weights = lib.arange(1.0, result.numel() + 1, dtype=lib.float64).reshape(result.shape)
    (result.nan_to_num(0.0, 0.0, 0.0) * weights).sum().backward()
    return result.detach().numpy(), data.grad.numpy()


@pytest.mark.oracle
@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("reduce", REDUCTIONS)
def test_segments_are_pytorchs(torch, reduce, given):
    expected, found = segments(torch, reduce, given), segments(mg, reduce, given)
    assert (expected is None) == (found is None)
    if expected is not None:
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)


def test_gradients_of_segments_are_what_finite_differences_say():
    mg.manual_seed(0)
    data = mg.randn(5, 2, dtype=mg.float64, requires_grad=True)
    for reduce in REDUCTIONS:
        assert mg.autograd.gradcheck(lambda x, r=reduce: mg.segment_reduce(x, r, lengths=mg.tensor([2, 3])), (data,))


OLDER = {
    "add": lambda lib, x, m: lib.add(x, 2, x),
    "add_": lambda lib, x, m: x.clone().add_(2, x),
    "sub": lambda lib, x, m: lib.sub(x, 2, x),
    "sub_": lambda lib, x, m: x.clone().sub_(2, x),
    "addcmul": lambda lib, x, m: lib.addcmul(x, 2, x, x),
    "addcdiv_": lambda lib, x, m: x.clone().addcdiv_(2, x, x),
    "addmm": lambda lib, x, m: lib.addmm(2, m, 3, m, m),
    "addmm without alpha": lambda lib, x, m: lib.addmm(2, m, m, m),
    "addmm_": lambda lib, x, m: m.clone().addmm_(2, 3, m, m),
    "addmv": lambda lib, x, m: lib.addmv(2, x, 3, m, x),
    "addr": lambda lib, x, m: lib.addr(2, m, 3, x, x),
    "baddbmm": lambda lib, x, m: lib.baddbmm(2, m[None], 3, m[None], m[None]),
    "addbmm": lambda lib, x, m: lib.addbmm(2, m, m[None], m[None]),
}


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:.*This overload:UserWarning")
@pytest.mark.parametrize("name", OLDER)
def test_pytorchs_first_notation(torch, name):
    found, expected = (
        OLDER[name](lib, lib.tensor([1.0, 2.0]), lib.tensor([[1.0, 2.0], [3.0, 5.0]])).tolist() for lib in (mg, torch)
    )
    assert found == expected
    with pytest.raises(TypeError):
        mg.add(mg.ones(2), mg.ones(2), mg.ones(2))


@pytest.mark.oracle
def test_capsules(torch):
    shared = mg.arange(3.0)
    there = torch.utils.dlpack.from_dlpack(mg.utils.dlpack.to_dlpack(shared))
    back = mg.from_dlpack(torch.utils.dlpack.to_dlpack(there))
    back[0] = 7
    assert shared.tolist() == there.tolist() == [7, 1, 2]
    assert mg.from_dlpack(shared, copy=True).add_(1).tolist() == [8, 2, 3] and shared[0] == 7
    once = mg.utils.dlpack.to_dlpack(shared)
    mg.from_dlpack(once)
    with pytest.raises(RuntimeError, match="can be consumed only once"):
        mg.from_dlpack(once)
    assert torch.from_dlpack(mg.arange(2.0).expand(2, 2)).tolist() == [[0, 1], [0, 1]]
    with pytest.raises(TypeError, match="expected a tensor of some library, or a capsule"):
        mg.from_dlpack([1.0])
