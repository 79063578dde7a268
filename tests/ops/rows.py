"""What a row of the op table is made of, and how a row becomes tensors of either library.

A row holds no tensors. It says what to make: ``x(3, 4)`` is a tensor of numbers whose dtype and memory layout the test
chooses, ``at(2, 3, below=4)`` a tensor of positions, ``mask(3, 4)`` one of bools. The same seed gives both libraries the
same numbers.
"""

from __future__ import annotations

import operator
import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from metagrad.base.optional import MissingExtra

SPECIAL = [np.inf, -np.inf, np.nan, 0.0, 1.0, -1.0, 0.5, -2.0, 1e-40, 3e38, -0.0]


@dataclass(frozen=True)
class Numbers:
    """A tensor of numbers between ``low`` and ``high``; differentiable where its dtype is."""

    shape: tuple[int, ...]
    low: float = -2.5
    high: float = 2.5


@dataclass(frozen=True)
class Fixed:
    """A tensor of one dtype that no gradient goes to: positions below a bound, distinct along ``dim``, or bools."""

    shape: tuple[int, ...]
    below: int
    dim: int | None = None
    dtype: str = "int64"


@dataclass(frozen=True)
class Dtype:
    """A dtype of either library."""

    name: str


@dataclass(frozen=True)
class Call:
    """Arguments of one call; ``raises``: the exception they must lead to."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    raises: type[Exception] | None = None


@dataclass(frozen=True)
class Row:
    """A public op and calls of it.

    =========  ==================================================================================================
    names      the op's name, then its other names
    calls      calls with tensors that every derived test goes through
    errors     calls that must raise
    grad       whether the results are differentiable
    dtypes     the dtypes of the numbers that parity is tested with
    without    the derived cases that PyTorch leaves undefined or answers by accident, of: "0-d", "empty" (an extent
               is 0), "tied" (equal numbers), "special" (infinities and nan), "special gradients", "derivative" (finite differences)
    =========  ==================================================================================================
    """

    names: tuple[str, ...]
    calls: tuple[Call, ...]
    errors: tuple[Call, ...] = ()
    grad: bool = True
    dtypes: tuple[str, ...] = ("float32", "float64", "int64", "bool")
    without: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.names[0]


def x(*shape: int, low: float = -2.5, high: float = 2.5) -> Numbers:
    return Numbers(shape, low, high)


def pos(*shape: int) -> Numbers:
    """Numbers away from 0, for logarithms, roots and divisors."""
    return Numbers(shape, 0.5, 2.5)


def at(*shape: int, below: int, dim: int | None = None) -> Fixed:
    return Fixed(shape, below, dim)


def mask(*shape: int) -> Fixed:
    return Fixed(shape, 2, None, "bool")


def call(*args: Any, **kwargs: Any) -> Call:
    return Call(args, kwargs)


def error(raises: type[Exception], *args: Any, **kwargs: Any) -> Call:
    return Call(args, kwargs, raises)


def row(names: str, *calls: Call, **settings: Any) -> Row:
    """A row; ``names`` are separated by spaces, and calls that say what they raise are its error cases."""
    good = tuple(c for c in calls if c.raises is None)
    return Row(tuple(names.split()), good, tuple(c for c in calls if c.raises is not None), **settings)


# ------------------------------------------------ a call in another shape


def reshaped(call: Call, extent: Any) -> Call:
    """The call with the shape of every tensor mapped."""

    def mapped(value: Any) -> Any:
        if isinstance(value, (Numbers, Fixed)):
            return replace(value, shape=extent(value.shape))
        return type(value)(map(mapped, value)) if isinstance(value, (list, tuple)) else value

    return Call(mapped(call.args), {k: mapped(v) for k, v in call.kwargs.items()}, call.raises)


def tensors_of(call: Call) -> list[Any]:
    """The tensors among the arguments, at any depth."""

    def walk(value: Any) -> Any:
        if isinstance(value, (Numbers, Fixed)):
            yield value
        elif isinstance(value, (list, tuple)):
            for v in value:
                yield from walk(v)

    return [t for value in (*call.args, *call.kwargs.values()) for t in walk(value)]


def shape_variants(call: Call) -> dict[str, Call]:
    """The call with 0-d tensors, and with each extent that occurs replaced by 0. They may be errors: in both libraries."""
    found = {}
    if any(t.shape for t in tensors_of(call)):
        found["0-d"] = reshaped(call, lambda shape: ())
    for n in sorted({n for t in tensors_of(call) for n in t.shape if n}):
        found[f"empty: {n} -> 0"] = reshaped(call, lambda shape, n=n: tuple(0 if m == n else m for m in shape))
    return found


# ------------------------------------------------ numbers, and tensors of them


def numbers(spec: Any, dtype: str, values: str, seed: int) -> np.ndarray:
    """The numbers of a tensor: ``values`` are spread out, distinct whole ones, tied (few whole ones), or special."""
    rng = np.random.default_rng((7, seed))
    if isinstance(spec, Fixed):
        if spec.dim is None or not spec.shape:
            return np.asarray(rng.integers(0, spec.below, spec.shape), spec.dtype)
        extent = spec.shape[spec.dim]
        wide = [*spec.shape[: spec.dim], max(spec.below, extent), *spec.shape[spec.dim + 1 :]]
        order = rng.permuted(np.broadcast_to(np.arange(wide[spec.dim]), np.roll(wide, -spec.dim - 1)), axis=-1)
        return np.ascontiguousarray(np.moveaxis(order, -1, spec.dim).take(range(extent), spec.dim))
    kind = np.dtype(dtype).kind
    if kind == "b":
        return np.asarray(rng.random(spec.shape) < 0.6)
    low, high = (0 if kind == "u" else int(np.ceil(spec.low))), int(np.floor(spec.high))
    if values == "special" and kind in "fc":
        return (
            rng.permutation(np.resize(SPECIAL, spec.shape).ravel()).astype(np.float32).reshape(spec.shape).astype(dtype)
        )
    if kind in "iu" and values == "distinct":
        return np.asarray(rng.permutation(int(np.prod(spec.shape))).reshape(spec.shape), dtype)
    if kind in "iu" or values == "tied":
        return np.asarray(rng.integers(low, high + 1, spec.shape), dtype)
    found = rng.uniform(spec.low, spec.high, spec.shape)
    return np.asarray(found + 1j * rng.uniform(spec.low, spec.high, spec.shape) if kind == "c" else found, dtype)


def laid_out(array: np.ndarray, layout: str) -> np.ndarray:
    """The same numbers, in order, or spread in memory: transposed, or every second place of a longer vector."""
    if layout != "strided" or not array.ndim:
        return np.array(array, order="C")
    if array.ndim == 1:
        wide = np.zeros((2 * len(array),), array.dtype)
        wide[::2] = array
        return wide[::2]
    return np.ascontiguousarray(array.T).T


class Made:
    """A call's arguments as tensors of one library; ``leaves``: those of numbers, which gradients go to."""

    def __init__(
        self, lib: Any, call: Call, dtype: str, layout: str = "plain", values: str = "spread", grad: bool = True
    ) -> None:
        self.lib, self.call, self.layout = lib, call, layout
        self.leaves: list[Any] = []
        self.fixed: list[Any] = []
        for seed, spec in enumerate(tensors_of(call)):
            array = numbers(spec, dtype, values, seed)
            array = laid_out(array[:1] if self.is_expanded(spec) else array, layout)
            (self.leaves if isinstance(spec, Numbers) else self.fixed).append(lib.from_numpy(array))
        if grad and np.dtype(dtype).kind in "fc":
            for leaf in self.leaves:
                leaf.requires_grad_()

    def is_expanded(self, spec: Any) -> bool:
        """Whether the first dimension of this tensor is one slice repeated."""
        return self.layout == "expanded" and isinstance(spec, Numbers) and spec.shape[:1] > (0,)

    def arguments(self, leaves: Any = None) -> tuple[list[Any], dict[str, Any]]:
        """The arguments, with these leaves."""
        given, fixed = iter(self.leaves if leaves is None else leaves), iter(self.fixed)

        def of(value: Any) -> Any:
            if isinstance(value, Dtype):
                return getattr(self.lib, value.name)
            if isinstance(value, (list, tuple)):
                return type(value)(of(v) for v in value)
            if isinstance(value, Fixed):
                return next(fixed)
            if not isinstance(value, Numbers):
                return value
            leaf = next(given)
            return leaf.expand(value.shape) if self.is_expanded(value) else leaf

        return [of(a) for a in self.call.args], {k: of(v) for k, v in self.call.kwargs.items()}


