"""Fixtures that several families of tests share, and tests that need an extra skipped where it is not installed."""

import doctest
from collections.abc import Generator

import pytest

from metagrad.base.optional import MissingExtra


@pytest.fixture
def torch():
    """PyTorch, the oracle; the test is skipped where it is not installed."""
    return pytest.importorskip("torch", reason="needs the extra conformance (PyTorch)")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Skip what asks for a library that is not installed, naming the extra that brings it."""
    try:
        return (yield)
    except (MissingExtra, doctest.UnexpectedException) as error:
        cause = error.exc_info[1] if isinstance(error, doctest.UnexpectedException) else error
        if isinstance(cause, MissingExtra):
            pytest.skip(str(cause))
        raise
