"""The tensors that programs start from: small numbers, ties, every dtype, every kind of strides, empty ones and 0-d ones."""

from __future__ import annotations

import math
from random import Random

FLOATS = ["float32", "float64", "float16", "complex64", "complex128"]
INTEGERS = ["int64", "int32", "int16", "int8", "uint8", "bool"]
SHAPES = [
    (),
    (1,),
    (3,),
    (4,),
    (2, 3),
    (3, 2),
    (3, 3),
    (1, 3),
    (3, 1),
    (2, 1, 3),
    (2, 3, 2),
    (0,),
    (2, 0),
    (2, 2, 2, 3),
]
NUMBERS = [-2.5, -2.0, -1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0, 1.0, 1.5, 2.0, 2.0, 3.0]
SPECIAL = [math.inf, -math.inf, math.nan, -0.0, 1e4, 1e-4]


def number(r: Random, dtype: str) -> str:
    """One number of a dtype, as it is written."""
    if dtype == "bool":
        return r.choice(["True", "False"])
    if dtype in INTEGERS:
        return str(r.choice([0, 1, 1, 2, 3, 5] if dtype == "uint8" else [-3, -1, 0, 1, 1, 2, 4]))
    if dtype.startswith("complex"):
        return f"({r.choice(NUMBERS)}{r.choice(NUMBERS):+}j)"
    value = r.choice(SPECIAL) if r.random() < 0.02 else r.choice(NUMBERS)
    return f"float('{value}')" if not math.isfinite(value) else str(value)


def nested(r: Random, shape: tuple[int, ...], dtype: str) -> str:
    """Nested lists of numbers, as they are written."""
    if not shape:
        return number(r, dtype)
    return "[" + ", ".join(nested(r, shape[1:], dtype) for _ in range(shape[0])) + "]"


def strided(r: Random, text: str, shape: tuple[int, ...]) -> str:
    """The tensor laid out in another way in memory, now and then."""
    ways = []
    if len(shape) >= 2:
        ways += [".transpose(0, 1)", ".mT", f".permute({', '.join(map(str, r.sample(range(len(shape)), len(shape))))})"]
    if shape and shape[0] > 1:
        ways += ["[::2]", "[1:]", ".flip(0)"]
    if shape and shape[-1] > 1:
        ways += ["[..., 1:]", "[..., ::2]"]
    if shape and 1 in shape:
        ways.append(".expand(" + ", ".join(str(2 if n == 1 else n) for n in shape) + ")")
    if len(shape) == 4:
        ways += [".contiguous(memory_format=torch.channels_last)"] * 3
    return text + r.choice(ways) if ways and r.random() < 0.4 else text


def tensor(r: Random) -> str:
    """An expression that makes a tensor."""
    dtype = r.choice(FLOATS + ["float32", "float64"] * 2) if r.random() < 0.75 else r.choice(INTEGERS)
    shape = r.choice(SHAPES)
    if 0 in shape:
        text = f"torch.zeros({shape}, dtype=torch.{dtype})"
    else:
        text = f"torch.tensor({nested(r, shape, dtype)}, dtype=torch.{dtype})"
    text = strided(r, text, shape)
    if dtype in FLOATS and r.random() < 0.6:
        text += ".requires_grad_()"
    return text
