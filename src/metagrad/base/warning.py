"""Warnings that name the line of the program that is meant, not one of the library's own."""

import os
import sys
import warnings

PACKAGE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the first line up the stack that is not metagrad's, however many of its own functions lie between."""
    frame, level = sys._getframe(1), 2
    while frame.f_code.co_filename.startswith(PACKAGE) and frame.f_back is not None:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
