"""Jobs on threads, and jobs of jobs."""

import threading

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
