"""Datasets, samplers, collating and loading: literal expectations, and PyTorch's behaviour for the same calls."""

import collections
import gc
import inspect
import threading
import types
import weakref

import numpy as np
import pytest

import metagrad as mg
from metagrad.utils import data as md
from metagrad.utils.data.dataset import items_of
from metagrad.utils.data.fetch import rows_of

PATIENCE = 60  # seconds before a test that hangs is given up; no result depends on it


class Stream(md.IterableDataset):
    """The numbers up to n, dealt out to the workers; ``sharded`` off: to each worker all of them."""

    def __init__(self, n, sharded=True):
        self.n, self.sharded = n, sharded

    def __iter__(self):
        info = md.get_worker_info()
        start, step = (info.id, info.num_workers) if info and self.sharded else (0, 1)
        return iter(range(start, self.n, step))

    def __len__(self):
        return self.n


class Calls(md.Dataset):
    """A dataset out of a function of the index."""

    def __init__(self, n, function):
        self.n, self.function = n, function

    def __getitem__(self, index):
        return self.function(index)

    def __len__(self):
        return self.n


def plain(value):
    """Any structure of either library as lists and names, so that the two can be compared."""
    if hasattr(value, "tolist") and hasattr(value, "requires_grad"):
        return "tensor", str(value.dtype).split(".")[-1], value.tolist()
    if isinstance(value, dict):
        return type(value).__name__, {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, collections.deque)):
        return type(value).__name__, [plain(v) for v in value]
    return type(value).__name__, str(value)


def outcome(lib, call):
    """What a call gives with a library, or the type of what it raises."""
    try:
        return plain(call(lib, lib.utils.data))
    except Exception as error:
        return type(error).__name__


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


def tensors(t, d):
    return d.TensorDataset(t.arange(10).reshape(5, 2), t.tensor([5, 6, 7, 8, 9]))


def empty_stream(d):
    return type("Empty", (d.IterableDataset,), {"__iter__": lambda self: iter(())})()


def resuming_stream(d):
    """An iterator that goes on after its end."""
    values = iter([0, 1, 2, None, 3, 4])

    def following(self):
        value = next(values)
        if value is None:
            raise StopIteration
        return value

    return type("Resuming", (d.IterableDataset,), {"__iter__": lambda self: self, "__next__": following})()


def stream(d, n=5):
    return type("Numbers", (d.IterableDataset,), {"__iter__": lambda self: iter(range(n)), "__len__": lambda self: n})()


DATASETS = [
    lambda t, d: (len(tensors(t, d)), tensors(t, d)[1], tensors(t, d)[-1], tensors(t, d)[1:3], tensors(t, d)[[0, 2]]),
    lambda t, d: list(tensors(t, d)),
    lambda t, d: tensors(t, d)[5],
    lambda t, d: d.TensorDataset(t.zeros(2), t.zeros(3)),
    lambda t, d: d.TensorDataset(t.tensor(1)),
    lambda t, d: d.Dataset()[0],
    lambda t, d: len(d.Dataset()),
    lambda t, d: d.IterableDataset(),
    lambda t, d: [d.ConcatDataset(["ab", [], [1, 2, 3]])[i] for i in (-5, -1, 0, 1, 2, 4)],
    lambda t, d: (len(d.ConcatDataset(["ab", "c"])), d.ConcatDataset(["ab", "c"]).cumulative_sizes),
    lambda t, d: d.ConcatDataset(["ab"])[2],
    lambda t, d: d.ConcatDataset(["ab"])[-3],
    lambda t, d: d.ConcatDataset([]),
    lambda t, d: d.ConcatDataset([stream(d)]),
    lambda t, d: (tensors(t, d) + tensors(t, d))[7],
    lambda t, d: (type(stream(d) + stream(d)).__name__, list(stream(d, 2) + stream(d, 3)), len(stream(d) + stream(d))),
    lambda t, d: list(d.ChainDataset(["ab"])),
    lambda t, d: len(d.ChainDataset(["ab"])),
    lambda t, d: (d.StackDataset([1, 2], "ab")[1], d.StackDataset(x=[1, 2], y="ab")[0], len(d.StackDataset("abc"))),
    lambda t, d: (d.StackDataset([1, 2], "ab").__getitems__([1, 0]), d.StackDataset(x="ab").__getitems__([1, 1])),
    lambda t, d: d.StackDataset(d.Subset("abc", [2, 0]), x=[1]),
    lambda t, d: d.StackDataset(),
    lambda t, d: d.StackDataset([1], [1, 2]),
    lambda t, d: d.StackDataset(a=[1], b=[1, 2]),
    lambda t, d: (list(d.Subset("abc", [2, 0])), len(d.Subset("abc", [2, 0]))),
    lambda t, d: d.Subset("abc", [2, 0]).__getitems__([1]),
    lambda t, d: d.Subset(tensors(t, d), [4, 2, 0])[[0, 2]],
    lambda t, d: d.Subset(d.Subset("abcd", [3, 2, 1]), [2, 0]).__getitems__([0, 1]),
    lambda t, d: type("Own", (d.Subset,), {"__getitem__": lambda self, i: i})("abc", [0]),
    lambda t, d: [len(p) for p in d.random_split(range(10), [3, 7])],
    lambda t, d: [len(p) for p in d.random_split(range(11), [0.3, 0.3, 0.4])],
    lambda t, d: [len(p) for p in d.random_split(range(5), [0.5, 0.25, 0.25])],
    lambda t, d: [len(p) for p in d.random_split(range(7), [1])],
    lambda t, d: d.random_split(range(10), [3, 6]),
    lambda t, d: d.random_split(range(10), [0.5, 0.4]),
    lambda t, d: d.random_split(range(10), [1.5, -0.5]),
    lambda t, d: d.random_split(range(3), [1.5, 1.5]),
]

