"""Names that programs import from ``utils.data`` beside pipes: checks of annotations, which are not made here, and files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from metagrad.utils.data.datapipes.datapipe import IterDataPipe, MapDataPipe, functional_datapipe, need_function

__all__ = [
    "DFIterDataPipe", "StreamWrapper", "argument_validation", "functional_datapipe", "guaranteed_datapipes_determinism",
    "non_deterministic", "runtime_validation", "runtime_validation_disabled",
]  # fmt: skip

MP_STATUS_CHECK_INTERVAL = 5.0  # how often, in seconds, PyTorch's loader looks whether its workers are alive
IS_WINDOWS, HAS_NUMPY, python_exit_status = False, True, False
_check_unpickable_fn = need_function


class DFIterDataPipe(IterDataPipe[Any]):
    """The class of pipes of data frames, of which there are none here."""


def argument_validation(f: Callable[..., Any]) -> Callable[..., Any]:
    """The function itself: annotations of pipes say what is meant, and are not checked."""
    return f


runtime_validation = argument_validation


class _Switch:
    """A block in which something would be on or off; it is a decorator, too."""

    on = False

    def __init__(self) -> None:
        self.before = type(self).on
        type(self).on = True

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        type(self).on = self.before


class runtime_validation_disabled(_Switch):
    """A block in which PyTorch checks no annotations."""


class guaranteed_datapipes_determinism(_Switch):
    """A block in which pipes that are not repeatable are refused."""


class non_deterministic:
    """A decorator of classes of pipes, or with a function as argument of those of which it is True, that are not repeatable."""

    def __init__(self, arg: Any) -> None:
        self.cls = arg if isinstance(arg, type) else None
        self.tells: Callable[..., bool] | None = None if isinstance(arg, type) else arg
        if isinstance(arg, type) and not issubclass(arg, IterDataPipe):
            raise TypeError(
                f"Only `IterDataPipe` can be decorated with `non_deterministic`, but {arg.__name__} is found"
            )
        if not (isinstance(arg, type) or callable(arg)):
            raise TypeError(f"{arg} can not be decorated by non_deterministic")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """An instance; or for a class, what makes them, with the function asked before."""
        if self.cls is not None:
            return self._made(self.cls, args, kwargs)
        if not (len(args) == 1 and isinstance(args[0], type) and issubclass(args[0], MapDataPipe | IterDataPipe)):
            raise TypeError(f"Only `IterDataPipe` can be decorated, but {args[0]} is found")
        kind, tells = args[0], self.tells

        def make(*inner: Any, **named: Any) -> Any:
            result = tells(*inner, **named) if tells is not None else True
            if not isinstance(result, bool):
                raise TypeError(
                    "deterministic_fn of `non_deterministic` decorator is required to return a boolean value, but "
                    f"{type(result)} is found"
                )
            return self._made(kind, inner, named) if result else kind(*inner, **named)

        return make

    @staticmethod
    def _made(kind: type, args: Any, kwargs: Any) -> Any:
        if guaranteed_datapipes_determinism.on:
            raise TypeError(
                f"{kind.__name__} is non-deterministic, but you set 'guaranteed_datapipes_determinism'. You can turn off "
                "determinism for this DataPipe if that is acceptable for your application"
            )
        return kind(*args, **kwargs)


class StreamWrapper:
    """A file that a pipe has opened, and that is closed with its last name; all else is the file's.

    >>> import io
    >>> StreamWrapper(io.StringIO("a")).read()
    'a'
    """

    def __init__(self, file_obj: Any, parent_stream: Any = None, name: str | None = None) -> None:
        self.file_obj, self.name, self.closed = file_obj, name, False

    @classmethod
    def close_streams(cls, v: Any) -> None:
        """Close all files among nested lists and dictionaries."""
        if isinstance(v, StreamWrapper):
            v.close()
        for part in v.values() if isinstance(v, dict) else v if isinstance(v, (list, tuple)) else ():
            cls.close_streams(part)

    def close(self, *args: Any, **kwargs: Any) -> None:
        """Close the file."""
        if not self.closed:
            self.file_obj.close()
        self.closed = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["file_obj"], name)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.file_obj)

    def __repr__(self) -> str:
        return (
            f"StreamWrapper<{self.file_obj!r}>"
            if self.name is None
            else f"StreamWrapper<{self.name},{self.file_obj!r}>"
        )
