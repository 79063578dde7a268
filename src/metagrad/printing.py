"""How a tensor prints."""

from __future__ import annotations

from typing import Any

import numpy as np


def format_tensor(tensor: Any) -> str:
    """The text for ``repr(tensor)``."""
    body = np.array2string(np.asarray(tensor.detach().array), separator=", ", prefix="tensor(")
    grad = ", requires_grad=True" if tensor.requires_grad else ""
    return f"tensor({body}{grad})"
