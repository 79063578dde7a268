"""``functorch``: what ``torch.func`` was before; and models as functions of their parameters, in its older way."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from metagrad.func import (
    functional_call,
    functionalize,
    grad,
    grad_and_value,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    replace_all_batch_norm_modules_,
    vjp,
    vmap,
)
from metagrad.nn.modules.module import Module
from metagrad.ops.shape.joining import stack
from metagrad.tensors.tensor import Tensor

__all__ = [
    "FunctionalModule", "FunctionalModuleWithBuffers", "combine_state_for_ensemble", "functionalize", "grad", "grad_and_value",
    "hessian", "jacfwd", "jacrev", "jvp", "make_functional", "make_functional_with_buffers",
    "replace_all_batch_norm_modules_", "vjp", "vmap",
]  # fmt: skip

Tensors = tuple[Tensor, ...]


class FunctionalModuleWithBuffers(Module):
    """A model to be called with its parameters and its buffers in front of its arguments."""

    def __init__(self, model: Module) -> None:
        super().__init__()
        self.stateless_model = model
        self.param_names = tuple(n for n, _ in model.named_parameters())
        self.buffer_names = tuple(n for n, _ in model.named_buffers())

    def forward(self, params: Sequence[Tensor], buffers: Sequence[Tensor], *args: Any, **kwargs: Any) -> Any:
        """The model's result with these parameters and buffers, in the order of ``param_names`` and ``buffer_names``."""
        state = dict(zip(self.param_names, params, strict=True)) | dict(zip(self.buffer_names, buffers, strict=True))
        return functional_call(self.stateless_model, state, args, kwargs)


class FunctionalModule(FunctionalModuleWithBuffers):
    """A model to be called with its parameters in front of its arguments."""

    def forward(self, params: Sequence[Tensor], *args: Any, **kwargs: Any) -> Any:
        """The model's result with these parameters."""
        return super().forward(params, (), *args, **kwargs)


def make_functional_with_buffers(
    model: Module, disable_autograd_tracking: bool = False
) -> tuple[FunctionalModuleWithBuffers, Tensors, Tensors]:
    """A model as a function of its parameters and buffers, and these. disable_autograd_tracking: they require no gradient.

    >>> import metagrad
    >>> from metagrad import nn
    >>> f, parameters, buffers = make_functional_with_buffers(nn.BatchNorm1d(2))
    >>> f(parameters, buffers, metagrad.ones(3, 2)).shape, len(parameters), len(buffers)
    (metagrad.Size([3, 2]), 2, 3)
    """
    own = copy.deepcopy(model)
    params = tuple(
        p.detach().requires_grad_(p.requires_grad and not disable_autograd_tracking) for p in own.parameters()
    )
    return FunctionalModuleWithBuffers(own), params, tuple(own.buffers())


def make_functional(model: Module, disable_autograd_tracking: bool = False) -> tuple[FunctionalModule, Tensors]:
    """A model as a function of its parameters, and these. Raises RuntimeError for one that has buffers.

    >>> from metagrad import nn
    >>> f, parameters = make_functional(nn.Linear(2, 3))
    >>> [tuple(p.shape) for p in parameters]
    [(3, 2), (3,)]
    """
    if next(model.buffers(), None) is not None:
        raise RuntimeError(
            "make_functional(model): `model` has buffers. Please use make_functional_with_buffers(model) instead."
        )
    whole, params, _ = make_functional_with_buffers(model, disable_autograd_tracking)
    return FunctionalModule(whole.stateless_model), params


def combine_state_for_ensemble(models: Sequence[Module]) -> tuple[FunctionalModuleWithBuffers, Tensors, Tensors]:
    """Several models of one kind as one function, and their parameters and buffers, stacked: for ``vmap``.

    Raises RuntimeError for no model, and for models of several classes.

    >>> from metagrad import nn
    >>> f, parameters, buffers = combine_state_for_ensemble([nn.Linear(2, 3) for _ in range(4)])
    >>> [tuple(p.shape) for p in parameters]
    [(4, 3, 2), (4, 3)]
    """
    if not models:
        raise RuntimeError("combine_state_for_ensemble: Expected at least one model, got 0.")
    if len({type(m) for m in models}) > 1 or len({m.training for m in models}) > 1:
        raise RuntimeError(
            "combine_state_for_ensemble: Expected all models to be of the same class and in the same train/eval mode."
        )
    parts = [make_functional_with_buffers(m, disable_autograd_tracking=True) for m in models]
    return parts[0][0], _stacked([p for _, p, _ in parts]), _stacked([b for _, _, b in parts])


def _stacked(rows: Sequence[Tensors]) -> Tensors:
    return tuple(stack(list(column)) for column in zip(*rows, strict=True))
