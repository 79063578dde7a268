"""Whether operations are being recorded: one flag per thread, and the context managers that turn it."""

from __future__ import annotations

import contextlib
import functools
import threading
from types import TracebackType
from typing import Any, Self, cast

from metagrad.base.naming import public


class _Mode(threading.local):
    """Per thread, so that evaluating in one thread does not stop another from training."""

    grad = True
    inference = False
    afterwards: tuple[Any, ...] = ()  # functions to call at the end of the backward pass
    running: Any = None  # of the backward pass in progress: its roots, nodes it visits, targets, what it found
    levels: tuple[Any, ...] = ()  # where results get tangents, the innermost last: see ``forward.py``


mode = _here = _Mode()  # under the second name where an argument has the first
_GENERATOR = 0x20  # inspect.CO_GENERATOR: importing inspect takes longer than the rest of this file


class _Switch(contextlib.ContextDecorator):
    """Sets the flags on entry and puts the earlier ones back on exit, also when the block raises."""

    def __init__(self, grad: bool, inference: bool | None = None) -> None:
        self.grad, self.inference = grad, inference
        self.earlier: list[tuple[bool, bool]] = []  # a stack: one instance may be entered again inside itself

    def __enter__(self) -> Self:
        self.earlier.append((mode.grad, mode.inference))
        if self.inference is not None:
            mode.inference = self.inference
        mode.grad = self.grad and not mode.inference
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        mode.grad, mode.inference = self.earlier.pop()

    def _recreate_cm(self) -> Self:
        """A decorated function gets a fresh instance per call: it may run in several threads at once."""
        again = object.__new__(type(self))
        again.__dict__.update(self.__dict__)
        again.earlier = []
        return again

    def __call__(self, function: Any) -> Any:
        """The function with the flags set while it runs; a generator, while it runs from one ``yield`` to the next."""
        if not getattr(getattr(function, "__code__", None), "co_flags", 0) & _GENERATOR:
            return super().__call__(function)

        @functools.wraps(function)
        def generator(*args: Any, **kwargs: Any) -> Any:
            running = function(*args, **kwargs)
            resume, given = running.send, None
            while True:
                try:
                    with self._recreate_cm():
                        value = resume(given)
                except StopIteration as end:
                    return end.value
                try:
                    resume, given = running.send, (yield value)
                except BaseException as error:
                    resume, given = running.throw, error

        return generator


class _Bare(_Switch):
    """A switch that may also be written without brackets, as ``@no_grad``: what comes back then is the function."""

    def __new__(cls, function: Any = None) -> Self:
        return super().__new__(cls) if function is None else cast(Self, cls()(function))


class no_grad(_Bare):
    """Nothing inside is recorded: results do not require grad. A context manager and a decorator.

    >>> import metagrad
    >>> x = metagrad.ones(2, requires_grad=True)
    >>> with metagrad.no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    def __init__(self) -> None:
        super().__init__(grad=False)


class enable_grad(_Bare):
    """Operations inside are recorded again, also within ``no_grad``."""

    def __init__(self) -> None:
        super().__init__(grad=True)


class inference_mode(_Switch):
    """Like ``no_grad``; tensors made here must not enter a recorded computation later."""

    def __new__(cls, mode: Any = True) -> Self:
        return super().__new__(cls) if isinstance(mode, bool) else cast(Self, cls()(mode))  # written without brackets

    def __init__(self, mode: bool = True) -> None:
        super().__init__(grad=not mode, inference=mode)


class set_grad_enabled(_Switch):
    """Switches recording on or off at once; as a context manager it puts the earlier state back on exit.

    >>> import metagrad
    >>> with metagrad.set_grad_enabled(False):
    ...     metagrad.is_grad_enabled()
    False
    """

    def __init__(self, mode: bool) -> None:
        if not isinstance(mode, bool):
            raise TypeError(f"set_grad_enabled(): argument 'mode' must be bool, not {type(mode).__name__}")
        super().__init__(grad=bool(mode))
        self._before = is_grad_enabled(), is_inference_mode_enabled()
        _here.grad = mode and not _here.inference

    def __repr__(self) -> str:
        return f"{public('autograd.grad_mode')}.set_grad_enabled(mode={self.grad})"

    def __enter__(self) -> Self:
        self.earlier.append(self._before)
        mode.grad = self.grad and not mode.inference
        return self

    def __call__(self, function: Any) -> Any:
        """As a decorator it switches while the function runs, no longer from where it was made."""
        mode.grad, mode.inference = self._before
        return super().__call__(function)

    def _recreate_cm(self) -> Self:
        again = super()._recreate_cm()
        again._before = mode.grad, mode.inference
        return again


def is_grad_enabled() -> bool:
    """Whether operations in this thread are being recorded."""
    return mode.grad


def is_inference_mode_enabled() -> bool:
    """Whether this thread is inside ``inference_mode``."""
    return mode.inference