SAMPLERS = [
    lambda t, d: (list(d.SequentialSampler("abc")), len(d.SequentialSampler("abc"))),
    lambda t, d: iter(d.Sampler()),
    lambda t, d: (sorted(d.RandomSampler("abcd")), len(d.RandomSampler("abcd"))),
    lambda t, d: (sorted(d.RandomSampler("abc", num_samples=6)), len(d.RandomSampler("abc", num_samples=7))),
    lambda t, d: [len(list(d.RandomSampler("abc", True, n))) for n in (1, 32, 33, 70)],
    lambda t, d: len(set(d.RandomSampler("abcd", num_samples=2))),
    lambda t, d: d.RandomSampler([]),
    lambda t, d: d.RandomSampler("ab", num_samples=0),
    lambda t, d: d.RandomSampler("ab", num_samples=1.5),
    lambda t, d: d.RandomSampler("ab", replacement=1),
    lambda t, d: (sorted(d.SubsetRandomSampler([7, 3])), len(d.SubsetRandomSampler([7, 3]))),
    lambda t, d: list(d.SubsetRandomSampler([])),
    lambda t, d: sorted(d.WeightedRandomSampler([1, 0, 2], 2, False)),
    lambda t, d: list(d.WeightedRandomSampler([0, 0, 2], 9)),
    lambda t, d: (len(d.WeightedRandomSampler([1.0], 4)), d.WeightedRandomSampler([1, 2], 4).weights),
    lambda t, d: d.WeightedRandomSampler([1.0, 2.0], 0),
    lambda t, d: d.WeightedRandomSampler([1.0, 2.0], True),
    lambda t, d: d.WeightedRandomSampler([[1.0, 2.0]], 1),
    lambda t, d: d.WeightedRandomSampler([1.0, 2.0], 1, replacement=0),
    *(
        lambda t, d, n=n, b=b, x=x: (list(d.BatchSampler(range(n), b, x)), len(d.BatchSampler(range(n), b, x)))
        for n in (0, 1, 6, 7)
        for b in (1, 3, 10)
        for x in (False, True)
    ),
    lambda t, d: list(d.BatchSampler(iter([5, 6, 7]), 2, False)),
    lambda t, d: d.BatchSampler(range(3), 0, False),
    lambda t, d: d.BatchSampler(range(3), True, False),
    lambda t, d: d.BatchSampler(range(3), 1.0, False),
    lambda t, d: d.BatchSampler(range(3), 1, 0),
]


def loader(*args, of=tensors, **options):
    """A row: a loader's batches, and its length where it has one."""

    def call(t, d):
        made = d.DataLoader(of(t, d), *args, **options)
        batches = list(made)
        assert batches or len(made) == 0
        return batches, len(made), made.batch_size, made.drop_last, made.prefetch_factor

    return call


