"""A formula of pointwise NumPy functions, written down once and then computed on chunk after chunk.

``y = 1 / (1 + np.exp(-x))`` makes four arrays of the size of x, one after the other. To see what it does, it is run once
with *samples*, arrays of a few elements that note every function called on them. The notes are a list of steps; on a
chunk of x that the cache holds they are done again, the steps between into buffers that are used over and over, the last
one straight into y.

Whatever is not a function of the elements at one position (a sum, a shape, a branch on values) ends the noting with
``NotPointwise``; the formula is then to be computed as it stands.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels.compiled.compiler import available
from metagrad.kernels.quicker import quickest
from metagrad.kernels.selection import select_into


class NotPointwise(Exception):
    """A formula does more than apply pointwise functions."""


class _Sample(np.ndarray[Any, Any]):
    """A few elements of an input or of a step's result: notes on its tape what is computed with it."""

    tape: Callable[[], Tape | None] = staticmethod(lambda: None)  # a weak reference; a view of a sample is on no tape
    is_on_gpu = False

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **kwargs: Any) -> Any:
        if method != "__call__" or "where" in kwargs:
            raise NotPointwise(f"{ufunc.__name__}.{method}")
        function = (lambda *xs, out: ufunc(*xs, out=out, **kwargs)) if kwargs else ufunc
        tape = _tape_of(inputs if out is None else out)
        found = tape.note(function, inputs, ufunc(*_plain(inputs), **kwargs), overwrites=True)
        return found if out is None else tape.write(out[0], found)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if func in _PASSED_ON:
            return super().__array_function__(func, types, args, kwargs)
        if func is np.empty_like:
            return _tape_of(args).memory(*args, **kwargs)
        if func is np.where and len(args) == 3 and not kwargs:
            return _tape_of(args).note(_where, args, np.where(*_plain(args)))
        raise NotPointwise(func.__name__)

    def astype(self, dtype: Any, *args: Any, **kwargs: Any) -> Any:
        """Conversion is a step too."""
        result = self.view(np.ndarray).astype(dtype, *args, **kwargs)
        if result.dtype == self.dtype and kwargs.get("copy") is False:
            return self
        return _tape_of([self]).convert(self, result.dtype)

    def __setitem__(self, index: Any, value: Any) -> None:
        if index is not Ellipsis:
            self._refuse()
        _tape_of([self]).write(self, value)

    def _refuse(self, *args: Any) -> Any:
        raise NotPointwise("single elements")

    __getitem__ = __iter__ = item = tolist = _refuse


_PASSED_ON = {np.clip, np.result_type, np.iscomplexobj, np.can_cast, np.shape, np.ndim}  # clip calls its ufunc


def as_one_step(function: Callable[..., Array], *inputs: Any) -> Array:
    """``function(*inputs)``, for a function of our own that is pointwise too: while a formula is noted, one step of it.

    >>> as_one_step(np.negative, np.ones(1))
    array([-1.])
    """
    if not any(isinstance(x, _Sample) for x in inputs):
        return function(*inputs)
    step: Any = _OwnStep(function)
    return _tape_of(inputs).note(step, inputs, np.asarray(function(*_plain(inputs))))


def noted_for_numpy(*inputs: Any) -> bool:
    """Whether inputs stand for large arrays that NumPy computes with itself: not on a GPU, nor by compiled loops."""
    return not available() and any(isinstance(x, _Sample) and not x.is_on_gpu for x in inputs)


class _OwnStep(NamedTuple):
    """A function of our own as a step: the same as another one's of the same function."""

    function: Callable[..., Array]

    def __call__(self, *xs: Array, out: Array) -> None:
        np.copyto(out, self.function(*xs), casting="unsafe")


def own_function(function: object) -> Callable[..., Array] | None:
    """The function of our own that a step is, if it is one."""
    return function.function if isinstance(function, _OwnStep) else None


def _where(c: Array, x: Any, y: Any, out: Array) -> None:
    select_into(out, c, x, y)


def _convert(x: Array, out: Array) -> None:
    np.copyto(out, x, casting="unsafe")


def is_where(function: object) -> bool:
    """Whether a step is ``np.where`` of three arguments."""
    return function is _where


def is_conversion(function: object) -> bool:
    """Whether a step is a conversion to another dtype."""
    return function is _convert


def _plain(values: Sequence[Any]) -> list[Any]:
    return [x.view(np.ndarray) if isinstance(x, _Sample) else x for x in values]


def _tape_of(values: Sequence[Any]) -> Tape:
    for x in values:
        tape = x.tape() if isinstance(x, _Sample) else None
        if tape is not None:
            return tape
    raise NotPointwise("a view")


class _Step(NamedTuple):
    function: Callable[..., Any]
    arguments: list[int]  # numbers of values
    result: int
    overwrites: bool  # whether the function may write over its arguments


