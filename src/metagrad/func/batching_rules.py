"""How NumPy's functions run on many examples at once: the batch is one more dimension in front.

Axes that are counted from the end are right as they are, others move by one. Operands of an elementwise function are lined up:
(batch, 1, …, *shape). A function that is not here runs example by example (``batched.one_by_one``).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from metagrad.func.batched import RULES, BatchedArray, NoRule, counted, one_by_one
from metagrad.kernels import tuning
from metagrad.kernels.chunks import map_chunks, split
from metagrad.kernels.matmul import product
from metagrad.kernels.selection import select
from metagrad.kernels.threads import can_hold_blas, get_num_threads


def has(level: int, x: Any) -> bool:
    """Whether an argument has examples at this level."""
    return isinstance(x, BatchedArray) and x.level == level


def lined_up(level: int, x: Any, ndim: int) -> Any:
    """An argument's examples with as many dimensions as the others have, the batch in front; what has none as it is."""
    if not has(level, x):
        return x
    return x.examples if x.ndim == ndim else x.examples[(slice(None), *(None,) * (ndim - x.ndim))]


def spread(level: int, x: Any, count: int) -> Any:
    """The examples of an argument; as many times itself, where it has none."""
    if has(level, x):
        return x.examples
    return np.broadcast_to(x, (count, *np.shape(x)))


def wrapped(level: int, found: Any) -> Any:
    """Results as arrays of examples."""
    if isinstance(found, tuple | list):
        parts = [wrapped(level, part) for part in found]
        return type(found)(*parts) if hasattr(found, "_fields") else type(found)(parts)
    return BatchedArray(level, found)


def moved(axis: Any) -> Any:
    """An axis, or several, past the batch."""
    if isinstance(axis, tuple | list):
        return tuple(moved(a) for a in axis)
    return axis if axis is None or axis < 0 else axis + 1


# ------------------------------------------------ ufuncs


def _call(level: int, ufunc: np.ufunc, *inputs: Any, out: Any = None, where: Any = True, **kwargs: Any) -> Any:
    ndim = max(np.ndim(x) for x in inputs)
    if where is not True:
        kwargs["where"] = lined_up(level, where, ndim)
    if out is not None:
        if not all(has(level, o) for o in out):
            raise NoRule("many examples cannot be written to the place of one")
        ndim = max(ndim, *[o.ndim for o in out])
        kwargs["out"] = tuple(o.examples for o in out)
    found = ufunc(*[lined_up(level, x, ndim) for x in inputs], **kwargs)
    if out is not None:
        return out[0] if len(out) == 1 else out
    return wrapped(level, found)


def _reduce(
    level: int, ufunc: np.ufunc, x: Any, axis: Any = 0, dtype: Any = None, out: Any = None, **kwargs: Any
) -> Any:
    if out is not None or not has(level, x) or kwargs.get("where", True) is not True:
        return one_by_one(ufunc.reduce)(level, x, axis, dtype, out, **kwargs)
    axes = tuple(range(1, x.ndim + 1)) if axis is None else moved(axis)
    return BatchedArray(level, ufunc.reduce(x.examples, axis=axes, dtype=dtype, **kwargs))


