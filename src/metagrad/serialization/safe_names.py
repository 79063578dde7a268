"""Classes and functions that the program itself calls safe, so that ``load`` makes them of a file, too."""

from __future__ import annotations

import pickletools
import sys
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import IO

from metagrad.base.naming import is_own
from metagrad.serialization.errors import CheckpointError
from metagrad.serialization.names import meaning
from metagrad.serialization.whole import located

SafeName = Callable[..., object] | tuple[Callable[..., object], str]

_safe: list[SafeName] = []


def add_safe_globals(safe_globals: Iterable[SafeName]) -> None:
    """Let ``load`` make these classes, and call these functions, if a file asks for it: their code is then run.

    An element may be a pair of the class and its name in the file, if it has another there.

    >>> import io, fractions, metagrad
    >>> file = io.BytesIO()
    >>> metagrad.save(fractions.Fraction(1, 3), file)
    >>> with safe_globals([fractions.Fraction]):
    ...     _ = file.seek(0)
    ...     metagrad.load(file)
    Fraction(1, 3)
    """
    for new in safe_globals:
        target = new[0] if isinstance(new, tuple) else new
        if not callable(target) or (isinstance(new, tuple) and (len(new) != 2 or not isinstance(new[1], str))):
            raise TypeError(f"expected a class or function, or a pair of one and its name in the file, got {new!r}")
        if new not in _safe:
            _safe.append(new)


def get_safe_globals() -> list[SafeName]:
    """What ``add_safe_globals`` was given."""
    return list(_safe)


def clear_safe_globals() -> None:
    """Forget what ``add_safe_globals`` was given."""
    _safe.clear()


class safe_globals:
    """``with safe_globals([MyClass]):`` calls these classes and functions safe until the end of the block."""

    def __init__(self, safe_globals: Iterable[SafeName]) -> None:
        self.names = list(safe_globals)

    def __enter__(self) -> None:
        self.before = get_safe_globals()
        add_safe_globals(self.names)

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        _safe[:] = self.before


def is_safe(target: object) -> bool:
    """Whether the program called this class or function safe."""
    return any((safe[0] if isinstance(safe, tuple) else safe) is target for safe in _safe)


def safe_meaning(module: str, name: str) -> object:
    """The class or function of this name that the program called safe. Raises CheckpointError if there is none."""
    path = f"{module.replace('__builtin__', 'builtins')}.{name}"  # the name it has in pickles for Python 2
    for safe in _safe:
        if isinstance(safe, tuple):
            if safe[1] == path:
                return safe[0]
        elif f"{safe.__module__}.{safe.__qualname__}" == path or _is_pytorchs(safe, module, name):
            return safe
    raise CheckpointError(
        f"Weights only load failed. WeightsUnpickler error: Unsupported global: GLOBAL {path[:200]} was not an allowed global by "
        "default. Load makes nothing but tensors and plain containers of a file that it need not "
        "trust: save the state_dict() instead of the object. If you trust whoever wrote the file, "
        "metagrad.load(..., weights_only=False) makes what it asks for, and runs its code; "
        f"metagrad.serialization.add_safe_globals([{path[:200]}]) lets load make this one"
    )


def unknown_names(file: IO[bytes]) -> list[str]:
    """The names in a pickle that ``load`` refuses, in alphabetical order; a text is remembered, for it may be one's half."""
    found: set[tuple[str, str]] = set()
    texts: list[str] = []
    memo: dict[int, str] = {}
    try:
        for opcode, argument, _ in pickletools.genops(file):
            if opcode.name == "GLOBAL":
                module, _, name = str(argument).partition(" ")
                found.add((module, name))
            elif opcode.name == "STACK_GLOBAL":
                found.add((texts[-2], texts[-1]))
            elif opcode.name in ("MEMOIZE", "BINPUT", "LONG_BINPUT"):
                memo[len(memo) if argument is None else argument] = texts[-1] if texts else ""
            elif opcode.name in ("BINGET", "LONG_BINGET"):
                texts.append(memo.get(int(argument or 0), ""))
            elif isinstance(argument, str):
                texts.append(argument)
    except Exception as error:
        raise CheckpointError(f"damaged: {error}") from error
    return sorted(f"{module}.{name}" for module, name in found if not _is_known(module, name))


def _is_known(module: str, name: str) -> bool:
    try:
        return (meaning(module, name) or safe_meaning(module, name)) is not None
    except CheckpointError:
        return False


def _is_pytorchs(safe: Callable[..., object], module: str, name: str) -> bool:
    """Whether a name, PyTorch's or metagrad's, is that of a class of metagrad's which the program called safe."""
    if (
        not is_own(safe.__module__)
        or safe.__qualname__ != name
        or module.partition(".")[0] not in ("torch", "metagrad")
    ):
        return False
    return located(module, name, sys.modules.get) is safe  # nothing is imported that only the file names
