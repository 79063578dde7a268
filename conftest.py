"""Fixtures that several families of tests share, and tests that need an extra skipped where it is not installed."""

import doctest
import os
import sys
from collections.abc import Generator
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from metagrad.base.optional import MissingExtra
from metagrad.base.warning import always_warn

missing: list[MissingExtra] = []  # what the test that runs has asked for in vain
starts: dict[str, Any] = {}  # the states of files' generators of random numbers before their first test


@pytest.fixture
def torch():
    """PyTorch, the oracle; the test is skipped where it is not installed."""
    return pytest.importorskip("torch", reason="needs the extra conformance (PyTorch)")


@pytest.fixture
def pytorchs_masks(torch):
    """PyTorch, where it draws Bernoulli's numbers by the Mersenne Twister: on Intel's processors it does so by Intel's library."""
    torch.manual_seed(0)
    if torch.zeros(12).bernoulli_(0.5).tolist() != [0, 0, 1, 0, 0, 0, 1, 1, 0, 1, 1, 1]:
        pytest.skip("PyTorch's masks of dropout are other ones on this processor")
    return torch


def pytest_configure() -> None:
    """Note each library that is asked for and is not there, also where a command catches the error and explains it."""
    plain = MissingExtra.__init__

    def noted(self: MissingExtra, *args: object) -> None:
        plain(self, *args)
        missing.append(self)

    MissingExtra.__init__ = noted  # type: ignore[method-assign]
    if os.environ.get("METAGRAD_NUMBA") == "0":  # switched off: as where it is not installed
        sys.modules["numba"] = None  # type: ignore[assignment]
    always_warn(True)  # what is said once in a process is said to each test


def skipped_if_an_extra_is_missing() -> Generator[None, object, object]:
    """Skip what failed after it had asked for a library that is not installed, naming the extra that brings it."""
    missing.clear()
    try:
        return (yield)
    except (Exception, doctest.UnexpectedException) as error:
        why = str(missing[-1]) if missing else getattr(error, "missing_extra", None)
        if why is None:
            raise
        error.missing_extra = why  # type: ignore[union-attr]  # a fixture that failed fails the next test with the same error
        pytest.skip(why)


def draw_from_the_start(module: ModuleType | None) -> None:
    """Let the generator of a file of tests begin where it stood after the import, so that no test's numbers hang on others."""
    generator = getattr(module, "RNG", None)
    if isinstance(generator, np.random.Generator):
        generator.bit_generator.state = starts.setdefault(module.__name__, generator.bit_generator.state)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """Fixtures may need an extra, too."""
    draw_from_the_start(getattr(item, "module", None))
    return (yield from skipped_if_an_extra_is_missing())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    """The test itself."""
    return (yield from skipped_if_an_extra_is_missing())


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """With ``-n``, a worker that has done its share takes of the others': tests that take long stand together in files."""
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log)
