"""Fixtures that several families of tests share."""

import pytest


@pytest.fixture
def torch():
    """PyTorch, the oracle; the test is skipped where it is not installed."""
    return pytest.importorskip("torch")
