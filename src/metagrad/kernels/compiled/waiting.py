"""Waiting for another thread without the interpreter: looking at a number in memory until it has grown.

The system takes 50 µs and more to wake a thread that sleeps; one that looks notices after a fraction of one. A number that
another thread may write must be read anew each time (an atomic load), or the compiler would read it once, before the loop.
"""

from __future__ import annotations

from typing import Any

from metagrad.base.typing import Array
from metagrad.kernels.compiled.compiler import Native, native


class _AtomicLoad(Native):
    """``load(memory)``: the first element of an array of int64, as it is now."""

    def _compile(self) -> Any:
        import numba

        kind: Any = numba.types

        def load(typing: Any, memory: Any) -> Any:
            def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
                data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
                return builder.load_atomic(data, "acquire", 8)

            return kind.int64(kind.Array(kind.int64, 1, "C")), code

        return numba.extending.intrinsic(load)


_load = _AtomicLoad(lambda memory: memory[0], set())


@native
def has_reached(memory: Array, value: int, looks: int, grace: int) -> bool:
    """Whether memory[0] is at least ``value``, at one of so many looks; memory (1) int64.

    grace: further looks after that one. Who wrote the number still has the interpreter, and will let it go presently; a
    thread that asked for it at once would be put to sleep.
    """
    for _ in range(looks):
        if _load(memory) >= value:
            for _ in range(grace):
                _load(memory)
            return True
    return False
