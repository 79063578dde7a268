"""Gradients of all ranks averaged while, or after, they are computed: parameters in buckets, a bucket in one all_reduce.

A message costs a time α whatever its size, and then a time per byte. So the gradients of many parameters lie one after the other
in one flat array, a bucket, and each parameter's ``grad`` is a view of its part. A backward pass reaches the last layers first:
the buckets are filled in the reverse order of the parameters, and the first is small so that it is soon on its way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from metagrad import distributed as dist
from metagrad.autograd.node import AccumulateGrad
from metagrad.autograd.variable import Variable, wrap
from metagrad.distributed.work import Work
from metagrad.nn.parameter import Parameter
from metagrad.tensors.tensor import Tensor

MiB = 1 << 20
FIRST = 1 * MiB  # bytes of the first bucket


class Bucket:
    """The gradients of some parameters of one dtype: ``flat``, and a view of it for each."""

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        self.parameters = list(parameters)
        like = parameters[0].array
        self.flat = wrap(np.zeros_like(like, shape=(sum(p.array.size for p in parameters),)))
        ends = np.cumsum([p.array.size for p in parameters])[:-1]
        parts = np.split(self.flat.array, ends)
        self.views = [wrap(a.reshape(p.array.shape)) for a, p in zip(parts, parameters, strict=True)]
        self.waiting = 0

    def take_in(self, index: int) -> None:
        """Bring a parameter's gradient into its place; zeros if it has none."""
        parameter, view = self.parameters[index], self.views[index]
        if parameter.grad is None:
            view.array[...] = 0
        elif parameter.grad is not view:
            view.array[...] = parameter.grad.array
            parameter.grad = view


def into_buckets(parameters: Sequence[Parameter], limit: int, first: int = FIRST) -> list[Bucket]:
    """Parameters in reverse order, in buckets of at most ``limit`` bytes (the first: ``first``), or of one parameter.

    >>> from metagrad import nn, ones
    >>> layers = [nn.Parameter(ones(n)) for n in (5, 4, 3, 2, 1)]
    >>> [[len(p) for p in bucket.parameters] for bucket in into_buckets(layers, limit=32, first=12)]
    [[1, 2], [3, 4], [5]]
    """
    buckets: list[list[Parameter]] = []
    open_buckets: dict[Any, int] = {}  # by dtype and kind of array
    for p in reversed(parameters):
        key = p.array.dtype, type(p.array)
        at = open_buckets.get(key)
        room = first if at == 0 else limit
        if at is None or sum(q.array.nbytes for q in buckets[at]) + p.array.nbytes > room:
            open_buckets[key] = at = len(buckets)
            buckets.append([])
        buckets[at].append(p)
    return [Bucket(bucket) for bucket in buckets]


