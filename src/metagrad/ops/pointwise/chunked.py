"""Large pointwise ops, chunk by chunk on all threads.

NumPy does one operation over the whole of an array, then the next, on one thread. For an array that the cache does not
hold, each of them waits for memory. So a pointwise op is run over chunks that the cache does hold, each chunk through all
of the formula, and the chunks are shared out to the threads. The op does not know: this file has its ``forward`` and
``backward`` written down as a formula (``kernels/fusion.py``), and computes that on the chunks.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, ClassVar, TypeAlias, TypeGuard

import numpy as np
from numpy import ndarray

from metagrad.autograd.function import Function
from metagrad.base.result_order import descending, laid_out_by
from metagrad.base.typing import Array
from metagrad.kernels import fused_loops, tuning
from metagrad.kernels.chunks import Cuts
from metagrad.kernels.compiled.choice import is_half
from metagrad.kernels.fusion import NotPointwise
from metagrad.kernels.one_call import Parted, in_parts
from metagrad.ops.pointwise.destination import room
from metagrad.ops.pointwise.fused import backward_on_gpu, forward_on_gpu, on_gpu
from metagrad.ops.pointwise.loops import Loops, backward_by_loop, fit, forward_by_loop
from metagrad.ops.pointwise.turned import Turn, backward_on_copies, forward_on_copies, have_gaps, turning

Results: TypeAlias = "Array | tuple[Array, ...]"  # what a forward or a backward gives
_new = object.__new__
_VARARGS = 0x04  # inspect.CO_VARARGS
_SPREADS = 512  # elements from which an array may make a large one together with another that is not large


class Pointwise(Function):
    """Base of ops whose results, and whatever they keep for the gradient, have the shape the inputs broadcast to.

    Each element of a result must depend on the elements at the same position alone.
    """

    __slots__ = ()
    loops: ClassVar[Loops | None] = None
    ufunc: ClassVar[np.ufunc | None] = None  # what forward calls, if it is one call; or the parameter of that name
    # Letters of the dtypes that NumPy takes one number at a time of, unless forward is noted down.
    one_by_one: ClassVar[str] = "e"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "forward" in cls.__dict__:
            cls.forward = _forward_in_chunks(cls.forward)  # type: ignore[method-assign]
        if "backward" in cls.__dict__:
            cls.backward = _backward_in_chunks(cls.backward)  # type: ignore[method-assign]

    def narrow_forward(self, inputs: Sequence[Any], params: dict[str, Any]) -> Results | None:
        """The result of large arrays of bfloat16, by a compiled loop; None where there is none."""
        shape = next((x.shape for x in inputs if is_half(x)), ())
        return _of_bfloat16(self, _forward, "forward", inputs, shape, inputs, params)

    def narrow_backward(self, grad: Array) -> Results | None:
        """The gradients of the inputs in the same way."""
        return _of_bfloat16(self, _backward, "backward", [grad, *self.saved, *self.__dict__.values()], grad.shape, grad)


def _of_bfloat16(
    node: Pointwise, run: Callable[..., Results], what: str, values: Sequence[Any], shape: tuple[int, ...], *given: Any
) -> Results | None:
    arrays = [x for x in values if isinstance(x, ndarray) and x.dtype.kind != "b"]
    if not arrays or any(not is_half(x) or x.dtype.kind != "V" or x.shape != shape for x in arrays):
        return None
    cuts = Cuts.of(shape, values)
    try:
        formula = getattr(type(node), what).__wrapped__
        return None if cuts is None else run(node, formula, cuts, *given, half=arrays[0].dtype)
    except NotPointwise:
        return None


def is_large(x: object) -> TypeGuard[np.ndarray]:
    """Whether an array is worth cutting."""
    return type(x) is np.ndarray and x.size >= tuning.POINTWISE_LARGE


def _forward_in_chunks(forward: Callable[..., Results]) -> Callable[..., Results]:
    """``forward``, in chunks if an input is large, by a loop from fewer elements on, as that needs no noting down.

    For small ops the test counts: one and two inputs have their own, shorter.
    """

    def in_chunks(self: Pointwise, *inputs: Array, **params: object) -> Results:
        first = inputs[0]
        if first.__class__ is not ndarray or first.flags.c_contiguous:
            return large(self, *inputs, **params)
        order = turning(first, inputs[1:])
        if order is not None:
            return Turn(first.shape, order).forward(large, self, inputs, params)
        return _laid_out(self, large(self, *inputs, **params), inputs)

    def large(self: Pointwise, *inputs: Array, **params: object) -> Results:
        x = inputs[0] if is_large(inputs[0]) else _widest(inputs)
        if self.loops is not None and fit(x, *inputs):
            return forward_by_loop(self, self.loops, x, params, room(self, inputs))
        y = _by_one_call(self, forward, inputs, params)
        if y is not None:
            return y
        cuts = Cuts.of(x.shape, inputs)
        if cuts is None and have_gaps(inputs):
            return forward_on_copies(large, self, inputs, params)
        try:
            if cuts is not None:
                return _forward(self, forward, cuts, inputs, params)
        except NotPointwise:
            pass
        return forward(self, *inputs, **params)

    def one(self: Pointwise, x: Array) -> Results:
        if x.__class__ is not ndarray:
            return forward_on_gpu(self, forward, (x,), {}) if on_gpu(x) else forward(self, x)
        size = x.size
        if size >= tuning.POINTWISE_LARGE or size >= slow and x.dtype.char in self.one_by_one:
            return in_chunks(self, x)
        if size >= tuning.COMPILED_WORTH and self.loops and self.loops.serve(x):
            return in_chunks(self, x)
        y = forward(self, x)
        return y if x.flags.c_contiguous else _laid_out(self, y, (x,))

    def two(self: Pointwise, x: Array, y: Array) -> Results:
        large = tuning.POINTWISE_LARGE
        if y.__class__ is ndarray and (y.size >= large or y.size >= slow and y.dtype.char in self.one_by_one):
            return in_chunks(self, x, y)
        if x.__class__ is ndarray:
            size = x.size
            if size >= large or size >= slow and x.dtype.char in self.one_by_one:
                return in_chunks(self, x, y)
            if size >= _SPREADS and _spread_far(x, y):
                return in_chunks(self, x, y)
            z = forward(self, x, y)
            return z if x.flags.c_contiguous or _settled(x, y, z) else _laid_out(self, z, (x, y))
        if y.__class__ is not ndarray and on_gpu(x, y):
            return forward_on_gpu(self, forward, (x, y), {})
        return forward(self, x, y)

    def several(self: Pointwise, *inputs: Array, **params: object) -> Results:
        large = tuning.POINTWISE_LARGE
        for x in inputs:
            if x.__class__ is ndarray and (x.size >= large or x.size >= slow and x.dtype.char in self.one_by_one):
                return in_chunks(self, *inputs, **params)
        if self.loops and len(inputs) == 1 and self.loops.serve(inputs[0]):
            return in_chunks(self, *inputs, **params)
        if inputs[0].__class__ is ndarray and len(inputs) > 1 and not inputs[0].flags.c_contiguous:
            return _laid_out(self, forward(self, *inputs, **params), inputs)
        if inputs[0].__class__ is not ndarray and on_gpu(*inputs):
            return forward_on_gpu(self, forward, inputs, params)
        return forward(self, *inputs, **params)

    code, slow = forward.__code__, tuning.POINTWISE_SLOW
    ways: dict[tuple[str, ...], Callable[..., Results]] = {("self", "x"): one, ("self", "x", "y"): two}
    return functools.wraps(forward)(ways.get(code.co_varnames[: code.co_argcount], several))


def _widest(inputs: Sequence[Any]) -> ndarray:
    """The input of the most elements, the first of several."""
    return max([x for x in inputs if x.__class__ is ndarray], key=ndarray.size.__get__)


def _spread_far(x: ndarray, y: Array) -> bool:
    """Whether two arrays of one dtype, neither of them large, broadcast to a large one."""
    return (
        y.__class__ is ndarray
        and x.shape != y.shape  # most often they are alike, and no more is asked
        and x.size * y.size >= tuning.POINTWISE_LARGE
        and x.dtype == y.dtype
        and math.prod(map(max, itertools.zip_longest(x.shape[::-1], y.shape[::-1], fillvalue=1)))
        >= tuning.POINTWISE_LARGE
    )


def _settled(x: ndarray, y: Array, z: Results) -> bool:
    """Whether NumPy has laid out a result as PyTorch does, as where both operands lie alike, or the first in order with gaps."""
    steps = x.strides
    if y.__class__ is ndarray and steps == y.strides and x.shape == y.shape:
        return 0 not in steps
    return z.__class__ is ndarray and x.shape == z.shape and z.flags.c_contiguous and descending(steps)


def _laid_out(node: Function, y: Results, inputs: Sequence[Array]) -> Results:
    """A result of inputs of which the first is not in order in memory: in the order that PyTorch gives it."""
    laid_out = laid_out_by(y, *inputs)
    if laid_out is not y:
        node.saved = tuple([laid_out if a is y else a for a in node.saved])
    return laid_out


def _by_one_call(
    node: Pointwise, forward: Callable[..., Results], inputs: Sequence[Array], params: dict[str, object]
) -> Array | None:
    """The result of an op that is a ufunc and keeps nothing but inputs, without noting it down; None for others."""
    ufunc = node.ufunc or params.get("ufunc")
    if not isinstance(ufunc, np.ufunc):
        return None
    for x in inputs:
        if not isinstance(x, np.ndarray):
            return None
    if True in node.needs:
        key = None if params else (node.__class__, *node.needs, *[x.dtype for x in inputs])
        kept = _kept.get(key)
        if kept is None:
            kept = _inputs_kept(node, forward, inputs, params)
            if key is not None:
                _kept[key] = kept
        if None in kept:
            return None
        node.saved = tuple([None if i < 0 else inputs[i] for i in kept])
    return in_parts(ufunc, inputs, room(node, inputs))


_kept: dict[Any, tuple[Any, ...]] = {}


def _inputs_kept(
    node: Pointwise, forward: Callable[..., Results], inputs: Sequence[Array], params: dict[str, object]
) -> tuple[Any, ...]:
    """Which inputs an op keeps, by number, as its forward of their first elements tells: −1 for nothing, None for no input."""
    firsts, like = [x[tuple([slice(1)] * x.ndim)] for x in inputs], _like(node)
    forward(like, *firsts, **params)
    numbers = {id(None): -1, **{id(first): i for i, first in enumerate(firsts)}}
    return (None,) if like.__dict__ else tuple([numbers.get(id(a)) for a in like.saved])


def _backward_in_chunks(backward: Callable[..., Results]) -> Callable[..., Results]:
    """``backward``, in chunks if the gradient of an only result is large. For small ones that test is all that is added."""

    def in_chunks(self: Pointwise, grad: Array) -> Results:
        if not any(n > 1 and step for n, step in zip(grad.shape, grad.strides, strict=True)):
            return in_cuts(self, grad, [], _backward_of_one_number)
        order = None if grad.flags.c_contiguous else turning(grad, [*self.saved, *self.__dict__.values()])
        if order is not None:
            return Turn(grad.shape, order).backward(large, self, grad)
        return large(self, grad)

    def large(self: Pointwise, grad: Array) -> Results:
        if self.loops is not None and self.loops.backward is not None and fit(grad, *self.saved):
            return backward_by_loop(self, self.loops.backward, grad)
        return in_cuts(self, grad, [grad], _backward)

    def in_cuts(self: Pointwise, grad: Array, cut: list[Array], run: Callable[..., Results]) -> Results:
        cuts = Cuts.of(grad.shape, [*cut, *self.saved, *self.__dict__.values()])
        if cuts is None and cut and have_gaps((grad, *self.saved)):
            return backward_on_copies(large, self, grad)
        if cuts is not None:
            try:
                return run(self, backward, cuts, grad)
            except NotPointwise:
                pass
        if not any(a.__class__ is ndarray and a.shape != grad.shape for a in self.saved):
            return backward(self, grad)
        found = backward(self, grad.view(Parted))  # a row and a column, say
        return tuple(map(_ordinary, found)) if found.__class__ is tuple else _ordinary(found)

    def one(self: Pointwise, grad: Array) -> Results:
        if grad.__class__ is not ndarray:
            return backward_on_gpu(self, backward, grad) if on_gpu(grad) else backward(self, grad)
        size = grad.size
        if size >= tuning.POINTWISE_LARGE or size >= tuning.POINTWISE_SLOW and grad.dtype.char == "e":
            return in_chunks(self, grad)
        if size >= tuning.COMPILED_WORTH and self.loops and self.loops.serve(grad):
            return in_chunks(self, grad)
        return backward(self, grad)

    def several(self: Pointwise, grad: Array, *others: Array) -> Results:
        if not others:
            return one(self, grad)
        if grad.__class__ is not ndarray and on_gpu(grad, *others):
            return backward_on_gpu(self, backward, grad, *others)
        return backward(self, grad, *others)

    code = backward.__code__
    takes_one = code.co_argcount == 2 and not code.co_flags & _VARARGS
    return functools.wraps(backward)(one if takes_one else several)


def _ordinary(x: Array) -> Array:
    return x.view(ndarray) if x.__class__ is Parted else x


@functools.cache
def _noting() -> ModuleType:
    """What notes a formula and computes it on chunks: a program of small arrays does without it."""
    from metagrad.ops.pointwise import computation

    return computation


def _forward(
    node: Function,
    forward: Callable[..., Results],
    cuts: Cuts,
    inputs: Sequence[Array],
    params: dict[str, object],
    half: np.dtype[Any] | None = None,
) -> Array:
    kind = (node.__class__, forward, half, *node.needs)
    key = None if cuts.columns else fused_loops.key_of(kind, cuts.shape, inputs, params)
    plan = fused_loops.plan_of(key) or _noting().chunked_formula.plan_of(key)
    if plan is not None:
        rooms = [room(node, inputs, plan.dtypes[0]) if plan.dtypes else None]
        computed = plan.compute(inputs, cuts.unit, lambda dtype: _memory(cuts, dtype, rooms))
        if computed is not None:
            last = len(computed) - len(plan.attributes)
            node.saved = tuple(computed[1:last])
            node.__dict__.update(zip(plan.attributes, computed[last:], strict=True))
            return computed[0]
    work, sampled = _noting().Computation(cuts, inputs, half), _like(node)
    found = forward(sampled, *[work.sample(x) for x in inputs], **params)
    if work.tape.number(found) is None:
        raise NotPointwise("a result that is an input, or no array")
    ends_with_it = work.tape.steps and work.tape.steps[-1].result == work.tape.number(found)  # no later step reads x
    result = work.whole(found, room(node, inputs, half or getattr(found, "dtype", None)) if ends_with_it else None)
    node.saved = tuple([work.whole(a) for a in sampled.saved])
    attributes = {name: work.whole(a) for name, a in sampled.__dict__.items()}
    node.__dict__.update(attributes)
    work.run(key if ends_with_it else None, inputs, [result, *node.saved, *attributes.values()], list(attributes))
    return result


def _memory(cuts: Cuts, dtype: np.dtype[Any], rooms: list[Array | None]) -> Array:
    """Memory for a planned result: the first one, which is the op's, goes to the room there is for it."""
    memory = rooms.pop() if rooms else None
    fits = memory is not None and memory.dtype == dtype and memory.shape == cuts.shape
    return memory if fits else np.empty(cuts.shape, dtype)


