"""How tests start ranks as processes."""

import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).parent


def need_mpi():
    """Skip the test unless ranks can be processes here."""
    pytest.importorskip("mpi4py", reason='needs pip install "metagrad[mpi]"')


def environment(**more):
    """This process's, with what it imports from, and one thread for each rank."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1", **more}


def mpiexec(program, ranks, *arguments, timeout=120):
    """Run a program on so many ranks; what it printed."""
    from metagrad.distributed.launch.mpiexec import command, find

    line = [*command(find(), ranks), sys.executable, str(HERE / program), *map(str, arguments)]
    done = subprocess.run(line, env=environment(), capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout
