"""Ranks that die, again and again: how soon all have ended, and whether the run ends as if nothing had happened.

Each time: start a training on `--ranks` ranks, let the last be killed, raise an error, or not arrive; wait for the launcher; look
for processes that were left; start it again, and compare its weights with those of a run without trouble.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np

PROGRAM = pathlib.Path(__file__).parent.parent / "tests" / "distributed" / "resuming.py"
STEPS, AT = 20, 13
KINDS = ["kill", "raise", "absent"]


def add_to(parser):
    parser.set_defaults(run=run)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)


def launch(ranks, *arguments):
    """(exit status, seconds)"""
    begun = time.monotonic()
    line = [sys.executable, "-m", "metagrad", "launch", "-n", str(ranks), str(PROGRAM), *map(str, arguments)]
    environment = {**os.environ, "TIMEOUT": "3"}
    done = subprocess.run(
        line, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, time.monotonic() - begun


def left_over():
    listed = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.split("\n") if str(PROGRAM) in line]


def once(kind, ranks, folder, whole):
    """(seconds to the end, processes left, whether the weights are the same to the bit)"""
    arguments = (folder / "run.pt", folder / "run.npz", STEPS, kind, AT)
    status, seconds = launch(ranks, *arguments)
    left = left_over()
    assert status != 0, f"{kind}: the launcher saw no trouble"
    status, _ = launch(ranks, *arguments)
    assert status == 0, f"{kind}: the second run failed"
    found = dict(np.load(folder / "run.npz"))
    for name in ("run.pt", "run.npz"):
        (folder / name).unlink()
    return seconds, len(left), all(np.array_equal(found[name], whole[name]) for name in whole)


def run(options):
    print(
        f"{options.ranks} ranks on {os.cpu_count()} cores; load {os.getloadavg()[0]:.1f}; timeout of the collectives 3 s"
    )
    print("| what befalls a rank | times | seconds to the end, median (greatest) | processes left | same weights |")
    print("| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        _, usual = launch(options.ranks, folder / "whole.pt", folder / "whole.npz", STEPS)
        whole = dict(np.load(folder / "whole.npz"))
        for kind in options.kinds:
            seconds, left, same = zip(*[once(kind, options.ranks, folder, whole) for _ in range(options.times)])
            print(
                f"| {kind} | {options.times} | {np.median(seconds):.1f} ({max(seconds):.1f}) | {sum(left)} | {sum(same)} |",
                flush=True,
            )
    print(f"A run without trouble took {usual:.1f} s.")
