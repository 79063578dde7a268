"""From a Python function to machine code, at its first call, by Numba.

``@native`` marks a function that Numba is to compile, ``@native_sums`` one whose sums may be added in any order, so that
several of them are added at once, ``@native_exact`` one whose numbers are NumPy's, bit for bit. Nothing is compiled, nor Numba
imported, before such a function is called; a function may call others that are marked. Without Numba, or with
METAGRAD_NUMBA=0 in the environment, they are the Python functions that they look like: slow, and a debugger steps through them.

Machine code is kept on disk, for the processes to come (``keeping.py``).
"""

from __future__ import annotations

import dis
import functools
import importlib.util
import os
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

F = TypeVar("F", bound=Callable[..., Any])

_CONTRACT = {"contract"}  # a b + c in one instruction
_ANY_ORDER = {"contract", "reassoc"}
_OLDEST = (0, 61)  # of Numba's versions, as pyproject.toml has it
PATIENCE = 1.0  # seconds of compiling before a word is said
compiling = threading.RLock()


@functools.cache
def available() -> bool:
    """Whether there is Numba, it is not switched off, and it can be imported. One that cannot is told of."""
    if os.environ.get("METAGRAD_NUMBA") == "0" or importlib.util.find_spec("numba") is None:
        return False
    try:
        import numba

        if tuple(int(part) for part in numba.__version__.split(".")[:2]) >= _OLDEST:
            return True
        error: object = "it is too old"
    except Exception as raised:  # as where it does not know this NumPy
        error = raised
    _say("metagrad does without Numba, and its compiled loops, as %s", error)
    return False


def compiles_for(feature: str) -> bool:
    """Whether the processor that Numba compiles for has such instructions: this one, unless it is told otherwise.

    >>> available() and compiles_for("no such feature")
    False
    """
    import numba
    from llvmlite import binding  # type: ignore[import-untyped]

    config: Any = numba.config
    if config.CPU_FEATURES is not None:
        return f"+{feature}" in config.CPU_FEATURES.split(",")
    return bool(config.ENABLE_AVX and binding.get_host_cpu_features().get(feature))


class Native:
    """A function that becomes machine code when it is first called."""

    streams = False  # whether it waits for memory, not for its arithmetic

    def __init__(self, function: Callable[..., Any], fastmath: set[str], inlined: bool = False) -> None:
        functools.update_wrapper(self, function)
        self.function, self.fastmath, self.inlined = function, fastmath, inlined
        self._compiled: Callable[..., Any] | None = None

    def __call__(self, *arguments: Any) -> Any:
        """The function's result."""
        return (self._compiled or self.compiled())(*arguments)

    def compiled(self) -> Callable[..., Any]:
        """What Numba makes of the function; the function itself where Numba is not to be had."""
        if not available():
            return self.function
        with compiling:
            if self._compiled is None:
                self._compiled = self._compile()
            return self._compiled

    def _compile(self) -> Callable[..., Any]:
        """Numba's dispatcher, which compiles for each kind of arguments, or finds what was compiled before."""
        import numba

        dispatcher = kept(numba.njit, self.fastmath, nogil=True, forceinline=self.inlined)(linked(self.function))
        self.function.__globals__[self.function.__name__] = dispatcher
        return dispatcher


