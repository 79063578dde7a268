"""Every value and every gradient, noted while the forward and the backward pass make them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from metagrad.autograd import function
from metagrad.autograd.function import Function
from metagrad.autograd.variable import Variable, unwrap
from metagrad.base.typing import Array

__all__ = ["Step", "Watch", "watch"]


@dataclass
class Step:
    """One visit of the backward pass: the node, the gradient of its result, and what it sends to each of its inputs."""

    node: Function
    given: Array | None
    sent: tuple[Array | None, ...]


class Watch:
    """What ``watch`` gives: each node's result and inputs, and the steps of the backward passes, in their order.

    It keeps all of them alive, as long as it lives itself: for small graphs.
    """

    def __init__(self) -> None:
        self.values: dict[Function, Any] = {}
        self.inputs: dict[Function, list[Any]] = {}
        self.steps: list[Step] = []

    def __enter__(self) -> Watch:
        function.observers.append(self._forward)
        return self

    def __exit__(self, *_: object) -> None:
        function.observers.remove(self._forward)

    def known(self, place: Function | Variable, value: Array | None, grad: Array | None) -> tuple[Any, Any]:
        """The value and the gradient of a vertex, if they were seen; else what is known already."""
        if isinstance(place, Variable):
            return value, grad
        seen = self.values.get(place)
        given = [step.given for step in self.steps if step.node is place]
        return (value if seen is None or isinstance(seen, tuple) else seen), (given[-1] if given else grad)

    def _forward(self, node: Function, arrays: list[Any], result: Any, params: dict[str, Any]) -> None:
        if any(node.needs):
            self.values[node], self.inputs[node] = result, arrays
            node.register_hook(lambda sent, given: self._backward(node, sent, given))

    def _backward(self, node: Function, sent: Any, given: Any) -> None:
        self.steps.append(Step(node, unwrap(given[0]), tuple(unwrap(g) for g in sent)))


def watch() -> Watch:
    """Note values and gradients of everything that is computed inside a ``with``.

    >>> import metagrad
    >>> a = metagrad.tensor(3.0, requires_grad=True)
    >>> with watch() as seen:
    ...     (a * a).tanh().backward()
    >>> [(step.node.op_name, round(float(step.given), 6)) for step in seen.steps]
    [('Tanh', 1.0), ('Mul', 0.0)]
    """
    return Watch()
