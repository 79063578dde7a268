"""Worker processes when all goes well: who does what, in which order, with which random numbers."""

import multiprocessing
import os
import random

import numpy as np
import pytest
from tests.utils.data_cases import PATIENCE, Calls, Stream, plain

import metagrad as mg
from metagrad.utils import data as md

context = multiprocessing.get_context("fork")


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

    fetched = {"num_workers": workers, "prefetch_factor": ahead}
    alone, kept = passes(), passes(**fetched, persistent_workers=True)
    assert passes(**fetched) == alone
    passes_of = (
        1 if options.get("shuffle") else 2
    )  # workers that persist draw one seed less, so a second order is another
    assert kept[1][:passes_of] == alone[1][:passes_of]


@pytest.mark.parametrize("size", [1, 5_000, 300_000])
def test_batches_of_any_size_arrive_whole_and_can_be_written(size):
    def fetch(i):
        array = np.full(size, i, np.float32)
        return {
            "array": array,
            "tensor": mg.full((size,), i),
            "turned": np.arange(6).reshape(2, 3).T,
            "none": None,
            "text": "é" * size,
        }

    for i, sample in enumerate(md.DataLoader(Calls(4, fetch), None, num_workers=2, collate_fn=lambda sample: sample)):
        assert sample["array"].shape == (size,) and (sample["array"] == i).all() and (sample["tensor"] == i).all()
        assert (
            sample["turned"].tolist() == [[0, 3], [1, 4], [2, 5]]
            and sample["text"] == "é" * size
            and sample["none"] is None
        )
        sample["array"] += 1
        sample["tensor"].add_(1)
        assert sample["tensor"].array.flags.writeable and float(sample["tensor"].sum()) == size * (i + 1)


def test_long_lists_of_indices_and_large_answers_do_not_block_each_other():
    made = md.DataLoader(range(400_000), 100_000, num_workers=1, prefetch_factor=4, collate_fn=list)
    assert [len(batch) for batch in made] == [100_000] * 4


def test_a_worker_is_another_process():
    pids = {int(pid) for pid in md.DataLoader(Calls(6, lambda i: os.getpid()), num_workers=2)}
    assert len(pids) == 2 and os.getpid() not in pids


def test_workers_run_side_by_side_and_batches_keep_their_order():
    together, later = context.Barrier(2), context.Event()

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
    hold = context.Event()
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


def test_persistent_workers_stay_for_the_next_pass():
    made = md.DataLoader(Calls(6, lambda i: (i, os.getpid())), None, num_workers=2, persistent_workers=True)
    begun = iter(made)
    first = next(begun)
    again = iter(made)
    assert again is begun is made._iterator  # and begins from the start
    assert [next(again), next(begun)[0], next(again)[0]] == [first, 1, 2]
    assert {pid for _, pid in made} == {pid for _, pid in made} and len(list(begun)) == 0
    assert made._iterator is begun and md.DataLoader([1])._iterator is None


def test_workers_that_do_not_persist_are_new_in_every_pass():
    made = md.DataLoader(Calls(4, lambda i: os.getpid()), None, num_workers=2)
    assert not {*made} & {*made}


def test_a_worker_knows_which_it_is_and_has_a_dataset_of_its_own():
    class Tagged(Calls):
        tag = "original"

        def __getitem__(self, index):
            info = md.get_worker_info()
            return self.tag, info.id, info.num_workers, info.seed

    def init(worker):
        info = md.get_worker_info()
        assert info.id == worker
        info.dataset.tag = f"worker {worker}"

    dataset, generator = Tagged(4, None), mg.Generator().manual_seed(0)
    made = md.DataLoader(dataset, None, num_workers=2, worker_init_fn=init, generator=generator, collate_fn=tuple)
    first = list(made)
    seed = first[0][3]
    assert first == 2 * [("worker 0", 0, 2, seed), ("worker 1", 1, 2, seed + 1)]
    assert dataset.tag == "original" and md.get_worker_info() is None
    assert next(iter(made))[3] != seed  # another pass, other seeds
    generator.manual_seed(0)
    assert next(iter(made))[3] == seed


def test_random_numbers_in_workers_follow_the_loaders_seed():
    def draw(i):
        return random.random(), float(np.random.rand()), mg.rand(1).item()

    def drawn(seed):
        generator = mg.Generator().manual_seed(seed)
        return list(md.DataLoader(Calls(4, draw), None, num_workers=2, generator=generator, collate_fn=tuple))

    found = drawn(0)
    assert found == drawn(0) != drawn(1)
    assert len({number for sample in found for number in sample}) == 12


def test_numpys_numbers_in_workers_are_pytorchs():
    mg.random.use_numbers_of("pytorch")
    try:
        generator = mg.Generator().manual_seed(5)
        made = md.DataLoader(Calls(4, lambda i: float(np.random.rand())), None, num_workers=2, generator=generator)
        assert list(made) == [0.48524966518109036, 0.08072729909407361, 0.24756875093656816, 0.9242645271423134]
    finally:
        mg.random.use_numbers_of("metagrad")


def test_what_is_known_of_a_worker_stays():
    def told(i):
        info = md.get_worker_info()
        try:
            info.id = 3
        except AttributeError as error:
            return type(error).__name__, info.id, info.rng, info.worker_method

    (found,) = md.DataLoader(Calls(1, told), None, num_workers=1)
    assert list(found) == ["FrozenInstanceError", 0, None, "multiprocessing"]


@pytest.mark.parametrize("library", ["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
def test_workers_that_persist_draw_one_seed(library):
    lib = pytest.importorskip(library)
    generators = [lib.Generator().manual_seed(1) for _ in range(2)]
    made = lib.utils.data.DataLoader(range(4), num_workers=1, persistent_workers=True, generator=generators[0])
    for _ in range(3):
        list(made)
    list(lib.utils.data.DataLoader(range(4), generator=generators[1]))
    assert lib.equal(generators[0].get_state(), generators[1].get_state())


def test_drawing_in_workers_leaves_the_callers_generators_alone():
    before = random.getstate(), np.random.get_state()[1].tolist()
    list(md.DataLoader(Calls(2, lambda i: np.random.rand() + random.random()), None, num_workers=1))
    assert before == (random.getstate(), np.random.get_state()[1].tolist())


def test_workers_use_one_thread():
    assert list(md.DataLoader(Calls(2, lambda i: mg.get_num_threads()), None, num_workers=1)) == [1, 1]


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


@pytest.mark.parametrize("method", ["spawn", "forkserver", multiprocessing.get_context("spawn")])
def test_other_ways_to_start_a_process(method):
    made = md.DataLoader(Stream(7), 2, num_workers=2, multiprocessing_context=method)
    assert [batch.tolist() for batch in made] == [[0, 2], [1, 3], [4, 6], [5]]


def test_pinning_is_said_to_do_nothing():
    with pytest.warns(UserWarning, match="no accelerator is found"):
        assert list(md.DataLoader([1], None, pin_memory=True)) == [1]


@pytest.mark.oracle
@pytest.mark.parametrize(
    "options", [{}, {"shuffle": False, "drop_last": True}, {"in_order": False}, {"persistent_workers": True}]
)
def test_batches_are_pytorchs(options):
    torch = pytest.importorskip("torch")
    found = []
    for library in (mg, torch):
        dataset = library.utils.data.TensorDataset(library.arange(23).float().reshape(23, 1), library.arange(23))
        made = library.utils.data.DataLoader(dataset, 4, num_workers=2, **options)
        found.append(sorted(plain(list(made))[1], key=str))
    assert found[0] == found[1]
