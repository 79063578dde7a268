"""What threads do to numbers in memory that others read and write meanwhile, and calls by address: instructions of the processor.

A number that another thread may write must be read anew each time (an atomic load), or the compiler would read it once, before
a loop. ``memory`` is an array of int64 of one dimension.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from typing import Any

from metagrad.kernels.compiled.compiler import Native


class Instruction(Native):
    """A function of compiled loops that has no Python: ``typing(types)`` is its signature, ``code`` makes LLVM's instructions."""

    def __init__(self, typing: Callable[[Any], Any], code: Callable[[Any, Any, Any, Any], Any]) -> None:
        super().__init__(code, set())
        self.typing = typing

    def _compile(self) -> Any:
        import numba

        signature = self.typing(numba.types)
        names = ", ".join(f"x{i}" for i in range(len(signature.args)))
        scope = {"signature": signature, "code": self.function}
        exec(f"def instruction(typing, {names}): return signature, code", scope)
        return numba.extending.intrinsic(scope["instruction"])


class NumbasOwn(Native):
    """A function of compiled loops that Numba has by this name."""

    def __init__(self, name: str) -> None:
        self.name, self._compiled = name, None

    def _compile(self) -> Any:
        import numba

        return getattr(numba, self.name)


def _memory(types: Any) -> Any:
    return types.Array(types.int64, 1, "C")


def _address(context: Any, builder: Any, signature: Any, memory: Any, index: Any) -> Any:
    """Where element ``index`` is."""
    data = context.make_array(signature.args[0])(context, builder, memory).data
    return builder.gep(data, [index])


def _load(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    return builder.load_atomic(_address(context, builder, signature, *arguments), "acquire", 8)


def _store(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    *at, value = arguments
    builder.store_atomic(value, _address(context, builder, signature, *at), "release", 8)
    return context.get_dummy_value()


def _add(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    *at, value = arguments
    return builder.atomic_rmw("add", _address(context, builder, signature, *at), value, "seq_cst")


def _exchange(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    *at, before, after = arguments
    found = builder.cmpxchg(_address(context, builder, signature, *at), before, after, "seq_cst")
    return builder.extract_value(found, 1)


def _pointer(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))


def _call(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    from llvmlite import ir  # type: ignore[import-untyped]

    function, data, start, stop = arguments
    pointer, number = ir.IntType(8).as_pointer(), ir.IntType(64)
    kind = ir.FunctionType(ir.VoidType(), [pointer, number, number]).as_pointer()
    builder.call(builder.inttoptr(function, kind), [builder.inttoptr(data, pointer), start, stop])
    return context.get_dummy_value()


def _pause(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    from llvmlite import ir

    machine, number = platform.machine().lower(), ir.IntType(32)
    if machine in ("x86_64", "amd64"):
        name, types, given = "llvm.x86.sse2.pause", [], []
    elif machine in ("arm64", "aarch64"):
        name, types, given = "llvm.aarch64.hint", [number], [number(1)]
    else:
        return context.get_dummy_value()
    kind = ir.FunctionType(ir.VoidType(), types)
    builder.call(builder.module.globals.get(name) or ir.Function(builder.module, kind, name), given)
    return context.get_dummy_value()


def _copy(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    from llvmlite import ir
    from numba.core import cgutils

    target, source, count = arguments
    kind = ir.IntType(8).as_pointer()
    move: Any = cgutils.raw_memmove
    move(builder, builder.inttoptr(target, kind), builder.inttoptr(source, kind), count, 1)
    return context.get_dummy_value()


def _narrow(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    known = builder.function.attributes
    known.add("noinline")
    set.add(known, '"prefer-vector-width"="256"')  # which llvmlite does not know
    return context.get_dummy_value()


load = Instruction(lambda t: t.int64(_memory(t), t.int64), _load)
"""``load(memory, i)``: memory[i], as it is now."""

store = Instruction(lambda t: t.void(_memory(t), t.int64, t.int64), _store)
"""``store(memory, i, value)``: memory[i] = value, after all that was written before."""

add = Instruction(lambda t: t.int64(_memory(t), t.int64, t.int64), _add)
"""``add(memory, i, value)``: memory[i] += value; what it was."""

exchange = Instruction(lambda t: t.boolean(_memory(t), t.int64, t.int64, t.int64), _exchange)
"""``exchange(memory, i, before, after)``: memory[i] = after if it is ``before``; whether it was."""

pointer = Instruction(lambda t: t.voidptr(t.int64), _pointer)
"""``pointer(address)``: an address as ``carray`` takes it."""

carray = NumbasOwn("carray")
"""``carray(pointer, shape, dtype)``: the array that begins there, its elements one after the other."""

call = Instruction(lambda t: t.void(t.int64, t.int64, t.int64, t.int64), _call)
"""``call(function, data, start, stop)``: the function of three arguments at an address (``entries.py``)."""

pause = Instruction(lambda t: t.void(), _pause)
"""``pause()``: nothing for some tens of cycles, in which another thread of the same core has it for itself."""

copy = Instruction(lambda t: t.void(t.int64, t.int64, t.int64), _copy)
"""``copy(target, source, count)``: so many bytes from one address to another."""

narrow = Instruction(lambda t: t.void(), _narrow)
"""``narrow()``: the loops of this function take 256 bits at once, which for what waits for memory is faster than 512."""
