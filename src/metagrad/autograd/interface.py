"""``backward``, ``grad`` and ``Variable`` as PyTorch's programs call them: batched gradients, and arguments from older days."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd import engine
from metagrad.autograd.forward import follows_tangents, unrecorded
from metagrad.autograd.graph import tensors_at
from metagrad.autograd.mode import _Switch, mode
from metagrad.autograd.transforms import refuse_backward
from metagrad.autograd.variable import Variable as _Variable
from metagrad.base.warning import warn, warn_once

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

Tensors = Any  # a tensor, or a sequence of them
repeating: list[
    list[Tensors]
] = []  # while ``vmap`` may call a function again: graphs are kept; outputs whose would be freed


def backward(
    tensors: Tensors,
    grad_tensors: Tensors = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Tensors = None,
    inputs: Tensors = None,
) -> None:
    """Add the gradient of the sum of ``tensors`` to the ``grad`` of every leaf they were computed from.

    grad_tensors (once ``grad_variables``): ∂L/∂tensor for each, where a tensor is not a scalar. retain_graph: keep what
    was saved, for another backward pass. create_graph: record this one, for higher derivatives. inputs: only these leaves.

    Raises RuntimeError if a tensor does not require grad, is no scalar and has no gradient given, or if the graph was
    used before and not kept.

    >>> import metagrad
    >>> x = metagrad.tensor([1.0, 2.0], requires_grad=True)
    >>> metagrad.autograd.backward((x * x).sum())
    >>> x.grad
    tensor([2., 4.])
    """
    refuse_backward()
    gradients = grad_tensors
    if grad_variables is not None:
        warn("`grad_variables` is deprecated. Use `grad_tensors` instead.", FutureWarning)
        if grad_tensors is not None:
            raise RuntimeError(
                "`grad_tensors` and `grad_variables` (deprecated) arguments both passed to `backward()`. Please only "
                "use `grad_tensors`."
            )
        gradients = grad_variables
    if create_graph:
        warn_once(
            "Using backward() with create_graph=True will create a reference cycle between the parameter and its gradient which "
            "can cause a memory leak: use autograd.grad(), or set grad to None afterwards",
            UserWarning,
        )
    inputs = tensors_at(inputs)
    if inputs is not None:
        _check_inputs(inputs, "backward")
    engine.backward(tensors_at(tensors), gradients, retain_graph, create_graph, inputs)


def grad(
    outputs: Tensors,
    inputs: Tensors,
    grad_outputs: Tensors = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor, ...]:
    """The gradients of the sum of ``outputs`` with respect to ``inputs``, returned and not accumulated.

    is_grads_batched: ``grad_outputs`` has one vector a row. allow_unused: None for an input that the outputs do not depend
    on, or with materialize_grads zeros; otherwise that raises RuntimeError. only_inputs: accepted for old programs.

    With ``create_graph=True`` they can be differentiated again:

    >>> import metagrad
    >>> x = metagrad.tensor(3.0, requires_grad=True)
    >>> (dy,) = metagrad.autograd.grad(x ** 3, x, create_graph=True)
    >>> (ddy,) = metagrad.autograd.grad(dy, x)
    >>> dy.item(), ddy.item()
    (27.0, 18.0)
    """
    if not only_inputs:
        warn("only_inputs argument is deprecated and is ignored now (defaults to True).", FutureWarning)
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
        )
    outputs, inputs = tensors_at(outputs), tensors_at(inputs)
    _check_inputs(inputs)
    if not is_grads_batched:
        keep = create_graph if retain_graph is None else retain_graph
        if repeating and not keep:
            repeating[-1].append(outputs)
            keep = True
        found = engine.grad(
            outputs, inputs, grad_outputs, keep, create_graph or follows_tangents(), allow_unused, materialize_grads
        )  # a pass within a level runs on tensors, so that gradients have tangents
        return (
            found
            if create_graph or not follows_tangents()
            else tuple([g if g is None else unrecorded(g) for g in found])
        )
    batched = [grad_outputs] if isinstance(grad_outputs, _Variable) else grad_outputs
    _check_batched(batched, [outputs] if isinstance(outputs, _Variable) else outputs)
    each = list(zip(*batched, strict=True))
    rows: Sequence[Any] = [
        grad(
            outputs, inputs, row, retain_graph if row is each[-1] else True, create_graph,
            allow_unused=allow_unused, materialize_grads=materialize_grads,
        )
        for row in each
    ]  # fmt: skip
    return tuple([np.stack(g) if isinstance(g[0], _Variable) else g[0] for g in zip(*rows, strict=True)])  # type: ignore[misc]


def _check_inputs(inputs: Any, name: str = "grad") -> None:
    """Raise if there are none, or if they are no tensors."""
    listed = list(inputs) if isinstance(inputs, Iterable) and not isinstance(inputs, _Variable | str) else [inputs]
    if not listed:
        raise RuntimeError(f"`inputs` argument to `{name}()` cannot be empty.")
    for x in listed:
        if not isinstance(x, _Variable):
            raise RuntimeError(f"all inputs have to be Tensors or GradientEdges, but got {type(x).__name__}")


def _check_batched(batched: Any, outputs: Sequence[Any]) -> None:
    """Raise unless there are rows of gradients of the shapes of the outputs."""
    if batched is None:
        raise RuntimeError(
            "grad can be implicitly created only for scalar outputs: with is_grads_batched=True, give grad_outputs, a batch of "
            "gradients for each output"
        )
    for i, (g, out) in enumerate(zip(batched, outputs, strict=False)):
        if g is not None and tuple(g.shape[1:]) != tuple(out.shape):
            raise RuntimeError(
                "If `is_grads_batched=True`, we interpret the first dimension of each grad_output as the batch dimension. The "
                "sizes of the remaining dimensions are expected to match the shape of corresponding output, but a mismatch was "
                f"detected: grad_output[{i}] has a shape of {g.shape[1:]} and output[{i}] has a shape of {out.shape}."
            )


class _IsTensor(type):
    """Tensors are instances of ``Variable``, as in PyTorch since the two became one."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _Variable)