def letters(t, d):
    return {"a": 1, "b": 2}


def numbers(t, d):
    return stream(d)


LOADERS = [
    loader(),
    loader(2),
    loader(2, drop_last=True),
    loader(7, drop_last=True),
    loader(None),
    loader(2, False, [4, 0, 1]),
    loader(batch_sampler=[[0, 1], [4], [2, 2, 2]]),
    loader(batch_sampler=[], of=letters),
    loader(2, sampler="ba", of=letters),
    loader(None, sampler="ba", of=letters),
    loader(3, collate_fn=len),
    loader(of=numbers),
    loader(2, of=numbers),
    loader(2, of=numbers, drop_last=True),
    loader(None, of=numbers),
    loader(of=lambda t, d: []),
    loader(2, of=lambda t, d: d.Subset(tensors(t, d), [3, 1, 0])),
    loader(2, of=lambda t, d: d.StackDataset(x=d.Subset([1, 2, 3], [2, 0]), y="ab")),
    loader(2, of=lambda t, d: t.arange(6).reshape(3, 2)),
    loader(shuffle=True, of=lambda t, d: []),
    loader(num_workers=-1),
    loader(timeout=-1),
    loader(timeout=1),
    loader(prefetch_factor=2),
    loader(num_workers=1, prefetch_factor=-1),
    loader(persistent_workers=True),
    loader(shuffle=True, sampler=[0]),
    loader(2, batch_sampler=[[0]]),
    loader(batch_sampler=[[0]], drop_last=True),
    loader(batch_sampler=[[0]], shuffle=True),
    loader(batch_sampler=[[0]], sampler=[0]),
    loader(None, drop_last=True),
    loader(0),
    loader(shuffle=True, of=numbers),
    loader(shuffle=False, of=numbers),
    loader(sampler=[0], of=numbers),
    loader(batch_sampler=[[0]], of=numbers),
    loader(multiprocessing_context="fork"),
    loader(multiprocessing_context="teleport", num_workers=1),
    loader(multiprocessing_context=3, num_workers=1),
    loader(sampler=[9]),
    loader(of=lambda t, d: object()),
    loader(2, of=numbers, collate_fn=list),
    lambda t, d: list(d.DataLoader(resuming_stream(d), 2, collate_fn=list)),
    lambda t, d: next(iter(d.DataLoader(empty_stream(d)))),
    lambda t, d: len(d.DataLoader(empty_stream(d))),
    lambda t, d: len(iter(d.DataLoader(range(5), 2))),
    *(
        lambda t, d, name=name: setattr(d.DataLoader([1]), name, 1)
        for name in (
            "batch_size",
            "batch_sampler",
            "sampler",
            "drop_last",
            "dataset",
            "persistent_workers",
            "num_workers",
        )
    ),
]


@pytest.mark.oracle
@pytest.mark.parametrize(
    "call",
    [
        pytest.param(call, id=f"{family}{i}")
        for family, rows in (("dataset", DATASETS), ("sampler", SAMPLERS), ("loader", LOADERS))
        for i, call in enumerate(rows)
    ],
)
def test_results_and_error_types_are_pytorchs(call):
    torch = pytest.importorskip("torch")
    assert outcome(mg, call) == outcome(torch, call)


@pytest.mark.oracle
@pytest.mark.parametrize("name", [name for name in md.__all__ if name not in ("WorkerInfo", "get_worker_info")])
def test_signatures_are_pytorchs(name):
    torch = pytest.importorskip("torch")

    def parameters(function):
        found = inspect.signature(function).parameters.values()
        return [(p.name, p.kind, str(p.default).split(" at ")[0].replace("torch._C", "metagrad.random")) for p in found]

    assert parameters(getattr(md, name)) == parameters(getattr(torch.utils.data, name))


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: md.TensorDataset(mg.zeros(2), mg.zeros(3)), r"\[2, 3\]"),
        (lambda: md.TensorDataset(mg.zeros(2), mg.tensor(1)), "tensor 1 has no dimensions"),
        (lambda: md.TensorDataset(), "at least one"),
        (lambda: md.StackDataset("a", "bc"), r"\[1, 2\]"),
        (lambda: md.ConcatDataset(["ab"])[2], "index 2"),
        (lambda: md.random_split(range(10), [3, 6]), r"\[3, 6\].* 10 samples"),
        (lambda: md.random_split(range(3), [4, -1]), "length 1 is -1"),
        (lambda: md.RandomSampler([]), "the dataset is empty"),
        (lambda: md.default_collate([mg.zeros(2), mg.zeros(3)]), r"\(2,\) at entry 0 and \(3,\) at entry 1.*pad_"),
        (lambda: md.default_collate([{"a": 1}, {"b": 1}]), "sample 1 has no key 'a'"),
        (lambda: md.default_collate([None]), "NoneType.*collate_fn"),
        (lambda: md.DataLoader([1], timeout=-1), "got -1"),
        (lambda: iter(md.DataLoader([1], num_workers=1, prefetch_factor=0)), "greater than 0"),
        (lambda: list(md.WeightedRandomSampler([1.0, 0.0], 2, replacement=False)), "without replacement"),
        (lambda: list(md.RandomSampler([], num_samples=2)), "cannot draw 2 samples"),
    ],
)
def test_errors_say_what_was_got(call, words):
    with pytest.raises(Exception, match=words):
        call()


