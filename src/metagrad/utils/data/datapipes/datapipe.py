"""What pipes have in common: the steps that are their methods, and that a stream is read by one iterator at a time."""

from __future__ import annotations

import contextlib
import copy
import functools
import inspect
import pickle
import random
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Self, TypeVar

from metagrad.base.warning import warn
from metagrad.utils.data.dataset import Dataset, IterableDataset
from metagrad.utils.data.sampler import drawn_seed

T_co = TypeVar("T_co", covariant=True)

__all__ = ["DataChunk", "IterDataPipe", "MapDataPipe", "functional_datapipe"]


class _Steps:
    """The steps of one kind of pipes, by the names under which every such pipe has them as methods."""

    functions: ClassVar[dict[str, Callable[..., Any]]]
    _for_loader: ClassVar[Any]  # filled in by ``graph.py``: what a loader does that shuffles, or does not,
    _begin_pass: ClassVar[Any]  # when it begins a pass, with its seed,
    _take_share: ClassVar[Any]  # and in each worker, of how many it is which

    def __getattr__(self, name: str) -> Any:
        if name in type(self).functions:
            return functools.partial(type(self).functions[name], self)
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *type(self).functions})

    def __getstate__(self) -> Any:
        return self.__dict__

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def __repr__(self) -> str:
        return type(self).__qualname__

    __str__ = __repr__

    @classmethod
    def register_function(cls, function_name: str, function: Callable[..., Any]) -> None:
        """Make ``function`` a method of every pipe, which is its first argument."""
        cls.functions[function_name] = function

    @classmethod
    def register_datapipe_as_function(cls, function_name: str, cls_to_register: type) -> None:
        """Make a class of pipes a method of every pipe. Raises Exception for a name that is taken."""
        if function_name in cls.functions:
            raise Exception(f"Unable to add DataPipe function name {function_name} as it is already taken")
        cls.functions[function_name] = cls_to_register


class IterDataPipe(_Steps, IterableDataset[T_co]):
    """A stream that is read step by step: ``pipe.map(f)`` is a pipe too, and so on.

    Of several iterators of one pipe only the latest may be read: for more, ``fork``. A subclass has ``__iter__``, and
    ``reset``, if something is to happen before each pass.

    >>> from metagrad.utils.data.datapipes.iter import IterableWrapper
    >>> list(IterableWrapper("a1bc").filter(str.isalpha).map(str.upper).batch(2))
    [['A', 'B'], ['C']]
    """

    functions: ClassVar[dict[str, Callable[..., Any]]] = {}
    getstate_hook: ClassVar[Callable[[Any], Any] | None] = None
    reduce_ex_hook: ClassVar[Callable[[Any], Any] | None] = None
    _passes = 0  # how many iterators there were

    def __init_subclass__(cls, guarded: bool = True, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if guarded and "__iter__" in vars(cls):
            cls.__iter__ = _one_at_a_time(vars(cls)["__iter__"])  # type: ignore[method-assign]

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"{type(self).__name__} needs an __iter__() that yields the items")

    def reset(self) -> None:
        """Called before each pass."""

    def __getstate__(self) -> Any:
        return self.__dict__ if IterDataPipe.getstate_hook is None else IterDataPipe.getstate_hook(self.__dict__)

    def __reduce_ex__(self, protocol: Any) -> Any:
        if IterDataPipe.reduce_ex_hook is not None:
            with contextlib.suppress(NotImplementedError):
                return IterDataPipe.reduce_ex_hook(self)
        return super().__reduce_ex__(protocol)

    @classmethod
    def set_getstate_hook(cls, hook_fn: Callable[[Any], Any] | None) -> None:
        """What a pickle keeps of any pipe: ``hook_fn(pipe.__dict__)``; None takes the hook away. RuntimeError if there is one."""
        if IterDataPipe.getstate_hook is not None and hook_fn is not None:
            raise RuntimeError("Attempt to override existing getstate_hook")
        IterDataPipe.getstate_hook = hook_fn

    @classmethod
    def set_reduce_ex_hook(cls, hook_fn: Callable[[Any], Any] | None) -> None:
        """How any pipe is pickled: as ``hook_fn(pipe)`` says, or as ever where that raises NotImplementedError."""
        if IterDataPipe.reduce_ex_hook is not None and hook_fn is not None:
            raise RuntimeError("Attempt to override existing reduce_ex_hook")
        IterDataPipe.reduce_ex_hook = hook_fn


def made_by(pipe: Any) -> str:
    """A pipe with what its class takes, as far as the pipe keeps it.

    >>> from metagrad.utils.data.datapipes.iter import IterableWrapper
    >>> made_by(IterableWrapper([1]).batch(2))
    'BatcherIterDataPipe(batch_size=2, datapipe=IterableWrapperIterDataPipe, drop_last=False, wrapper_class=DataChunk)'
    """
    taken = inspect.signature(type(pipe).__init__).parameters
    kept = {
        name: getattr(value, "__name__", repr(value)) for name, value in sorted(vars(pipe).items()) if name in taken
    }
    return f"{type(pipe).__name__}({', '.join(f'{name}={value}' for name, value in kept.items())})"


