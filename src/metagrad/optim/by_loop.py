"""The steps of all parameters by one compiled loop, which is begun once and goes from one parameter's arrays to the next."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from metagrad.kernels import tuning
from metagrad.kernels.chunks import spread_several
from metagrad.kernels.compiled import optimizers as compiled
from metagrad.kernels.compiled.choice import are_there_loops
from metagrad.kernels.compiled.several import Group, group_of

Arrays = Sequence[Any]  # a parameter's array, its gradient's, and those remembered, None where there is none
Loop = tuple[Callable[..., None], Sequence[float]]  # the numbers come after the arrays


def loop_for(find_loop: Callable[..., Loop | None], several: Sequence[Arrays], settings: Sequence[Any]) -> Loop | None:
    """The loop for the parameters; None if there is none, or too little to do to begin one."""
    if sum([arrays[0].size for arrays in several]) < tuning.OPTIMIZER_LOOP_WORTH or not are_there_loops():
        return None
    return find_loop(several[0], *settings)


def run_by_loop(loop: Loop, several: Sequence[Arrays]) -> list[Arrays]:
    """Those of the parameters that are not done, as their arrays are of several dtypes.

    The arrays have one dimension, one element after the other.
    """
    groups: defaultdict[str, list[Group]] = defaultdict(list)
    left: list[Arrays] = []
    for arrays in several:
        dtype = arrays[0].dtype
        given = [a for a in arrays if a is not None]
        if [a.dtype for a in given].count(dtype) == len(given):
            groups[dtype.char].append(group_of(given))
        else:
            left.append(arrays)
    for kind, some in groups.items():
        spread_several(loop[0], some, loop[1], kind)
    return left


def sgd_loop(arrays: Arrays, *settings: Any) -> Loop:
    """The compiled loop for a step of SGD, ``sgd_step(*arrays, *settings)``, and its numbers."""
    lr, weight_decay, momentum, keep, take, nesterov, maximize = settings
    numbers = [lr, -1.0 if maximize else 1.0, weight_decay]
    if arrays[2] is None:
        return compiled.sgd, numbers
    return compiled.sgd_with_momentum, [*numbers, keep, take, momentum if nesterov else 0.0]