def test_empty_fractions_are_warned_of():
    with pytest.warns(UserWarning, match="split at index 1 is 0"):
        parts = md.random_split(range(1), [0.5, 0.5])
    assert [len(p) for p in parts] == [1, 0]


def test_random_splits_cover_everything_once_and_follow_the_seed():
    def split(seed):
        return [list(p) for p in md.random_split(range(50), [20, 30], mg.Generator().manual_seed(seed))]

    first = split(0)
    assert sorted(first[0] + first[1]) == list(range(50)) and first[0] != sorted(first[0])
    assert first == split(0) != split(1)


@pytest.mark.parametrize(
    "make",
    [
        lambda g: md.RandomSampler(range(40), generator=g),
        lambda g: md.RandomSampler(range(40), True, 100, generator=g),
        lambda g: md.SubsetRandomSampler(range(40), generator=g),
        lambda g: md.WeightedRandomSampler([1.0] * 40, 100, generator=g),
        lambda g: md.DataLoader(range(40), None, shuffle=True, generator=g),
        lambda g: md.DataLoader(range(40), None, shuffle=True, generator=g, num_workers=2),
    ],
)
def test_random_orders_follow_the_generator_or_the_global_seed(make):
    def passes(seed, own):
        generator = mg.Generator().manual_seed(seed) if own else mg.manual_seed(seed) and None
        sampler = make(generator)
        return [list(sampler), list(sampler)]

    for own in (True, False):
        first, second = passes(3, own)
        assert first != second and passes(3, own) == [first, second] != passes(4, own)


def test_a_generator_of_its_own_leaves_the_default_one_alone():
    state = mg.get_rng_state().tolist()
    list(md.DataLoader(range(9), 2, shuffle=True, generator=mg.Generator()))
    assert mg.get_rng_state().tolist() == state


@pytest.mark.parametrize("workers", [0, 2])
def test_drawing_random_numbers_during_a_pass_does_not_change_its_order(workers):
    def order(draw):
        mg.manual_seed(0)
        sampler = md.RandomSampler(range(30), num_samples=90)
        return [
            (draw and mg.rand(3), i)[1] for i in md.DataLoader(range(30), None, sampler=sampler, num_workers=workers)
        ]

    assert order(True) == order(False) != list(range(30)) * 3


def test_every_round_of_a_long_random_pass_is_a_permutation():
    drawn = list(md.RandomSampler(range(4), num_samples=10))
    assert sorted(drawn[:4]) == sorted(drawn[4:8]) == [0, 1, 2, 3] and len(set(drawn[8:])) == 2


def test_weights_are_probabilities():
    mg.manual_seed(0)
    drawn = np.bincount(list(md.WeightedRandomSampler([1, 3, 0, 4], 8000)), minlength=4) / 8000
    np.testing.assert_allclose(drawn, [0.125, 0.375, 0, 0.5], atol=0.02)  # over three standard deviations


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("ahead", [1, 2])
@pytest.mark.parametrize("options", [{}, {"drop_last": True}, {"shuffle": True}, {"batch_size": None}])
def test_workers_change_nothing_but_who_does_the_work(workers, options, ahead):
    options = {"batch_size": 3, **options}
    dataset = md.TensorDataset(mg.arange(20), mg.arange(20) * 2)

    def passes(**more):
        mg.manual_seed(0)
        made = md.DataLoader(dataset, **{**options, **more})
        return plain([list(made), list(made), mg.rand(1)])

    threaded = {"num_workers": workers, "prefetch_factor": ahead}
    assert passes(**threaded) == passes() == passes(**threaded, persistent_workers=True)


