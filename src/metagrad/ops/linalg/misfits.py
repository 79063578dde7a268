"""What to raise where factors do not fit each other, in the words that programs look for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

_Shape = Sequence[int]


def unfit(name: str, a: _Shape, b: _Shape, left: bool = True) -> RuntimeError:
    """What to raise where A, of this shape, and B do not fit an equation A X = B, or X A = B.

    >>> unfit("linalg.solve", (3, 3), (2, 4)).args[0]
    'linalg.solve: Incompatible shapes of A and B for the equation AX = B (3x3 and 2x4)'
    """
    equation = "AX = B" if left else "XA = B"
    return RuntimeError(f"{name}: Incompatible shapes of A and B for the equation {equation} ({_by(a)} and {_by(b)})")


def unlike_systems(name: str, a: _Shape, b: _Shape) -> RuntimeError:
    """What the older functions say of the same.

    >>> unlike_systems("cholesky_solve", (4, 4), (3, 2)).args[0]
    'Incompatible matrix sizes for cholesky_solve: each A matrix is 4 by 4 but each b matrix is 3 by 2'
    """
    sizes = f"each A matrix is {a[-2]} by {a[-1]} but each b matrix is {b[-2]} by {b[-1]}"
    return RuntimeError(f"Incompatible matrix sizes for {name}: {sizes}")


def _by(shape: _Shape) -> str:
    return f"{shape[-2]}x{shape[-1]}" if len(shape) > 1 else f"{shape[0]}x1"


def removed(name: str) -> RuntimeError:
    """What to raise in a function of PyTorch's that is there to say what took its place.

    >>> removed("solve").args[0]
    'This function was deprecated since version 1.9 and is now removed: `torch.solve` became `torch.linalg.solve`.'
    """
    instead = {"symeig": "eigh"}.get(name, name)
    return RuntimeError(
        f"This function was deprecated since version 1.9 and is now removed: `torch.{name}` became `torch.linalg.{instead}`."
    )


def misshapen(words: str, ndim: int, **tensors: Tensor) -> RuntimeError:
    """What to raise where not all tensors have ``ndim`` dimensions: words with the name of the first, and its own number.

    >>> import metagrad
    >>> misshapen("{} must be a matrix, got {}-D tensor", 2, mat1=metagrad.ones(2, 2), mat2=metagrad.ones(2)).args[0]
    'mat2 must be a matrix, got 1-D tensor'
    """
    name, x = next((name, x) for name, x in tensors.items() if x.array.ndim != ndim)
    return RuntimeError(words.format(name, x.array.ndim))


def unmultipliable(a: _Shape, b: _Shape) -> RuntimeError:
    """What to raise for a product of tensors of these shapes, whose inner extents differ.

    >>> unmultipliable((3, 4), (3, 4)).args[0]
    'mat1 and mat2 shapes cannot be multiplied (3x4 and 3x4): the 4 columns of the first are not the 3 rows of the second'
    """
    if not a:
        return RuntimeError(f"both arguments to linear need to be at least 1D, but they are 0D and {len(b)}D")
    if len(a) == len(b) == 1:
        return RuntimeError(
            f"inconsistent tensor size, expected tensor [{a[0]}] and src [{b[0]}] to have the same number of elements, but "
            f"got {a[0]} and {b[0]} elements respectively"
        )
    if len(b) == 1:
        rows = math.prod(a[:-1])
        return RuntimeError(
            f"size mismatch, got input ({rows}), mat ({rows}x{a[-1]}), vec ({b[0]}): the vector needs {a[-1]} elements"
        )
    if len(b) == 2:
        rows = math.prod(a[:-1])
        return RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({rows}x{a[-1]} and {b[0]}x{b[1]}): the {a[-1]} columns of the first "
            f"are not the {b[0]} rows of the second"
        )
    return RuntimeError(
        f"Expected size for first two dimensions of batch2 tensor to be: {[math.prod(b[:-2]), a[-1]]} but got: "
        f"{[math.prod(b[:-2]), b[-2]]}: the shapes are {tuple(a)} and {tuple(b)}"
    )


def unlike(a: _Shape, b: _Shape) -> RuntimeError:
    """What to raise for two batches of matrices that are not as many, or are no batches of matrices.

    >>> unlike((2, 3, 4), (3, 4, 3)).args[0]
    'Expected size for first two dimensions of batch2 tensor to be: [2, 4] but got: [3, 4]: the shapes are (2, 3, 4) and (3, 4, 3)'
    """
    if len(a) != 3 or len(b) != 3:
        which, shape = ("batch1", a) if len(a) != 3 else ("batch2", b)
        return RuntimeError(f"{which} must be a 3D tensor, (b, n, k) or (b, k, m), got shape {tuple(shape)}")
    return RuntimeError(
        f"Expected size for first two dimensions of batch2 tensor to be: {[a[0], a[2]]} but got: {[b[0], b[1]]}: the shapes "
        f"are {tuple(a)} and {tuple(b)}"
    )
