"""Which results are views and which have memory of their own, and by what name the graph knows how they were made."""

from __future__ import annotations

import types
from typing import Any

import pytest

import metagrad

# Of each: whether the result is a view of another tensor, and the name of its node.
RESULTS = {
    "x.gather(0, i)": (False, "GatherBackward0"),
    "x.take_along_dim(i, 0)": (False, "GatherBackward0"),
    "x.scatter(0, i, x)": (False, "ScatterBackward0"),
    "x.scatter(0, i, 1.0)": (False, "ScatterBackward1"),
    "x.scatter_add(0, i, x)": (False, "ScatterAddBackward0"),
    "x.index_add(0, i[0, 0, :1], x[:1])": (False, "IndexAddBackward0"),
    "x.index_copy(0, i[0, 0, :1], x[:1])": (False, "IndexCopyBackward0"),
    "x.index_fill(0, i[0, 0, :1], 1.0)": (False, "IndexFillBackward0"),
    "x.index_select(0, i[0, 0])": (False, "IndexSelectBackward0"),
    "x.put(i[0, 0, :1], x[0, 0, :1])": (False, "PutBackward0"),
    "x[0, 0, 0].softmax(0)": (False, "SoftmaxBackward0"),
    "x[0, 0, 0].log_softmax(0)": (False, "LogSoftmaxBackward0"),
    "x[0, 0, 0].scatter(0, i[0, 0, 0], 1.0)": (False, None),
    "L.nn.functional.pixel_shuffle(x, 1)": (False, None),
    "x.rot90()": (False, "Rot90Backward0"),
    "x.rot90(0)": (False, "Rot90Backward0"),
    "x.repeat(2, 1, 1)": (False, "RepeatBackward0"),
    "x.tile(1)": (False, "RepeatBackward0"),
    "x.triu()": (False, "TriuBackward0"),
    "x.max(0)[0]": (False, "MaxBackward0"),
    "x[0].mv(x[0, 0])": (False, "MvBackward0"),
    "x[0, 0].dot(x[0, 0])": (False, "DotBackward0"),
    "L.bmm(x, x.mT)": (False, "BmmBackward0"),
    "x.sort(0)[0]": (False, "SortBackward0"),
    "x.topk(1)[0]": (False, "TopkBackward0"),
    "x[0].trace()": (False, "TraceBackward0"),
    "L.addmm(x[0], x[0, :, :3], x[0])": (False, "AddmmBackward0"),
    "L.baddbmm(x, x[:, :, :3], x)": (False, "BaddbmmBackward0"),
    "L.addmv(x[0, :, 0], x[0], x[0, 0])": (False, "AddmvBackward0"),
    "L.nn.functional.glu(x)": (False, "GluBackward0"),
    "L.kron(x[0], x[0])": (False, None),
    "x.quantile(0.5, 0)": (False, None),
    "L.einsum('ij->i', x[0])": (False, None),
    "L.einsum('i,j->ij', x[0, 0], x[0, 0])": (False, "MulBackward0"),
    "L.nn.functional.pad(x, (1, 1), 'reflect')": (False, "ReflectionPad1DBackward0"),
    "L.nn.functional.layer_norm(x, (4,))": (False, "NativeLayerNormBackward0"),
    "L.nn.functional.pixel_unshuffle(x[:1, :2, :2], 2)": (False, None),
    "x[None].contiguous(memory_format=L.channels_last)": (False, "CloneBackward0"),
    "x[None].clone(memory_format=L.channels_last)": (False, "CloneBackward0"),
    "x.unsafe_split(1)[1]": (False, "UnsafeSplitBackward0"),
    "x.split(1)[1]": (True, "SplitBackward0"),
    "x.split([1, 1])[1]": (True, "SplitWithSizesBackward0"),
    "x.tensor_split(2)[1]": (True, "SliceBackward0"),
    "x.movedim(0, 1)": (True, "PermuteBackward0"),
    "x.squeeze((0, 1))": (True, "SqueezeBackward2"),
    "x.squeeze(0)": (True, "SqueezeBackward1"),
    "L.einsum('ij->ji', x[0])": (True, "PermuteBackward0"),
    "(x * 1).zero_()": (False, "ZeroBackward0"),
    "(x * 1).fill_(2)": (False, "FillBackward2"),
    "(x * 1).fill_(L.tensor(2.0))": (False, "FillBackward3"),
    "(x * 1).copy_(x)": (False, "torch::autograd::CopyBackwards"),
    "written(x * 1)": (False, "torch::autograd::CopySlices"),
}


def _written(y: Any) -> Any:
    y[0] = 1
    return y


def _of(library: Any, text: str) -> tuple[bool, str]:
    x = (library.arange(24.0) / 7).reshape(2, 3, 4).clone().requires_grad_()
    i = library.zeros(2, 3, 4, dtype=library.int64)
    y = eval(text, {"x": x * 2, "i": i, "L": library, "written": _written})
    return y._is_view(), y.grad_fn.name()


@pytest.mark.parametrize("text", RESULTS)
def test_views_and_names(text: str) -> None:
    view, name = RESULTS[text]
    found = _of(metagrad, text)
    assert found[0] is view
    assert name is None or found[1] == name


@pytest.mark.oracle
@pytest.mark.parametrize("text", RESULTS)
def test_views_and_names_of_pytorch(torch: types.ModuleType, text: str) -> None:
    view, name = RESULTS[text]
    found = _of(torch, text)
    assert found[0] is view
    assert name is None or found[1] == name


def test_a_result_made_without_a_graph_may_be_written_to_with_one() -> None:
    x, i = metagrad.arange(6.0).reshape(2, 3), metagrad.zeros(2, 3, dtype=metagrad.int64)
    with metagrad.no_grad():
        best = x.max(1)[0], x.gather(0, i), x.mv(x[0]), metagrad.nn.LSTM(3, 2)(x)[0]
    w = metagrad.ones(1, requires_grad=True)
    for y in best:
        expected = y.sum().item()
        y.mul_(w)
        y.sum().backward()
        assert w.grad.item() == pytest.approx(expected)
        w.grad = None


def test_the_number_of_a_view_among_its_ops_results_is_0_unless_there_are_several() -> None:
    x = metagrad.ones(4, 3, requires_grad=True)
    assert [y.output_nr for y in (x, x[1], x[:, 0:2], x[None], x[[0]], x.split(2)[1], x.unbind()[3])] == [0] * 5 + [
        1,
        3,
    ]


def test_copies_of_views_lie_in_order_in_memory() -> None:
    x = metagrad.arange(24).reshape(4, 3, 2).permute(2, 1, 0)
    assert x.narrow_copy(0, 0, 1).stride() == (12, 4, 1)
    assert metagrad.select_copy(x, 0, 0).stride() == (4, 1)
    assert metagrad.view_copy(x, (24,)).tolist() == x.flatten().tolist()
    assert [part.stride() for part in metagrad.unbind_copy(x)] == [(4, 1)] * 2


def test_unsafe_split_shares_memory_and_tells_nobody() -> None:
    x = metagrad.arange(4.0)
    y = x.unsafe_split(2)[0]
    y.mul_(2)
    assert (x.tolist(), x._version, y._version) == ([0.0, 2.0, 2.0, 3.0], 0, 1)


def test_the_data_of_what_inference_made_is_inferences_too() -> None:
    with metagrad.inference_mode():
        x = metagrad.ones(2)
    assert (x.data.is_inference(), x.detach().is_inference(), metagrad.ones(2).data.is_inference()) == (
        True,
        True,
        False,
    )
    with pytest.raises(RuntimeError, match="outside InferenceMode"):
        x.data.mul_(2)
