"""An array of many examples that shows one: what ``vmap`` hands to a function in the place of one example.

A ``BatchedArray`` holds an array (batch, *shape) and says that it has ``shape``. It answers NumPy's protocols: a function of such
arrays runs once, on all examples, with its axes moved past the batch (``batching_rules.py``). What no rule is there for runs on
one example after the other, and is stacked. Ops are written in NumPy's functions, forward and backward, and so know nothing of it.

Arrays of several ``vmap``s nest: the batch of the innermost, whose level is the highest number, is outside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from metagrad.autograd.mode import mode
from metagrad.autograd.variable import wrap
from metagrad.base.operators import BINARY, COMPARISONS, UNARY

NO_ITEM = (
    "vmap: It looks like you're calling .item() on a Tensor. We don't support vmap over calling .item() on a Tensor, please try to "
    "rewrite what you're doing with other operations"
)
NO_TRUTH = (
    "vmap: It looks like you're attempting to use a Tensor in some data-dependent control flow. We don't support that: use "
    "torch.where, or do it outside of vmap"
)
NO_ROOM = (
    "vmap: inplace arithmetic(self, *extra_args) is not possible because there exists a Tensor `other` in extra_args that has "
    "more elements than `self`: `other` is mapped over and `self` is not. Use the out-of-place form, or make `self` with "
    "other.new_zeros()"
)
RULES: dict[
    Any, Callable[..., Any]
] = {}  # a NumPy function: what computes it at a level, called as rule(level, *args, **kwargs)


class Refused(RuntimeError):
    """What cannot be done with many examples as with one."""


class NoRule(Exception):
    """What is to be done with one example after the other."""


class BatchedArray:
    """Many examples (batch, *shape) in the place of one (shape).

    >>> x = BatchedArray(0, np.arange(6.0).reshape(2, 3))
    >>> x.shape, x.sum().examples.tolist(), (x * np.array([0.0, 0.0, 1.0])).examples.tolist()
    ((3,), [3.0, 12.0], [[0.0, 0.0, 2.0], [0.0, 0.0, 5.0]])
    """

    __array_priority__ = 1000
    device = "cpu"

    def __init__(self, level: int, examples: Any, base: BatchedArray | None = None) -> None:
        self.level, self.examples, self.base, self.dim = level, examples, base, 0

    # ------------------------------------------------ what one example is

    shape = property(lambda self: self.examples.shape[1:])
    ndim = property(lambda self: self.examples.ndim - 1)
    size = property(lambda self: int(np.prod(self.shape, dtype=np.int64)))
    dtype = property(lambda self: self.examples.dtype)
    strides = property(lambda self: self.examples.strides[1:])
    itemsize = property(lambda self: self.examples.itemsize)
    nbytes = property(lambda self: self.size * self.itemsize)
    flags = property(lambda self: self.examples.flags)
    T = property(lambda self: np.transpose(self))
    mT = property(lambda self: np.swapaxes(self, -1, -2))
    real = property(lambda self: shown(self, self.examples.real), lambda self, value: self._part("real", value))
    imag = property(lambda self: shown(self, self.examples.imag), lambda self, value: self._part("imag", value))

    @property
    def count(self) -> int:
        """How many examples there are."""
        return int(self.examples.shape[0])

    def example(self, i: int) -> Any:
        """One of them, as an array that shares its memory."""
        return self.examples[i, ...]

    # ------------------------------------------------ NumPy's protocols

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        level = highest((inputs, kwargs))
        rule = RULES.get((np.ufunc, method))
        if method == "__call__" and ufunc.signature is not None:
            rule = RULES.get(ufunc, one_by_one(ufunc))
        if rule is None:
            rule = one_by_one(getattr(ufunc, method))
            return rule(level, *inputs, **kwargs)
        if method == "__call__" and ufunc.signature is not None:
            return rule(level, *inputs, **kwargs)
        return rule(level, ufunc, *inputs, **kwargs)

    def __array_function__(self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        level = highest((args, kwargs))
        rule = RULES.get(function)
        if level < 0:  # an array ``like`` this one
            return function(*args, **kwargs) if rule is None else rule(self, *args, **kwargs)
        return (one_by_one(function) if rule is None else rule)(level, *args, **kwargs)

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise NoRule("an array of many examples became NumPy's")

    def check_room(self, target: Any) -> None:
        """Raises Refused: many examples have no room in what is one for all of them."""
        if not isinstance(target, BatchedArray):
            raise Refused(NO_ROOM)

    def check_extent(self, op: str) -> None:
        """Raises Refused for an op whose result's extents, or whether it is true, is each example's own affair."""
        raise Refused(
            f"vmap: We do not support batching operators that can output dynamic shape. Attempted to vmap over {op}: do it outside "
            "of vmap, or use an op whose result has the same shape whatever the numbers are, as torch.where has"
        )

    def run_kernel(self, name: str, run: Callable[..., Any], *args: Any) -> Any:
        """A kernel of many examples, where ``run(name, *args)`` is one of one."""
        return RULES[name](highest(args), run, *args)

    # ------------------------------------------------ elements

    def __getitem__(self, index: Any) -> Any:
        return RULES["getitem"](highest((self, index)), self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        RULES["setitem"](highest((self, index, value)), self, index, value)

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("len() of unsized object")
        return int(self.shape[0])

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def text(self) -> str:
        """How a tensor of it prints: all examples."""
        whole = repr(wrap(self.examples)).replace("\n", "\n    ")
        depth = next((i for i, level in enumerate(mode.levels, 1) if level.number == self.level), -2)
        return f"BatchedTensor(lvl={depth}, bdim=0, value=\n    {whole}\n)"

    @staticmethod
    def no_truth() -> Refused:
        """Why a tensor of many examples is neither true nor false."""
        return Refused(NO_TRUTH)

    def item(self, *args: Any) -> Any:
        """Raises Refused."""
        raise Refused(NO_ITEM)

    def tolist(self) -> Any:
        """Raises Refused."""
        raise Refused(
            "vmap: the numbers of one example among many cannot be looked at: Cannot access data pointer of Tensor"
        )

    def __bool__(self) -> bool:
        return bool(self._agreed())

    def __int__(self) -> int:
        return int(self._agreed())

    def __float__(self) -> float:
        return float(self._agreed())

    def __complex__(self) -> complex:
        return complex(self._agreed())

    def __index__(self) -> int:
        return self._agreed().__index__()

    def _agreed(self) -> Any:
        """The number that all examples have, for checks inside of ops; NoRule if they differ."""
        if self.size != 1 or not self.count:
            raise NoRule("a number of many")
        first = self.examples.reshape(-1)[0]
        if not bool((self.examples == first).all()):
            raise NoRule("examples differ")
        return first

    def _part(self, name: str, value: Any) -> None:
        """Write the real or the imaginary part."""
        getattr(self, name)[...] = value

    # ------------------------------------------------ methods

    def astype(self, dtype: Any, *args: Any, **kwargs: Any) -> BatchedArray:
        """As an array's."""
        found = self.examples.astype(dtype, *args, **kwargs)
        return self if found is self.examples else BatchedArray(self.level, found)

    def copy(self, order: str = "C") -> BatchedArray:
        """As an array's."""
        return BatchedArray(self.level, self.examples.copy())

    def view(self, dtype: Any = None) -> BatchedArray:
        """As an array's."""
        return shown(self, self.examples.view() if dtype is None else self.examples.view(dtype))

    def fill(self, value: Any) -> None:
        """As an array's."""
        self[...] = value

    def reshape(self, *shape: Any, order: str = "C") -> Any:
        """As an array's."""
        return np.reshape(self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> Any:
        """As an array's."""
        return np.transpose(self, (axes[0] if len(axes) == 1 else axes) or None)

    def ravel(self, order: str = "C") -> Any:
        """As an array's."""
        return self.reshape(-1)

    def flatten(self, order: str = "C") -> Any:
        """As an array's."""
        return self.reshape(-1).copy()

    def conj(self) -> Any:
        """As an array's."""
        return np.conjugate(self) if self.dtype.kind == "c" else self

    conjugate = conj

    def sort(self, axis: int = -1, kind: Any = None) -> None:
        """As an array's, in place."""
        self[...] = np.sort(self, axis=axis, kind=kind)

    def nonzero(self) -> Any:
        """Raises NoRule."""
        return np.nonzero(self)


def shown(source: BatchedArray, examples: Any) -> BatchedArray:
    """Examples that another array's may be the memory of: a view of it, if they are."""
    shared = np.may_share_memory(numbers(examples), numbers(source.examples))
    return BatchedArray(source.level, examples, (source if source.base is None else source.base) if shared else None)


def numbers(array: Any) -> Any:
    """NumPy's array under all levels."""
    while isinstance(array, BatchedArray):
        array = array.examples
    return array


def batched(level: int, examples: Any) -> BatchedArray:
    """Examples along the first dimension of an array, which may have levels of its own: the highest is outside."""
    if isinstance(examples, BatchedArray) and examples.level > level:
        return BatchedArray(examples.level, batched(level, np.moveaxis(examples.examples, 1, 0)))
    return BatchedArray(level, examples)


def unbatched(level: int, array: Any) -> Any:
    """The examples that an array has at a level, along its first dimension; None if it has none."""
    if not isinstance(array, BatchedArray) or array.level < level:
        return None
    if array.level == level:
        return array.examples
    inner = unbatched(level, array.examples)
    return None if inner is None else BatchedArray(array.level, np.moveaxis(inner, 0, 1))


def is_many(level: int, array: Any) -> bool:
    """Whether an array has examples at a level, be it inside of others."""
    while array.__class__ is BatchedArray:
        if array.level == level:
            return True
        array = array.examples
    return False


def highest(tree: Any) -> int:
    """The highest level among the arrays of nested tuples, lists and dictionaries; -1 without one."""
    if tree.__class__ is BatchedArray:
        return int(tree.level)
    found = -1
    if isinstance(tree, tuple | list | dict):
        for part in tree.values() if isinstance(tree, dict) else tree:
            found = max(found, highest(part))
    return found


def counted(level: int, tree: Any) -> int:
    """How many examples there are at a level, by the first array that has some; -1 without one."""
    if isinstance(tree, BatchedArray):
        return tree.count if tree.level == level else -1
    if isinstance(tree, dict):
        tree = list(tree.values())
    if not isinstance(tree, tuple | list):
        return -1
    return next((n for n in (counted(level, part) for part in tree) if n >= 0), -1)


def _picked(level: int, tree: Any, i: int) -> Any:
    """The arguments of one example."""
    if isinstance(tree, BatchedArray):
        return tree.example(i) if tree.level == level else tree
    if isinstance(tree, dict):
        return {name: _picked(level, part, i) for name, part in tree.items()}
    if isinstance(tree, tuple | list):
        return (list if isinstance(tree, list) else tuple)(_picked(level, part, i) for part in tree)
    return tree


def one_by_one(function: Callable[..., Any]) -> Callable[..., Any]:
    """A rule that calls a function for each example, and stacks what comes out."""

    def rule(level: int, *args: Any, **kwargs: Any) -> Any:
        count = counted(level, (args, kwargs))
        if not count:
            raise NoRule("no example")
        found = [function(*_picked(level, args, i), **_picked(level, kwargs, i)) for i in range(count)]
        return _stacked(level, found)

    return rule


def _stacked(level: int, found: Sequence[Any]) -> Any:
    first = found[0]
    if isinstance(first, tuple | list):
        parts = [_stacked(level, column) for column in zip(*found, strict=True)]
        return type(first)(*parts) if hasattr(first, "_fields") else type(first)(parts)
    if first is None:
        return None
    if not isinstance(first, np.ndarray | np.generic | BatchedArray):
        if any(x != first for x in found):
            raise NoRule("examples differ")
        return first
    if any(np.shape(x) != np.shape(first) for x in found):
        raise NoRule("examples of several shapes")
    return BatchedArray(level, np.stack(found))


def _by_function(name: str) -> Callable[..., Any]:
    function = getattr(np, name)

    def method(self: BatchedArray, *args: Any, **kwargs: Any) -> Any:
        return function(self, *args, **kwargs)

    method.__name__, method.__doc__ = name, "As an array's."
    return method


for _name in """
    all any argmax argmin argpartition argsort clip cumprod cumsum diagonal dot max mean min prod ptp repeat round searchsorted
    squeeze std sum swapaxes take trace var
""".split():
    setattr(BatchedArray, _name, _by_function(_name))


def _operators(ufunc: Any) -> tuple[Callable[..., Any], ...]:
    """An operator, the same with its operands swapped, and in place: of an array that is not batched, a batched one is made."""

    def in_place(a: Any, b: Any) -> Any:
        return ufunc(a, b, out=a) if highest(b) <= a.level else ufunc(a, b)

    return lambda a, b: ufunc(a, b), lambda a, b: ufunc(b, a), in_place


for _name, _ufunc in BINARY.items():
    for _prefix, _method in zip(("", "r", "i"), _operators(_ufunc), strict=True):
        setattr(BatchedArray, f"__{_prefix}{_name}__", _method)
for _name, _ufunc in COMPARISONS.items():
    setattr(BatchedArray, f"__{_name}__", _operators(_ufunc)[0])
for _name, _ufunc in UNARY.items():
    setattr(BatchedArray, f"__{_name}__", lambda self, ufunc=_ufunc: ufunc(self))
BatchedArray.__hash__ = object.__hash__  # type: ignore[method-assign]