def test_workers_run_side_by_side_and_batches_keep_their_order():
    together, later = threading.Barrier(2), threading.Event()

    def fetch(i):
        if i < 2:
            together.wait(PATIENCE)  # passes only if two workers are in here at once
        if i == 0:
            assert later.wait(PATIENCE)  # the first batch is the last to be ready
        if i == 3:
            later.set()
        return i

    assert list(md.DataLoader(Calls(6, fetch), None, num_workers=2)) == [0, 1, 2, 3, 4, 5]


def test_out_of_order_gives_what_is_ready():
    hold = threading.Event()
    dataset = Calls(4, lambda i: i or int(not hold.wait(PATIENCE)))
    batches = iter(md.DataLoader(dataset, None, num_workers=2, prefetch_factor=1, in_order=False))
    assert [next(batches), next(batches), next(batches)] == [1, 2, 3]
    hold.set()
    assert list(batches) == [0]


def test_only_so_many_batches_are_fetched_ahead():
    asked = []
    sampler = (asked.append(i) or i for i in range(100))
    batches = iter(md.DataLoader(range(100), None, sampler=sampler, num_workers=2, prefetch_factor=3))
    assert asked == list(range(6))
    assert next(batches) == 0 and asked == list(range(7))


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_an_error_comes_at_its_turn_and_the_pass_can_go_on(workers):
    def fetch(i):
        if i == 2:
            raise KeyError("sample two is broken")
        return i

    batches = iter(md.DataLoader(Calls(5, fetch), None, num_workers=workers))
    assert [next(batches), next(batches)] == [0, 1]
    with pytest.raises(KeyError, match="sample two is broken") as caught:
        next(batches)
    assert any(entry.name == "fetch" for entry in caught.traceback)
    assert list(batches) == [3, 4]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_samplers_error_comes_after_the_batches_before_it(workers):
    def sampler():
        yield from (0, 1)
        raise OSError("no more")

    batches = iter(md.DataLoader("abc", None, sampler=sampler(), num_workers=workers))
    assert [next(batches), next(batches)] == ["a", "b"]
    with pytest.raises(OSError, match="no more"):
        next(batches)


def test_a_worker_that_cannot_start_gives_its_reason():
    def init(worker):
        if worker == 1:
            raise ValueError("no such file")

    batches = iter(md.DataLoader(range(4), None, num_workers=2, worker_init_fn=init))
    assert next(batches) == 0
    with pytest.raises(ValueError, match="no such file"):
        next(batches)
    assert next(batches) == 2
    with pytest.raises(RuntimeError, match="did not start.*no such file"):
        next(batches)


def test_waiting_has_an_end():
    hold = threading.Event()
    batches = iter(md.DataLoader(Calls(1, lambda i: hold.wait(PATIENCE)), None, num_workers=1, timeout=0.05))
    with pytest.raises(RuntimeError, match="timed out after 0.05 seconds"):
        next(batches)
    hold.set()


def begun(**options):
    """An iterator in the middle of its pass, and its threads, known from inside."""
    threads = set()

    def fetch(i):
        threads.add(threading.current_thread())
        if i == 40:
            raise ValueError("forty")
        return i

    together = threading.Barrier(2)
    made = md.DataLoader(
        Calls(50, fetch), None, num_workers=2, worker_init_fn=lambda _: together.wait(PATIENCE), **options
    )
    batches = iter(made)
    assert [next(batches), next(batches)] == [0, 1]
    return made, batches, threads


def ended(threads):
    for thread in threads:
        thread.join(PATIENCE)
    return len(threads) == 2 and not any(thread.is_alive() for thread in threads)


def test_threads_end_when_the_iterator_is_dropped():
    gc.disable()
    try:
        _, batches, threads = begun()
        assert threading.current_thread() not in threads and all(thread.daemon for thread in threads)
        del batches
        assert ended(threads)
    finally:
        gc.enable()


def test_threads_end_when_an_error_ends_the_pass():
    gc.disable()
    try:
        _, batches, threads = begun()
        try:
            list(batches)
        except ValueError as error:
            assert str(error) == "forty"
        del batches
        assert ended(threads)
    finally:
        gc.enable()


