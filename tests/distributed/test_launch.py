"""`metagrad launch`: the environment, the output, and how runs end when a rank does."""

import functools
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from tests.distributed import resuming, starting

from metagrad.cli import main
from metagrad.distributed.launch import lines, mpiexec
from metagrad.distributed.launch.launcher import Ranks, is_alive


def launch(*arguments, **more):
    """(exit status, output, errors, seconds) of `metagrad launch`."""
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "metagrad", "launch", *map(str, arguments)], env=starting.environment(**more),
        capture_output=True, text=True, timeout=100, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr, time.monotonic() - begun


def ranks_left():
    """Processes of ranks whose launcher is gone."""
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.split("\n") if str(starting.HERE) in line and "start_rank" in line]


@pytest.fixture
def program(tmp_path):
    starting.need_mpi()

    def write(text):
        path = tmp_path / "program.py"
        path.write_text(text)
        return path

    return write


def test_the_environment_and_the_output(program):
    path = program(
        "import os, sys, torch, torch.distributed as dist\n"
        "dist.init_process_group('nccl' if torch.cuda.is_available() else 'gloo')\n"
        "x = torch.ones(1); dist.all_reduce(x)\n"
        "names = 'RANK WORLD_SIZE LOCAL_RANK LOCAL_WORLD_SIZE'.split()\n"
        "print(dist.get_rank(), *[os.environ[n] for n in names], x.item(), sys.argv[1:], 'two\\nlines')\n"
        "print('an error', file=sys.stderr)\n"
        "sys.stdout.write('no end of line')\n"
    )
    status, out, errors, _ = launch("-n", 3, path, "--own", "1")
    assert status == 0, errors
    expected = [
        line
        for rank in range(3)
        for line in (
            f"[{rank}] {rank} {rank} 3 {rank} 3 3.0 ['--own', '1'] two",
            f"[{rank}] lines",
            f"[{rank}] no end of line",
        )
    ]
    assert sorted(out.splitlines()) == sorted(expected)
    assert [line for line in sorted(errors.splitlines()) if "an error" in line] == [
        f"[{rank}] an error" for rank in range(3)
    ]


def test_ranks_that_read_their_input_come_to_its_end(program):
    status, out, errors, _ = launch("-n", 2, program("import sys; print(repr(sys.stdin.read()))"))
    assert status == 0 and sorted(out.splitlines()) == ["[0] ''", "[1] ''"], errors


def test_under_a_clusters_own_mpiexec(program):
    path = program(
        "import os\nfrom metagrad import distributed as d\nd.init_process_group()\n"
        "os.write(1, f'rank {d.get_rank()} of {d.get_world_size()}\\n'.encode())\n"
    )
    line = [*mpiexec.command(mpiexec.find(), 2), sys.executable, "-m", "metagrad", "launch", str(path)]
    done = subprocess.run(line, env=starting.environment(), capture_output=True, text=True, timeout=60, check=False)
    assert sorted(done.stdout.splitlines()) == ["rank 0 of 2", "rank 1 of 2"], done.stderr


def test_the_first_failure_is_shown_last(program):
    path = program(
        "import time\nfrom metagrad import distributed as d\nd.init_process_group()\n"
        "if d.get_rank() == 1:\n    raise KeyError('of its own')\nd.barrier()\n"
    )
    status, _, errors, took = launch("-n", 3, path)
    assert status == 1 and took < 30
    said = errors[errors.index("metagrad launch: ") :]
    assert said.startswith("metagrad launch: rank 1 failed first") and said.endswith("KeyError: 'of its own'\n")
    assert "alias.py" not in said and "runpy" not in said and "line 5, in <module>" in said


def test_exit_statuses(program):
    path = program(
        "import sys\nfrom metagrad import distributed as d\nd.init_process_group()\nif d.get_rank(): sys.exit(7)\nd.barrier()\n"
    )
    status, _, errors, _ = launch("-n", 2, path)
    assert status == 7 and "rank 1 failed first:\nSystemExit: 7" in errors


def test_an_error_before_the_group_is_made(program):
    path = program(
        "import os\nfrom metagrad import distributed as d\n"
        "if os.environ['RANK'] == '0': raise OSError('too early')\nd.init_process_group()\nd.barrier()\n"
    )
    status, _, errors, took = launch("-n", 2, path)
    assert status == 1 and errors.endswith("OSError: too early\n") and took < 30


@pytest.mark.parametrize("kind", ["kill", "raise", "absent"])
def test_a_run_that_failed_goes_on_and_ends_in_the_same_weights(kind, tmp_path):
    starting.need_mpi()
    path = starting.HERE / "resuming.py"
    status, _, errors, _ = launch("-n", 2, path, tmp_path / "whole.pt", tmp_path / "whole.npz", 20)
    assert status == 0, errors
    again = ("-n", 2, path, tmp_path / "run.pt", tmp_path / "run.npz", 20, kind, 13)
    status, _, errors, took = launch(*again)
    assert status != 0 and took < 40 and not (tmp_path / "run.npz").exists()
    assert status == {"kill": 137, "raise": 1, "absent": 1}[kind]
    words = {"kill": "rank 1 (process ", "raise": "KeyError: 'trouble'", "absent": "rank 1 did not arrive at"}
    assert words[kind] in errors[errors.index("metagrad launch: ") :]
    assert not ranks_left()
    status, _, errors, _ = launch(*again)
    assert status == 0, errors
    whole, found = (dict(np.load(tmp_path / name)) for name in ("whole.npz", "run.npz"))
    for name in whole:
        np.testing.assert_array_equal(found[name], whole[name])


