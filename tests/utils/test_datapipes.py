"""Pipes: steps of streams and of what is read by index, split and joined streams, and loaders of them."""

import copy
import functools
import operator
import pickle
import warnings

import pytest

import metagrad as mg
from metagrad.utils.data import DataLoader, IterDataPipe, MapDataPipe, functional_datapipe
from metagrad.utils.data.datapipes import graph
from metagrad.utils.data.datapipes import iter as streams
from metagrad.utils.data.datapipes import map as indexed


def wrap(items=10):
    return streams.IterableWrapper(range(items) if isinstance(items, int) else items)


def seq(items=10):
    return indexed.SequenceWrapper(range(items) if isinstance(items, int) else items)


nothing = lambda x: None  # noqa: E731


def even(x):
    return x % 2 == 0


def mod3(x):
    return x % 3


STEPS = {
    "map": (lambda: wrap(3).map(even), [True, False, True], 3),
    "map a column": (lambda: wrap([(1, 2, 3)]).map(operator.neg, 1), [(1, -2, 3)], 1),
    "map columns into the first": (lambda: wrap([(1, 2, 3)]).map(operator.add, [0, 1]), [(3, 3)], 1),
    "map columns behind": (lambda: wrap([[1, 2]]).map(operator.add, [0, 1], -1), [[1, 2, 3]], 1),
    "map of a dictionary": (lambda: wrap([{"a": 1}]).map(operator.neg, "a", "b"), [{"a": 1, "b": -1}], 1),
    "filter": (lambda: wrap(5).filter(even), [0, 2, 4], None),
    "filter columns": (lambda: wrap([(1, 2), (3, 2)]).filter(operator.lt, [0, 1]), [(1, 2)], None),
    "batch": (lambda: wrap(5).batch(2), [[0, 1], [2, 3], [4]], 3),
    "batch without the rest": (lambda: wrap(5).batch(2, drop_last=True), [[0, 1], [2, 3]], 2),
    "unbatch": (lambda: wrap(4).batch(2).batch(2).unbatch(), [[0, 1], [2, 3]], None),
    "unbatch all": (lambda: wrap(4).batch(2).batch(2).unbatch(-1), [0, 1, 2, 3], None),
    "groupby": (lambda: wrap(5).groupby(mod3), [[0, 3], [1, 4], [2]], None),
    "groups of two": (
        lambda: wrap(7).groupby(mod3, keep_key=True, group_size=2),
        [(0, [0, 3]), (1, [1, 4]), (2, [2, 5]), (0, [6])],
        None,
    ),
    "concat": (lambda: wrap(2).concat(wrap(1)), [0, 1, 0], 3),
    "zip": (lambda: wrap(2).zip(wrap(3)), [(0, 0), (1, 1)], 2),
    "mux": (lambda: wrap(2).mux(wrap(3)), [0, 0, 1, 1], 4),
    "collate": (lambda: wrap(4).batch(2).collate(collate_fn=sum), [1, 5], 2),
    "shuffle off": (lambda: wrap(4).shuffle().set_shuffle(False), [0, 1, 2, 3], 4),
    "sampler": (lambda: streams.Sampler(wrap(3)), [0, 1, 2], 3),
    "sequence": (lambda: seq(3), [0, 1, 2], 3),
    "map by index": (lambda: seq(3).map(even), [True, False, True], 3),
    "batch by index": (lambda: seq(5).batch(2), [[0, 1], [2, 3], [4]], 3),
    "concat by index": (lambda: seq(2).concat(seq(1)), [0, 1, 0], 3),
    "zip by index": (lambda: seq(2).zip(seq(3)), [(0, 0), (1, 1)], 2),
    "some indices": (lambda: seq(9).shuffle(indices=[5, 2]).set_shuffle(False), [5, 2], 9),
}


@pytest.mark.parametrize("name", STEPS)
def test_each_step_gives_these_items(name):
    make, items, length = STEPS[name]
    pipe = make()
    assert list(pipe) == items
    assert list(pipe) == items  # again
    assert list(pickle.loads(pickle.dumps(pipe))) == items
    assert list(copy.deepcopy(pipe)) == items
    if length is None:
        with pytest.raises(TypeError, match="has no len|valid length"):
            len(pipe)
    else:
        assert len(pipe) == length