def linked(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, when all marked ones that it calls are known to Numba."""
    names = function.__globals__
    used = {step.argval for step in dis.get_instructions(function) if step.opname == "LOAD_GLOBAL"}
    for name in sorted(used):
        callee = names.get(name)
        if isinstance(callee, Native):
            names[name] = callee.compiled()
    return function


def kept(make: Callable[..., Any], fastmath: set[str], **settings: Any) -> Callable[[Callable[..., Any]], Any]:
    """A decorator: ``make``, of Numba, with settings that are the same for all, what it makes being kept on disk."""
    import numba

    from metagrad.kernels.compiled import keeping

    def decorated(function: Callable[..., Any]) -> Any:
        folder = keeping.cache_folder()
        _announce()
        keeping.keep_as_we_do()
        config: Any = numba.config
        before, config.CACHE_DIR = config.CACHE_DIR, folder or ""
        made = functools.partial(make, fastmath=fastmath, error_model="numpy", **settings)
        try:
            return made(cache=folder is not None)(function)
        except RuntimeError:  # not even a folder fits there any more
            if folder is None:
                raise
            return made(cache=False)(function)
        finally:
            config.CACHE_DIR = before

    return decorated


def native(function: F) -> F:
    """Compile this function when it is first called."""
    return Native(function, _CONTRACT)  # type: ignore[return-value]


def native_stream(function: F) -> F:
    """The same, for a loop that does so little to each element that it waits for memory."""
    made = Native(function, _CONTRACT)
    made.streams = True
    return made  # type: ignore[return-value]


def native_inlined(function: F) -> F:
    """The same, for a function that becomes a part of the loops that call it.

    Those of numbers, so that a loop can do many of them at once; and those of rows so short that a call takes as long.
    """
    return Native(function, _CONTRACT, inlined=True)  # type: ignore[return-value]


def native_sums(function: F) -> F:
    """The same; what is added or multiplied up in it may be so in any order."""
    return Native(function, _ANY_ORDER)  # type: ignore[return-value]


def native_exact(function: F) -> F:
    """The same; each product is rounded before it is added to something, as NumPy's are."""
    return Native(function, set())  # type: ignore[return-value]


class ByDtype(Native):
    """A function of one number or array, or two, with an implementation for float32 and one for float64."""

    def __init__(self, single: Callable[..., Any], double: Callable[..., Any], says: str) -> None:
        self.single, self.double, self.__doc__ = single, double, says
        self._compiled = None

        def either(x: Any, *others: Any) -> Any:
            return (single if x.dtype == np.float32 else double)(x, *others)

        self.function = either

    def _compile(self) -> Callable[..., Any]:
        """The function by whose name Numba finds the one or the other."""
        import numba

        either, single, double = self.function, *(f.compiled() for f in (self.single, self.double))  # type: ignore[attr-defined]

        def chosen(x: Any, *others: Any) -> Callable[..., Any]:
            implementation: Any = single if getattr(x, "dtype", x) == numba.types.float32 else double
            return (lambda x, y: implementation(x, y)) if others else (lambda x: implementation(x))

        numba.extending.overload(either, jit_options={"fastmath": _CONTRACT}, strict=False)(chosen)
        return either


def by_dtype(single: F, double: Callable[..., Any], says: str) -> F:
    """A function of one number or array, or two, for use in compiled loops: ``single`` for float32, ``double`` for float64."""
    return ByDtype(single, double, says)  # type: ignore[return-value]


# ------------------------------------------------ what is said


def _is_ours(event: Any) -> bool:
    """Whether what is compiled is one of the functions here, and not a program's own."""
    function = getattr(event.data["dispatcher"], "py_func", None)
    return str(getattr(function, "__module__", None)).startswith("metagrad.")


@functools.cache
def _announce() -> None:
    """From now on, say it once if compiling takes its time."""
    from numba.core import event

    class Announcer(event.Listener):
        spent, depth, said = 0.0, 0, False

        def on_start(self, event: Any) -> None:
            if not _is_ours(event):
                return
            self.depth += 1
            if self.depth == 1 and not self.said:
                self.started = time.perf_counter()
                self.timer = threading.Timer(max(0.0, PATIENCE - self.spent), self.say)
                self.timer.daemon = True
                self.timer.start()

        def on_end(self, event: Any) -> None:
            if not _is_ours(event):
                return
            self.depth -= 1
            if self.depth == 0 and not self.said:
                self.timer.cancel()
                self.spent += time.perf_counter() - self.started

        def say(self) -> None:
            self.said = True
            from metagrad.kernels.compiled.keeping import cache_folder

            kept = f"keeps it in {cache_folder()}" if cache_folder() else "finds no folder to keep it in"
            _say("metagrad compiles its kernels for this processor, which takes some seconds, and %s", kept)

    register: Any = event.register
    register("numba:compile", Announcer())


def _say(text: str, *values: object) -> None:
    import logging

    logging.getLogger("metagrad").warning(text, *values)
