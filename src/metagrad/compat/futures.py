"""``torch.futures``: a result that may come later, on Python's own ``concurrent.futures``."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from metagrad.base import naming
from metagrad.base.device import device

__all__ = ["Future", "collect_all", "wait_all"]

T = TypeVar("T")


class Future(Generic[T]):
    """A value that some thread sets, and others wait for.

    >>> answer = Future()
    >>> answer.set_result(6)
    >>> answer.then(lambda f: f.value() * 7).wait()
    42
    """

    def __init__(self, *, devices: Any = None) -> None:
        for name in devices or ():
            if device(name).index is None:
                raise ValueError(f"Expected devices to have indices, got {name}")
            raise RuntimeError(f"{naming.package} is not linked with support for {device(name).type} devices")
        self._future: concurrent.futures.Future[T] = concurrent.futures.Future()

    def __reduce__(self) -> Any:
        raise RuntimeError("Can not pickle torch.futures.Future: its value may come from a thread of this process")

    def done(self) -> bool:
        """Whether there is a result, or an error."""
        return self._future.done()

    def wait(self) -> T:
        """The result, once it is there; raises the error if that was set instead."""
        return self._future.result()

    def value(self) -> T:
        """The result, which must be there. Raises RuntimeError if it is not."""
        if not self.done():
            raise RuntimeError("this future has no result yet: wait() for it")
        return self._future.result()

    def set_result(self, result: T) -> None:
        """Give the result, once."""
        self._check_open()
        self._future.set_result(result)

    def _check_open(self) -> None:
        if self.done():
            raise RuntimeError(
                "Attempting to mark a completed Future as complete again. Note that a Future can only be marked completed once."
            )

    def set_exception(self, result: BaseException) -> None:
        """Give an error, which ``wait`` will raise."""
        assert isinstance(result, Exception), f"{result} is of type {type(result)}, not an Exception."
        self._check_open()
        self._future.set_exception(result)

    def add_done_callback(self, callback: Callable[[Future[T]], None]) -> None:
        """Call ``callback(self)`` when it is done: at once if it is."""
        self._future.add_done_callback(lambda _: callback(self))

    def then(self, callback: Callable[[Future[T]], Any]) -> Future[Any]:
        """A future of what ``callback(self)`` returns once this one is done; of a RuntimeError if it raises."""
        if not callable(callback):
            raise TypeError(
                f"then(): incompatible function arguments: a function is needed, got {type(callback).__name__}"
            )
        after: Future[Any] = Future()

        def run(_: object) -> None:
            try:
                after.set_result(callback(self))
            except Exception as error:
                said = f"Got the following error when running the callback: {type(error).__name__}: {error}"
                after.set_exception(RuntimeError(said).with_traceback(error.__traceback__))

        self._future.add_done_callback(run)
        return after


def collect_all(futures: Sequence[Future[Any]]) -> Future[list[Future[Any]]]:
    """A future of the list of these futures, done when all are; of the first error, if one fails."""
    result: Future[list[Future[Any]]] = Future()
    waiting = len(futures)
    if not waiting:
        result.set_result([])

    def one_more(future: Future[Any]) -> None:
        nonlocal waiting
        waiting -= 1
        failure = future._future.exception()
        if result.done():
            return
        if isinstance(failure, Exception):
            result.set_exception(failure)
        elif not waiting:
            result.set_result(list(futures))

    for future in futures:
        future.add_done_callback(one_more)
    return result


def wait_all(futures: Sequence[Future[Any]]) -> list[Any]:
    """The results of all; raises the first error.

    >>> one = Future()
    >>> one.set_result(1)
    >>> wait_all([one])
    [1]
    """
    return [future.wait() for future in futures]
