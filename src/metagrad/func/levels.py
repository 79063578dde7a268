"""A ``vmap`` that is open, and the ops in which many examples become one tensor, and one tensor many examples.

Tensors that are the same for all examples and require a gradient are *spread* where an op has them beside many: the gradient that
comes back is a sum over the examples, unless it is asked for inside, for each of them.
"""

from __future__ import annotations

import itertools
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np

from metagrad.autograd.forward import outside
from metagrad.autograd.function import Function
from metagrad.autograd.higher_order import Alias
from metagrad.autograd.mode import mode
from metagrad.autograd.variable import Variable, unwrap
from metagrad.autograd.views import ViewFunction
from metagrad.base.typing import Array
from metagrad.func import batched_arranging, batched_convolution, batched_index  # noqa: F401 - their rules
from metagrad.func.batched import Refused, batched, counted, highest, is_many, unbatched
from metagrad.utils._pytree import tree_flatten

_numbers = itertools.count()


class Examples(ViewFunction):
    """Slices of x along a dimension as many examples at a level;   ∂L/∂x: the examples' gradients along that dimension."""

    level: int
    dim: int
    count: int

    def forward(self, x: Array, *, level: int, dim: int) -> Any:
        """The dimension in front, and not shown."""
        self.level, self.dim, self.count = level, dim, x.shape[dim]
        found = batched(level, np.moveaxis(x, dim, 0))
        found.base, found.dim = x if getattr(x, "base", None) is None else x.base, dim
        return found

    def backward(self, grad: Any) -> Any:
        """The examples' gradients, stacked."""
        return Whole.on(grad, level=self.level, dim=self.dim, count=self.count)


class Whole(Function):
    """Many examples as one tensor, stacked along a dimension; the same for each where there is but one."""

    computes = False
    level: int
    dim: int
    many: bool

    def forward(self, x: Array, *, level: int, dim: int, count: int) -> Any:
        """The examples, stacked."""
        self.level, self.dim = level, dim
        examples = unbatched(level, x)
        self.many = examples is not None
        if not self.many:
            examples = np.broadcast_to(x, (count, *x.shape)).copy()
        return np.moveaxis(examples, 0, dim)

    def backward(self, grad: Any) -> Any:
        """One gradient for each example; their sum where there was but one."""
        return Examples.on(grad, level=self.level, dim=self.dim) if self.many else grad.sum(axis=self.dim)


class Summed(Function):
    """The sum of many examples;   ∂L/∂x is ∂L/∂y for each."""

    def forward(self, x: Array, *, level: int) -> Any:
        """The sum; of what is no array of examples, itself."""
        examples = unbatched(level, x)
        return x if examples is None else examples.sum(axis=0)

    def backward(self, grad: Any) -> Any:
        """The gradient, the same for all."""
        return grad


class Spread(Function):
    """y = x, one for many examples;   ∂L/∂x is the sum of theirs, or, while the level is open, one for each."""

    computes = False
    of: Mapped

    def forward(self, x: Array, *, of: Mapped) -> Array:
        """The array as it is."""
        self.of = of
        return x

    def backward(self, grad: Any) -> Any:
        """The gradients' sum once the level is closed."""
        return grad if self.of.open else Summed.on(grad, level=self.of.number)


class Many(Spread):
    """The same, as an array of as many examples as there are: for a kernel to which all inputs must be alike."""

    def forward(self, x: Array, *, of: Mapped) -> Any:
        """The array, so many times."""
        self.of = of
        return batched(of.number, np.broadcast_to(x, (of.count, *x.shape)))


class VmapInfo(NamedTuple):
    """What a custom Function's ``vmap`` is told."""

    batch_size: int
    randomness: str


