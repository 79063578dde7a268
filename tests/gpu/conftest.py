"""These tests need a GPU. Where none is they are collected, and skipped with the reason."""

import pytest

from metagrad.base.device import require_cupy


def why_not():
    """Why no GPU can be used; None if one can."""
    try:
        require_cupy("cuda")
    except RuntimeError as missing:
        return str(missing)
    return None


@pytest.fixture(autouse=True)
def gpu():
    """CuPy; the test is skipped where it finds no GPU."""
    missing = why_not()
    if missing is not None:
        pytest.skip(f"needs a GPU: {missing}")
    return require_cupy("cuda")