REFUSED = {
    "no function": (
        lambda: wrap().map(3),
        TypeError,
        "A callable function is expected, but <class 'int'> is provided.",
    ),
    "a place without columns": (
        lambda: wrap().map(even, output_col=1),
        ValueError,
        "must be None when `input_col` is None",
    ),
    "two places": (lambda: wrap().map(even, 0, [1, 2]), ValueError, "single-element list or tuple"),
    "columns for one argument": (
        lambda: wrap().map(even, [0, 1]),
        ValueError,
        "takes 1 parameters, but 2 are required",
    ),
    "no boolean": (lambda: list(wrap().filter(mod3)), ValueError, "Boolean output is required"),
    "empty batches": (lambda: wrap().batch(0), AssertionError, "larger than 0"),
    "too deep": (lambda: list(wrap().batch(2).unbatch(5)), IndexError, "exceeds the depth"),
    "no level": (lambda: list(wrap().unbatch(-5)), ValueError, "-1 or >= 0"),
    "nothing to join": (streams.Concater, ValueError, "Expected at least one DataPipe, but got nothing"),
    "no pipe": (lambda: wrap().concat(3), TypeError, "Expected all inputs to be `IterDataPipe`"),
    "no branches": (lambda: wrap().fork(0), ValueError, "larger than 0, but 0 is found"),
    "far ahead": (lambda: list(wrap().fork(2, buffer_size=2)[0]), BufferError, "buffer size 2 is insufficient"),
    "too many for others": (lambda: list(wrap().demux(2, even, buffer_size=1)[0]), BufferError, "buffer overflow"),
    "no such branch": (lambda: list(wrap().demux(2, mod3)[0]), ValueError, "between 0 and 1. 2 is returned"),
    "no such share": (lambda: wrap().sharding_filter().apply_sharding(2, 2), ValueError, "should be smaller than"),
    "an index too high": (lambda: seq(4).batch(2)[2], IndexError, "out of bound"),
    "not in one": (lambda: seq(1).zip(seq(2))[1], IndexError, "out of range for one of the input MapDataPipes"),
    "no method": (lambda: wrap().bogus, AttributeError, "has no attribute 'bogus'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_each_of_these_is_refused(name):
    make, kind, words = REFUSED[name]
    with pytest.raises(kind, match=words):
        make()


def test_functions_that_cannot_be_pickled_are_told():
    with pytest.warns(UserWarning, match="Lambda function is not supported by pickle"):
        wrap().map(nothing)
    with pytest.warns(UserWarning, match="Local function is not supported by pickle"):  # for it stands in a function
        wrap().filter(functools.partial(lambda x, y: True, y=1))


def test_of_several_iterators_the_latest_is_read():
    pipe = wrap(4)
    first = iter(pipe)
    assert next(first) == 0
    second = iter(pipe)
    assert next(second) == 0
    with pytest.raises(RuntimeError, match="This iterator has been invalidated because another iterator"):
        next(first)
    assert list(second) == [1, 2, 3]


def test_branches_are_read_one_after_the_other_or_by_turns():
    first, second = wrap(3).fork(2)
    assert (list(first), list(second)) == ([0, 1, 2], [0, 1, 2])
    assert list(zip(first, second, strict=True)) == [(0, 0), (1, 1), (2, 2)]
    zeros, ones, twos = wrap(5).demux(3, mod3)
    assert (list(twos), list(zeros), list(ones)) == ([2], [0, 3], [1, 4])
    one, copied = wrap([[1]]).fork(2, copy="deep")
    assert list(one)[0] is not list(copied)[0]
    assert wrap(2).fork(1).__class__ is streams.IterableWrapper


def test_branches_begin_again_together():
    first, second = wrap(3).fork(2)
    reading, other = iter(first), iter(second)
    assert (next(reading), next(other)) == (0, 0)
    with pytest.warns(UserWarning, match="Some child DataPipes are not exhausted"):
        again = iter(first)
    assert next(again) == 0
    for invalid in (reading, other):
        with pytest.raises(
            RuntimeError, match="invalidated, because a new iterator has been created from one of the Child"
        ):
            next(invalid)


def test_orders_follow_the_seed():
    pipe = wrap(20).shuffle(buffer_size=5)
    assert list(pipe.set_seed(3)) == list(pipe.set_seed(3)) != list(pipe.set_seed(4))
    mg.manual_seed(0)
    drawn = list(pipe)
    assert list(pipe) != drawn
    mg.manual_seed(0)
    assert list(pipe) == drawn
    assert sorted(drawn) == list(range(20))
    assert list(seq(9).shuffle().set_seed(3)) == list(seq(9).shuffle().set_seed(3))


@pytest.mark.oracle
def test_orders_of_a_seed_are_pytorchs(torch):
    theirs = pytest.importorskip("torch.utils.data.datapipes.iter").IterableWrapper(range(30))
    other = pytest.importorskip("torch.utils.data.datapipes.map").SequenceWrapper(range(30))
    assert list(wrap(30).shuffle(buffer_size=7).set_seed(5)) == list(theirs.shuffle(buffer_size=7).set_seed(5))
    assert list(seq(30).shuffle().set_seed(5)) == list(other.shuffle().set_seed(5))


def shape(found):
    return [(str(pipe), shape(below)) for pipe, below in found.values()]


def test_a_graph_has_every_pipe():
    pipe = wrap(4).map(even).batch(2)
    assert shape(graph.traverse_dps(pipe)) == [
        ("BatcherIterDataPipe", [("MapperIterDataPipe", [("IterableWrapperIterDataPipe", [])])])
    ]
    assert len(graph.get_all_graph_pipes(graph.traverse_dps(pipe.zip(pipe)))) == 4
    with pytest.warns(FutureWarning, match="traverse_dps"):
        assert shape(graph.traverse(pipe)) == shape(graph.traverse_dps(pipe))
    with pytest.raises(RuntimeError, match="Expected `IterDataPipe` or `MapDataPipe`"):
        graph.traverse_dps(3)
    with pytest.raises(RuntimeError, match="Sharding twice on a single pipeline"):
        graph.apply_sharding(wrap().sharding_filter().map(even).sharding_filter(), 2, 0)


def test_pipes_of_ones_own_have_the_steps_and_give_one():
    try:

        @functional_datapipe("doubled_for_this_test")
        class Doubled(IterDataPipe):
            def __init__(self, source):
                self.source, self.begun = source, 0

            def __iter__(self):
                for x in self.source:
                    yield 2 * x

            def reset(self):
                self.begun += 1

        pipe = wrap(3).doubled_for_this_test()
        assert list(pipe) == [0, 2, 4] == list(pipe)
        assert pipe.begun == 2
        assert list(pipe.batch(2)) == [[0, 2], [4]]
        assert "doubled_for_this_test" in dir(wrap())
        with pytest.raises(Exception, match="already taken"):
            functional_datapipe("doubled_for_this_test")(Doubled)
        assert "doubled_for_this_test" not in MapDataPipe.functions
    finally:
        IterDataPipe.functions.pop("doubled_for_this_test", None)


def items(loader):
    return sorted(int(x) for batch in loader for x in batch)


@pytest.mark.parametrize("workers", [0, 2])
def test_loaders_read_pipes(workers):
    options = {"batch_size": 2, "num_workers": workers}
    assert [b.tolist() for b in DataLoader(wrap(5), batch_size=2)] == [[0, 1], [2, 3], [4]]
    assert items(DataLoader(wrap(6).sharding_filter(), **options)) == list(range(6))
    assert items(DataLoader(wrap(30).shuffle().sharding_filter(), shuffle=True, **options)) == list(range(30))
    assert items(DataLoader(wrap(4), **options)) == sorted([0, 1, 2, 3] * max(workers, 1))
    assert items(DataLoader(seq(5), **options)) == list(range(5))
    pipe = wrap(9).shuffle()
    assert [b.tolist() for b in DataLoader(pipe, batch_size=3, shuffle=False)] == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    with pytest.warns(UserWarning, match="does not contain a `Shuffler`"):
        loader = DataLoader(wrap(5), shuffle=True)
    assert items(loader) == list(range(5))


def test_names_beside_pipes():
    from metagrad.compat import pipe_names

    @pipe_names.non_deterministic
    class Random(IterDataPipe):
        def __iter__(self):
            return iter([4])

    assert list(Random()) == [4]
    with (
        pipe_names.guaranteed_datapipes_determinism(),
        pytest.raises(TypeError, match="you set 'guaranteed_datapipes_determinism'"),
    ):
        Random()
    assert list(Random()) == [4]
    with pytest.raises(TypeError, match="can not be decorated"):
        pipe_names.non_deterministic(3)
    assert pipe_names.argument_validation(even) is even
    with warnings.catch_warnings(), pipe_names.runtime_validation_disabled():
        assert list(wrap(1)) == [0]


@pytest.mark.parametrize("library", ["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
def test_files_are_listed_opened_and_read(library, tmp_path):
    files = pytest.importorskip(f"{library}.utils.data.datapipes.iter")
    (tmp_path / "below").mkdir()
    for name, text in (("b.txt", "hello\nyou"), ("a.bin", "12"), ("below/c.txt", "w")):
        (tmp_path / name).write_text(text)
    root = str(tmp_path)

    def names(pipe):
        return [path.removeprefix(root + "/") for path in pipe]

    assert names(files.FileLister(root)) == ["a.bin", "b.txt"]
    assert names(files.FileLister([root], recursive=True)) == ["a.bin", "b.txt", "below/c.txt"]
    assert names(files.IterableWrapper([root]).list_files(masks=["*.bin", "*.x"])) == ["a.bin"]
    assert names(files.FileLister(root + "/b.txt")) == ["b.txt"]
    assert len(files.FileLister(root, length=3)) == 3
    texts = files.FileLister(root, "*.txt", recursive=True).open_files()
    assert [text for _, text in texts.read_from_stream(chunk=6)] == ["hello\n", "you", "w"]
    assert [data for _, data in files.StreamReader(files.FileOpener([root + "/a.bin"], mode="b"))] == [b"12"]
    with pytest.raises(ValueError, match="Invalid mode w"):
        files.FileOpener([root], mode="w")
    with warnings.catch_warnings(), pytest.raises(FileNotFoundError):
        warnings.simplefilter("ignore")  # PyTorch says it twice
        list(files.FileLister(root + "/nowhere"))
    with pytest.raises(TypeError, match="doesn't have valid length"):
        len(files.FileLister(root))


@pytest.mark.parametrize("library", ["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
@pytest.mark.parametrize(
    "options, first, drawn, second, then",
    [
        ({}, [4, 0, 3, 5, 2, 1], [963, 379], [5, 0, 2, 4, 3, 1], [101, 866]),
        ({"num_workers": 2}, [4, 0, 3, 5, 2, 1], [427, 503], [0, 5, 3, 1, 2, 4], [878, 376]),
        ({"num_workers": 2, "persistent_workers": True}, [4, 0, 3, 5, 2, 1], [427, 503], [0, 5, 3, 1, 2, 4], [101, 866]),
    ],
)  # fmt: skip
def test_each_pass_is_shuffled_anew_and_alike_in_all_workers(library, options, first, drawn, second, then):
    lib = pytest.importorskip(library)
    data = pytest.importorskip(f"{library}.utils.data")
    pipe = data.datapipes.iter.IterableWrapper(range(6)).shuffle().sharding_filter()
    loader = data.DataLoader(pipe, **options)
    mg.random.use_numbers_of("pytorch")
    try:
        lib.manual_seed(0)
        assert [x.item() for x in loader] == first and lib.randint(0, 1000, (2,)).tolist() == drawn
        assert [x.item() for x in loader] == second and lib.randint(0, 1000, (2,)).tolist() == then
    finally:
        mg.random.use_numbers_of("metagrad")


def breaks(source):
    yield from source
    raise KeyError("gone")


def test_an_error_in_a_stream_says_in_which():
    class Breaking(IterDataPipe):
        def __init__(self, source, number=3):
            self.source, self.number = source, number

        def __iter__(self):
            return breaks(self.source)

    with pytest.raises(KeyError) as caught:
        list(Breaking(wrap(2)).map(mod3).batch(2))
    where = "This exception is thrown by __iter__ of Breaking(number=3, source=IterableWrapperIterDataPipe)"
    assert caught.value.args == (f"gone\n{where}",)


def test_branches_that_were_read_to_their_ends_begin_again_without_a_warning():
    left, right = wrap(3).fork(2)
    assert list(zip(left, right, strict=False)) == [(0, 0), (1, 1), (2, 2)]
    assert list(left) == [0, 1, 2]


def test_hooks_of_pickling():
    assert repr(IterDataPipe()) == "IterDataPipe"
    try:
        IterDataPipe.set_getstate_hook(lambda state: {"kept": len(state)})
        with pytest.raises(RuntimeError, match="existing getstate_hook"):
            IterDataPipe.set_getstate_hook(dict)
        assert wrap(3).__getstate__() == {"kept": 2}
        IterDataPipe.set_reduce_ex_hook(lambda pipe: (len, ((1, 2),)))
        assert pickle.loads(pickle.dumps(wrap(3))) == 2
    finally:
        IterDataPipe.set_getstate_hook(None)
        IterDataPipe.set_reduce_ex_hook(None)
    assert list(pickle.loads(pickle.dumps(wrap(3)))) == [0, 1, 2]
