"""``torch.multiprocessing``: processes that are started together, and what becomes of their errors."""

import os
import pickle

import pytest


@pytest.fixture(params=["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
def processes(request):
    return pytest.importorskip(f"{request.param}.multiprocessing")


def write(number, folder):
    (folder / str(number)).write_text("here")


def raise_in_the_second(number):
    if number == 1:
        raise KeyError("lost")


def raise_at_length(number):
    raise ValueError("x" * 300_000)


def leave(number, how):
    if how == "signal":
        os.kill(os.getpid(), 9)
    os._exit(3)


def test_all_of_them_run(processes, tmp_path):
    assert processes.start_processes(write, (tmp_path,), nprocs=3, start_method="fork") is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1", "2"]
    started = processes.start_processes(write, (tmp_path / "..",), nprocs=1, join=False, start_method="fork")
    assert started.pids() == [started.processes[0].pid]
    assert started.join() is True and started.join() is True


def test_what_they_raise_comes_with_its_traceback(processes):
    with pytest.raises(processes.ProcessRaisedException) as caught:
        processes.start_processes(raise_in_the_second, nprocs=2, start_method="fork")
    said = str(caught.value)
    assert said.startswith(
        "\n\n-- Process 1 terminated with the following error:\nTraceback (most recent call last):\n"
    )
    assert said.endswith("KeyError: 'lost'\n") and caught.value.error_index == 1 and caught.value.error_pid > 0


def test_a_long_traceback_comes_whole(processes):
    with pytest.raises(processes.ProcessRaisedException, match="x{300000}"):
        processes.start_processes(raise_at_length, nprocs=2, start_method="fork")


@pytest.mark.parametrize(("how", "said", "code", "name"), [
    ("code", "process 0 terminated with exit code 3", 3, None),
    ("signal", "process 0 terminated with signal SIGKILL", -9, "SIGKILL"),
])  # fmt: skip
def test_another_end_is_told(processes, how, said, code, name):
    with pytest.raises(processes.ProcessExitedException) as caught:
        processes.start_processes(leave, (how,), nprocs=1, start_method="fork")
    again = pickle.loads(pickle.dumps(caught.value))
    for error in (caught.value, again):
        assert str(error) == said and (error.error_index, error.exit_code, error.signal_name) == (0, code, name)


def test_the_way_of_sharing_is_kept_and_others_are_refused(processes):
    before = processes.get_sharing_strategy()
    try:
        processes.set_sharing_strategy("file_system")
        with pytest.raises(AssertionError):
            processes.set_sharing_strategy("another")
        assert processes.get_sharing_strategy() == "file_system"
    finally:
        processes.set_sharing_strategy(before)
