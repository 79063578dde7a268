"""Neural functions at the top of ``torch``: PyTorch has them there in C, with other orders of arguments than in ``nn.functional``.

There a reduction is 0, 1 or 2: none, the mean, the sum; left away, it is none, in ``torch._C._nn`` too. Norms take
weights before running values, and whether cuDNN is to be used, which is nothing here. And no pooling is asked for indices.

>>> import metagrad
>>> x = metagrad.tensor([0.0, 0.0])
>>> metagrad.margin_ranking_loss(x, x, x, 0.5, 2)
tensor(1.)
>>> metagrad.margin_ranking_loss(x, x, x, 0.5)
tensor([0.5000, 0.5000])
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from metagrad.nn import functional as F

_LOSSES = {
    "binary_cross_entropy_with_logits": "input target weight pos_weight reduction",
    "cosine_embedding_loss": "input1 input2 target margin reduction",
    "ctc_loss": "log_probs targets input_lengths target_lengths blank reduction zero_infinity",
    "hinge_embedding_loss": "input target margin reduction",
    "kl_div": "input target reduction log_target",
    "margin_ranking_loss": "input1 input2 target margin reduction",
    "poisson_nll_loss": "input target log_input full eps reduction",
    "triplet_margin_loss": "anchor positive negative margin p eps swap reduction",
}
_NORMS = {
    "batch_norm": "input weight bias running_mean running_var training momentum eps cudnn_enabled",
    "group_norm": "input num_groups weight bias eps cudnn_enabled",
    "instance_norm": "input weight bias running_mean running_var use_input_stats momentum eps cudnn_enabled",
}
_IN_NN = {  # of torch._C._nn: what they are called in nn.functional, and their arguments
    "binary_cross_entropy": "binary_cross_entropy input target weight reduction",
    "cross_entropy_loss": "cross_entropy input target weight reduction ignore_index label_smoothing",
    "huber_loss": "huber_loss input target reduction delta",
    "l1_loss": "l1_loss input target reduction",
    "mse_loss": "mse_loss input target reduction",
    "multi_margin_loss": "multi_margin_loss input target p margin weight reduction",
    "multilabel_margin_loss": "multilabel_margin_loss input target reduction",
    "nll_loss": "nll_loss input target weight reduction ignore_index",
    "nll_loss2d": "nll_loss input target weight reduction ignore_index",
    "nll_loss_nd": "nll_loss input target weight reduction ignore_index",
    "smooth_l1_loss": "smooth_l1_loss input target reduction beta",
    "soft_margin_loss": "soft_margin_loss input target reduction",
}
_POOLS = ("max_pool1d", "max_pool2d", "max_pool3d")
__all__ = [*_LOSSES, *_NORMS, *_POOLS, "adaptive_max_pool1d"]


def adaptive_max_pool1d(input: Any, output_size: Any) -> Any:
    """The largest of each window, and where they were found: here always both."""
    return F.adaptive_max_pool1d(input, output_size, return_indices=True)


def _pool(function: Callable[..., Any]) -> Callable[..., Any]:
    """Pooling that knows nothing of indices."""

    @functools.wraps(function)
    def called(
        input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
    ) -> Any:
        return function(input, kernel_size, stride, padding, dilation, ceil_mode)

    return called


def of_nn(name: str) -> Callable[..., Any]:
    """What ``torch._C._nn`` has under a name.

    >>> import metagrad
    >>> of_nn("mse_loss")(metagrad.tensor([1.0, 3.0]), metagrad.zeros(2), 2)
    tensor(10.)
    """
    if name not in _IN_NN:
        return getattr(F, name)
    here, *order = _IN_NN[name].split()
    return _loss(name, getattr(F, here), order)


def _loss(name: str, function: Callable[..., Any], order: list[str]) -> Callable[..., Any]:
    """A loss that takes its reduction as a number, by position too, or as a word."""

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        if len(args) > len(order):
            raise TypeError(f"{name}() takes at most {len(order)} positional arguments, but {len(args)} were given")
        given = dict(zip(order, args, strict=False))
        twice = given.keys() & kwargs.keys()
        if twice:
            raise TypeError(f"{name}() got multiple values for argument {sorted(twice)[0]!r}")
        given |= kwargs
        given.setdefault("reduction", 0)
        if isinstance(given["reduction"], int):
            number = given["reduction"]
            if not 0 <= number <= 2:
                raise ValueError(f"{name}(): reduction must be 0, 1 or 2, got {number}")
            if number == 1 and name == "kl_div":  # without the warning against this mean
                return function(**given | {"reduction": "none"}).mean()
            given["reduction"] = ("none", "mean", "sum")[number]
        return function(**given)

    return called


def _norm(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A norm that knows both orders by the number of its arguments."""
    order = _NORMS[name].split()

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        kwargs.pop("cudnn_enabled", None)
        if len(args) != len(order):
            return function(*args, **kwargs)
        return function(**dict(zip(order[:-1], args[:-1], strict=True)), **kwargs)

    return called


def __getattr__(name: str) -> Callable[..., Any]:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    function = getattr(F, name)
    if name in _POOLS:
        found = _pool(function)
    else:
        found = _loss(name, function, _LOSSES[name].split()) if name in _LOSSES else _norm(name, function)
    globals()[name] = found
    return found
