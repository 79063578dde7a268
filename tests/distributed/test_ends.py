"""Ranks that end, or come too late: what those say that wait for them, and that a group out of step makes no more calls."""

import importlib
import re
import sys
import time

import pytest
from tests.distributed import starting

import metagrad as mg
from metagrad import distributed as dist
from metagrad.tagger import ranks

MEETS = {
    "barrier": lambda: dist.barrier(),
    "all_reduce": lambda: dist.all_reduce(mg.ones(2)),
    "recv": lambda: dist.recv(mg.ones(2), 1),
    "recv from anyone": lambda: dist.recv(mg.ones(2)),
}


@pytest.mark.parametrize("call", MEETS)
def test_a_rank_that_has_ended_is_said_to_have(call):
    def program(rank):
        dist.init_process_group("threads", timeout=60)
        dist.barrier()
        if rank == 0:
            with pytest.raises(dist.RankFailed, match=r"rank 1 has ended, or left the group, and will not come to"):
                MEETS[call]()
        return True

    assert dist.run_threads(program, 2) == [True, True]


def test_what_a_rank_sent_before_it_ended_still_arrives():
    def program(rank):
        dist.init_process_group("threads", timeout=60)
        x = mg.zeros(2)
        if rank == 1:
            dist.send(mg.ones(2), 0)
            return None
        dist.recv(x, 1)
        return x.tolist()

    assert dist.run_threads(program, 2)[0] == [1.0, 1.0]


def test_after_a_timeout_the_group_is_out_of_step():
    def program(rank):
        dist.init_process_group("threads", timeout=0.3)
        if rank == 0:
            with pytest.raises(dist.CollectiveTimeout, match="rank 1 did not arrive at barrier"):
                dist.barrier()
        else:
            time.sleep(0.6)
        with pytest.raises(dist.RankFailed, match="out of step"):
            dist.barrier()
        return True

    assert dist.run_threads(program, 2) == [True, True]


PROGRAM = """
import os, sys, time
import metagrad as mg
from metagrad import distributed as dist
from metagrad.kernels import threads

def error(call):
    try:
        call()
    except Exception as found:
        return f"{type(found).__name__}: {found}"

before = threads.get_num_threads()
dist.init_process_group(timeout=30 if sys.argv[1] == "ended" else 0.5)
found = []
if sys.argv[1] == "ended":
    dist.barrier()
    if dist.get_rank() == 0:
        found = [error(dist.barrier), error(dist.barrier), error(lambda: dist.recv(mg.zeros(2), 1))]
else:
    found = [before, threads.get_num_threads(), os.environ["LOCAL_WORLD_SIZE"]]
    if dist.get_rank() == 1:
        time.sleep(3.5)  # the other one calls the roll for two seconds
    found += [error(dist.barrier), error(dist.barrier)]
    time.sleep(2 * (dist.get_rank() == 0))  # to be there when the other one comes
if dist.get_rank() == 0:
    print(*found, sep="\\n")
"""


@pytest.fixture
def two_ranks(tmp_path, monkeypatch):
    """A run of the program on two ranks under a bare mpiexec, which says nothing of threads; what it prints."""
    starting.need_mpi()
    (tmp_path / "program.py").write_text(PROGRAM)
    known = {name: value for name, value in starting.environment().items() if name != "OMP_NUM_THREADS"}
    monkeypatch.setattr(starting, "environment", lambda: known)
    return lambda kind: starting.mpiexec(tmp_path / "program.py", 2, kind).splitlines()


def test_processes_say_who_has_ended(two_ranks):
    first, second, third = two_ranks("ended")
    assert (
        first == "RankFailed: rank 1 has ended, or left the group, and will not come to call 2 of this group, barrier()"
    )
    assert second.startswith(
        "DistBackendError: the ranks of this group are out of step since an earlier call (rank 1 has ended"
    )
    assert third.startswith("RankFailed: rank 1 has ended") and "recv(float32[2]) from rank 1" in third


def test_processes_are_out_of_step_after_a_timeout_and_share_the_cores(two_ranks):
    before, threads, local, first, second = two_ranks("late")
    assert int(threads) == max(1, int(before) // 2) and local == "2"
    assert first == "CollectiveTimeout: rank 1 did not arrive at barrier() within 0.5 s"
    assert second.startswith("DistBackendError: the ranks of this group are out of step")


def test_training_a_tagger_on_ranks_without_mpi4py_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(ImportError, match=r'pip install "metagrad\[mpi\]"'):
        ranks.run(None, lambda options: 0)


def test_what_programs_of_one_process_ask_for(monkeypatch):
    record = importlib.import_module("metagrad.distributed.elastic.multiprocessing.errors").record
    assert record(len) is len
    assert dist.is_backend_available(dist.get_default_backend_for_device("cpu")) == dist.is_mpi_available()
    assert dist.is_backend_available("threads") and not dist.is_backend_available("none")
    assert dist.get_debug_level() is dist.DebugLevel.OFF
    dist.set_debug_level(dist.DebugLevel.INFO)
    assert dist.get_debug_level() is dist.DebugLevel.INFO
    dist.set_debug_level(dist.DebugLevel.OFF)


@pytest.mark.parametrize("number", range(3))
def test_the_programs_of_the_page_run_as_they_stand(number):
    page = (starting.HERE.parent.parent / "docs" / "distributed.md").read_text(encoding="utf-8")
    program = re.findall(r"```python\n(.*?)```", page, re.DOTALL)[number]
    dist.run_threads(lambda rank: exec(program, {}), 1)
