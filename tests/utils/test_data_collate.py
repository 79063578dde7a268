"""Collating and converting: literal expectations, and PyTorch's behaviour for the same samples."""

import collections
import types

import numpy as np
import pytest
from tests.utils.data_cases import outcome, plain

import metagrad as mg
from metagrad.utils import data as md
from metagrad.utils.data.dataset import items_of
from metagrad.utils.data.fetch import rows_of

Point = collections.namedtuple("Point", "x y")
frozen = types.MappingProxyType

SAMPLES = {
    "ints": lambda t: [1, 2, 3],
    "bools": lambda t: [True, False],
    "floats": lambda t: [1.5, 2],
    "an int, then a float": lambda t: [1, 2.5],
    "float32 scalars": lambda t: [np.float32(1), np.float32(2)],
    "float64 scalars": lambda t: [np.float64(1)],
    "bool_ scalars": lambda t: [np.bool_(True)],
    "arrays": lambda t: [np.ones((2, 1), np.int16), np.zeros((2, 1), np.int16)],
    "0-d arrays": lambda t: [np.array(3.0), np.array(4.0)],
    "tensors": lambda t: [t.tensor([1, 2]), t.tensor([3, 4])],
    "0-d tensors": lambda t: [t.tensor(1), t.tensor(2)],
    "dtypes mixed": lambda t: [t.tensor([1]), t.tensor([0.5])],
    "strings": lambda t: ["ab", "c"],
    "bytes": lambda t: [b"ab", b"c"],
    "NumPy strings": lambda t: [np.str_("ab")],
    "tuples": lambda t: [("a", 1, 2.0), ("b", 3, 4.0)],
    "a tuple of tuples": lambda t: ((1, "a"), (2, "b")),
    "lists": lambda t: [[1, t.tensor([2])], [3, t.tensor([4])]],
    "deques": lambda t: [collections.deque([1, 2]), collections.deque([3, 4])],
    "named tuples": lambda t: [Point(1, "a"), Point(2, "b")],
    "ranges": lambda t: [range(2), range(2, 4)],
    "dicts": lambda t: [{"a": 1, "b": [2.0]}, {"b": [3.0], "a": 4}],
    "ordered dicts": lambda t: [collections.OrderedDict(a=1), collections.OrderedDict(a=2)],
    "frozen dicts": lambda t: [frozen({"a": 1})],
    "empty tuples": lambda t: [(), ()],
    "nothing": lambda t: [],
    "None": lambda t: [None],
    "complex": lambda t: [1j],
    "sets": lambda t: [{1}],
    "string arrays": lambda t: [np.array(["a"])],
    "object arrays": lambda t: [np.array([None])],
    "date scalars": lambda t: [np.datetime64("2020")],
    "unequal tensors": lambda t: [t.zeros(2), t.zeros(3)],
    "unequal arrays": lambda t: [np.zeros(2), np.zeros(3)],
    "unequal lists": lambda t: [[1, 2], [1]],
    "a missing key": lambda t: [{"a": 1}, {"b": 1}],
    "a tensor, then a number": lambda t: [t.tensor(1), 2],
}


@pytest.mark.oracle
@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("function", ["default_collate", "default_convert"])
def test_collating_is_pytorchs(function, name):
    torch = pytest.importorskip("torch")
    call = lambda t, d: getattr(d, function)(SAMPLES[name](t))  # noqa: E731
    assert outcome(mg, call) == outcome(torch, call)


@pytest.mark.oracle
@pytest.mark.parametrize(
    "value", [np.array([1, 2]), np.float64(2), np.str_("a"), np.array(["a"]), (1, np.zeros(1)), "ab", {2}]
)
def test_converting_is_pytorchs(value):
    torch = pytest.importorskip("torch")
    call = lambda t, d: d.default_convert(value)  # noqa: E731
    assert outcome(mg, call) == outcome(torch, call)


def test_collated_values():
    batch = md.default_collate([{"x": np.ones(2, np.float32), "y": 0.5}, {"x": np.zeros(2, np.float32), "y": 1.5}])
    assert batch["x"].dtype is mg.float32 and batch["x"].tolist() == [[1, 1], [0, 0]]
    assert batch["y"].dtype is mg.float64 and batch["y"].tolist() == [0.5, 1.5]