class Mapped:
    """One ``vmap`` while its function runs: a context manager. For forward mode it is a level without tangents."""

    tangents = False

    def __init__(self, count: int, randomness: str = "error") -> None:
        self.number, self.count, self.randomness, self.open = next(_numbers), count, randomness, False

    def __enter__(self) -> Self:
        self.open, mode.levels = True, (*mode.levels, self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.open, mode.levels = False, tuple(level for level in mode.levels if level is not self)

    def examples(self, x: Any, dim: int) -> Any:
        """Slices of a tensor as the examples of this level."""
        return Examples.apply(x, level=self.number, dim=dim)

    def whole(self, x: Any, dim: int) -> Any:
        """The examples as one tensor."""
        ndim = x.array.ndim + 1
        if not -ndim <= dim < ndim:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], but got {dim})"
            )
        return Whole.apply(x, level=self.number, dim=dim % ndim, count=self.count)

    def has(self, x: Any) -> bool:
        """Whether a tensor, or an array, is many at this level."""
        return is_many(self.number, unwrap(x))

    def prepared(self, inputs: tuple[Any, ...], params: dict[str, Any]) -> tuple[Any, ...]:
        """An op's inputs, those spread that are the same for all examples and require a gradient."""
        if not mode.grad or not self._is_many(inputs, params):
            return inputs
        return tuple([Spread.apply(x, of=self) if self._is_one(x) else x for x in inputs])

    def alike(self, inputs: tuple[Any, ...], params: dict[str, Any]) -> tuple[Any, ...]:
        """An op's inputs, all of them many if some are."""
        if not self._is_many(inputs, params):
            return inputs
        return tuple([Many.apply(x, of=self) if isinstance(x, Variable) and not self.has(x) else x for x in inputs])

    def as_many(self, x: Any, of: Any) -> Any:
        """A tensor, as many as another is."""
        return Many.apply(x, of=self) if self.has(of) and not self.has(x) else x

    def _is_many(self, inputs: tuple[Any, ...], params: dict[str, Any]) -> bool:
        """Whether an input, or an array among the settings, is many."""
        return any(self.has(x) for x in inputs) or highest(params) >= self.number and counted(self.number, params) >= 0

    def _is_one(self, x: Any) -> bool:
        """Whether a tensor is the same for all, requires a gradient, and is not spread yet, as what a node saved may be."""
        if not isinstance(x, Variable) or not x.requires_grad or self.has(x):
            return False
        node = x._node
        while isinstance(node, Alias):
            node = node.edges[0]
        return not (isinstance(node, Spread) and node.of is self)

    def maps(self, function: Any) -> bool:
        """Whether a custom Function has a ``vmap`` of its own. Raises RuntimeError for one that says nothing of mapping."""
        if "vmap" in dir(function):
            return True
        if getattr(function, "generate_vmap_rule", False) or getattr(function, "_transforms", False):
            return False
        raise Refused(
            f"You tried to vmap over {function.__name__}, but it does not have vmap support. Please override and implement the "
            "vmap staticmethod or set generate_vmap_rule=True."
        )

    def custom(self, function: Any, inputs: tuple[Any, ...]) -> Any:
        """A custom Function of many examples, by its own ``vmap``, with this level closed."""
        if getattr(function, "generate_vmap_rule", False):
            raise Refused(
                f"You tried to vmap over {function.__name__}, but it has both generate_vmap_rule=True and an overridden vmap "
                "staticmethod. Please set generate_vmap_rule=False or delete the overridden vmap staticmethod to avoid ambiguity"
            )
        dims = tuple(self._dim(x) if self.has(x) else None for x in inputs)
        given = [x if d is None else self.whole(x, d) for x, d in zip(inputs, dims, strict=True)]
        with outside(mode.levels.index(self)):
            found = function.vmap(VmapInfo(self.count, self.randomness), dims, *given)
        if not (isinstance(found, tuple) and len(found) == 2):
            raise Refused(
                "Expected the vmap staticmethod to have two returns, an output and out_dims with pytree structure compatible with "
                f"the output. Got a {type(found)} instead"
            )
        out, out_dims = found
        if isinstance(out_dims, tuple) and (not isinstance(out, tuple) or len(out) != len(out_dims)):
            raise Refused(
                "The autograd.Function's vmap staticmethod returned an incompatible (output, out_dims) tuple. Expected "
                f"{out_dims=} to be compatible with the structure of `output`. out_dims has structure "
                f"{tree_flatten(out_dims)[1]} but output has structure {tree_flatten(out)[1]}."
            )
        if not isinstance(out, tuple):
            return out if out_dims is None else self.examples(out, out_dims)
        listed = out_dims if isinstance(out_dims, tuple) else (out_dims,) * len(out)
        return tuple(x if d is None else self.examples(x, d) for x, d in zip(out, listed, strict=True))

    def _dim(self, x: Any) -> int:
        """Where the examples lie in a tensor as it was given, before they were moved to the front."""
        return x.array.dim if x.array.level == self.number else 0

    # ------------------------------------------------ no tangents

    def of(self, x: Any) -> None:
        """None: nothing has a tangent here."""

    def carries(self, x: Any) -> bool:
        """False."""
        return False

    def set(self, x: Any, tangent: Any) -> None:
        """Nothing."""

    give = write = set