# ------------------------------------------------ results


def find(lib: Any, name: str) -> Any:
    """A public op by its name: a function or else a method; or a function of a module, ``nn.functional.linear``."""
    if "." in name:
        return operator.attrgetter(name)(lib)
    for place in (lib, lib.Tensor) if not name.startswith("__") else (lib.Tensor,):
        found = getattr(place, name, None)
        if callable(found):
            return found
    raise AttributeError(f"{lib.__name__} has no function or method {name!r}")


def flat(result: Any) -> list[Any]:
    """The tensors and other values of a result, one after the other."""
    if isinstance(result, (tuple, list)):
        return [v for part in result for v in flat(part)]
    return [result]


@dataclass
class Outcome:
    """What a call led to, in terms that both libraries share."""

    values: list[Any]
    gradients: list[Any]
    raised: Exception | None = None

    @property
    def error(self) -> type[Exception] | None:
        """The kind of error; PyTorch's NotImplementedError is a RuntimeError."""
        kinds = (IndexError, TypeError, ValueError, RuntimeError)
        return next((k for k in kinds if isinstance(self.raised, k)), None if self.raised is None else Exception)


def described(value: Any, leaves: list[Any]) -> Any:
    """A result's dtype, shape, place in the graph and shared memory, with its numbers last; or the plain value."""
    if hasattr(value, "detach"):
        array = value.numpy(force=True)
        shared = [np.may_share_memory(array, leaf.detach().numpy()) for leaf in leaves] if array.size else []
        return str(value.dtype).split(".")[-1], tuple(value.shape), value.requires_grad, shared, array
    return str(value).split(".")[-1] if type(value).__name__ in ("dtype", "str") else value


