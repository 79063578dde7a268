"""Worker processes when something goes wrong: a clear error, no hang, no process and no shared memory left."""

import gc
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tests.utils.data_cases import PATIENCE, Calls, Stream

from metagrad.utils import data as md

context = multiprocessing.get_context("fork")
LARGE = 50_000  # numbers in a sample that goes through shared memory


def segments():
    """This process's segments of shared memory."""
    return [name for name in os.listdir("/dev/shm") if name.startswith(f"metagrad-{os.getpid()}-")]


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture(autouse=True)
def nothing_is_left():
    yield
    gc.collect()
    assert [child for child in multiprocessing.active_children() if child.name.startswith("metagrad-data")] == []
    if os.path.isdir("/dev/shm"):
        assert segments() == []


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_an_error_comes_at_its_turn_with_its_traceback_and_the_pass_can_go_on(workers):
    def fetch(i):
        if i == 2:
            raise KeyError("sample two is broken")
        return i

    batches = iter(md.DataLoader(Calls(5, fetch), None, num_workers=workers))
    assert [next(batches), next(batches)] == [0, 1]
    with pytest.raises(KeyError, match="sample two is broken") as caught:
        next(batches)
    if workers:
        text = str(caught.value)
        assert text.startswith(
            "Caught KeyError in DataLoader worker process 0.\nOriginal Traceback (most recent call last)"
        )
        assert "in fetch\n" in text and text.endswith("KeyError: 'sample two is broken'")
    assert list(batches) == [3, 4]


class Particular(Exception):
    def __init__(self, one, two):
        super().__init__(f"{one} {two}")


def local_error():
    class Local(Exception):
        pass

    return Local("made here")


@pytest.mark.parametrize(
    ("make", "kind", "text"),
    [
        (lambda: ValueError("plain"), ValueError, "ValueError: plain"),
        (lambda: Particular("a", "b"), RuntimeError, "Particular: a b"),
        (local_error, RuntimeError, "Caught Local in DataLoader worker.*made here"),
        (lambda: UnicodeDecodeError("utf-8", b"x", 0, 1, "no"), RuntimeError, "UnicodeDecodeError"),
        (lambda: StopIteration("by mistake"), RuntimeError, "StopIteration"),
    ],
)
def test_errors_that_cannot_be_made_again_keep_their_text(make, kind, text):
    def fetch(i):
        raise make()

    with pytest.raises(kind, match=f"(?s){text}"):
        next(iter(md.DataLoader(Calls(1, fetch), None, num_workers=1)))


def test_a_sample_that_cannot_be_pickled_is_an_error():
    with pytest.raises(Exception, match="(?s)pickle.*lambda|lambda.*pickle"):
        next(iter(md.DataLoader(Calls(1, lambda i: lambda: i), None, num_workers=1)))


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
    for _ in range(2):
        with pytest.raises(ValueError, match="(?s)worker process 1.*no such file"):
            next(batches)
        if _ == 0:
            assert next(batches) == 2


def test_waiting_has_an_end():
    hold = context.Event()
    batches = iter(md.DataLoader(Calls(1, lambda i: hold.wait(PATIENCE)), None, num_workers=1, timeout=0.05))
    with pytest.raises(RuntimeError, match="timed out after 0.05 seconds"):
        next(batches)
    hold.set()


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize(("end", "words"), [
    (lambda: os.kill(os.getpid(), signal.SIGKILL), "worker 1 was killed by signal: SIGKILL.*out of memory"),
    (lambda: os.kill(os.getpid(), signal.SIGTERM), "worker 1 was killed by signal: SIGTERM"),
    (lambda: os._exit(3), "worker 1 exited with code 3"),
    (lambda: sys.exit(4), "worker 1 exited with code 4"),
])  # fmt: skip
def test_a_worker_that_dies_is_an_error_that_says_how(end, words, persistent):
    def fetch(i):
        if i == 5:
            end()
        return np.full(LARGE, i)

    made = md.DataLoader(Calls(40, fetch), None, num_workers=2, persistent_workers=persistent)
    with pytest.raises(RuntimeError, match=rf"(?s)DataLoader worker \(pid\(s\) \d+\) exited unexpectedly: {words}"):
        list(made)
    with pytest.raises(RuntimeError, match="exited unexpectedly"):
        list(made)  # with new workers, who meet the same end


def test_a_worker_killed_from_outside():
    batches = iter(
        md.DataLoader(Calls(1000, lambda i: (np.full(LARGE, i), os.getpid())), None, num_workers=2, collate_fn=tuple)
    )
    first, pid = next(batches)
    assert first[0] == 0
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(RuntimeError, match=rf"worker \(pid\(s\) {pid}\) exited unexpectedly.*SIGKILL"):
        list(batches)
    with pytest.raises(RuntimeError, match="have been stopped"):
        next(batches)


def test_a_worker_killed_while_the_loop_waits_for_it():
    def fetch(i):
        if i:
            time.sleep(PATIENCE)
        return os.getpid()

    batches = iter(md.DataLoader(Calls(3, fetch), None, num_workers=1))
    pid = next(batches)
    killer = subprocess.Popen(["sh", "-c", f"sleep 0.3; kill -9 {pid}"])
    started = time.monotonic()
    with pytest.raises(RuntimeError, match="SIGKILL"):
        next(batches)
    assert time.monotonic() - started < PATIENCE / 2
    killer.wait()


class Endless(md.IterableDataset):
    def __iter__(self):
        i = 0
        while True:
            yield np.full(LARGE, i), os.getpid()
            i += 1