def test_a_collated_mapping_keeps_what_its_type_carries():
    sample = collections.defaultdict(lambda: "other", a=1)
    batch = md.default_collate([sample, sample])
    assert batch["a"].tolist() == [1, 1] and batch["unknown"] == "other" and sample == {"a": 1}


@pytest.mark.parametrize("indices", [[2], [0, 3, -1, 3], []])
@pytest.mark.parametrize("wrap", [lambda d: d, lambda d: md.Subset(md.Subset(d, [4, 3, 2, 1]), range(4))])
def test_rows_taken_at_once_are_samples_put_together(wrap, indices):
    tensors = mg.rand(5, 2, 3, requires_grad=True), mg.arange(5), mg.zeros(5, 0, dtype=mg.float64)
    dataset = wrap(md.TensorDataset(*tensors))
    rows = rows_of(dataset, indices)
    if not indices:
        assert rows is None
        return
    batch = md.default_collate(items_of(dataset, indices))
    assert plain(rows) == plain(batch)
    (of_rows,) = mg.autograd.grad(rows[0].square().sum(), tensors[0])
    (of_batch,) = mg.autograd.grad(batch[0].square().sum(), tensors[0])
    assert plain(of_rows) == plain(of_batch) and of_rows.abs().sum().item() > 0


def test_rows_are_not_taken_at_once_where_samples_are_made_otherwise():
    class Doubled(md.TensorDataset):
        def __getitem__(self, index):
            return super().__getitem__(index)[0] * 2

    class Part(md.Subset):
        def __getitems__(self, indices):
            return [i * 10 for i in indices]

    assert [b.tolist() for b in md.DataLoader(Doubled(mg.arange(3)), 2)] == [[0, 2], [4]]
    assert [b.tolist() for b in md.DataLoader(Part(md.TensorDataset(mg.arange(3)), [0, 1, 2]), 2)] == [[0, 10], [20]]
    assert [len(b) for b in md.DataLoader(md.TensorDataset(mg.arange(3)), 2, collate_fn=lambda b: b)] == [2, 1]
    assert rows_of(md.TensorDataset(mg.arange(3)), [True]) is rows_of([1, 2], [0]) is None


def test_gradients_flow_through_a_batch():
    a, b = mg.tensor([1.0], requires_grad=True), mg.tensor([2.0], requires_grad=True)
    (md.default_collate([a, b]) * mg.tensor([[3.0], [5.0]])).sum().backward()
    assert (a.grad.item(), b.grad.item()) == (3, 5)


# ---------------------------------------------------- functions for types of one's own


class Box:
    def __init__(self, value):
        self.value = value


def boxes(batch, *, collate_fn_map=None):
    return mg.tensor([box.value for box in batch])


def test_collate_takes_a_function_for_a_type_wherever_it_lies():
    found = md.collate.collate(
        [{"a": (Box(1), 2)}, {"a": (Box(3), 4)}], collate_fn_map={Box: boxes, int: lambda b, **_: sum(b)}
    )
    assert found["a"][0].tolist() == [1, 3] and found["a"][1] == 6


def test_a_subclass_goes_to_the_function_of_its_base_unless_it_has_its_own():
    class Small(Box):
        pass

    maps = {Box: lambda b, **_: "box", Small: lambda b, **_: "small"}
    assert md.collate.collate([Small(1)], collate_fn_map=maps) == "small"
    assert md.collate.collate([Small(1)], collate_fn_map={Box: maps[Box]}) == "box"


def test_a_type_added_to_the_map_is_collated_by_the_default():
    md.collate.default_collate_fn_map[Box] = boxes
    try:
        assert md.default_collate([[Box(1)], [Box(2)]])[0].tolist() == [1, 2]
    finally:
        del md.collate.default_collate_fn_map[Box]
    with pytest.raises(TypeError, match="found .*Box"):
        md.default_collate([Box(1)])
