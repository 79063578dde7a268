"""Steps as functions, with all that an optimizer remembers given: ``metagrad.optim.adam.adam``, as programs of PyTorch's call them.

Each stands in the file of its class, and takes that class's step: parameters, and what is remembered of them, change in place.
``foreach``, ``fused`` and their like choose among PyTorch's implementations; here there is one.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from metagrad.autograd.mode import set_grad_enabled
from metagrad.autograd.variable import Variable
from metagrad.optim.adadelta import Adadelta
from metagrad.optim.adagrad import Adagrad
from metagrad.optim.adam import Adam
from metagrad.optim.adamax import Adamax
from metagrad.optim.asgd import ASGD
from metagrad.optim.nadam import NAdam
from metagrad.optim.optimizer import Optimizer
from metagrad.optim.radam import RAdam
from metagrad.optim.rmsprop import RMSprop
from metagrad.optim.rprop import Rprop
from metagrad.optim.sgd import SGD
from metagrad.tensors.tensor import Tensor

Tensors = Sequence[Tensor]
Number = float | Tensor

__all__ = ["adadelta", "adagrad", "adam", "adamax", "adamw", "asgd", "nadam", "radam", "rmsprop", "rprop", "sgd"]


def sgd(
    params: Tensors, d_p_list: Tensors, momentum_buffer_list: list[Tensor | None], has_sparse_grad: bool = False,
    foreach: bool | None = None, fused: bool | None = None, grad_scale: Tensor | None = None,
    found_inf: Tensor | None = None, *, weight_decay: float, momentum: float, lr: Number, dampening: float, nesterov: bool,
    maximize: bool,
) -> None:  # fmt: skip
    """A step of ``SGD``; a momentum that is None begins with the gradient, and stands in the list from now on.

    >>> import metagrad
    >>> p, momenta = metagrad.ones(2), [None]
    >>> sgd([p], [metagrad.ones(2)], momenta, weight_decay=0.0, momentum=0.5, lr=0.25, dampening=0.0, nesterov=False,
    ...     maximize=False)
    >>> p, momenta
    (tensor([0.7500, 0.7500]), [tensor([1., 1.])])
    """
    found = _step(
        SGD, params, d_p_list, {"momentum_buffer": momentum_buffer_list}, grad_scale, found_inf, weight_decay=weight_decay,
        momentum=momentum, lr=lr, dampening=dampening, nesterov=nesterov, maximize=maximize,
    )  # fmt: skip
    if momentum and found:
        momentum_buffer_list[:] = [found[p]["momentum_buffer"] for p in params]


def adam(
    params: Tensors, grads: Tensors, exp_avgs: Tensors, exp_avg_sqs: Tensors, max_exp_avg_sqs: Tensors, state_steps: Tensors,
    foreach: bool | None = None, capturable: bool = False, differentiable: bool = False, fused: bool | None = None,
    grad_scale: Tensor | None = None, found_inf: Tensor | None = None, has_complex: bool = False,
    decoupled_weight_decay: bool = False, *, amsgrad: bool, beta1: Number, beta2: Number, lr: Number, weight_decay: float,
    eps: float, maximize: bool,
) -> None:  # fmt: skip
    """A step of ``Adam``; ``max_exp_avg_sqs`` is there for amsgrad only.

    >>> import metagrad
    >>> p, m, v, t = metagrad.ones(2), metagrad.zeros(2), metagrad.zeros(2), metagrad.tensor(0.0)
    >>> adam([p], [metagrad.ones(2)], [m], [v], [], [t], amsgrad=False, beta1=0.5, beta2=0.5, lr=0.25, weight_decay=0.0,
    ...     eps=0.0, maximize=False)
    >>> p, m, t
    (tensor([0.7500, 0.7500]), tensor([0.5000, 0.5000]), tensor(1.))
    """
    remembered = {
        "exp_avg": exp_avgs,
        "exp_avg_sq": exp_avg_sqs,
        "max_exp_avg_sq": max_exp_avg_sqs,
        "step": state_steps,
    }
    _step(
        Adam, params, grads, remembered, grad_scale, found_inf, differentiable=differentiable, amsgrad=amsgrad,
        betas=(beta1, beta2), lr=lr, weight_decay=weight_decay, eps=eps, maximize=maximize,
        decoupled_weight_decay=decoupled_weight_decay,
    )  # fmt: skip


def adamw(
    params: Tensors, grads: Tensors, exp_avgs: Tensors, exp_avg_sqs: Tensors, max_exp_avg_sqs: Tensors, state_steps: Tensors,
    foreach: bool | None = None, capturable: bool = False, differentiable: bool = False, fused: bool | None = None,
    grad_scale: Tensor | None = None, found_inf: Tensor | None = None, has_complex: bool = False, *, amsgrad: bool,
    beta1: Number, beta2: Number, lr: Number, weight_decay: float, eps: float, maximize: bool,
) -> None:  # fmt: skip
    """``adam`` with decoupled weight decay."""
    adam(
        params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs, state_steps, foreach, capturable, differentiable, fused,
        grad_scale, found_inf, has_complex, True, amsgrad=amsgrad, beta1=beta1, beta2=beta2, lr=lr,
        weight_decay=weight_decay, eps=eps, maximize=maximize,
    )  # fmt: skip


def rmsprop(
    params: Tensors, grads: Tensors, square_avgs: Tensors, grad_avgs: Tensors, momentum_buffer_list: Tensors,
    state_steps: Tensors, foreach: bool | None = None, maximize: bool = False, differentiable: bool = False,
    capturable: bool = False, has_complex: bool = False, *, lr: Number, alpha: float, eps: float, weight_decay: float,
    momentum: float, centered: bool,
) -> None:  # fmt: skip
    """A step of ``RMSprop``."""
    remembered = {
        "square_avg": square_avgs, "grad_avg": grad_avgs, "momentum_buffer": momentum_buffer_list, "step": state_steps
    }  # fmt: skip
    _step(
        RMSprop, params, grads, remembered, maximize=maximize, differentiable=differentiable, lr=lr, alpha=alpha, eps=eps,
        weight_decay=weight_decay, momentum=momentum, centered=centered,
    )  # fmt: skip


def adagrad(
    params: Tensors, grads: Tensors, state_sums: Tensors, state_steps: Tensors, fused: bool | None = None,
    grad_scale: Tensor | None = None, found_inf: Tensor | None = None, has_sparse_grad: bool = False,
    foreach: bool | None = None, differentiable: bool = False, has_complex: bool = False, *, lr: Number, weight_decay: float,
    lr_decay: float, eps: float, maximize: bool,
) -> None:  # fmt: skip
    """A step of ``Adagrad``."""
    _step(
        Adagrad, params, grads, {"sum": state_sums, "step": state_steps}, grad_scale, found_inf,
        differentiable=differentiable, lr=lr, weight_decay=weight_decay, lr_decay=lr_decay, eps=eps, maximize=maximize,
    )  # fmt: skip


def adadelta(
    params: Tensors, grads: Tensors, square_avgs: Tensors, acc_deltas: Tensors, state_steps: Tensors,
    capturable: bool = False, foreach: bool | None = None, differentiable: bool = False, has_complex: bool = False, *,
    lr: Number, rho: float, eps: float, weight_decay: float, maximize: bool,
) -> None:  # fmt: skip
    """A step of ``Adadelta``."""
    remembered = {"square_avg": square_avgs, "acc_delta": acc_deltas, "step": state_steps}
    _step(
        Adadelta, params, grads, remembered, differentiable=differentiable, lr=lr, rho=rho, eps=eps,
        weight_decay=weight_decay, maximize=maximize,
    )  # fmt: skip


def adamax(
    params: Tensors, grads: Tensors, exp_avgs: Tensors, exp_infs: Tensors, state_steps: Tensors, foreach: bool | None = None,
    maximize: bool = False, differentiable: bool = False, capturable: bool = False, has_complex: bool = False, *, eps: float,
    beta1: float, beta2: float, lr: Number, weight_decay: float,
) -> None:  # fmt: skip
    """A step of ``Adamax``."""
    _step(
        Adamax, params, grads, {"exp_avg": exp_avgs, "exp_inf": exp_infs, "step": state_steps}, maximize=maximize,
        differentiable=differentiable, eps=eps, betas=(beta1, beta2), lr=lr, weight_decay=weight_decay,
    )  # fmt: skip


def nadam(
    params: Tensors, grads: Tensors, exp_avgs: Tensors, exp_avg_sqs: Tensors, mu_products: Tensors, state_steps: Tensors,
    decoupled_weight_decay: bool = False, foreach: bool | None = None, capturable: bool = False, differentiable: bool = False,
    has_complex: bool = False, maximize: bool = False, *, beta1: float, beta2: float, lr: Number, weight_decay: float,
    momentum_decay: float, eps: float,
) -> None:  # fmt: skip
    """A step of ``NAdam``; the products of μ change in place as well."""
    remembered = {"exp_avg": exp_avgs, "exp_avg_sq": exp_avg_sqs, "mu_product": mu_products, "step": state_steps}
    _step(
        NAdam, params, grads, remembered, decoupled_weight_decay=decoupled_weight_decay, differentiable=differentiable,
        maximize=maximize, betas=(beta1, beta2), lr=lr, weight_decay=weight_decay, momentum_decay=momentum_decay, eps=eps,
    )  # fmt: skip


def radam(
    params: Tensors, grads: Tensors, exp_avgs: Tensors, exp_avg_sqs: Tensors, state_steps: Tensors,
    decoupled_weight_decay: bool = False, foreach: bool | None = None, differentiable: bool = False, capturable: bool = False,
    has_complex: bool = False, maximize: bool = False, *, beta1: float, beta2: float, lr: Number, weight_decay: float,
    eps: float,
) -> None:  # fmt: skip
    """A step of ``RAdam``."""
    _step(
        RAdam, params, grads, {"exp_avg": exp_avgs, "exp_avg_sq": exp_avg_sqs, "step": state_steps},
        decoupled_weight_decay=decoupled_weight_decay, differentiable=differentiable, maximize=maximize,
        betas=(beta1, beta2), lr=lr, weight_decay=weight_decay, eps=eps,
    )  # fmt: skip


def rprop(
    params: Tensors, grads: Tensors, prevs: Tensors, step_sizes: Tensors, state_steps: Tensors, foreach: bool | None = None,
    capturable: bool = False, maximize: bool = False, differentiable: bool = False, has_complex: bool = False, *,
    step_size_min: float, step_size_max: float, etaminus: float, etaplus: float,
) -> None:  # fmt: skip
    """A step of ``Rprop``; the gradients before and the sizes of the steps change in place as well."""
    _step(
        Rprop, params, grads, {"prev": prevs, "step_size": step_sizes, "step": state_steps}, maximize=maximize,
        differentiable=differentiable, step_sizes=(step_size_min, step_size_max), etas=(etaminus, etaplus), lr=0.0,
    )  # fmt: skip


def asgd(
    params: Tensors, grads: Tensors, axs: Tensors, mus: Tensors, etas: Tensors, state_steps: Tensors,
    foreach: bool | None = None, maximize: bool = False, differentiable: bool = False, capturable: bool = False,
    has_complex: bool = False, *, lambd: float, lr: Number, t0: float, alpha: float, weight_decay: float,
) -> None:  # fmt: skip
    """A step of ``ASGD``; its rates and weights change in place as well."""
    _step(
        ASGD, params, grads, {"ax": axs, "mu": mus, "eta": etas, "step": state_steps}, maximize=maximize,
        differentiable=differentiable, lambd=lambd, lr=lr, t0=t0, alpha=alpha, weight_decay=weight_decay,
    )  # fmt: skip


def _step(
    kind: type[Optimizer],
    params: Tensors,
    grads: Tensors,
    remembered: dict[str, Any],
    grad_scale: Tensor | None = None,
    found_inf: Tensor | None = None,
    **settings: Any,
) -> Any:
    """The step of a class, which finds in its state what is given; the state, or None where an infinity was found."""
    if not all(isinstance(t, Variable) for t in remembered.get("step", ())):
        raise RuntimeError("API has changed, `state_steps` argument must contain a list of singleton tensors")
    if found_inf is not None and found_inf.item():
        return None
    optimizer = object.__new__(kind)
    state: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
    optimizer.state = state
    for i, p in enumerate(params):
        state[p] = {name: values[i] for name, values in remembered.items() if i < len(values) and values[i] is not None}
    recorded = settings.setdefault("differentiable", False)
    with set_grad_enabled(recorded), np.errstate(all="ignore"):
        scaled = grads if grad_scale is None else [g / grad_scale for g in grads]
        optimizer.update_group(list(zip(params, scaled, strict=True)), settings)
    return state


def _stand_beside_their_classes() -> None:
    for function in (adadelta, adagrad, adam, adamax, adamw, asgd, nadam, radam, rmsprop, rprop, sgd):
        file = "adam" if function is adamw else function.__name__
        setattr(sys.modules[f"metagrad.optim.{file}"], function.__name__, function)


_stand_beside_their_classes()
