"""The tables call ops with what they warn of, on both sides: here, and only here, such warnings are no errors."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent
IN_EARNEST = [  # what is said, and when, is tested in tests/errors/test_warnings.py
    ".*degrees of freedom is <= 0",
    "An output with one or more elements was resized",
    "indexing with dtype uint8 is deprecated",
    "Casting complex values to real",
    "meshgrid. pass the indexing argument",
    "Using .*cross without specifying the dim",
]


def pytest_collection_modifyitems(items):
    for item in items:
        if HERE in item.path.parents:
            for said in IN_EARNEST:
                item.add_marker(pytest.mark.filterwarnings(f"ignore:{said}:UserWarning"))
