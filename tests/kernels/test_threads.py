"""Jobs on threads, and jobs of jobs."""

import threading

import pytest

from metagrad.kernels import threads


def test_jobs_of_jobs_stay_where_they_are(monkeypatch):
    monkeypatch.setattr(threads, "available", lambda: False)
    monkeypatch.setattr(threads, "get_num_threads", lambda: 2)
    met = threading.Barrier(2, timeout=20)  # both jobs are being done before one has jobs of its own

    def job():
        met.wait()
        name = threading.current_thread().name
        return [name, *threads.run_on_threads([lambda: threading.current_thread().name] * 2)]

    here, there = threads.run_on_threads([job, job])
    assert len({*here}) == len({*there}) == 1 and here != there
    assert len({*threads.run_on_threads([lambda: threading.current_thread().name] * 2)}) == 2


def test_errors_are_raised_when_all_jobs_are_done(monkeypatch):
    monkeypatch.setattr(threads, "available", lambda: False)
    monkeypatch.setattr(threads, "get_num_threads", lambda: 3)
    done = []

    def fails():
        raise KeyError("there")

    def works():
        done.append(threading.current_thread().name)
        return len(done)

    with pytest.raises(KeyError, match="there"):
        threads.run_on_threads([works, fails, works])
    assert len(done) == 2
    assert sorted(threads.run_on_threads([works, works, works])) == [3, 4, 5]


def test_threads_end_when_another_number_is_asked_for(monkeypatch):
    monkeypatch.setattr(threads, "available", lambda: False)
    before = threads.get_num_threads()
    try:
        threads.set_num_threads(2)
        met = threading.Barrier(2, timeout=20)

        def job():
            met.wait()
            return threading.current_thread()

        other = threads.run_on_threads([job, job])[1]
        threads.set_num_threads(3)
        other.join(timeout=20)
        assert not other.is_alive()
    finally:
        threads.set_num_threads(before)


def test_jobs_are_done_by_threads_that_are_ended_meanwhile(monkeypatch):
    monkeypatch.setattr(threads, "available", lambda: False)
    before, started = threads.get_num_threads(), threading.Event()
    try:
        threads.set_num_threads(2)

        def first():
            started.wait(10)
            threads.set_num_threads(3)
            return 1

        def second():
            started.set()
            return 2

        assert threads.run_on_threads([first, second, lambda: 3, lambda: 4]) == [1, 2, 3, 4]
        assert threads.run_on_threads([lambda: 1, lambda: 2]) == [1, 2]
    finally:
        threads.set_num_threads(before)


@pytest.mark.parametrize(
    ("text", "cores"),
    [("max 100000", None), ("50000 100000", 1), ("200000 100000", 2), ("250000 100000", 3), ("", None)],
)
def test_a_container_has_as_many_cores_as_it_is_granted_the_time_of(tmp_path, monkeypatch, text, cores):
    (tmp_path / "cpu.max").write_text(text + "\n")
    assert threads._granted(str(tmp_path / "cpu.max")) == cores
    assert threads._granted(str(tmp_path / "none")) is None
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    monkeypatch.setattr(threads, "_granted", lambda: cores)
    assert threads.available_cores.__wrapped__() == (cores or 64)


@pytest.mark.parametrize(("told", "count"), [("3", 3), (" 5,2", 5), ("1", 1), ("9", 7), ("0", 7), ("many", 7), ("", 7)])
def test_threads_are_as_many_as_openmp_is_told(monkeypatch, told, count):
    monkeypatch.setattr(threads, "available_cores", lambda: 7)
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert threads._usual_threads.__wrapped__() == count
