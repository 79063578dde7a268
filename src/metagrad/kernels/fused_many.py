"""A formula in place in the arrays of many parameters on a GPU, as one kernel: a table in its memory says where they lie.

An optimizer's step of a parameter by itself takes the GPU less time than it takes to begin a kernel.
"""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from metagrad.base.device import cupy
from metagrad.base.typing import Array
from metagrad.kernels import fused
from metagrad.kernels.cuda_text import PHASES
from metagrad.kernels.fusion import NotPointwise
from metagrad.kernels.libraries import is_on_gpu, is_recording, makes_kernels

_THREADS = 256
_MOST = 65535  # groups of arrays that one kernel serves: so many blocks CUDA allows beside each other


def in_place_in_many(
    formula: Callable[..., None], many: Sequence[Sequence[Array | None]], settings: Sequence[Any]
) -> list[Sequence[Array | None]]:
    """``formula(*arrays, *settings)`` in place for each of many groups of a GPU's arrays; those groups that are left.

    >>> in_place_in_many(lambda p, g: None, [], ())
    []
    """
    left: list[Sequence[Array | None]] = []
    alike: defaultdict[Any, list[Sequence[Array | None]]] = defaultdict(list)
    for arrays in many:
        if _fit(arrays):
            alike[tuple([None if a is None else a.dtype for a in arrays])].append(arrays)
        else:
            left.append(arrays)
    may_travel = not is_recording()  # into work that is recorded no table may travel: it would be read anew each time
    for whole in alike.values():
        for first in range(0, len(whole), _MOST):
            some = whole[first : first + _MOST]
            if len(some) < 2 or not may_travel or not _run(formula, some, settings):
                left += some
    return left


def _fit(arrays: Sequence[Array | None]) -> bool:
    """Whether arrays are a GPU's, of one shape, of numbers that the kernels know, and in order in memory."""
    first = arrays[0]
    if first is None or not first.size or not makes_kernels(first):
        return False
    return all(a is None or (a.shape == first.shape and a.flags.c_contiguous and _is_beside(a, first)) for a in arrays)


def _is_beside(a: Array, first: Any) -> bool:
    return is_on_gpu(a) and a.dtype.char in "fd" and a.device.id == first.device.id


def _run(formula: Callable[..., None], many: Sequence[Sequence[Array | None]], settings: Sequence[Any]) -> bool:
    try:
        prepared, given, changed = fused.planned_in_place(formula, many[0], settings)
    except NotPointwise:
        return False
    kernel, types = _kernel(prepared.text)
    order = [*given, *changed]
    table = np.array([[arrays[i].data.ptr for i in order] for arrays in many], np.uint64)  # type: ignore[union-attr]
    sizes = np.array([arrays[0].size for arrays in many], np.int64)  # type: ignore[union-attr]
    numbers = [t(n) for t, n in zip(types, prepared.numbers, strict=True)]
    module = cupy()
    blocks = min(1024, -(-int(sizes.max()) // (4 * _THREADS)))
    first: Any = many[0][0]
    with module.cuda.Device(first.device.id):  # type: ignore[union-attr]
        places = [module.asarray(a) for a in (table, sizes)]  # type: ignore[union-attr]
        kernel((max(1, blocks), len(many)), (_THREADS,), (*places, *numbers))
    return True


@functools.cache
def _kernel(text: fused.Text) -> tuple[Any, list[Any]]:
    """The kernel, and the types of its numbers."""
    made, numbers = text_of(text)
    return cupy().RawKernel(made, "many"), numbers  # type: ignore[union-attr]


def text_of(text: fused.Text) -> tuple[str, list[Any]]:
    """A formula's text as a kernel over a table of arrays, and the types of the numbers among its arguments.

    >>> made, numbers = text_of(fused.Text("float32 x0, float32 c3", "float32 y4", "float v4 = x0 * c3;\\ny4 = v4;", ""))
    >>> print(made.partition("KERNEL many")[2].partition(" {")[0], numbers)
    (const unsigned long long *table, const long long *sizes, const float c3) [<class 'numpy.float32'>]
    """
    inputs, outputs = ([part.split() for part in parts.split(", ")] for parts in (text.inputs, text.outputs))
    arrays = [(kind, name) for kind, name in inputs if re.match("x", name)]
    constants = [(kind, name) for kind, name in inputs if re.match("c", name)]
    names = fused.TYPES
    parameters = ["const unsigned long long *table", "const long long *sizes"]
    parameters += [f"const {names[kind]} {name}" for kind, name in constants]
    loads = [
        f"const {names[kind]} {name} = ((const {names[kind]} *)own[{i}])[i];" for i, (kind, name) in enumerate(arrays)
    ]
    loads += [f"{names[kind]} {name};" for kind, name in outputs]
    stores = [f"(({names[kind]} *)own[{len(arrays) + i}])[i] = {name};" for i, (kind, name) in enumerate(outputs)]
    lines = [
        "#define NUMBER float", PHASES, text.helpers, f"KERNEL many({', '.join(parameters)}) {{",
        f"const unsigned long long *own = table + (long long)BLOCK_Y * {len(arrays) + len(outputs)};",
        "const long long size = sizes[BLOCK_Y];",
        "EACH(thread)",
        "for (long long i = (long long)BLOCK_X * THREADS + thread; i < size; i += (long long)BLOCKS_X * THREADS) {",
        *loads, text.body, *stores, "}", "END", "}",
    ]  # fmt: skip
    return "\n".join(lines), [np.dtype(kind).type for kind, _ in constants]
