"""The built site, for the tests that look at it: built once, unchanged pages not run again."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from metagrad.base.optional import need

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("sphinx", "myst_nb", "furo", "sphinx_copybutton", "latex2mathml", "ipykernel", "matplotlib")


def built(*options: object) -> subprocess.CompletedProcess[str]:
    """What came of ``python -m docs``."""
    for name in NEEDED:
        need(name, extra="docs")
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-m", "docs", *map(str, options)]
    return subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True, check=False)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """One process at a time builds the site, where several run the tests."""
    try:
        import fcntl
    except ImportError:  # on Windows, where the tests run in one process
        yield
        return
    (ROOT / "build").mkdir(exist_ok=True)
    with (ROOT / "build" / "site.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def site() -> Path:
    """The folder of the built site."""
    with alone():
        done = built()
    assert done.returncode == 0, done.stdout + done.stderr
    return ROOT / "build" / "site"