def test_what_was_fetched_ahead_is_given_up_with_the_iterator():
    begun, hold, fetched = threading.Event(), threading.Event(), []

    def fetch(i):
        fetched.append((i, threading.current_thread()))
        begun.set()
        return hold.wait(PATIENCE)

    batches = iter(md.DataLoader(Calls(9, fetch), None, num_workers=1, prefetch_factor=5))
    assert begun.wait(PATIENCE)
    del batches
    hold.set()
    fetched[0][1].join(PATIENCE)
    assert [i for i, _ in fetched] == [0]


def test_an_idle_worker_holds_no_batch():
    class Batch:
        pass

    freed = threading.Event()
    batches = iter(md.DataLoader(Calls(1, lambda i: Batch()), None, num_workers=1))
    batch = next(batches)
    watched = weakref.ref(batch, lambda _: freed.set())
    del batch
    assert freed.wait(PATIENCE) and watched() is None


def test_threads_end_with_the_pass():
    threads = []
    made = md.DataLoader(range(10), num_workers=3, worker_init_fn=lambda _: threads.append(threading.current_thread()))
    assert len(list(made)) == 10
    assert len(threads) == 3 and not any(thread.is_alive() for thread in threads)


def test_persistent_workers_stay_for_the_next_pass_and_end_with_the_loader():
    made, batches, threads = begun(persistent_workers=True)
    again = iter(made)
    assert [next(again), next(batches), next(again)] == [0, 2, 1] and len(threads) == 2
    del batches, again
    assert all(thread.is_alive() for thread in threads)
    assert next(iter(made)) == 0
    del made
    assert ended(threads)


def test_a_worker_knows_which_it_is_and_has_a_dataset_of_its_own():
    def init(worker):
        info = md.get_worker_info()
        assert info.id == worker and info.num_workers == 2
        info.dataset.tag = f"worker {worker}"
        infos[worker] = info

    class Tagged(Calls):
        tag = "original"

        def __getitem__(self, index):
            return self.tag

    infos, dataset = {}, Tagged(4, None)
    generator = mg.Generator().manual_seed(0)
    made = md.DataLoader(dataset, None, num_workers=2, worker_init_fn=init, generator=generator)
    assert list(made) == ["worker 0", "worker 1", "worker 0", "worker 1"]
    assert dataset.tag == "original" and md.get_worker_info() is None
    assert infos[1].seed == infos[0].seed + 1
    seed = infos[0].seed
    list(made)
    assert infos[0].seed != seed  # another pass, other seeds
    generator.manual_seed(0)
    list(made)
    assert infos[0].seed == seed


@pytest.mark.parametrize(
    "options, expected",
    [
        ({"batch_size": None}, [0, 1, 2, 3, 4, 5, 6]),
        ({"batch_size": 2}, [[0, 2], [1, 3], [4, 6], [5]]),
        ({"batch_size": 2, "drop_last": True}, [[0, 2], [1, 3], [4, 6]]),
        ({"batch_size": 3}, [[0, 2, 4], [1, 3, 5], [6]]),
        ({"batch_size": 2, "persistent_workers": True}, [[0, 2], [1, 3], [4, 6], [5]]),
    ],
)
def test_workers_share_a_stream(options, expected):
    made = md.DataLoader(Stream(7), num_workers=2, collate_fn=list if options["batch_size"] else None, **options)
    assert list(made) == expected == list(made)


def test_a_stream_that_ends_early_in_one_worker_goes_on_in_the_others():
    class Uneven(Stream):
        def __iter__(self):
            return iter([10, 11, 12, 13]) if md.get_worker_info().id else iter([0])

    assert list(md.DataLoader(Uneven(0), None, num_workers=2)) == [0, 10, 11, 12, 13]


def test_a_stream_longer_than_it_said_is_warned_of():
    made = md.DataLoader(Stream(3, sharded=False), None, num_workers=2)
    assert len(made) == 3
    with pytest.warns(UserWarning, match="reported to be 3"):
        assert sorted(made) == [0, 0, 1, 1, 2, 2]


def test_pinning_is_said_to_do_nothing():
    with pytest.warns(UserWarning, match="does not pin memory"):
        assert list(md.DataLoader([1], None, pin_memory=True)) == [1]
