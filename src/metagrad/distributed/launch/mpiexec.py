"""The MPI library's own starter of processes: where it is, and what to tell it."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

# What the starters, and the schedulers of clusters, tell a process of its place.
_VARIABLES = (
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"),
    ("PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"),
    ("MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_LOCAL_RANK", "MV2_COMM_WORLD_LOCAL_SIZE"),
    ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", "SLURM_STEP_TASKS_PER_NODE"),
    ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"),
)


class Place(NamedTuple):
    """A rank among all, and among those on its machine."""

    rank: int
    size: int
    local_rank: int
    local_size: int


def place_of(environment: Mapping[str, str]) -> Place | None:
    """The place of this process, or None if nobody started it as a rank.

    >>> place_of({"PMI_RANK": "1", "PMI_SIZE": "4", "MPI_LOCALRANKID": "1"})
    Place(rank=1, size=4, local_rank=1, local_size=4)
    """
    for rank, size, local_rank, local_size in _VARIABLES:
        if environment.get(rank, "").isdigit() and environment.get(size, "").isdigit():
            own, all_ranks = int(environment[rank]), int(environment[size])
            beside = environment.get(local_size, "").partition("(")[0]  # Slurm writes 4(x2): 4 on each of 2 machines
            local = environment.get(local_rank, "")
            return Place(
                own, all_ranks, int(local) if local.isdigit() else own, int(beside) if beside.isdigit() else all_ranks
            )
    return None


def without_place(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for processes that are to be given places of their own."""
    taken = {name for names in _VARIABLES for name in names}
    return {name: value for name, value in environment.items() if name not in taken}


def find() -> str:
    """The path of ``mpiexec``: that of this Python's environment, where the wheels put it, or else the first on the PATH."""
    own = Path(sys.prefix) / "bin" / "mpiexec"
    found = str(own) if own.exists() else shutil.which("mpiexec") or shutil.which("mpirun")
    if found is None:
        raise FileNotFoundError('there is no mpiexec to start the ranks with: pip install "metagrad[mpi]" brings one')
    return found


@functools.cache
def is_open_mpi(mpiexec: str) -> bool:
    """Whether it is Open MPI's, which wants to be told more."""
    said = subprocess.run([mpiexec, "--version"], capture_output=True, text=True, timeout=30, check=False)
    return "Open MPI" in said.stdout + said.stderr or "OpenRTE" in said.stdout or "PRRTE" in said.stdout


def command(mpiexec: str, ranks: int, more: Sequence[str] = ()) -> list[str]:
    """What starts so many ranks of the program that follows.

    Open MPI by itself refuses more ranks than cores, and root; and ties each rank to one core, of which the threads of its
    kernels would then get one between them.
    """
    options = []
    if is_open_mpi(mpiexec):
        options = ["--map-by", ":OVERSUBSCRIBE", "--bind-to", "none"]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            options.append("--allow-run-as-root")
    return [mpiexec, *options, *more, "-n", str(ranks)]
