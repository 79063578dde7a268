"""Threads that look out for work: every job is done once, errors arrive, and nothing waits for ever."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import metagrad
from metagrad.kernels import tuning

pytest.importorskip("numba")

from metagrad.kernels.compiled import reductions
from metagrad.kernels.compiled.entries import work_of
from metagrad.kernels.compiled.sharing import ASKED, has_reached
from metagrad.kernels.helpers import Helpers, Signal, looks

SOURCES = str(Path(metagrad.__file__).parent.parent)


@pytest.fixture(params=[1, 3])
def helpers(request):
    """One thread, or three, which end with the test."""
    made = Helpers(request.param, "helper")
    yield made
    made.end()


def test_results_are_in_the_order_of_the_jobs(helpers):
    for count in (2, 3, 7):
        for _ in range(50):
            assert helpers.run([lambda i=i: i * i for i in range(count)]) == [i * i for i in range(count)]


def test_helpers_wake_after_they_have_slept(helpers):
    for _ in range(3):
        time.sleep(0.05)  # far longer than they look
        assert helpers.run([lambda: 1, lambda: 2, lambda: 3]) == [1, 2, 3]


def test_compiled_work_is_asked_for_before_the_helpers_are_woken(helpers):
    """Who woke before would look in vain, maybe on the core of the one who would ask him."""
    memory, seen = helpers._memory, []

    def waking(helper, usual):
        return lambda: (seen.append(int(memory[helper.state])), usual())

    for helper in helpers._helpers:
        helper.wake = waking(helper, helper.wake)
    loop, x, y = reductions.row_sums, np.ones((64, 100), np.float32), np.empty(64, np.float32)
    for _ in range(3):
        while not all(memory[helper.asleep] for helper in helpers._helpers):
            time.sleep(0.001)
        y[:] = 0
        seen.clear()
        helpers.perform(work_of(loop, [x, y], numbers=[64]), 64, 16)
        assert seen[0] == ASKED and len(seen) == len(helpers._helpers)
        assert y.tolist() == [100.0] * 64


def test_an_interrupt_waits_for_those_who_were_asked(helpers):
    """Who asked would else give back the memory that a helper is writing."""
    memory = helpers._memory

    def interrupted():
        raise KeyboardInterrupt

    first = helpers._helpers[0]
    usual, first.wake = first.wake, interrupted
    while not memory[first.asleep]:
        time.sleep(0.001)
    loop, x, y = reductions.row_sums, np.ones((64, 100), np.float32), np.zeros(64, np.float32)
    with pytest.raises(KeyboardInterrupt):
        helpers.perform(work_of(loop, [x, y], numbers=[64]), 64, 16)
    assert y.tolist() == [100.0] * 64 and not any(memory[helper.state] for helper in helpers._helpers)
    first.wake = usual
    assert helpers.run([lambda: 1, lambda: 2]) == [1, 2]


def test_whoever_waits_sleeps_while_a_helper_takes_long(helpers, monkeypatch):
    monkeypatch.setattr("metagrad.kernels.helpers.looks", lambda: 10)
    for _ in range(3):
        assert helpers.run([lambda: 1, lambda: time.sleep(0.02) or 2]) == [1, 2]


def test_a_helper_looks_as_often_as_takes_a_given_time():
    memory = np.zeros(1, np.int64)
    assert not has_reached(memory, 1, looks(), 0) and has_reached(memory, 0, 1, 1)
    assert tuning.LOOK_FOR // 200 < looks() < tuning.LOOK_FOR * 20  # between 200 ns and a twentieth of one for each


def test_two_threads_share_the_work(helpers):
    meeting = threading.Barrier(2, timeout=10)
    assert set(helpers.run([meeting.wait, meeting.wait])) == {0, 1}


def test_errors_are_raised_when_all_is_done(helpers):
    done = []

    def fail():
        raise KeyError("first")

    with pytest.raises(KeyError, match="first"):
        helpers.run([fail, lambda: done.append(1), lambda: done.append(2)])
    assert sorted(done) == [1, 2]
    assert helpers.run([lambda: 1, lambda: 2]) == [1, 2]


def test_jobs_see_the_callers_error_state(helpers):
    zero = np.zeros(1)

    def divide():
        return zero / zero

    with np.errstate(all="raise"), pytest.raises(FloatingPointError):
        helpers.run([lambda: time.sleep(0.01), divide])
    with np.errstate(all="ignore"):
        helpers.run([divide, divide])


def test_jobs_of_jobs_and_of_several_callers(helpers):
    def nested():
        return sum(helpers.run([lambda: 1, lambda: 2]))

    found = []
    callers = [
        threading.Thread(target=lambda: found.extend(helpers.run([nested, nested])[0] for _ in range(100)))
        for _ in range(3)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(timeout=30)
    assert found == [3] * 300


def test_a_signal_that_came_before_the_wait():
    signal = Signal()
    signal.reach(2)
    signal.wait_for(1)
    signal.wait_for(2)


FORK = """
import os, numpy as np, metagrad
metagrad.set_num_threads(2)
x = metagrad.ones(1 << 20)
assert x.exp().sum().item() > 0
child = os.fork()
if child == 0:
    assert x.exp().sum().item() > 0
    os._exit(0)
_, status = os.waitpid(child, 0)
assert status == 0, status
metagrad.set_num_threads(3)
assert x.exp().sum().item() > 0
print("done")
"""


FORK_IN_WORK = """
import os, sys, metagrad
from metagrad.kernels import threads
metagrad.set_num_threads(2)
assert metagrad.ones(1 << 20).exp().sum().item() > 0
threads._helpers()._lock.acquire()  # as while another thread's work is done
child = os.fork()
if child == 0:
    sys.exit(0)
_, status = os.waitpid(child, 0)
threads._helpers()._lock.release()
print("done" if status == 0 else status)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_during_work_ends():
    env = {**os.environ, "PYTHONPATH": SOURCES}
    program = [sys.executable, "-W", "ignore", "-c", FORK_IN_WORK]
    found = subprocess.run(program, env=env, timeout=120, capture_output=True, text=True)
    assert found.stdout == "done\n", found.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forks_have_threads_of_their_own_and_a_program_ends():
    done = subprocess.run(
        [sys.executable, "-c", FORK], env={**os.environ, "PYTHONPATH": SOURCES}, capture_output=True, text=True, timeout=60
    )  # fmt: skip
    assert done.stdout == "done\n", done.stderr


@pytest.mark.parametrize("offset", [0, 1, 5, 15])
@pytest.mark.parametrize("size", [1, 100, 16_385, 300_001])
def test_parts_begin_where_a_line_of_the_cache_does_and_cover_all(monkeypatch, offset, size):
    pytest.importorskip("numba")
    from metagrad.kernels import tuning
    from metagrad.kernels.chunks import spread
    from metagrad.kernels.compiled.pointwise import relu

    monkeypatch.setattr(tuning, "SPREAD_LEAST", 1)
    x = np.random.default_rng(0).standard_normal(size + offset).astype(np.float32)[offset:]
    memory = np.full(size + offset + 1, 7, np.float32)
    y = memory[offset:-1]
    spread(relu, [x, y])
    assert np.array_equal(y, np.maximum(x, 0))
    assert (memory[:offset] == 7).all() and memory[-1] == 7
