"""Functions in PyTorch's own style: static ``forward(ctx, …)`` and ``backward(ctx, …)`` on tensors.

A subclass of ``metagrad.autograd.Function`` whose ``forward`` is a static method is run by ``apply_static``. Each call is
one node of the graph that holds a ``Context``; the gradients of its results go through the user's ``backward``.
"""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np

from metagrad.autograd import function as op
from metagrad.autograd.composites import composite, once_differentiable
from metagrad.autograd.errors import FREED, freed, miscounted, overwritten
from metagrad.autograd.forward import outside
from metagrad.autograd.function import STALE, Function
from metagrad.autograd.mode import mode, no_grad
from metagrad.autograd.transforms import check_custom
from metagrad.autograd.variable import Variable, wrap
from metagrad.autograd.views import OWN_FUNCTION, alias
from metagrad.autograd.writing import bump, check_history, rewrite_history
from metagrad.base.naming import public
from metagrad.base.warning import warn

observers: list[Callable[[Function], None]] = []  # told of each node


# What a context has of its node, which refers to it, and not the other way round.
_OF_NODES = frozenset(
    {"next_functions", "metadata", "register_hook", "register_prehook", "_sequence_nr", "_input_metadata"}
)


class Context:
    """What ``forward`` leaves for ``backward``: ``save_for_backward`` for tensors, plain attributes for the rest."""

    needs_input_grad: tuple[bool, ...] = ()

    def __init__(self, function: Any = None) -> None:
        self._function = function
        # PyTorch's names, by which programs look for what was marked; None where nothing was, and once forward is over
        self.to_save: tuple[Any, ...] | None = None
        self.non_differentiable: tuple[Any, ...] | None = None
        self.dirty_tensors: tuple[Any, ...] | None = None
        self._materialize = True
        self._node: Callable[[], Any] = lambda: None
        self._restore: list[Any] | None = None
        self._freed = False

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors; ``saved_tensors`` gives them back in ``backward``."""
        for i, t in enumerate(tensors):
            if t is not None and not isinstance(t, Variable):
                raise TypeError(
                    f"save_for_backward can only save variables, but argument {i} is of type {type(t).__name__}"
                )
        self.to_save = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """Keep tensors for ``jvp``, if ``save_for_backward`` keeps none: ``saved_tensors`` gives them back."""
        for t in tensors:
            if t is not None and not isinstance(t, Variable):
                raise TypeError("save_for_forward expects tensors: save other values as attributes of ctx")
        self.to_save = self.to_save or tensors

    def __getattr__(self, name: str) -> Any:
        """What its node has as every node, such as ``next_functions``."""
        if "_function" not in self.__dict__:  # a copy that is not filled yet
            raise AttributeError(name)
        node = None if name not in _OF_NODES else self._node()
        if node is None:
            raise AttributeError(f"{self.name()!r} object has no attribute {name!r}")
        return getattr(node, name)

    def name(self) -> str:
        """The name of the node in the graph."""
        return f"{self._function.__name__}Backward"

    def mark_non_differentiable(self, *outputs: Any) -> None:
        """These results have no gradient."""
        _check_tensors("mark_non_differentiable only accepts", outputs)
        self.non_differentiable = outputs

    def mark_dirty(self, *inputs: Any) -> None:
        """These inputs were changed in place, and are returned."""
        _check_tensors("mark_dirty can only accept", inputs)
        self.dirty_tensors = inputs

    def mark_shared_storage(self, *pairs: Any) -> None:
        """Without effect: which results share memory is found out."""
        warn(
            "mark_shared_storage is deprecated. Tensors with shared storages are automatically tracked. Note that calls to "
            "`set_()` are not tracked",
            FutureWarning,
        )

    def set_materialize_grads(self, value: bool) -> None:
        """Whether ``backward`` gets zeros (the default) or None for a result the loss does not depend on."""
        if not isinstance(value, bool):
            raise TypeError(
                f"set_materialize_grads received an invalid combination of arguments: {value!r:.60} is no bool"
            )
        self._materialize = value

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What ``save_for_backward`` was given."""
        if self._freed:
            raise freed(self._function.__name__)
        if self._restore is None:
            return self.to_save or ()
        return tuple([entry() for entry in self._restore])

    @property
    def saved_variables(self) -> tuple[Any, ...]:
        """``saved_tensors`` by its older name. Warns that it is old."""
        warn("'saved_variables' is deprecated; use 'saved_tensors'", DeprecationWarning)
        return self.saved_tensors

    def _settle(self, node: Custom, outputs: list[Any]) -> None:
        """After forward: hold results by their arrays, for a node that held its own result would never be freed."""
        places = {id(o): i for i, o in enumerate(outputs)}
        fixed = {id(x) for x in self.non_differentiable or ()}
        self._node = weakref.ref(node)
        self._restore = [_keeper(t, places.get(id(t)), node.op_name, id(t) in fixed) for t in self.to_save or ()]
        self.to_save = self.non_differentiable = self.dirty_tensors = None


