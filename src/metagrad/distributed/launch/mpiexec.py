"""The MPI library's own starter of processes: where it is, and what to tell it."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

# What the starters, and the schedulers of clusters, tell a process of its place: (rank, number of ranks, rank on its machine).
PLACES = (
    ("RANK", "WORLD_SIZE", "LOCAL_RANK"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"),
    ("PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID"),
    ("MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_LOCAL_RANK"),
    ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID"),
)


def place_of(environment: Mapping[str, str]) -> tuple[int, int, int] | None:
    """(rank, number of ranks, rank on the machine) of this process, or None if nobody started it as a rank.

    >>> place_of({"PMI_RANK": "1", "PMI_SIZE": "4", "MPI_LOCALRANKID": "1"})
    (1, 4, 1)
    """
    for rank, size, local in PLACES:
        if environment.get(rank, "").isdigit() and environment.get(size, "").isdigit():
            return int(environment[rank]), int(environment[size]), int(environment.get(local, "0"))
    return None


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


def command(mpiexec: str, ranks: int) -> list[str]:
    """What starts so many ranks of the program that follows.

    Open MPI by itself refuses more ranks than cores, and root; and ties each rank to one core, of which the threads of its
    kernels would then get one between them.
    """
    options = []
    if is_open_mpi(mpiexec):
        options = ["--map-by", ":OVERSUBSCRIBE", "--bind-to", "none"]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            options.append("--allow-run-as-root")
    return [mpiexec, *options, "-n", str(ranks)]
