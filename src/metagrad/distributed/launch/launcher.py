"""The launcher: starts the ranks, shows what they print, and sees to it that all end when one does.

MPI's starter ends the other ranks when one dies. The launcher counts the seconds until it has, and then ends them itself: the
starter, and the processes whose numbers the ranks of this machine have told. If the launcher is killed, the system ends
the starter, and that the ranks (``parent.die_with_parent``).
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import IO

from metagrad.distributed.launch import mpiexec
from metagrad.distributed.launch.lines import Notice, parse
from metagrad.distributed.launch.parent import LAUNCHED, START, die_with_parent
from metagrad.kernels.threads import available_cores

_ASKED, _FORCED = 4.0, 7.0  # seconds after a death at which the starter is asked to end, and made to
_PROCESS, _SIGNAL = re.compile(r"\bPID (\d+)"), re.compile(r"\bsignal (\d+)")
_OF_A_RANK = re.compile(r"\[\d+\] ")
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Ranks:
    """What the launcher knows of the ranks, by what they told it."""

    def __init__(self) -> None:
        self.processes: dict[int, tuple[int, str]] = {}  # rank: (process, machine)
        self.errors: dict[int, tuple[float, int]] = {}  # rank: (when, exit status)
        self.traces: dict[int, list[str]] = {}
        self.ended: set[int] = set()
        self.blamed: int | None = None  # the process that the starter says died
        self.signal = 0  # what it died of
        self.death: float | None = None  # when the first died, by the launcher's clock

    def hear(self, notice: Notice) -> None:
        """Take a notice of a rank."""
        if notice.kind == "start":
            process, machine = notice.text.split(" ", 1)
            self.processes[notice.rank] = int(process), machine
        elif notice.kind == "error":
            when, status = notice.text.split(" ")
            self.errors[notice.rank] = float(when), int(status)
            self.death = self.death or time.monotonic()
        elif notice.kind == "trace":
            self.traces.setdefault(notice.rank, []).append(notice.text)
        elif notice.kind == "end":
            self.ended.add(notice.rank)

    def overhear(self, line: str) -> None:
        """Learn from the starter's own messages which process died, and of what."""
        if self.blamed is not None and not self.signal and (signals := _SIGNAL.search(line)):
            self.signal = int(signals[1])
        found = _PROCESS.search(line)
        if found and self.blamed is None and any(int(found[1]) == p for p, _ in self.processes.values()):
            self.blamed = int(found[1])
            self.death = self.death or time.monotonic()

    def here(self) -> list[int]:
        """The processes of ranks on this machine that have not ended."""
        own = socket.gethostname()
        return [p for rank, (p, machine) in self.processes.items() if machine == own and rank not in self.ended]

    def look(self) -> None:
        """Notice a rank of this machine that is gone without a word."""
        if self.death is None and any(not is_alive(process) for process in self.here()):
            self.death = time.monotonic()

    def verdict(self) -> tuple[str, int]:
        """What went wrong first, in words, and an exit status; nothing and 0 if no rank said so."""
        if self.errors:
            rank, (_, status) = min(self.errors.items(), key=lambda item: item[1][0])
            later = ", ".join(str(r) for r in sorted(self.errors) if r != rank)
            also = f" (after it: rank {later})" if later else ""
            return "\n".join([f"rank {rank} failed first{also}:", *self.traces.get(rank, [])]), status
        for rank, (process, machine) in self.processes.items():
            if process == self.blamed:
                how = f" by {signal_name(self.signal)}" if self.signal else ""
                words = f"rank {rank} (process {process} on {machine}) was killed{how}, without a traceback"
                return words, 128 + self.signal if self.signal else 1
        return "", 0


def signal_name(number: int) -> str:
    """What a signal is called.

    >>> signal_name(9)
    'SIGKILL'
    """
    return signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"


def is_alive(process: int) -> bool:
    """Whether a process of this machine runs; one that has ended and was not waited for does not."""
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        if os.path.isdir("/proc/self"):
            return False
    try:
        os.kill(process, 0)
    except OSError:
        return False
    return True


