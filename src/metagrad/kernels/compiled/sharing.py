"""Work that threads share without the interpreter: parts of it are taken by whoever is free, until none is left.

All is in one array of int64, ``memory``: first the work, then a row for each helper with its state. The caller asks a helper,
who sees it within a fraction of a microsecond, while he looks; whom the caller has asked in vain, as he was asleep, it asks no
longer once it has done all parts by itself.
"""

from __future__ import annotations

from metagrad.base.typing import Array
from metagrad.kernels.compiled.atomic import add, call, exchange, load, pause, store
from metagrad.kernels.compiled.compiler import native

ROW = 16  # two lines of the cache
# Of the first row: the address of a function (0: the work is a Python function), that of its data, elements, parts, and where a
# part may begin: at element PHASE, and each UNIT from there on; TAKEN: of so many parts left, one is taken at a time; and, in
# a line of its own, the next part that is to be taken.
FUNCTION, DATA, SIZE, PARTS, UNIT, PHASE, TAKEN, NEXT = 0, 1, 2, 3, 4, 5, 6, 8
# Of a helper's row.
STATE, ASLEEP = 0, 8
IDLE, ASKED, BUSY = 0, 1, 2


@native
def _begin_of(memory: Array, i: int) -> int:
    """Where part i begins, and the one before it ends."""
    size, parts, unit, phase = memory[SIZE], memory[PARTS], memory[UNIT], memory[PHASE]
    even = size * i // parts
    if i == 0 or i == parts or unit == 1:
        return even
    return min(size, (even + unit - 1) // unit * unit + phase)


@native
def _work(memory: Array) -> None:
    """Take parts until none is left: many at a time while many are left, for between any two memory is read anew."""
    function, data, parts, taken = memory[FUNCTION], memory[DATA], memory[PARTS], memory[TAKEN]
    while True:
        count = max(1, (parts - load(memory, NEXT)) // taken)
        i = add(memory, NEXT, count)
        if i >= parts:
            return
        call(function, data, _begin_of(memory, i), _begin_of(memory, min(i + count, parts)))


@native
def ask(memory: Array, helpers: int, function: int, data: int, size: int, parts: int, unit: int, phase: int) -> None:
    """The first half of ``perform``, for those who must be woken: who wakes before he is asked looks in vain, maybe on the
    core of the one who would ask him."""
    memory[FUNCTION], memory[DATA], memory[SIZE], memory[PARTS], memory[NEXT] = function, data, size, parts, 0
    memory[UNIT], memory[PHASE], memory[TAKEN] = unit, phase, 2 * (helpers + 1)
    for i in range(1, helpers + 1):
        store(memory, ROW * i + STATE, ASKED)


@native
def finish(memory: Array, helpers: int) -> None:
    """The other half: do parts here, and return when all are done."""
    _work(memory)
    for i in range(1, helpers + 1):
        if not exchange(memory, ROW * i + STATE, ASKED, IDLE):
            while load(memory, ROW * i + STATE) != IDLE:
                pass


@native
def perform(
    memory: Array, helpers: int, function: int, data: int, size: int, parts: int, unit: int, phase: int
) -> None:
    """``function(data, start, stop)`` for parts of ``size`` elements, here and by so many helpers; return when all are done.

    Parts begin at multiples of ``unit`` elements from element ``phase`` on.
    """
    ask(memory, helpers, function, data, size, parts, unit, phase)
    finish(memory, helpers)


@native
def alone(function: int, data: int, size: int, phase: int) -> None:
    """``function(data, 0, size)``; what comes before element ``phase`` by itself."""
    if phase > 0:
        call(function, data, 0, phase)
    call(function, data, phase, size)


@native
def serve(memory: Array, row: int, looks: int, grace: int) -> bool:
    """The helper of a row: do what is asked. True: that is Python's work. False: there was none for so many looks.

    grace: looks before Python's work. Who asked for it still has the interpreter, and will let it go presently; a thread
    that wanted it at once would be put to sleep.
    """
    state, look = ROW * row + STATE, 0
    while look < looks:
        look += 1
        if load(memory, state) == ASKED and exchange(memory, state, ASKED, BUSY):
            if memory[FUNCTION] == 0:
                for _ in range(grace):
                    load(memory, state)
                return True
            _work(memory)
            store(memory, state, IDLE)
            look = 0
        pause()
    return False


@native
def withdraw(memory: Array, row: int) -> bool:
    """Ask a helper no longer; whether he had not begun."""
    return exchange(memory, ROW * row + STATE, ASKED, IDLE)


@native
def has_reached(memory: Array, value: int, looks: int, grace: int) -> bool:
    """Whether memory[0] is at least ``value``, at one of so many looks; grace: further looks after that one."""
    for _ in range(looks):
        if load(memory, 0) >= value:
            for _ in range(grace):
                load(memory, 0)
            return True
        pause()
    return False