class Variable(metaclass=_IsTensor):
    """``Variable(data, requires_grad)``, as programs had it before tensors and variables became one: the tensor itself."""

    def __new__(cls, data: Any, requires_grad: bool = False, volatile: bool = False) -> Any:
        """The data as a leaf."""
        if volatile:
            warn("volatile was removed and now has no effect. Use `with torch.no_grad():` instead.")
        if not isinstance(data, _Variable):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        return data.detach().requires_grad_(requires_grad)  # type: ignore[attr-defined]

    class _execution_engine:
        """PyTorch's name for what runs a backward pass."""

        @staticmethod
        def queue_callback(function: Callable[[], Any]) -> None:
            """Call a function when the backward pass that runs is over. Raises RuntimeError if none does."""
            if mode.running is None:
                raise RuntimeError("Final callbacks can only be installed during backward pass.")
            mode.afterwards = (*mode.afterwards, function)


def _recorded_before(switch: Any) -> bool:
    """Whether operations were recorded before, to a program that asks a context manager: its ``prev``."""
    return switch._before[0] if hasattr(switch, "_before") else bool(switch.earlier and switch.earlier[-1][0])


_Switch.prev, _Switch.clone = property(_recorded_before), _Switch._recreate_cm  # type: ignore[attr-defined]


class set_multithreading_enabled:
    """Kept for programs that set it, at once or for a block: a backward pass runs in the thread that asked for it.

    >>> with set_multithreading_enabled(False):
    ...     is_multithreading_enabled()
    False
    """

    _enabled = True

    def __init__(self, mode: bool) -> None:
        self.mode, self._before = mode, set_multithreading_enabled._enabled
        set_multithreading_enabled._enabled = mode

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        set_multithreading_enabled._enabled = self._before


def is_multithreading_enabled() -> bool:
    """What ``set_multithreading_enabled`` said last; True at first.

    >>> is_multithreading_enabled()
    True
    """
    return set_multithreading_enabled._enabled