def launch(
    program: str, arguments: Sequence[str], ranks: int, module: bool = False, starter: str | None = None, more: str = ""
) -> int:
    """Run a program on so many ranks; the exit status of the first that failed, or 0.

    starter: the path of an mpiexec; by default the one beside this Python. more: options for it, such as a list of hosts.
    """
    if ranks < 1:
        raise ValueError(f"launch needs at least one rank, got {ranks}")
    found = starter or mpiexec.find()
    if shutil.which(found) is None:
        raise FileNotFoundError(
            f"--mpiexec must be a program that can be run, got {found!r}; without it, the one beside this Python is taken"
        )
    line = [
        *mpiexec.command(found, ranks, shlex.split(more)), sys.executable, "-m", START,
        *(["-m"] if module else []), program, *arguments,
    ]  # fmt: skip
    return _Run(line, environment(ranks)).wait()


def environment(ranks: int) -> dict[str, str]:
    """What the ranks find in their environment, apart from their places."""
    share = str(max(1, available_cores() // ranks))
    mine = {**dict.fromkeys(_THREADS, share), **mpiexec.without_place(os.environ), LAUNCHED: "1"}
    return mine | {"PYTHONUNBUFFERED": "1"}


class _Run:
    """One run: the starter, and two threads that read what comes out of it."""

    def __init__(self, line: list[str], environment: dict[str, str]) -> None:
        self.ranks, self.printing, self.is_stopped = Ranks(), threading.Lock(), False
        self.line = line
        self.starter = subprocess.Popen(
            line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
            start_new_session=True, preexec_fn=die_with_parent,
        )  # fmt: skip
        pairs = ((self.starter.stdout, sys.stdout), (self.starter.stderr, sys.stderr))
        self.readers = [threading.Thread(target=self._read, args=pair, daemon=True) for pair in pairs]
        for reader in self.readers:
            reader.start()

    def _read(self, source: IO[str], to: IO[str]) -> None:
        for line in source:
            line = line.lstrip("\0")  # Open MPI ends some of its messages with one
            with self.printing:
                notice = parse(line)
                if notice is not None:
                    self.ranks.hear(notice)
                    continue
                is_own = _OF_A_RANK.match(line) is None
                if is_own:
                    self.ranks.overhear(line)
                if not (is_own and self.is_stopped):  # that it was asked to end, mpiexec says at length
                    to.write(line)
                    to.flush()

    def wait(self) -> int:
        """Wait for the end of all ranks; say what went wrong; the exit status."""
        try:
            while self.starter.poll() is None:
                time.sleep(0.05)
                self._hurry()
        except KeyboardInterrupt:
            self.is_stopped = True
            raise
        finally:
            self._end()
            for reader in self.readers:
                reader.join(5)
        words, status = self.ranks.verdict()
        code = self.starter.returncode
        if code and not self.ranks.processes:
            words = (
                f"mpiexec ended with status {code} before a rank had started; it was called as {shlex.join(self.line)}"
            )
        elif not words and code:
            words = f"a rank ended with status {code}" if code > 0 else f"mpiexec was ended by signal {-code}"
        if words:
            sys.stdout.flush()
            print(f"metagrad launch: {words}", file=sys.stderr, flush=True)
        return status or (code if 0 <= code < 256 else 1)

    def _hurry(self) -> None:
        """After a death: wait for the starter to end the others, ask it to, make it."""
        self.ranks.look()
        waited = 0.0 if self.ranks.death is None else time.monotonic() - self.ranks.death
        if waited > _FORCED:
            self.starter.kill()
        elif waited > _ASKED:
            self.starter.terminate()

    def _end(self) -> None:
        """Leave no process behind."""
        if self.starter.poll() is None:
            self.starter.terminate()
            try:
                self.starter.wait(2)
            except subprocess.TimeoutExpired:
                self.starter.kill()
                self.starter.wait()
        end = time.monotonic() + 1
        while any(is_alive(process) for process in self.ranks.here()) and time.monotonic() < end:
            time.sleep(0.02)
        for process in self.ranks.here():
            if is_alive(process) and _is_ours(process):
                os.kill(process, signal.SIGKILL)


def _is_ours(process: int) -> bool:
    """Whether a process is a rank, and not another that has got its number since."""
    try:
        with open(f"/proc/{process}/cmdline", "rb") as file:
            return START.encode() in file.read()
    except OSError:
        return False