class _Reading(Iterator[Any]):
    """An iterator of a pipe, until there is a later one."""

    def __init__(self, pipe: Any, items: Iterator[Any]) -> None:
        self.pipe, self.items, self.number = pipe, items, pipe._passes

    def __next__(self) -> Any:
        if self.number != self.pipe._passes:
            raise RuntimeError(
                "This iterator has been invalidated because another iterator has been created from the same IterDataPipe: "
                f"{made_by(self.pipe)}\nThis may be caused by multiple references to the same IterDataPipe. We recommend using "
                "`.fork()` if that is necessary."
            )
        try:
            return next(self.items)
        except StopIteration:
            raise
        except Exception as error:
            if error.args and isinstance(error.args[0], str) and "thrown by __iter__ of" not in error.args[0]:
                where = f"{error.args[0]}\nThis exception is thrown by __iter__ of {made_by(self.pipe)}"
                error.args = (where, *error.args[1:])
            raise

    def __getattr__(self, name: str) -> Any:
        return getattr(self.items, name)


def _one_at_a_time(iterate: Callable[[Any], Iterator[Any]]) -> Callable[[Any], Iterator[Any]]:
    @functools.wraps(iterate)
    def begin(self: Any) -> Iterator[Any]:
        self._passes += 1
        self.reset()
        return _Reading(self, iterate(self))

    return begin


class Shuffling(IterDataPipe[Any]):
    """What pipes in another order have in common: whether they are, and their seeds."""

    def __init__(self, datapipe: Any) -> None:
        self.datapipe, self._enabled = datapipe, True
        self._seed: int | None = None
        self._rng = random.Random()

    def set_shuffle(self, shuffle: bool = True) -> Self:
        """Whether the order is another; the pipe itself."""
        self._enabled = shuffle
        return self

    def set_seed(self, seed: int) -> Self:
        """The seed of the next pass; the pipe itself."""
        self._seed = seed
        return self

    def reset(self) -> None:
        """A new seed."""
        if self._enabled:
            self._rng.seed(drawn_seed() if self._seed is None else self._seed)
            self._seed = None

    def __len__(self) -> int:
        return length_of(self.datapipe, self)


class MapDataPipe(_Steps, Dataset[T_co]):
    """A pipe that is read by index: a subclass has ``__getitem__``, and ``__len__`` for most uses.

    >>> from metagrad.utils.data.datapipes.map import SequenceWrapper
    >>> pipe = SequenceWrapper("abc").map(str.upper)
    >>> len(pipe), pipe[2]
    (3, 'C')
    """

    functions: ClassVar[dict[str, Callable[..., Any]]] = {}


def functional_datapipe(name: str, enable_df_api_tracing: bool = False) -> Callable[[Any], Any]:
    """A decorator of a class of pipes: every pipe of its kind has it as a method of this name."""

    def register(cls: Any) -> Any:
        for kind in (IterDataPipe, MapDataPipe):
            if issubclass(cls, kind):
                kind.register_datapipe_as_function(name, cls)
        return cls

    return register


class DataChunk(list[Any]):
    """A batch of a pipe: a list."""

    def __init__(self, items: Any) -> None:
        super().__init__(items)
        self.items = list(items)

    def as_str(self, indent: str = "") -> str:
        """The items, one after the other."""
        return f"{indent}[{', '.join(map(str, self))}]"

    def raw_iterator(self) -> Iterator[Any]:
        """The items."""
        return iter(self.items)


def need_function(fn: Any) -> None:
    """Raise TypeError for what cannot be called, and warn of what cannot be pickled."""
    if not callable(fn):
        raise TypeError(f"A callable function is expected, but {type(fn)} is provided.")
    inner = fn.func if isinstance(fn, functools.partial) else fn
    local = getattr(inner, "__qualname__", "")
    if "<locals>" in local and inspect.isfunction(inner):
        kind = "Local"
    elif "<lambda>" in local:
        kind = "Lambda"
    else:
        return
    warn(
        f"{kind} function is not supported by pickle, please use regular python function or functools.partial instead."
    )


class Batching:
    """What streams of lists and lists by index have in common: how long each list is, of which class, and how many there are."""

    datapipe: Any

    def __init__(
        self, datapipe: Any, batch_size: int, drop_last: bool = False, wrapper_class: type = DataChunk
    ) -> None:
        if batch_size <= 0:
            raise AssertionError("Batch size is required to be larger than 0!")
        self.datapipe, self.batch_size, self.drop_last = datapipe, batch_size, drop_last
        self.wrapper_class = wrapper_class

    def __len__(self) -> int:
        n = length_of(self.datapipe, self)
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)


def need_pipes(pipes: tuple[Any, ...], kind: type) -> None:
    """Raise ValueError where there are none, and TypeError for others than of this kind."""
    if not pipes:
        raise ValueError("Expected at least one DataPipe, but got nothing")
    if not all(isinstance(pipe, kind) for pipe in pipes):
        raise TypeError(f"Expected all inputs to be `{kind.__name__}`")


def length_of(pipe: Any, whose: object) -> int:
    """How long a pipe is. Raises TypeError, in the name of another, where it cannot be told."""
    if not hasattr(type(pipe), "__len__"):
        raise TypeError(f"{type(whose).__name__} instance doesn't have valid length")
    return len(pipe)


def copied(items: Any, deepcopy: bool) -> Any:
    """A copy, so that what changes the items later changes nothing here; the items themselves where they have none."""
    if not deepcopy:
        return items
    try:
        return copy.deepcopy(items)
    except (TypeError, pickle.PicklingError):
        warn(
            "The input iterable can not be deepcopied, please be aware of in-place modification would affect source data."
        )
        return items