def test_a_launcher_that_is_killed_leaves_no_ranks(tmp_path):
    starting.need_mpi()
    path = tmp_path / "program.py"
    path.write_text("import os, time\nprint('here', os.getpid(), flush=True)\ntime.sleep(1000)\n")
    line = [sys.executable, "-m", "metagrad", "launch", "-n", "2", str(path)]
    with subprocess.Popen(line, env=starting.environment(), stdout=subprocess.PIPE, text=True) as launcher:
        processes = [int(launcher.stdout.readline().split()[-1]) for _ in range(2)]
        assert all(is_alive(process) for process in processes)
        launcher.kill()
    end = time.monotonic() + 10
    while any(is_alive(process) for process in processes) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(is_alive(process) for process in processes)


def test_a_launcher_that_is_interrupted_says_so_in_a_word(program):
    path = program("import time\nprint('here', flush=True)\ntime.sleep(1000)\n")
    line = [sys.executable, "-m", "metagrad", "launch", "-n", "2", str(path)]
    heard = functools.partial(
        signal.signal, signal.SIGINT, signal.SIG_DFL
    )  # which tests run in the background do not hear
    with subprocess.Popen(
        line, env=starting.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heard
    ) as launcher:
        said = sorted(launcher.stdout.readline() for _ in range(2))
        launcher.send_signal(signal.SIGINT)
        try:
            rest, errors = launcher.communicate(timeout=60)
        finally:
            launcher.kill()
    assert launcher.returncode == 130 and said == ["[0] here\n", "[1] here\n"]
    assert rest == "" and errors == "metagrad: stopped\n" and not ranks_left()


def test_options_that_mpiexec_refuses(program):
    status, _, errors, _ = launch("-n", 2, "--mpi-options=--no-such-option 3", program(""))
    assert (
        status != 0 and "before a rank had started; it was called as" in errors and "--no-such-option 3 -n 2" in errors
    )


# ------------------------------------------------ without MPI


def test_wrong_usage(capsys, monkeypatch, tmp_path):
    assert main(["launch", str(tmp_path / "none.py")]) == 1
    assert "say how many ranks" in capsys.readouterr().err
    assert main(["launch", "-n", "2", str(tmp_path / "none.py")]) == 1
    assert "there is no file" in capsys.readouterr().err
    (tmp_path / "p.py").write_text("")
    assert main(["launch", "-n", "0", str(tmp_path / "p.py")]) == 1
    assert "at least one rank, got 0" in capsys.readouterr().err
    for command in (["launch", "-n", "2"], ["run"]):
        assert main([*command, str(tmp_path)]) == 1
        assert "there is no __main__.py" in capsys.readouterr().err
    assert main(["launch", "-n", "2", "--mpiexec", str(tmp_path / "p.py"), str(tmp_path / "p.py")]) == 1
    assert "--mpiexec must be a program that can be run, got" in capsys.readouterr().err
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["launch", "-n", "2", str(tmp_path / "p.py")]) == 1
    assert "metagrad[mpi]" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        ({"OMPI_COMM_WORLD_RANK": "3", "OMPI_COMM_WORLD_SIZE": "8", "OMPI_COMM_WORLD_LOCAL_RANK": "1"}, (3, 8, 1, 8)),
        ({"SLURM_PROCID": "5", "SLURM_STEP_NUM_TASKS": "8", "SLURM_LOCALID": "1",
          "SLURM_STEP_TASKS_PER_NODE": "4(x2)"}, (5, 8, 1, 4)),
        ({"PMI_RANK": "0", "PMI_SIZE": "2"}, (0, 2, 0, 2)),
        ({"RANK": "0"}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_places(environment, place):
    assert mpiexec.place_of(environment) == place
    assert mpiexec.without_place({"PATH": "x", **environment}) == {"PATH": "x"}


def test_what_the_ranks_tell():
    ranks = Ranks()
    assert ranks.verdict() == ("", 0)
    for notice in (
        lines.Notice("start", 0, "12 here"), lines.Notice("start", 1, "34 there"), lines.Notice("error", 0, "20.5 1"),
        lines.Notice("trace", 0, "later"), lines.Notice("error", 1, "20.25 3"), lines.Notice("trace", 1, "first"),
    ):  # fmt: skip
        ranks.hear(lines.parse(notice.line()))
    assert ranks.verdict() == ("rank 1 failed first (after it: rank 0):\nfirst", 3)
    ranks.errors.clear()
    ranks.overhear("=   PID 34 RUNNING AT there\n")
    assert ranks.verdict() == ("rank 1 (process 34 on there) was killed, without a traceback", 1)
    ranks.overhear("YOUR APPLICATION TERMINATED WITH THE EXIT STRING: Killed (signal 9)\n")
    assert ranks.verdict() == ("rank 1 (process 34 on there) was killed by SIGKILL, without a traceback", 137)
    assert lines.parse("\x1enonsense") is None


def test_lines_are_whole(capsys):
    stream = lines.Prefixed(sys.stdout, "[1] ")
    print("one\ntwo", end="", file=stream)
    print(" more", file=stream)
    stream.write("rest")
    stream.finish()
    assert capsys.readouterr().out == "[1] one\n[1] two more\n[1] rest\n"


def test_a_training_alone_needs_no_launcher(tmp_path):
    from metagrad import distributed as dist

    found = dist.run_threads(lambda rank: resuming.train(tmp_path / "a.pt", 5), 1)
    assert len(found[0]) == 4 and os.path.exists(tmp_path / "a.pt")