def gradient(found: Any, leaf: Any) -> Any:
    """A gradient's dtype, shape and numbers. Where there is none it is 0."""
    array = np.zeros(tuple(leaf.shape), leaf.detach().numpy().dtype) if found is None else found.numpy(force=True)
    return str(array.dtype), array.shape, array


def outcome(
    lib: Any,
    function: Any,
    call: Call,
    dtype: str = "float64",
    layout: str = "plain",
    values: str = "spread",
    grad: bool = True,
) -> Outcome:
    """Make the arguments, call, and sweep back from the results with random cotangents."""
    made = Made(lib, call, dtype, layout, values, grad)
    try:
        with warnings.catch_warnings():
            if lib.__name__ == "torch":
                warnings.simplefilter("ignore")
            args, kwargs = made.arguments()
            results = flat(function(*args, **kwargs))
            found = [described(r, made.leaves) for r in results]
            roots = [r for r in results if getattr(r, "requires_grad", False)]
            if not roots:
                return Outcome(found, [])
            rng = np.random.default_rng(3)
            cotangents = [
                lib.from_numpy(np.asarray(rng.uniform(0.5, 1.5, tuple(r.shape)), str(r.dtype).split(".")[-1]))
                for r in roots
            ]
            leaves = [leaf for leaf in made.leaves if leaf.requires_grad]
            grads = lib.autograd.grad(roots, leaves, cotangents, allow_unused=True)
            return Outcome(found, [gradient(g, leaf) for g, leaf in zip(grads, leaves)])
    except MissingExtra:
        raise
    except Exception as raised:
        return Outcome([], [], raised)


TOLERANCE = {"float16": 2e-3, "float32": 2e-5, "complex64": 2e-5, "float64": 1e-10, "complex128": 1e-10}


def difference(ours: Any, theirs: Any, what: str) -> str:
    """Where two lists of described results differ, in words; empty if they agree."""
    if len(ours) != len(theirs):
        return f"{what}: {len(ours)} of them, expected {len(theirs)}"
    for i, (a, b) in enumerate(zip(ours, theirs)):
        if not (isinstance(a, tuple) and isinstance(b, tuple) and len(b) and isinstance(b[-1], np.ndarray)):
            if not (a == b or (a != a and b != b)):
                return f"{what} {i}: {a}, expected {b}"
        elif a[:-1] != b[:-1]:
            return f"{what} {i}: {a[:-1]}, expected {b[:-1]}"
        else:
            within = TOLERANCE.get(b[0], 0)
            if not np.allclose(a[-1], b[-1], rtol=within, atol=within / 10, equal_nan=True):
                return f"{what} {i}:\n{a[-1]}\nexpected\n{b[-1]}"
    return ""
