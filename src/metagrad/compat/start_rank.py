"""The first lines of each rank: what ``metagrad launch`` has mpiexec run is this module, with the program as its argument."""

from __future__ import annotations

import os
import socket
import sys
import time
import traceback
from collections.abc import Sequence

from metagrad.compat import alias
from metagrad.distributed.launch import lines
from metagrad.distributed.launch.mpiexec import Place, place_of
from metagrad.distributed.launch.parent import LAUNCHED, die_with_parent
from metagrad.kernels import threads

_FORWARDING = 0.5  # seconds: mpiexec passes output on as it comes, and drops what it still has when a rank aborts
_BEFORE = ("metagrad.compat.alias", "runpy")  # what a traceback goes through before it comes to the program


def set_environment(place: Place) -> None:
    """RANK, WORLD_SIZE and so on, as programs expect them, and this rank's share of the machine's threads."""
    os.environ.update(
        RANK=str(place.rank), WORLD_SIZE=str(place.size), LOCAL_RANK=str(place.local_rank),
        LOCAL_WORLD_SIZE=str(place.local_size),
    )  # fmt: skip
    os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
    os.environ.setdefault("MASTER_PORT", "29500")
    share = max(1, threads.available_cores() // place.local_size)
    threads.set_num_threads(min(share, int(os.environ.get("OMP_NUM_THREADS", share))))


def run(program: str, arguments: Sequence[str], module: bool, place: Place) -> int:
    """Run the program as this rank; its exit status. An error ends all ranks."""
    launched = LAUNCHED in os.environ
    if place.rank:  # mpiexec gives its input to rank 0, and lets a read of the others wait for ever
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if launched:
        die_with_parent()
        lines.tell("start", place.rank, f"{os.getpid()} {socket.gethostname()}")
        sys.stdout = lines.Prefixed(sys.stdout, f"[{place.rank}] ")
        sys.stderr = lines.Prefixed(sys.stderr, f"[{place.rank}] ")
    set_environment(place)
    status = _run(program, arguments, module, place.rank, launched)
    for stream in (sys.stdout, sys.stderr):
        stream.finish() if isinstance(stream, lines.Prefixed) else stream.flush()
    if status:
        time.sleep(_FORWARDING if launched else 0)
        _abort(status)
    if launched:
        lines.tell("end", place.rank, "0")
    return status


def _run(program: str, arguments: Sequence[str], module: bool, rank: int, launched: bool) -> int:
    try:
        alias.run(program, arguments, module=module)
    except SystemExit as end:
        if end.code in (None, 0):
            return 0
        text = f"SystemExit: {end.code}"
        status = end.code if isinstance(end.code, int) else 1
    except BaseException as error:
        text, status = _traceback(error), 1
    else:
        return 0
    if launched:
        lines.tell("error", rank, f"{time.time()} {status}")
        lines.tell("trace", rank, text)
    else:
        print(f"rank {rank}: {text}", file=sys.stderr)
    return status


def _traceback(error: BaseException) -> str:
    """The traceback from the program's first line on."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_globals.get("__name__") in (__name__, "__main__", *_BEFORE):
        if frames.tb_frame.f_globals.get("__name__") == "__main__" and frames.tb_frame.f_code.co_filename != __file__:
            break
        frames = frames.tb_next
    return "".join(traceback.format_exception(type(error), error, frames or error.__traceback__)).rstrip()


def _abort(status: int) -> None:
    """End all ranks: the others would wait for this one."""
    mpi = sys.modules.get("mpi4py.MPI")
    if mpi is not None and mpi.Is_initialized() and not mpi.Is_finalized():
        mpi.COMM_WORLD.Abort(status)
    os._exit(status)


def main(arguments: Sequence[str]) -> int:
    """[-m] program arguments…"""
    place = place_of(os.environ)
    if place is None:
        print("metagrad launch: this process was not started as a rank of an MPI program", file=sys.stderr)
        return 2
    module = arguments[0] == "-m"
    program, *rest = arguments[1:] if module else arguments
    return run(program, rest, module, place)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