def _backward(
    node: Function, backward: Callable[..., Results], cuts: Cuts, grad: Array, half: np.dtype[Any] | None = None
) -> Results:
    values = [grad, *node.saved, *node.__dict__.values()]
    kind = (node.__class__, backward, half, len(node.saved), *node.needs, *node.__dict__)
    key = None if cuts.columns else fused_loops.key_of(kind, cuts.shape, values, {})
    plan = fused_loops.plan_of(key) or _noting().chunked_formula.plan_of(key)
    if plan is not None:
        computed = plan.compute(values, cuts.unit, lambda dtype: np.empty(cuts.shape, dtype))
        if computed is not None:
            return tuple(computed)
    work, sampled = _noting().Computation(cuts, values[1:], half), _like(node)
    sampled.saved = tuple([work.sample(a) for a in node.saved])
    sampled.__dict__.update({name: work.sample(a) for name, a in node.__dict__.items()})
    found = backward(sampled, work.sample(grad))
    results = found if found.__class__ is tuple else (found,)
    wholes = tuple([work.whole(r) for r in results])
    work.run(key, values, wholes, ())
    return wholes


def _backward_of_one_number(node: Function, backward: Callable[..., Results], cuts: Cuts, grad: Array) -> Results:
    """The same for a gradient that repeats one number, as that of a sum does: it is not written out."""
    found = _backward(node, backward, cuts, np.asarray(grad[(0,) * grad.ndim]))
    results = found if found.__class__ is tuple else (found,)
    return tuple([np.broadcast_to(r, grad.shape) if r is not None and np.ndim(r) == 0 else r for r in results])


def _like(node: Function) -> Function:
    other = _new(type(node))
    other.needs, other.saved = node.needs, ()
    return other
