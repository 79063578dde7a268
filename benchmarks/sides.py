"""Two processes, one for each library, that do the same work by turns.

The parent sends a case to both; each builds it from the same random numbers, and reports a loss. Then the parent has them
run by turns, so that a slow moment of the machine falls on both. Only one of them works at any time.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

LIBRARIES = ("torch", "metagrad")
PAUSE = 0.1  # seconds: for a while after their work, threads of BLAS and OpenMP wait for more by going round in circles


class Side:
    """One library in a process of its own."""

    def __init__(self, library, module="benchmarks.work", without=()):
        """``without``: packages that the process does not find, as if they were not installed."""
        hide = f"import sys; sys.modules.update(dict.fromkeys({list(without)!r})); " if without else ""
        code = f"{hide}from {module} import serve; serve({library!r})"
        root = Path(__file__).parent.parent
        env = {**os.environ, "PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env, cwd=root
        )

    def ask(self, **request):
        """Send a request, and wait for its answer."""
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("a benchmark process died; its error stands above")
        return json.loads(line)

    def close(self):
        """End the process."""
        self.process.stdin.close()
        self.process.wait()


def compare(case, repeats, fresh=False):
    """Times of both libraries for one case, by turns, in milliseconds; the losses must agree before anything is timed.

    fresh: new processes for this case, so that their peak memory is its own.
    """
    sides = {library: Side(library) for library in LIBRARIES} if fresh or not _kept else _kept
    if not fresh:
        _kept.update(sides)
    losses = {library: side.ask(build=case) for library, side in sides.items()}
    for library, answer in losses.items():
        if "refused" in answer:
            raise RuntimeError(f"{library}, {case}: {answer['refused']}")
    losses = {library: answer["loss"] for library, answer in losses.items()}
    expected, found = losses["torch"], losses["metagrad"]
    if abs(found - expected) > 1e-4 * max(1.0, abs(expected)):
        raise RuntimeError(f"{case}: the losses differ, so the work does: torch {expected}, metagrad {found}")
    times = {library: [] for library in LIBRARIES}
    for _ in range(repeats):
        for library, side in sides.items():
            time.sleep(PAUSE)
            times[library].append(side.ask(run=True)["ms"])
    memory = {library: side.ask(memory=True)["mb"] for library, side in sides.items()}
    if fresh:
        for side in sides.values():
            side.close()
    return times, memory


_kept: dict[str, Side] = {}
