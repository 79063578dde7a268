"""Datasets, samplers and loading: literal expectations, and PyTorch's behaviour for the same calls."""

import inspect
import itertools

import numpy as np
import pytest
from tests.utils.data_cases import outcome

import metagrad as mg
from metagrad.utils import data as md


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
        return [
            (p.name, p.kind, str(p.default).split(" at ")[0].replace("torch._C", "metagrad.ops.create.random"))
            for p in found
        ]

    assert parameters(getattr(md, name)) == parameters(getattr(torch.utils.data, name))


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: md.TensorDataset(mg.zeros(2), mg.zeros(3)), r"\[2, 3\]"),
        (lambda: md.TensorDataset(mg.zeros(2), mg.tensor(1)), "tensor 1 has no dimensions"),
        (lambda: md.StackDataset("a", "bc"), r"\[1, 2\]"),
        (lambda: md.ConcatDataset(["ab"])[2], "index 2"),
        (lambda: md.random_split(range(10), [3, 6]), r"\[3, 6\].* 10 samples"),
        (lambda: md.random_split(range(3), [4, -1]), "length 1 is -1"),
        (lambda: md.RandomSampler([]), "the dataset is empty"),
        (lambda: md.default_collate([mg.zeros(2), mg.zeros(3)]), r"\[2\] at entry 0 and \[3\] at entry 1.*pad_"),
        (lambda: md.default_collate([{"a": 1}, {"b": 1}]), "sample 1 has no key 'a'"),
        (lambda: md.default_collate([None]), "NoneType.*collate_fn"),
        (lambda: md.DataLoader([1], timeout=-1), "got -1"),
        (lambda: iter(md.DataLoader([1], num_workers=1, prefetch_factor=0)), "greater than 0"),
        (lambda: list(md.WeightedRandomSampler([1.0, 0.0], 3, replacement=False)), "without replacement"),
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


def test_a_pass_over_more_samples_than_memory_holds_begins_at_once():
    assert next(iter(md.RandomSampler("abc", replacement=True, num_samples=10**15))) in range(3)
    assert next(iter(md.RandomSampler("abc", num_samples=10**15))) in range(3)


def test_weights_are_probabilities():
    mg.manual_seed(0)
    drawn = np.bincount(list(md.WeightedRandomSampler([1, 3, 0, 4], 8000)), minlength=4) / 8000
    np.testing.assert_allclose(drawn, [0.125, 0.375, 0, 0.5], atol=0.02)  # over three standard deviations


@pytest.mark.oracle
@pytest.mark.parametrize("n", [1, 5, 12, 13])
@pytest.mark.parametrize("replicas", [1, 2, 4])
@pytest.mark.parametrize("drop_last", [False, True])
def test_shares_of_several_processes_are_pytorchs(n, replicas, drop_last):
    torch = pytest.importorskip("torch")
    shares = []
    for rank in range(replicas):
        settings = {"num_replicas": replicas, "rank": rank, "drop_last": drop_last}
        ours, theirs = (
            library.utils.data.DistributedSampler(range(n), shuffle=False, **settings) for library in (mg, torch)
        )
        assert list(ours) == list(theirs) and len(ours) == len(theirs) == len(list(ours))
        shuffled = md.DistributedSampler(range(n), seed=3, **settings)
        first = list(shuffled)
        assert list(shuffled) == first
        shuffled.set_epoch(1)
        shares.append((first, list(shuffled)))
    for epoch in range(2):
        assert len({i for share in shares for i in share[epoch]}) == (n // replicas * replicas if drop_last else n)
    if n >= 12:
        assert any(first != second for first, second in shares)


def test_a_share_needs_to_know_whose_it_is():
    with pytest.raises(ValueError, match="Default process group has not been initialized"):
        md.DistributedSampler(range(3))
    with pytest.raises(ValueError, match="Invalid rank 2"):
        md.DistributedSampler(range(3), num_replicas=2, rank=2)


def test_a_batch_may_be_named_by_a_tuple():
    class Pairs:
        def __iter__(self):
            return iter([(0, 1), (2, 3)])

        def __len__(self):
            return 2

    x = mg.arange(8).reshape(4, 2)
    for data in (md.TensorDataset(x, x[:, 0]), md.Subset(md.TensorDataset(x, x[:, 0]), (0, 1, 2, 3))):
        batches = list(md.DataLoader(data, batch_sampler=Pairs()))
        assert [[part.tolist() for part in batch] for batch in batches] == [
            [[[0, 1], [2, 3]], [0, 2]], [[[4, 5], [6, 7]], [4, 6]],
        ]  # fmt: skip


REFUSED_LOADERS = {
    "num_workers option should be non-negative; use num_workers=0": {"num_workers": -1},
    "prefetch_factor option could only be specified in multiprocessing": {"prefetch_factor": 2},
    "batch_size=None option disables auto-batching and is mutually exclusive": {"batch_size": None, "drop_last": True},
    r"multi-process loading \(num_workers > 0\), but got": {"multiprocessing_context": "fork"},
    "should specify a valid start method in": {"multiprocessing_context": "bad", "num_workers": 1},
    "multiprocessing_context option should be a valid context ": {"multiprocessing_context": 3, "num_workers": 1},
}


@pytest.mark.parametrize("words", REFUSED_LOADERS)
def test_loaders_are_refused_in_these_words(words):
    with pytest.raises((ValueError, TypeError), match=words):
        md.DataLoader([1, 2], **REFUSED_LOADERS[words])


@pytest.mark.oracle
@pytest.mark.parametrize("words", REFUSED_LOADERS)
def test_pytorch_refuses_them_in_the_same(torch, words):
    with pytest.raises((ValueError, TypeError), match=words):
        torch.utils.data.DataLoader([1, 2], **REFUSED_LOADERS[words])


def test_a_loader_of_ones_own_may_be_a_stream_by_pytorchs_names():
    from metagrad.compat.beside import _DatasetKind, _SingleProcessDataLoaderIter

    class Own:
        _auto_collation, collate_fn, drop_last, in_order, generator = (
            False,
            staticmethod(lambda x: x),
            False,
            True,
            None,
        )
        _index_sampler, _dataset_kind, _IterableDataset_len_called = itertools.count(), _DatasetKind.Iterable, None
        pin_memory, timeout, num_workers = False, 0, 0

        def __init__(self):
            self.dataset = self

        def __iter__(self):
            return iter("abc")

    assert list(_SingleProcessDataLoaderIter(Own())) == ["a", "b", "c"]


@pytest.mark.parametrize("workers", [0, 1])
def test_more_samples_than_a_stream_said_are_warned_of(workers):
    class Short(md.IterableDataset):
        def __iter__(self):
            return iter(range(3))

        def __len__(self):
            return 2

    loader, shares = md.DataLoader(Short(), num_workers=workers), "IterableDataset replica at each worker"
    assert len(loader) == 2
    expected = r"was reported to be 2 \(when accessing len\(dataloader\)\), but 3 samples have been fetched"
    with pytest.warns(UserWarning, match=expected) as warned:
        assert len(list(loader)) == 3
    assert (shares in str(warned[0].message)) is bool(workers)


def test_stacked_datasets_are_given_by_position_or_by_name():
    with pytest.raises(ValueError, match="At least one dataset should be passed"):
        md.StackDataset()
    with pytest.raises(ValueError, match="but both types are given"):
        md.StackDataset([1], a=[1])