def _accumulate(level: int, ufunc: np.ufunc, x: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
    if out is not None:
        return one_by_one(ufunc.accumulate)(level, x, axis, dtype, out)
    return BatchedArray(level, ufunc.accumulate(x.examples, axis=moved(axis), dtype=dtype))


def _outer(level: int, ufunc: np.ufunc, x: Any, y: Any, **kwargs: Any) -> Any:
    return ufunc(np.reshape(x, np.shape(x) + (1,) * np.ndim(y)), y, **kwargs)


RULES[np.ufunc, "__call__"] = _call
RULES[np.ufunc, "reduce"] = _reduce
RULES[np.ufunc, "accumulate"] = _accumulate
RULES[np.ufunc, "outer"] = _outer


def _matmul(level: int, a: Any, b: Any, out: Any = None, **kwargs: Any) -> Any:
    if out is not None:
        out[0][...] = _matmul(level, a, b)
        return out[0]
    a_row, b_column = np.ndim(a) == 1, np.ndim(b) == 1
    a, b = np.expand_dims(a, 0) if a_row else a, np.expand_dims(b, 1) if b_column else b
    found = BatchedArray(level, _product(level, a, b))
    if a_row or b_column:
        return np.squeeze(found, axis=tuple([-2] * a_row + [-1] * b_column))
    return found


def _product(level: int, a: Any, b: Any) -> Any:
    """a (*, m, k) @ b (*, k, n), of either of which there may be many."""
    if not has(level, b) and np.ndim(b) == 2:  # the rows of all examples are rows of one matrix
        rows = a.examples.reshape(-1, a.shape[-1])
        return product(rows, b).reshape((*a.examples.shape[:-1], b.shape[-1]))
    ndim = max(a.ndim, b.ndim)
    x, y = lined_up(level, a, ndim), lined_up(level, b, ndim)
    return x * y if a.shape[-1] == 1 == b.shape[-2] and a.dtype.kind in "fc" else stacks(x, y)


def stacks(x: Any, y: Any) -> Any:
    """x (count, *, m, k) @ y (count, *, k, n), either of them without the count or with 1: chunks of the stack on all threads."""
    if not (x.__class__ is np.ndarray and y.__class__ is np.ndarray and can_hold_blas()):
        return np.matmul(x, y)
    shape = np.broadcast_shapes(x.shape[:-2], y.shape[:-2]) if max(x.ndim, y.ndim) > 2 else ()
    if not shape or 0 in shape:
        return np.matmul(x, y)
    out = np.empty((*shape, x.shape[-2], y.shape[-1]), np.result_type(x, y))

    def work(chunk: slice) -> None:
        left, right = [a[chunk] if a.ndim == out.ndim and a.shape[0] == shape[0] else a for a in (x, y)]
        np.matmul(left, right, out=out[chunk])

    threads = get_num_threads() if out.size * x.shape[-1] > tuning.MATMUL_WORTH_THREADS else 1
    map_chunks(work, split(shape[0], threads), blas=True)
    return out


RULES[np.matmul] = _matmul


def _dot(level: int, a: Any, b: Any, out: Any = None) -> Any:
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.multiply(a, b)
    if np.ndim(b) <= 2:
        return np.matmul(a, b)
    return one_by_one(np.dot)(level, a, b)


RULES[np.dot] = _dot
RULES[np.outer] = lambda level, a, b, out=None: np.multiply.outer(np.reshape(a, -1), np.reshape(b, -1))
RULES[np.vdot] = lambda level, a, b: np.matmul(np.conjugate(np.reshape(a, -1)), np.reshape(b, -1))


def _einsum(level: int, text: Any, *operands: Any, **kwargs: Any) -> Any:
    terms, _, result = text.replace(" ", "").partition("->") if isinstance(text, str) else ("", "", "")
    free = next((c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in text), "") if isinstance(text, str) else ""
    if "->" not in text or not free or kwargs.get("out") is not None:
        return one_by_one(np.einsum)(level, text, *operands, **kwargs)
    named = [free * has(level, x) + term for term, x in zip(terms.split(","), operands, strict=True)]
    plain = [x.examples if has(level, x) else x for x in operands]
    return BatchedArray(level, np.einsum(f"{','.join(named)}->{free}{result}", *plain, **kwargs))


def _tensordot(level: int, a: Any, b: Any, axes: Any = 2) -> Any:
    if isinstance(axes, int):
        of_a, of_b = list(range(np.ndim(a) - axes, np.ndim(a))), list(range(axes))
    else:
        of_a, of_b = ([n] if isinstance(n, int) else list(n) for n in axes)
    of_a, of_b = [n % np.ndim(a) for n in of_a], [n % np.ndim(b) for n in of_b]
    rest_a, rest_b = ([n for n in range(np.ndim(x)) if n not in of] for x, of in ((a, of_a), (b, of_b)))
    rows, columns = [a.shape[n] for n in rest_a], [b.shape[n] for n in rest_b]
    inner = int(np.prod([a.shape[n] for n in of_a], dtype=np.int64))
    left = np.transpose(a, (*rest_a, *of_a)).reshape((int(np.prod(rows, dtype=np.int64)), inner))
    right = np.transpose(b, (*of_b, *rest_b)).reshape((inner, int(np.prod(columns, dtype=np.int64))))
    return np.matmul(left, right).reshape((*rows, *columns))


RULES[np.einsum] = _einsum
RULES[np.tensordot] = _tensordot


# ------------------------------------------------ element by element


def _elementwise(function: Callable[..., Any]) -> Callable[..., Any]:
    def rule(level: int, *args: Any, out: Any = None, **kwargs: Any) -> Any:
        given = [*args, *kwargs.values()]
        ndim = max(np.ndim(x) for x in given if not isinstance(x, str | dict))
        found = function(
            *[lined_up(level, x, ndim) for x in args], **{k: lined_up(level, x, ndim) for k, x in kwargs.items()}
        )
        if out is None:
            return BatchedArray(level, found)
        out[...] = BatchedArray(level, found)
        return out

    return rule


_function: Any
for _function in (
    np.clip, np.nan_to_num, np.isclose, np.real, np.imag, np.angle, np.sinc, np.i0, np.round, np.around, np.fix, np.iscomplex,
    np.isreal, np.copy, np.isneginf, np.isposinf,
):  # fmt: skip
    RULES[_function] = _elementwise(_function)


def _where(level: int, condition: Any, *values: Any) -> Any:
    if not values:
        raise NoRule("where of one argument")
    ndim = max(np.ndim(x) for x in (condition, *values))
    return BatchedArray(level, select(*[lined_up(level, x, ndim) for x in (condition, *values)]))


RULES[np.where] = _where


def _filled_like(function: Callable[..., Any], at: int) -> Callable[..., Any]:
    """``zeros_like`` and its kind; of another shape, of which there are not many."""

    def rule(level: int, x: Any, *args: Any, shape: Any = None, **kwargs: Any) -> Any:
        if shape is not None or not has(level, x):
            return function(
                x.examples if has(level, x) else x, *args, shape=np.shape(x) if shape is None else shape, **kwargs
            )
        value = [lined_up(level, v, x.ndim) for v in args[:at]]
        named = {k: lined_up(level, v, x.ndim) for k, v in kwargs.items()}
        return BatchedArray(level, function(x.examples, *value, *args[at:], **named))

    return rule


for _function, _at in ((np.zeros_like, 0), (np.ones_like, 0), (np.empty_like, 0), (np.full_like, 1)):
    RULES[_function] = _filled_like(_function, _at)


def _made_like(function: Callable[..., Any]) -> Callable[..., Any]:
    """What makes an array like another of many examples: as many."""

    def rule(like: Any, shape: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(like, BatchedArray):
            raise NoRule("a shape of many examples")
        sizes = (shape,) if isinstance(shape, int | np.integer) else tuple(shape)
        inner = {"like": like.examples} if isinstance(like.examples, BatchedArray) else {}
        return BatchedArray(like.level, function((like.count, *sizes), *args, **kwargs, **inner))

    return rule


for _function in (np.zeros, np.ones, np.empty, np.full):
    RULES[_function] = _made_like(_function)


def _asarray(level: Any, x: Any, dtype: Any = None, *args: Any, **kwargs: Any) -> Any:
    if isinstance(level, BatchedArray):  # like this one: as many
        one = np.array(x, dtype, *args, **kwargs)
        return BatchedArray(level.level, np.broadcast_to(one, (level.count, *one.shape)).copy())
    if not has(level, x):
        raise NoRule("examples inside of a list")
    return x if dtype is None else x.astype(dtype)


RULES[np.array] = RULES[np.asarray] = _asarray


def _copyto(level: int, target: Any, source: Any, casting: str = "same_kind", where: Any = True) -> None:
    if where is True:
        target[...] = source
        return
    if not has(level, target):
        raise NoRule("many examples cannot be written to the place of one")
    ndim = target.ndim
    np.copyto(target.examples, lined_up(level, source, ndim), casting, where=lined_up(level, where, ndim))  # type: ignore[arg-type]


RULES[np.copyto] = _copyto


# ------------------------------------------------ along axes


def _reducing(function: Callable[..., Any], at: int = 1) -> Callable[..., Any]:
    """Functions that take away the axes they are given, all by default. at: which argument says the axes."""

    def rule(level: int, x: Any, *args: Any, **kwargs: Any) -> Any:
        listed = list(args)
        named = len(listed) < at
        axis = kwargs.pop("axis", None) if named else listed[at - 1]
        axis = tuple(range(1, x.ndim + 1)) if axis is None else moved(axis)
        if not has(level, x) or counted(level, (args, kwargs)) >= 0 or kwargs.get("out") is not None:
            raise NoRule(function.__name__)
        if named:
            return BatchedArray(level, function(x.examples, *listed, axis=axis, **kwargs))
        listed[at - 1] = axis
        return BatchedArray(level, function(x.examples, *listed, **kwargs))

    return rule


for _function in (
    np.sum, np.prod, np.mean, np.max, np.min, np.amax, np.amin, np.any, np.all, np.var, np.std, np.median, np.nansum, np.nanprod,
    np.nanmean, np.nanmax, np.nanmin, np.nanvar, np.nanstd, np.nanmedian, np.count_nonzero, np.ptp,
):  # fmt: skip
    RULES[_function] = _reducing(_function)
for _function in (np.quantile, np.nanquantile, np.percentile):
    RULES[_function] = one_by_one(_function)


def _along(function: Callable[..., Any], default: Any = -1) -> Callable[..., Any]:
    """Functions along one axis; for None, which may be the default, along all elements in a row."""
    names = list(inspect.signature(function).parameters)
    at = names.index("axis")

    def rule(level: int, x: Any, *args: Any, **kwargs: Any) -> Any:
        given = dict(zip(names[1:], args, strict=False)) | kwargs
        axis = given.pop("axis", default)
        if not has(level, x) or given.get("out") is not None or counted(level, given) >= 0:
            raise NoRule(function.__name__)
        rows = np.reshape(x, -1).examples if axis is None or not x.ndim else x.examples  # type: ignore[attr-defined]
        lead = [given.pop(n) for n in names[1:at] if n in given]
        found = function(rows, *lead, axis=1 if axis is None or not x.ndim else moved(axis), **given)
        keep = given.get("keepdims")
        if axis is None and keep is True:
            found = found.reshape((-1, *(1,) * x.ndim))
        elif not x.ndim and found.ndim == 2 and function is not np.repeat:
            found = found[:, 0]
        return BatchedArray(level, found)

    return rule


for _function, _default in (
    (np.argmax, None), (np.argmin, None), (np.cumsum, None), (np.cumprod, None), (np.nancumsum, None), (np.sort, -1),
    (np.argsort, -1), (np.partition, -1), (np.argpartition, -1), (np.diff, -1), (np.repeat, None),
    *[(getattr(np.fft, n), -1) for n in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")],
):  # fmt: skip
    RULES[_function] = _along(_function, _default)


def _over_axes(function: Callable[..., Any], default: Any) -> Callable[..., Any]:
    """Fourier transforms along several axes."""

    def rule(level: int, x: Any, s: Any = None, axes: Any = default, norm: Any = None, out: Any = None) -> Any:
        if axes is None:
            axes = tuple(range(-len(s if s is not None else x.shape), 0))
        return BatchedArray(level, function(x.examples, s, moved(axes), norm))

    return rule


for _name in ("fftn", "ifftn", "rfftn", "irfftn"):
    RULES[getattr(np.fft, _name)] = _over_axes(getattr(np.fft, _name), None)
for _name in ("fft2", "ifft2", "rfft2", "irfft2"):
    RULES[getattr(np.fft, _name)] = _over_axes(getattr(np.fft, _name), (-2, -1))
RULES[np.fft.fftshift] = lambda level, x, axes=None: BatchedArray(
    level, np.fft.fftshift(x.examples, range(1, x.ndim + 1) if axes is None else moved(axes))
)
RULES[np.fft.ifftshift] = lambda level, x, axes=None: BatchedArray(
    level, np.fft.ifftshift(x.examples, range(1, x.ndim + 1) if axes is None else moved(axes))
)


# ------------------------------------------------ matrices in the last two dimensions


def _on_matrices(function: Callable[..., Any]) -> Callable[..., Any]:
    def rule(level: int, x: Any, *args: Any, **kwargs: Any) -> Any:
        return wrapped(level, function(x.examples, *args, **kwargs))

    return rule


for _name in "inv det slogdet cholesky qr svd svdvals eig eigh eigvals eigvalsh pinv matrix_power".split():
    if hasattr(np.linalg, _name):
        RULES[getattr(np.linalg, _name)] = _on_matrices(getattr(np.linalg, _name))
for _function in (np.tril, np.triu):
    RULES[_function] = _on_matrices(_function)


def _solve(level: int, a: Any, b: Any) -> Any:
    column = np.ndim(b) == 1
    b = np.expand_dims(b, -1) if column else b
    ndim = max(np.ndim(a), np.ndim(b))
    found = BatchedArray(level, np.linalg.solve(lined_up(level, a, ndim), lined_up(level, b, ndim)))
    return found[..., 0] if column else found


RULES[np.linalg.solve] = _solve


# ------------------------------------------------ what is known without the numbers, and what not without them


def _none(name: str) -> Callable[..., Any]:
    def rule(level: int, *args: Any, **kwargs: Any) -> Any:
        raise NoRule(name)

    return rule


for _function in (np.nonzero, np.flatnonzero, np.argwhere, np.unique):
    RULES[_function] = _none(_function.__name__)
RULES[np.shape] = lambda level, x: x.shape
RULES[np.ndim] = lambda level, x: x.ndim
RULES[np.size] = lambda level, x, axis=None: x.size if axis is None else x.shape[axis]
RULES[np.result_type] = lambda level, *xs: np.result_type(
    *[x.examples if isinstance(x, BatchedArray) else x for x in xs]
)
RULES[np.can_cast] = lambda level, x, to, casting="safe": np.can_cast(x.dtype, to, casting)
RULES[np.iscomplexobj] = lambda level, x: x.dtype.kind == "c"
RULES[np.isrealobj] = lambda level, x: x.dtype.kind != "c"
RULES[np.may_share_memory] = RULES[np.shares_memory] = lambda level, a, b, max_work=None: np.may_share_memory(
    a.examples if isinstance(a, BatchedArray) else a, b.examples if isinstance(b, BatchedArray) else b
)