@pytest.mark.parametrize("persistent", [False, True])
def test_an_endless_stream_is_read_as_far_as_it_is_wanted(persistent):
    made = md.DataLoader(Endless(), 2, num_workers=2, persistent_workers=persistent)
    pids = set()
    for i, (numbers, batch_pids) in enumerate(made):
        pids |= {*batch_pids.tolist()}
        assert numbers.shape == (2, LARGE)
        if i == 6:
            break
    assert len(pids) == 2
    del made
    gc.collect()
    assert not any(map(alive, pids))


def test_workers_end_when_the_iterator_is_dropped_without_the_garbage_collector():
    gc.disable()
    try:
        batches = iter(
            md.DataLoader(Calls(50, lambda i: (np.full(LARGE, i), os.getpid())), None, num_workers=2, collate_fn=tuple)
        )
        pids = {next(batches)[1], next(batches)[1]}
        assert len(pids) == 2 and all(map(alive, pids))
        del batches
        assert not any(map(alive, pids)) and segments() == []
    finally:
        gc.enable()


def test_workers_end_when_an_error_ends_the_pass():
    pids = context.Queue()

    def fetch(i):
        pids.put(os.getpid())
        if i == 4:
            raise ValueError("four")
        return i

    with pytest.raises(ValueError, match="four"):
        list(md.DataLoader(Calls(50, fetch), None, num_workers=2))
    gc.collect()
    assert not any(map(alive, {pids.get(timeout=PATIENCE) for _ in range(4)}))


def test_workers_end_with_the_pass_and_persistent_ones_with_the_loader():
    made = md.DataLoader(Calls(4, lambda i: os.getpid()), None, num_workers=2)
    assert not any(map(alive, {*made}))
    made = md.DataLoader(Calls(4, lambda i: os.getpid()), None, num_workers=2, persistent_workers=True)
    pids = {*made}
    assert all(map(alive, pids))
    del made
    assert not any(map(alive, pids))


def test_what_was_fetched_ahead_is_given_up_with_the_iterator():
    counted = context.Value("i", 0)

    def fetch(i):
        with counted.get_lock():
            counted.value += 1
        return i

    batches = iter(md.DataLoader(Calls(1000, fetch), None, num_workers=1, prefetch_factor=3))
    next(batches)
    del batches
    assert counted.value <= 4


def test_a_batch_that_takes_too_long_is_not_waited_for(monkeypatch):
    from metagrad.utils.data import workers

    monkeypatch.setattr(workers, "PATIENCE", 0.2)
    batches = iter(md.DataLoader(Calls(3, lambda i: i and time.sleep(PATIENCE)), None, num_workers=1))
    next(batches)
    started = time.monotonic()
    del batches
    assert time.monotonic() - started < PATIENCE / 2


def test_what_cannot_be_pickled_is_named_before_a_process_starts():
    made = md.DataLoader(Calls(3, lambda i: i), None, num_workers=2, multiprocessing_context="spawn")
    with pytest.raises(
        pickle.PicklingError, match="(?s)'spawn' is sent the dataset \\(Calls\\).*use multiprocessing_context='fork'"
    ):
        list(made)


PROGRAM = """
import os, sys, time
import numpy as np
from metagrad.utils.data import DataLoader
class Numbers:
    def __len__(self): return 1000
    def __getitem__(self, i): return np.full(50_000, i), os.getpid()
batches = iter(DataLoader(Numbers(), None, num_workers=2, collate_fn=tuple))
print(next(batches)[1], next(batches)[1], flush=True)
{}
"""


@pytest.mark.parametrize("end", ["", "raise SystemExit(0)", "os.kill(os.getpid(), 9)", "1 / 0"])
def test_a_program_that_ends_in_the_middle_of_a_pass_leaves_nothing(end):
    source = Path(md.__file__).parents[3]
    started = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(end)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(source)},
    )  # fmt: skip
    assert started.stdout is not None
    out, errors = started.communicate(timeout=PATIENCE)
    assert started.returncode == {"": 0, "raise SystemExit(0)": 0, "1 / 0": 1}.get(end, -9), errors
    if started.returncode == 0:
        assert errors == ""
    pids = list(map(int, out.split()))
    deadline = time.monotonic() + PATIENCE
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(pids) == 2 and not any(map(alive, pids))
    while (
        left := [n for n in os.listdir("/dev/shm") if n.startswith(f"metagrad-{started.pid}-")]
    ) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []


def test_a_sharded_stream_with_an_error_in_one_worker():
    class Broken(Stream):
        def __iter__(self):
            yield md.get_worker_info().id
            if md.get_worker_info().id:
                raise ValueError("in the stream")
            yield 2

    batches = iter(md.DataLoader(Broken(0), None, num_workers=2))
    assert [next(batches), next(batches), next(batches)] == [0, 1, 2]
    with pytest.raises(ValueError, match="in the stream"):
        next(batches)


def test_a_pass_cannot_be_pickled_and_says_how_far_it_is():
    batches = iter(md.DataLoader(range(3)))
    next(batches)
    assert batches._num_yielded == 1
    with pytest.raises(NotImplementedError, match="cannot be pickled"):
        pickle.dumps(batches)


def test_a_context_set_later_is_looked_at_too():
    with pytest.raises(ValueError, match="num_workers > 0"):
        md.DataLoader(range(3)).multiprocessing_context = "spawn"


def test_more_workers_than_cores_are_warned_of():
    with pytest.warns(UserWarning, match="will create 4096 worker processes"):
        md.DataLoader(range(3), num_workers=4096)


def test_the_old_spelling_of_cumulative_sizes():
    with pytest.warns(FutureWarning, match="renamed"):
        assert md.ConcatDataset(["ab", "c"]).cummulative_sizes == [2, 3]