def _check_tensors(what: str, given: tuple[Any, ...]) -> None:
    """Raise RuntimeError if something else than tensors is marked."""
    for i, x in enumerate(given):
        if not isinstance(x, Variable):
            raise RuntimeError(f"{what} variables, but argument {i} is of type {type(x).__name__}")


class _keeper:
    """A saved tensor, and a check that nobody has overwritten it since."""

    def __init__(self, tensor: Any, output: int | None, name: str, fixed: bool) -> None:
        self.name, self.output = name, output
        self.joined = output is not None and not fixed and tensor.array.dtype.kind in "fcV"
        self.tensor = tensor if output is None else None
        self.array: Any = getattr(tensor, "array", None)
        self.counter = tensor._counter if isinstance(tensor, Variable) else [0]
        self.version = self.counter[0]
        self.edge: Any = None
        self.packer: Any = op.saved_hooks[-1] if op.saved_hooks and isinstance(tensor, Variable) else None
        if self.packer is not None:
            self.content = self.packer.packed(tensor)
            self.tensor, self.array = None, None

    def __call__(self) -> Any:
        if self.packer is not None:
            return self.packer.unpacked(self.content)
        if self.counter[0] != self.version:
            raise overwritten(self.name, tuple(self.array.shape), self.counter[0], self.version)
        if self.tensor is not None or self.array is None:
            return self.tensor
        tensor = wrap(self.array)
        if self.edge is not None:
            tensor._grad_fn, tensor._requires_grad = self.edge, True
        return tensor


