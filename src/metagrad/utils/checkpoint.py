"""Checkpointing: activations that are computed again in the backward pass, rather than kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from metagrad.autograd.engine import backward
from metagrad.autograd.function import Function
from metagrad.autograd.mode import enable_grad, is_grad_enabled
from metagrad.ops.create.creation import empty
from metagrad.ops.create.random import fork_rng, get_rng_state, set_rng_state
from metagrad.tensors.tensor import Tensor
from metagrad.utils._pytree import tensors_in

__all__ = ["checkpoint", "checkpoint_sequential"]


class Checkpointed(Function):
    """Runs a function without a graph; its backward runs it again with one, on the same random numbers, and differentiates that."""

    @staticmethod
    def forward(
        ctx: Any, function: Callable[..., Any], settings: dict[str, Any], shapes: list[Any], anchor: Tensor, *args: Any
    ) -> tuple[Tensor, ...]:
        ctx.function, ctx.settings, ctx.args = function, settings, args
        ctx.state = get_rng_state()
        result = function(*args, **settings)
        shapes.append(result)
        return tuple(tensors_in(result))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        if is_grad_enabled():
            raise RuntimeError("create_graph=True does not reach through checkpoint(): call the function without it")
        args = [a.detach().requires_grad_(a.requires_grad) if isinstance(a, Tensor) else a for a in ctx.args]
        with enable_grad(), fork_rng():
            set_rng_state(ctx.state)
            results = tensors_in(ctx.function(*args, **ctx.settings))
        pairs = [(r, g) for r, g in zip(results, grads, strict=True) if r.requires_grad]
        backward([r for r, _ in pairs], [g for _, g in pairs])
        return (None, None, None, None, *(a.grad if isinstance(a, Tensor) else None for a in args))


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    context_fn: Callable[[], Any] | None = None,
    **kwargs: Any,
) -> Any:
    """``function(*args, **kwargs)``, whose intermediate results are not kept: they are computed again for the gradient.

    Memory is traded for time: one more forward pass. Dropout draws the same numbers again. Gradients of parameters used
    inside arrive by ``backward()``, not by ``autograd.grad``. Source: Chen et al. 2016, arXiv:1604.06174.

    >>> import metagrad
    >>> x = metagrad.tensor(2.0, requires_grad=True)
    >>> checkpoint(lambda x: x.exp().log() ** 2, x, use_reentrant=False).backward()
    >>> x.grad
    tensor(4.)
    """
    if not is_grad_enabled():
        return function(*args, **kwargs)
    shapes: list[Any] = []
    found: Tensor | tuple[Tensor, ...] = Checkpointed.apply(
        function, kwargs, shapes, empty(0, requires_grad=True), *args
    )
    return _with_tensors(shapes[0], iter(found if isinstance(found, tuple) else (found,)))


def _with_tensors(value: object, tensors: Iterator[Any]) -> Any:
    """Nested tuples, lists and dictionaries with other tensors instead of theirs."""
    if isinstance(value, Tensor):
        return next(tensors)
    if isinstance(value, dict):
        return {key: _with_tensors(part, tensors) for key, part in value.items()}
    if isinstance(value, (tuple, list)):
        parts = [_with_tensors(part, tensors) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return value


def checkpoint_sequential(
    functions: Iterable[Callable[..., Any]],
    segments: int,
    input: Tensor,
    use_reentrant: bool | None = None,
    **kwargs: Any,
) -> Tensor:
    """A chain of modules in ``segments`` parts, each of them checkpointed but for the last.

    >>> import metagrad
    >>> chain = [metagrad.sin, metagrad.cos, metagrad.exp]
    >>> checkpoint_sequential(chain, 2, metagrad.zeros(1))
    tensor([2.7183], grad_fn=<ExpBackward0>)
    """
    chain = list(functions.children()) if hasattr(functions, "children") else list(functions)
    size = max(1, len(chain) // segments)
    for start in range(0, size * (segments - 1), size):
        input = checkpoint(_run(chain[start : start + size]), input, use_reentrant=use_reentrant, **kwargs)
    return _run(chain[size * (segments - 1) :])(input)


def _run(chain: Sequence[Callable[..., Any]]) -> Callable[[Tensor], Tensor]:
    def forward(x: Tensor) -> Tensor:
        for function in chain:
            x = function(x)
        return x

    return forward
