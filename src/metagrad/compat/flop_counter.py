"""``torch.utils.flop_counter``: how many operations the products of matrices and the convolutions of a program take."""

from __future__ import annotations

import functools
import math
import threading
from collections import defaultdict
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from metagrad.autograd.function import Function
from metagrad.autograd.variable import Variable
from metagrad.compat.library import ops
from metagrad.compat.module_tracker import ModuleTracker

__all__ = ["FlopCounterMode"]

Shape = tuple[int, ...]


class _Entered(threading.local):
    """The counters that count in this thread."""

    def __init__(self) -> None:
        self.counters: list[FlopCounterMode] = []


_entered = _Entered()
_counting: list[Any] = []  # the counters of all threads, which may end in any order
_lock = threading.Lock()
_before: Any = None  # ``Function.apply`` while nothing counts


def _begin_counting(counter: FlopCounterMode) -> None:
    """Let operations be counted from the first counter on."""
    global _before
    with _lock:
        _counting.append(counter)
        if len(_counting) == 1:
            _before = Function.__dict__["apply"]
            Function.apply = _counted(_before.__func__)  # type: ignore[method-assign]


def _end_counting(counter: FlopCounterMode) -> None:
    """After the last counter operations are as they were."""
    with _lock:
        _counting.remove(counter)
        if not _counting:
            Function.apply = _before  # type: ignore[method-assign]


def _counted(applied: Any) -> Any:
    """``Function.apply`` that tells the counters of its thread."""

    def counting(cls: type[Function], /, *inputs: Any, **params: Any) -> Any:
        result = applied(cls, *inputs, **params)
        if _entered.counters:
            found = _operations(cls.__name__, [tuple(x.shape) for x in inputs if isinstance(x, Variable)], result)
            if found is not None:
                for counter in _entered.counters:
                    counter._count(*found, result, inputs[:2])
        return result

    return classmethod(counting)


class FlopCounterMode:
    """Inside ``with``, operations are counted: two for each term of a product of matrices or a convolution, forward and backward.

    display: print ``get_table(depth)`` at the end. Attention, recurrent layers and what is done to single elements count nothing.

    >>> import metagrad
    >>> with FlopCounterMode(display=False) as counter:
    ...     _ = metagrad.nn.Linear(4, 3)(metagrad.ones(5, 4))
    >>> counter.get_total_flops()
    120
    """

    def __init__(self, mods: Any = None, depth: int = 2, display: bool = True, custom_mapping: Any = None) -> None:
        self.depth, self.display, self.mod_tracker = depth, display, ModuleTracker()
        self.flop_counts: dict[str, dict[Any, int]] = defaultdict(lambda: defaultdict(int))

    def __enter__(self) -> Self:
        self.flop_counts.clear()
        self._on = True
        self._here = _entered.counters
        _begin_counting(self)
        self._here.append(self)
        self.mod_tracker.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._on = False
        self._here.remove(self)
        _end_counting(self)
        self.mod_tracker.__exit__(kind, error, trace)
        if self.display:
            print(self.get_table(self.depth))

    def _count(self, name: str, backward: str, number: int, result: Any, inputs: Sequence[Any]) -> None:
        """Forward, and where the gradient will pass: as many for each of the two factors that needs one."""
        self._add(name, number)
        if result._node is not None:
            needed = number * sum(isinstance(x, Variable) and x.requires_grad for x in inputs)
            result._node.register_prehook(lambda _: self._add(backward, needed))

    def _add(self, name: str, number: int) -> None:
        if self._on:
            for parent in self.mod_tracker.parents:
                self.flop_counts[parent][_of_aten(name)] += number

    def get_total_flops(self) -> int:
        """All of them."""
        return sum(self.flop_counts["Global"].values())

    def get_flop_counts(self) -> dict[str, dict[Any, int]]:
        """For each module by its name, and for "Global", the operations of each op."""
        return {name: dict(counts) for name, counts in self.flop_counts.items()}

    def get_table(self, depth: int | None = None) -> str:
        """A line for each module, down to a depth."""
        wanted = self.depth if depth is None else depth
        lines = [(n, sum(c.values())) for n, c in self.flop_counts.items() if n.count(".") < wanted]
        width = max((len(name) for name, _ in lines), default=0)
        return "\n".join(f"{name:{width}}  {number:>15,}" for name, number in lines)


@functools.cache
def _of_aten(name: str) -> Any:
    """The op by which an entry is found: one object for each name."""
    return getattr(ops.aten, name)


def _operations(op: str, shapes: list[Shape], result: Any) -> tuple[str, str, int] | None:
    """PyTorch's name of an op, that of its gradient, and how many operations it takes; None for one that is not counted."""
    if op not in ("Linear", "Matmul", "Convolve", "InputGradient") or len(shapes) < 2:
        return None
    x, w = shapes[:2]
    if op == "InputGradient":  # the convolution that is transposed
        return "convolution", "convolution", 2 * x[0] * math.prod(x[2:]) * math.prod(w)
    out = math.prod(result.shape)
    if op == "Convolve":
        return "convolution", "convolution", 2 * out * math.prod(w[1:])
    if op == "Linear":
        return "addmm" if len(shapes) > 2 else "mm", "mm", 2 * out * x[-1]
    if min(len(x), len(w)) < 2:
        return None
    name = "mm" if len(w) == 2 else "bmm"
    return name, name, 2 * out * x[-1]