class Tape:
    """What was noted: values by number (inputs first, then constants and results as they came), and the steps."""

    def __init__(self, repeated: list[Any], on_gpu: bool = False) -> None:
        self.values: list[Any] = []
        self.steps: list[_Step] = []
        self.repeated = repeated  # arrays that every chunk gets as they are
        self.on_gpu = on_gpu  # what the samples stand for
        self._numbers: dict[int, int] = {}

    def sample(self, x: Array) -> Array:
        """An input, of which x is a part."""
        sample: Any = x.view(_Sample)
        sample.tape = weakref.ref(self)  # weak, or both would live until the next garbage collection, with x
        sample.is_on_gpu = self.on_gpu
        self._numbers[id(sample)] = len(self.values)
        self.values.append(sample)
        return sample

    def number(self, x: Any) -> int | None:
        """The number of an input or a result; None for what is not on this tape."""
        return self._numbers.get(id(x)) if isinstance(x, _Sample) else None

    def note(
        self, function: Callable[..., Any], arguments: Sequence[Any], result: Any, overwrites: bool = False
    ) -> Array:
        """A step."""
        if result.__class__ is not np.ndarray or result.dtype.kind == "O":
            raise NotPointwise("more than one result, or none that is an array")
        numbers = [self._number_of(x) for x in arguments]
        sample = self.sample(result)
        self.steps.append(_Step(function, numbers, len(self.values) - 1, overwrites))
        return sample

    def write(self, target: Any, value: Any) -> Any:
        """Let a sample stand for another value from now on: what a formula does in place. Not on this tape."""
        raise NotPointwise("a result in place")

    def memory(self, like: Any) -> Any:
        """A sample for what a formula will write. Not on this tape."""
        raise NotPointwise("empty_like")

    def convert(self, x: Any, dtype: np.dtype[Any]) -> Array:
        """A step that makes a value of this dtype, or only copies it."""
        return self.note(_convert, [x], x.view(np.ndarray).astype(dtype))

    def _number_of(self, x: Any) -> int:
        number = self.number(x)
        if number is not None:
            return number
        if isinstance(x, np.ndarray) and x.size > 1 and not any(x is known for known in self.repeated):
            raise NotPointwise("an array made inside")
        self.values.append(x)
        return len(self.values) - 1


class Formula:
    """The steps of a tape that lead to the values ``wanted``, by number, and the buffers for those between.

    own: those of the wanted whose memory nothing else needs: it serves as a buffer until they are computed, for the cache has to
    fetch it anyway.
    """

    def __init__(self, tape: Tape, wanted: set[int], own: Iterable[int] = ()) -> None:
        needed, steps = set(wanted), []
        for step in reversed(tape.steps):
            if step.result in needed:
                needed.update(step.arguments)
                steps.append(step)
        self.steps = steps[::-1]
        self.values = tape.values
        self._calls = [(self._quickest(step), step.arguments, step.result) for step in self.steps]
        self.own = list(own)
        self.buffers: list[np.dtype[Any]] = []
        self._buffer_of: dict[int, int] = {}  # ~number for the memory of a wanted value
        self._assign_buffers(wanted, self.own)

    def _quickest(self, step: _Step) -> Callable[..., Any]:
        """What computes a step in the least time."""
        of_halves = any(getattr(self.values[a], "dtype", None) == np.float16 for a in step.arguments)
        if not of_halves:
            return quickest(step.function)
        from metagrad.kernels.halves import by_singles

        return by_singles(step.function)

    def _assign_buffers(self, wanted: set[int], own: Iterable[int]) -> None:
        """A buffer for every step's result that nobody wants; one whose content is no longer read is taken again."""
        last = {number: i for i, step in enumerate(self.steps) for number in step.arguments}
        made = {step.result: i if step.overwrites else i - 1 for i, step in enumerate(self.steps)}
        free: list[int] = [~number for number in own if number in made]

        def fits(buffer: int, dtype: np.dtype[Any], until: int) -> bool:
            if buffer >= 0:
                return self.buffers[buffer] == dtype
            return self.values[~buffer].dtype == dtype and until <= made[~buffer]

        for i, step in enumerate(self.steps):
            done = [self._buffer_of[a] for a in set(step.arguments) if a in self._buffer_of and last[a] == i]
            if step.overwrites:
                free += done
            if step.result not in wanted:
                dtype = self.values[step.result].dtype
                fitting = [b for b in free if fits(b, dtype, last[step.result])]
                if fitting:
                    free.remove(fitting[-1])
                else:
                    self.buffers.append(dtype)
                self._buffer_of[step.result] = fitting[-1] if fitting else len(self.buffers) - 1
            if not step.overwrites:
                free += done

    def compute(self, given: dict[int, Array], buffers: list[Array]) -> None:
        """Do the steps with chunks of the inputs and of the wanted results, by number; buffers are as long as those."""
        values = list(self.values)
        for number, array in given.items():
            values[number] = array
        for number, buffer in self._buffer_of.items():
            values[number] = buffers[buffer] if buffer >= 0 else values[~buffer]
        for function, arguments, result in self._calls:
            function(*[values[a] for a in arguments], out=values[result])

    def let_go(self, numbers: Iterable[int]) -> None:
        """Keep nothing of the arrays that were inputs, by number, or of samples: others will be given."""
        given = set(numbers)
        self.values = [None if n in given or isinstance(v, _Sample) else v for n, v in enumerate(self.values)]