class Reducer:
    """Averages gradients over a group as they arrive. ``names``: of the parameters, for messages.

    ``prepare`` before each backward pass that ends in averages. Buckets are reduced in their order, on every rank the same,
    whatever the order in which they fill.
    """

    def __init__(self, named: Mapping[str, Parameter], group: Any, limit: int, overlap: bool) -> None:
        self.names = {id(p): name for name, p in named.items()}
        self.group, self.overlap, self.divisor = group, overlap, float(dist.get_world_size(group))
        self.buckets = into_buckets(list(named.values()), limit)
        self.active = False
        self.unused: list[Parameter] = []
        self.finish: Callable[[], None] = lambda: None
        self.handles = [
            p.register_post_accumulate_grad_hook(self._hook(bucket, index))
            for bucket in self.buckets
            for index, p in enumerate(bucket.parameters)
        ]
        self._reset()

    def _reset(self) -> None:
        self.next = 0
        self.works: list[tuple[Bucket, Work]] = []
        self.missing = set(self.names)
        for bucket in self.buckets:
            bucket.waiting = len(bucket.parameters)

    def prepare(self) -> None:
        """Expect the gradients of a backward pass. Raises RuntimeError if those of the last one did not all come."""
        if self.active and len(self.missing) not in (0, len(self.names)):
            names = ", ".join(name for key, name in self.names.items() if key in self.missing)
            raise RuntimeError(
                "Expected to have finished reduction in the prior iteration before starting a new one: no gradient came for "
                f"{names}. If the loss does not depend on all parameters, pass find_unused_parameters=True"
            )
        self.active, self.unused = True, []
        self._reset()

    def look_for_unused(self, outputs: Any) -> None:
        """Do not expect gradients of parameters that the outputs do not depend on."""
        used = {id(p) for p in parameters_behind(outputs)}
        self.unused = [p for bucket in self.buckets for p in bucket.parameters if id(p) not in used]

    def _hook(self, bucket: Bucket, index: int) -> Callable[[Any], None]:
        def arrived(_: Any) -> None:
            if not self.active:
                return
            unused, self.unused = self.unused, []
            for p in unused:
                self._arrive(*self._place(p))
            self._arrive(bucket, index)

        return arrived

    def _place(self, parameter: Parameter) -> tuple[Bucket, int]:
        for bucket in self.buckets:
            for index, p in enumerate(bucket.parameters):
                if p is parameter:
                    return bucket, index
        raise KeyError(self.names[id(parameter)])

    def _arrive(self, bucket: Bucket, index: int) -> None:
        key = id(bucket.parameters[index])
        if key not in self.missing:
            raise RuntimeError(
                f"the gradient of {self.names[key]} came twice in one backward pass: it was used in a second forward pass, "
                "or marked as unused; call the model once for each backward()"
            )
        self.missing.discard(key)
        bucket.take_in(index)
        bucket.waiting -= 1
        while self.next < len(self.buckets) and self.buckets[self.next].waiting == 0:
            self._send(self.buckets[self.next])
            self.next += 1
        if self.next == len(self.buckets):
            self._wait()

    def _send(self, bucket: Bucket) -> None:
        work = dist.all_reduce(bucket.flat, dist.ReduceOp.SUM, self.group, async_op=self.overlap)
        if work is None:
            self._average(bucket)
        else:
            self.works.append((bucket, work))

    def _average(self, bucket: Bucket) -> None:
        if self.divisor != 1:
            bucket.flat.array /= bucket.flat.array.dtype.type(self.divisor)

    def _wait(self) -> None:
        for bucket, work in self.works:
            work.wait()
            self._average(bucket)
        self.active, self.works = False, []
        self.finish()

    def give_to_unused(self) -> None:
        """Parameters that this rank did not use get the average of those that did; unless none did."""
        parameters = [p for bucket in self.buckets for p in bucket.parameters]
        used = wrap(np.array([p.grad is not None for p in parameters], np.uint8))
        dist.all_reduce(used, dist.ReduceOp.MAX, self.group)
        views = [view for bucket in self.buckets for view in bucket.views]
        for p, view, anywhere in zip(parameters, views, used.tolist(), strict=True):
            if p.grad is None and anywhere:
                p.grad = view

    def shadow(self) -> None:
        """A backward pass of another rank's: zeros in place of this one's gradients."""
        for bucket in self.buckets:
            zeros = wrap(np.zeros_like(bucket.flat.array))
            dist.all_reduce(zeros, dist.ReduceOp.SUM, self.group)

    def shadow_unused(self) -> None:
        """``give_to_unused`` for a rank that used none."""
        parameters = sum(len(bucket.parameters) for bucket in self.buckets)
        dist.all_reduce(wrap(np.zeros(parameters, np.uint8)), dist.ReduceOp.MAX, self.group)


def tensors_in(value: Any) -> Iterator[Tensor]:
    """All tensors in nested containers."""
    if isinstance(value, Variable):
        yield value  # type: ignore[misc]
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from tensors_in(item)
    elif isinstance(value, (list, tuple, set)):
        for item in value:
            yield from tensors_in(item)
    elif hasattr(value, "__dataclass_fields__"):
        yield from tensors_in(vars(value))


def parameters_behind(outputs: Any) -> Iterator[Any]:
    """The leaves that tensors were computed from."""
    tensors = [t for t in tensors_in(outputs) if t.requires_grad]
    yield from (t for t in tensors if t._node is None)
    stack = [t._node for t in tensors if t._node is not None]
    seen = set(stack)  # the nodes, not their ids: what stands for a transposition dies when it has been visited
    while stack:
        for node, _ in stack.pop().next_functions:
            if isinstance(node, AccumulateGrad):
                yield node.variable
            elif node is not None and node not in seen:
                seen.add(node)
                stack.append(node)
