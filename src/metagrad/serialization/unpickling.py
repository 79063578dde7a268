"""A reader of pickles that makes tensors and plain containers, and runs nothing.

A pickle is a program for a machine with a stack: each opcode is a byte, its argument follows. ``BININT1 5`` puts 5 on the stack,
``APPEND`` takes a value and appends it to the list below, ``MARK ... TUPLE`` makes a tuple of everything since the mark, ``BINPUT
n`` notes the value on top as number n, for ``BINGET n`` to bring it back. Two are dangerous in Python's own reader: ``GLOBAL``
looks up any name of any module, and ``REDUCE`` calls what it found. Here ``names.py`` says what a name stands for. ``BUILD``,
which sets attributes, is for state dicts, whose versions are an attribute, and for NumPy's types. PEP 307 and 3154, and Python's
``pickletools``, describe the opcodes.
"""

from __future__ import annotations

import pickle
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from struct import unpack
from typing import IO, Any

from metagrad.serialization.errors import CheckpointError
from metagrad.serialization.limits import DEEPEST, Budget, check_depth, check_key
from metagrad.serialization.locations import PlaceError
from metagrad.serialization.names import MAKERS, Function, NumpyType, meaning, set_attributes
from metagrad.serialization.safe_names import is_safe, safe_meaning
from metagrad.serialization.storages import StoredNumbers

StorageOf = Callable[[object], StoredNumbers]

_DICTS = (dict, OrderedDict, Counter, defaultdict)
_ITEM = 110  # bytes of memory an item of a dict or set takes at most