class Custom(Function):
    """One call of a static function."""

    computes = False  # the user's function does, in the dtypes of its tensors
    function: Any
    context: Context
    returned: list[bool]  # for each result of forward, whether it is a tensor
    given: list[bool]  # the same of what it took

    def __getattr__(self, name: str) -> Any:
        """What ``forward`` left in its context is found on the node too."""
        context = self.__dict__.get("context")
        if (
            context is not None
            and not name.startswith("__")
            and (name in vars(context) or hasattr(type(context), name))
        ):
            return getattr(context, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def output(self, index: int) -> Function:
        """The node of result ``index``."""
        return super().output(index) if "results" in self.__dict__ else self

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """The nodes the gradients of tensors go to: other arguments have no place."""
        return tuple([edge for edge, is_tensor in zip(super().next_functions, self.given, strict=True) if is_tensor])

    @property
    def fills_in_zeros(self) -> bool:  # type: ignore[override]
        """Unless the user's forward asked for None."""
        return self.context._materialize

    @property
    def op_name(self) -> str:
        """The user's class's name."""
        return str(self.function.__name__)

    def name(self) -> str:
        """The name of this node of the graph: a user's own function has no number, as in PyTorch."""
        return f"{self.op_name}Backward"

    def __repr__(self) -> str:
        return f"<{public('autograd.function')}.{self.name()} object at {hex(id(self))}>"

    def backward(self, *grads: Any) -> Any:
        context = self.context
        recorded = any(isinstance(g, Variable) for g in grads)
        for keeper in context._restore or []:
            if keeper.joined:  # to the graph only while backward runs: no lasting cycle
                keeper.edge = self.output(keeper.output)
        arrived = iter([g if g is None or isinstance(g, Variable) else wrap(g) for g in grads])
        given = [next(arrived) if is_tensor else None for is_tensor in self.returned]
        try:
            results = _way_back(self.function)(context, *given)
        finally:
            for keeper in context._restore or []:
                keeper.edge = None
        results = results if isinstance(results, tuple) else (results,)
        if len(results) < len(self.edges) or any(g is not None for g in results[len(self.edges) :]):
            raise miscounted(self, len(results))
        results = results[: len(self.edges)]
        for i, (g, edge) in enumerate(zip(results, self.edges, strict=True)):
            self._check_gradient(i, g, edge)
        return results if recorded else tuple([g if g is None else g.array for g in results])

    def _check_gradient(self, i: int, g: Any, edge: Any) -> None:
        """Raise if the user's ``backward`` returned something else for input ``i`` than its gradient, broadcast or not."""
        if g is None:
            return
        if not self.given[i]:
            raise RuntimeError(
                f"function {self.name()} returned a gradient different than None at position {i + 1}, but the corresponding "
                "forward input was not a Variable"
            )
        if not isinstance(g, Variable):
            raise RuntimeError(f"expected Variable or None (got {type(g).__name__}) from {self.op_name}.backward")
        if edge is None:
            return
        have, want = tuple(g.array.shape), tuple(edge.array.shape if isinstance(edge, Variable) else edge.shape)
        if len(have) < len(want) or not all(
            n in (1, m) for n, m in zip(want, have[len(have) - len(want) :], strict=True)
        ):
            raise RuntimeError(
                f"Function {self.name()} returned an invalid gradient at index {i} - got {list(have)} but expected shape "
                f"compatible with {list(want)}"
            )

    def release(self) -> None:
        """Drop what was saved."""
        if self.context._restore:
            self.context._restore, self.context._freed, self.saved, self.origins = [], True, FREED, STALE


def _named(base: type[Any], function: Any) -> Any:
    """``base`` under the name that PyTorch gives to the nodes of a user's class, where it is kept."""
    key = f"_{base.__name__}_class"
    if key not in vars(function):
        setattr(function, key, type(f"{function.__name__}Backward", (base,), {"_forward_cls": function}))
    return vars(function)[key]


def _way_back(function: Any) -> Callable[..., Any]:
    """The user's ``backward``, or ``vjp`` by its other name."""
    if function.backward is not Function.backward:
        if "vjp" in dir(function):
            raise RuntimeError(
                "Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You should only implement one of "
                "them."
            )
        return cast("Callable[..., Any]", function.backward)
    if "vjp" in dir(function):
        return cast("Callable[..., Any]", function.vjp)
    raise NotImplementedError(
        f"{function.__name__}: You must implement either the backward or vjp method for your custom autograd.Function to use it "
        "with backward mode AD."
    )


@composite
def apply_static(function: Any, *inputs: Any, **named: Any) -> Any:
    """``function.apply(*inputs)`` for a class with static methods. named: arguments of ``forward`` by their names."""
    if named:
        inputs = _in_order(function, inputs, named)
    check_custom(function)
    for level in reversed(mode.levels):
        if not level.tangents and any(level.has(x) for x in inputs) and level.maps(function):
            return level.custom(function, inputs)
    context = Context(function)
    context.needs_input_grad = tuple(isinstance(x, Variable) and x.requires_grad for x in inputs)
    with no_grad(), outside():
        if "setup_context" in dir(function):
            results = function.forward(*inputs)
            function.setup_context(context, inputs, results)
        else:
            results = function.forward(context, *inputs)
    listed = list(results) if isinstance(results, tuple) else [results]
    dirty, fixed = ({id(x) for x in marked or ()} for marked in (context.dirty_tensors, context.non_differentiable))
    given = {id(x) for x in inputs if isinstance(x, Variable)}
    if not dirty <= {id(o) for o in listed}:
        raise RuntimeError(
            "Some elements marked as dirty during the forward method were not returned as output. The inputs that are modified "
            f"inplace must all be outputs of the Function: so must those of {function.__name__}"
        )
    if not dirty <= given:
        warn(
            "ctx.mark_dirty() received a tensor that was not an input. Only input Tensors that have been mutated should be passed "
            "to ctx.mark_dirty()."
        )
    # A result that is an input, and was not changed, is another name for it: the graph needs two.
    outputs = [alias(o) if id(o) in given - dirty else o for o in listed]
    if mode.levels:
        _push(function, context, inputs, outputs, dirty)
    if not (mode.grad and any(context.needs_input_grad)):
        for x in context.dirty_tensors or ():
            bump(x)
        return tuple(outputs) if isinstance(results, tuple) else outputs[0]
    for x in context.dirty_tensors or ():
        if x._view is None and x._requires_grad and x._grad_fn is None:
            raise RuntimeError("a leaf Variable that requires grad has been used in an in-place operation.")
        check_history(x)
    edges = [(x._node or x) if need else None for x, need in zip(inputs, context.needs_input_grad, strict=True)]
    tensors = [i for i, o in enumerate(outputs) if isinstance(o, Variable)]
    shapes = [(outputs[i].array.shape, outputs[i].array.dtype) for i in tensors]
    node = _named(Custom, function).made(
        edges, *(shapes[0] if shapes else ((), None)), function=function, context=context,
        returned=[isinstance(o, Variable) for o in outputs], given=[isinstance(x, Variable) for x in inputs],
    )  # fmt: skip
    if len(shapes) > 1:
        node.results = shapes
    for observe in observers:
        observe(node)
    context._settle(node, [listed[i] for i in tensors])
    for place, i in enumerate(tensors):
        out = outputs[i]
        if id(listed[i]) in fixed or out.array.dtype.kind not in "fcV":
            continue
        edge = node.output(place)
        if id(listed[i]) in dirty:
            bump(out)
            rewrite_history(out, edge)
        else:
            out._grad_fn, out._requires_grad = edge, True
            if out._view is not None:
                out._view.guard = OWN_FUNCTION
    return tuple(outputs) if isinstance(results, tuple) else outputs[0]


def _push(function: Any, context: Context, inputs: Sequence[Any], outputs: list[Any], dirty: set[int]) -> None:
    """Give the results the tangents that the user's ``jvp`` says they have."""
    for i, level in enumerate(mode.levels):
        with outside(i):
            tangents = [level.of(x) for x in inputs]
            if all(t is None for t in tangents):
                continue
            given = [
                _zeros(x) if t is None and context._materialize else t for x, t in zip(inputs, tangents, strict=True)
            ]
            found = function.jvp(context, *given)
            listed = found if isinstance(found, tuple) else (found,)
            if len(listed) != len(outputs):
                raise RuntimeError(
                    f"Function's jvp returned an invalid number of forward gradients (expected {len(outputs)} but got "
                    f"{len(listed)})"
                )
            for out, tangent in zip(outputs, listed, strict=True):
                if isinstance(out, Variable) and isinstance(tangent, Variable):
                    level.write(out, tangent) if id(out) in dirty else level.give(out, tangent)


def _zeros(x: Any) -> Any:
    """The tangent of an input that has none."""
    return wrap(np.zeros_like(x.array)) if isinstance(x, Variable) and x.array.dtype.kind in "fcV" else None


def _in_order(function: Any, inputs: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
    """The arguments of ``forward`` by position, where some were given by name; what was left out has its default."""
    context = () if "setup_context" in dir(function) else (None,)
    bound = inspect.signature(function.forward).bind(*context, *inputs, **named)
    bound.apply_defaults()
    if bound.kwargs:
        raise TypeError(f"{function.__name__}.apply: give {', '.join(bound.kwargs)} by position")
    return bound.args[len(context) :]


def _jvp(ctx: Any, *grad_inputs: Any) -> Any:
    """The tangents of the results: of a class that does not say them, NotImplementedError."""
    raise NotImplementedError(
        "You must implement the jvp function for custom autograd.Function to use it with forward mode AD."
    )


# What this file adds to ``function.py``, which stands below it: how a class with a static ``forward`` is applied, and the names
# that PyTorch has in a module of that name.
Function.apply_static = apply_static
Function.jvp = staticmethod(_jvp)  # type: ignore[attr-defined]
vars(op).update(FunctionCtx=Context, BackwardCFunction=Custom, once_differentiable=once_differentiable)