class Unpickler:
    """Reads one pickle from a file, from where it stands; ``load()`` gives what it describes.

    storage_of: what a persistent id, which is how a file refers to a storage, stands for. encoding: of the strings of Python 2.
    """

    def __init__(self, file: IO[bytes], budget: Budget, storage_of: StorageOf, encoding: str = "utf-8") -> None:
        self.file, self.budget, self.storage_of, self.encoding = file, budget, storage_of, encoding
        self.stack: list[Any] = []
        self.marks: list[int] = []  # heights of the stack
        self.memo: list[Any] = []

    def load(self) -> object:
        """Raises CheckpointError for whatever is not as it should be."""
        try:
            found = self._run()
        except (CheckpointError, PlaceError):
            raise
        except Exception as error:  # a damaged pickle fails in as many ways as there are opcodes
            raise CheckpointError(f"damaged, or not a file of torch.save: {type(error).__name__}: {error}") from error
        if self.budget.containers > DEEPEST:
            check_depth(found)
        return found

    def _run(self) -> object:
        read, stop = self.file.read, pickle.STOP
        while (code := read(1)) != stop:
            act = _ACTIONS.get(code)
            if act is None:
                raise CheckpointError(
                    f"damaged, or not a file of torch.save: no opcode {code!r} is expected" if code else "truncated"
                )
            act(self)
        return self.stack.pop()

    # ------------------------------------------------ reading arguments

    def take(self, count: int) -> bytes:
        """The next bytes."""
        data = self.file.read(count) if count <= self.budget.size else b""
        if len(data) != count:
            raise CheckpointError(f"truncated: {count} bytes should follow")
        return data

    def number(self, form: str, size: int) -> int:
        """The next bytes as an integer, little-endian."""
        return unpack(form, self.take(size))[0]

    def line(self) -> str:
        """The text up to the end of the line."""
        return self.file.readline(1000).decode().rstrip("\n")

    # ------------------------------------------------ the stack

    def push(self, value: object, cost: int = 0) -> None:
        """Put a value on the stack, which takes ``cost`` bytes of memory."""
        self.budget.spend(cost)
        self.stack.append(value)

    def since_mark(self) -> list[Any]:
        """Take everything since the last mark off the stack."""
        start = self.marks.pop()
        items = self.stack[start:]
        self.budget.spend(16 * len(items))  # on the stack and in the list
        self.budget.left += 16 * len(items)
        del self.stack[start:]
        return items

    def container(self, value: object, cost: int) -> None:
        """Put a container on the stack."""
        self.budget.containers += 1
        self.push(value, cost)

    # ------------------------------------------------ filling containers

    def append(self, items: list[Any]) -> None:
        """To the list on top of the stack."""
        target = self.stack[-1]
        if type(target) is not list:
            raise CheckpointError(f"damaged: {type(target).__name__} is no list to append to")
        self.budget.spend(9 * len(items))
        target.extend(items)

    def set_items(self, pairs: list[Any]) -> None:
        """Of the dict on top of the stack: keys and values in turn."""
        target = self.stack[-1]
        if type(target) not in _DICTS and not is_safe(type(target)):
            raise CheckpointError(f"damaged: {type(target).__name__} is no dict to set items of")
        if len(pairs) % 2:
            raise CheckpointError("damaged: a key without a value")
        self.budget.spend(_ITEM * (len(pairs) // 2))
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            check_key(key)
            target[key] = value

    def add(self, items: Iterable[Any]) -> None:
        """To the set on top of the stack."""
        target = self.stack[-1]
        if type(target) is not set:
            raise CheckpointError(f"damaged: {type(target).__name__} is no set to add to")
        target.update(self._hashable(items))

    def _hashable(self, items: Iterable[Any]) -> list[Any]:
        found = list(items)
        self.budget.spend(_ITEM * len(found))
        for item in found:
            check_key(item)
        return found

    def freeze(self) -> None:
        """A frozenset of everything since the mark."""
        self.container(frozenset(self._hashable(self.since_mark())), 220)

    # ------------------------------------------------ names, calls and attributes

    def name(self, module: object, name: object) -> None:
        """Put what a name stands for on the stack."""
        if type(module) is not str or type(name) is not str:
            raise CheckpointError("damaged: a name that is no text")
        found = meaning(module, name)
        if found is None:
            found = safe_meaning(module, name)
        self.push(found, 60)

    def call(self, target: Any, arguments: Any, named: Any = None) -> None:
        """Put what a function or class makes of the arguments on the stack."""
        if type(arguments) is not tuple or type(named or {}) is not dict:
            raise CheckpointError("damaged: arguments that are no tuple")
        self.budget.containers += 1
        if type(target) is Function:
            made = target.make(self.budget, *arguments)
        elif isinstance(target, type) and target in MAKERS:
            made = MAKERS[target](self.budget, *arguments)
        elif is_safe(target):
            made = target(*arguments, **(named or {}))
        else:
            raise CheckpointError(f"damaged: {str(target)[:60]} is nothing that a file may call")
        self.push(made)

    def new(self, kind: Any, arguments: Any, named: Any = None) -> None:
        """Put a new object of a class on the stack, its ``__init__`` not called."""
        if isinstance(kind, type) and is_safe(kind):
            self.push(kind.__new__(kind, *arguments, **(named or {})), 200)
        else:
            self.call(kind, arguments, named)

    def build(self, state: Any) -> None:
        """Give the object on top of the stack its state, if it is one of the few that have any."""
        target = self.stack[-1]
        if type(target) is OrderedDict:
            set_attributes(target, state, OrderedDict)
        elif type(target) is NumpyType:
            target.build(state)
        elif is_safe(type(target)):
            _set_state(target, state)
        else:
            raise CheckpointError(f"this file sets attributes of {str(target)[:60]}, which it may not")

    # ------------------------------------------------ the memo

    def put(self, index: int) -> None:
        """Note the value on top of the stack under a number."""
        if not 0 <= index <= self.budget.size:
            raise CheckpointError(f"damaged: a value numbered {index}")
        more = index + 1 - len(self.memo)
        if more > 0:
            self.budget.spend(9 * more)
            self.memo.extend([None] * more)
        self.memo[index] = self.stack[-1]

    def decoded(self, data: bytes) -> str | bytes:
        """A string of Python 2."""
        return data if self.encoding == "bytes" else data.decode(self.encoding)


def _set_state(target: Any, state: Any) -> None:
    """As Python's own reader does, for an object of a class that the program called safe."""
    if hasattr(target, "__setstate__"):
        if isinstance(state, tuple):  # an array's, which has its type of numbers
            state = tuple([x.dtype if isinstance(x, NumpyType) else x for x in state])
        target.__setstate__(state)
        return
    attributes, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
    if attributes:
        target.__dict__.update(attributes)
    for name, value in (slots or {}).items():
        setattr(target, name, value)


# ------------------------------------------------ what each opcode does


def _mark(reader: Unpickler) -> None:
    if len(reader.marks) > 4 * DEEPEST:
        raise CheckpointError(
            f"containers nested more than {DEEPEST} deep: the file is damaged, or made to crash programs"
        )
    reader.marks.append(len(reader.stack))


def _text(reader: Unpickler, size: int) -> None:
    data = reader.take(size)
    reader.budget.spend(60 + 4 * size if not data.isascii() else 60 + size)
    reader.push(str(data, "utf-8", "surrogatepass"))


def _old_text(reader: Unpickler, size: int) -> None:
    reader.push(reader.decoded(reader.take(size)), 60 + size)


def _bytes(reader: Unpickler, size: int) -> None:
    reader.push(reader.take(size), 40 + size)


def _bytearray(reader: Unpickler, size: int) -> None:
    reader.push(bytearray(reader.take(size)), 60 + 2 * size)


def _integer(reader: Unpickler, size: int) -> None:
    reader.push(int.from_bytes(reader.take(size), "little", signed=True), 30 + 2 * size)


def _tuple(reader: Unpickler, items: list[Any]) -> None:
    reader.container(tuple(items), 60 + 8 * len(items) if items else 0)


def _last(count: int) -> Callable[[Unpickler], None]:
    """A tuple of the last values."""

    def act(reader: Unpickler) -> None:
        items = reader.stack[-count:]
        del reader.stack[-count:]
        _tuple(reader, items)

    return act


def _list(reader: Unpickler) -> None:
    items = reader.since_mark()
    reader.container([], 64)
    reader.append(items)


def _dict(reader: Unpickler) -> None:
    items = reader.since_mark()
    reader.container({}, 72)
    reader.set_items(items)


def _pop(reader: Unpickler) -> None:
    if reader.marks and reader.marks[-1] == len(reader.stack):
        reader.marks.pop()
    else:
        reader.stack.pop()


def _set_item(reader: Unpickler) -> None:
    value, key = reader.stack.pop(), reader.stack.pop()
    reader.set_items([key, value])


def _global(reader: Unpickler) -> None:
    module = reader.line()
    reader.name(module, reader.line())


def _stack_global(reader: Unpickler) -> None:
    name, module = reader.stack.pop(), reader.stack.pop()
    reader.name(module, name)


def _reduce(reader: Unpickler) -> None:
    arguments, target = reader.stack.pop(), reader.stack.pop()
    reader.call(target, arguments)


def _new(reader: Unpickler) -> None:
    arguments, kind = reader.stack.pop(), reader.stack.pop()
    reader.new(kind, arguments)


def _new_with_names(reader: Unpickler) -> None:
    named, arguments, kind = reader.stack.pop(), reader.stack.pop(), reader.stack.pop()
    reader.new(kind, arguments, named)


def _sized(form: str, size: int, act: Callable[[Unpickler, int], None]) -> Callable[[Unpickler], None]:
    """An opcode whose argument begins with its length."""
    return lambda reader: act(reader, reader.number(form, size))


_ACTIONS: dict[bytes, Callable[[Unpickler], Any]] = {
    pickle.PROTO: lambda reader: reader.take(1),
    pickle.FRAME: lambda reader: reader.take(8),
    pickle.MARK: _mark,
    pickle.POP: _pop,
    pickle.POP_MARK: lambda reader: reader.since_mark(),
    pickle.DUP: lambda reader: reader.push(reader.stack[-1]),
    # numbers
    pickle.NONE: lambda reader: reader.push(None),
    pickle.NEWTRUE: lambda reader: reader.push(True),
    pickle.NEWFALSE: lambda reader: reader.push(False),
    pickle.BININT: lambda reader: reader.push(reader.number("<i", 4), 32),
    pickle.BININT1: lambda reader: reader.push(reader.number("<B", 1)),
    pickle.BININT2: lambda reader: reader.push(reader.number("<H", 2), 32),
    pickle.LONG1: _sized("<B", 1, _integer),
    pickle.LONG4: _sized("<I", 4, _integer),
    pickle.BINFLOAT: lambda reader: reader.push(unpack(">d", reader.take(8))[0], 24),
    # texts and bytes
    pickle.SHORT_BINUNICODE: _sized("<B", 1, _text),
    pickle.BINUNICODE: _sized("<I", 4, _text),
    pickle.BINUNICODE8: _sized("<Q", 8, _text),
    pickle.SHORT_BINSTRING: _sized("<B", 1, _old_text),
    pickle.BINSTRING: _sized("<I", 4, _old_text),
    pickle.SHORT_BINBYTES: _sized("<B", 1, _bytes),
    pickle.BINBYTES: _sized("<I", 4, _bytes),
    pickle.BINBYTES8: _sized("<Q", 8, _bytes),
    pickle.BYTEARRAY8: _sized("<Q", 8, _bytearray),
    # containers
    pickle.EMPTY_TUPLE: lambda reader: reader.push(()),
    pickle.TUPLE1: _last(1),
    pickle.TUPLE2: _last(2),
    pickle.TUPLE3: _last(3),
    pickle.TUPLE: lambda reader: _tuple(reader, reader.since_mark()),
    pickle.EMPTY_LIST: lambda reader: reader.container([], 64),
    pickle.LIST: _list,
    pickle.APPEND: lambda reader: reader.append([reader.stack.pop()]),
    pickle.APPENDS: lambda reader: reader.append(reader.since_mark()),
    pickle.EMPTY_DICT: lambda reader: reader.container({}, 72),
    pickle.DICT: _dict,
    pickle.SETITEM: _set_item,
    pickle.SETITEMS: lambda reader: reader.set_items(reader.since_mark()),
    pickle.EMPTY_SET: lambda reader: reader.container(set(), 230),
    pickle.ADDITEMS: lambda reader: reader.add(reader.since_mark()),
    pickle.FROZENSET: Unpickler.freeze,
    # names, calls and attributes
    pickle.GLOBAL: _global,
    pickle.STACK_GLOBAL: _stack_global,
    pickle.REDUCE: _reduce,
    pickle.NEWOBJ: _new,
    pickle.NEWOBJ_EX: _new_with_names,
    pickle.BUILD: lambda reader: reader.build(reader.stack.pop()),
    pickle.BINPERSID: lambda reader: reader.push(reader.storage_of(reader.stack.pop()), 16),
    # the memo
    pickle.BINPUT: lambda reader: reader.put(reader.number("<B", 1)),
    pickle.LONG_BINPUT: lambda reader: reader.put(reader.number("<I", 4)),
    pickle.PUT: lambda reader: reader.put(int(reader.line())),
    pickle.MEMOIZE: lambda reader: reader.put(len(reader.memo)),
    pickle.BINGET: lambda reader: reader.push(reader.memo[reader.number("<B", 1)]),
    pickle.LONG_BINGET: lambda reader: reader.push(reader.memo[reader.number("<I", 4)]),
    pickle.GET: lambda reader: reader.push(reader.memo[abs(int(reader.line()))]),
}
