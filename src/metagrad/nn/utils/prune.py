"""Pruning: parameters of which a mask leaves only some elements (``weight = weight_orig · weight_mask``).

Each call makes a mask by some rule among the elements that are still there. The parameter becomes ``NAME_orig``, the mask the
buffer ``NAME_mask``, and a hook puts their product under the old name before each call.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.ops.create.sampling import rand, rand_like
from metagrad.ops.index.sorting import topk
from metagrad.ops.reduce.norms import vector_norm
from metagrad.ops.shape.joining import cat
from metagrad.tensors.tensor import Tensor

if TYPE_CHECKING:
    from metagrad.nn.modules.module import Module

__all__ = [
    "BasePruningMethod", "CustomFromMask", "Identity", "L1Unstructured", "LnStructured", "PruningContainer",
    "RandomStructured", "RandomUnstructured", "custom_from_mask", "global_unstructured", "identity", "is_pruned",
    "l1_unstructured", "ln_structured", "random_structured", "random_unstructured", "remove",
]  # fmt: skip


def _validate_pruning_amount_init(amount: Any) -> None:
    """Raise TypeError for what is no number, and ValueError for one that is neither a share nor a count."""
    if isinstance(amount, bool) or not isinstance(amount, (int, float, np.number)):
        raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    if amount < 0 or (not isinstance(amount, (int, np.integer)) and amount > 1):
        raise ValueError(f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer")


def _validate_pruning_amount(amount: Any, tensor_size: int) -> None:
    """Raise ValueError for a count of more than there are."""
    if isinstance(amount, (int, np.integer)) and amount > tensor_size:
        raise ValueError(f"amount={amount} should be smaller than the number of parameters to prune={tensor_size}")


def _compute_nparams_toprune(amount: Any, tensor_size: int) -> int:
    """How many that are: the count itself, or a share of all.

    >>> _compute_nparams_toprune(3, 10), _compute_nparams_toprune(0.2, 10)
    (3, 2)
    """
    return int(amount) if isinstance(amount, (int, np.integer)) else round(amount * tensor_size)


def _count(amount: float, size: int) -> int:
    """How many to remove, after both checks."""
    _validate_pruning_amount_init(amount)
    _validate_pruning_amount(amount, size)
    return _compute_nparams_toprune(amount, size)


def _validate_structured_pruning(t: Tensor) -> None:
    """Raise ValueError for a vector, which has no channels."""
    if t.ndim <= 1:
        raise ValueError(
            "Structured pruning can only be applied to multidimensional tensors. Found tensor of shape "
            f"{t.shape} with {t.ndim} dims"
        )


def _validate_pruning_dim(t: Tensor, dim: int) -> None:
    """Raise IndexError for a dimension that is not there."""
    if not -t.ndim <= dim < t.ndim:
        raise IndexError(f"Invalid index {dim} for tensor of size {t.shape}")


def _compute_norm(t: Tensor, n: float | str, dim: int) -> Tensor:
    """The n-norm of each slice along a dimension.

    >>> import metagrad
    >>> _compute_norm(metagrad.tensor([[3.0, 4.0], [6.0, 8.0]]), 2, 0)
    tensor([ 5., 10.])
    """
    order = 2 if n == "fro" else float(n)
    return vector_norm(t, order, tuple(d for d in range(t.ndim) if d != dim % t.ndim))


class BasePruningMethod(ABC):
    """A rule that makes a mask: a subclass writes ``compute_mask(t, default_mask)``.

    PRUNING_TYPE: "unstructured" (sees the elements that are left, as a vector), "structured" (sees the channels that are
    left along ``dim``) or "global".
    """

    PRUNING_TYPE = "unstructured"
    _tensor_name: str
    dim: int

    def __call__(self, module: Module, inputs: object) -> None:
        """Before forward: the masked parameter under its old name."""
        setattr(module, self._tensor_name, self.apply_mask(module))

    @abstractmethod
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The new mask, 1 where t stays."""

    def apply_mask(self, module: Module) -> Tensor:
        """The parameter times its mask."""
        return getattr(module, self._tensor_name + "_mask") * getattr(module, self._tensor_name + "_orig")

    @classmethod
    def apply(
        cls, module: Module, name: str, *args: Any, importance_scores: Tensor | None = None, **kwargs: Any
    ) -> BasePruningMethod:
        """Prune a module's parameter by this rule, in addition to what was pruned before.

        Raises AssertionError for scores of another shape.
        """
        hooks = module.__dict__.get("_forward_pre_hooks", {})
        old = next(
            ((k, h) for k, h in hooks.items() if isinstance(h, BasePruningMethod) and h._tensor_name == name),
            None,
        )
        method: BasePruningMethod = cls(*args, **kwargs)
        method._tensor_name = name
        if not hasattr(module, name):
            raise AttributeError(
                f"'{type(module).__name__}' object has no attribute '{name}': there is nothing to prune"
            )
        original = getattr(module, name) if old is None else getattr(module, name + "_orig")
        scores = getattr(module, name) if importance_scores is None else importance_scores
        if tuple(scores.shape) != tuple(original.shape):
            raise AssertionError(
                f"importance_scores should have the same shape as parameter {name} of {module}, got {scores.shape} vs "
                f"{original.shape}"
            )
        mask = (
            original.detach().new_ones(tuple(original.shape))
            if old is None
            else getattr(module, name + "_mask").clone()
        )
        container = method
        if old is not None:
            container = PruningContainer(*(old[1] if isinstance(old[1], PruningContainer) else [old[1]]), method)
        mask = container.compute_mask(scores.detach(), mask)
        if old is None:
            delattr(module, name)
            module.register_parameter(name + "_orig", original)
            module.register_buffer(name + "_mask", mask)
        else:
            del hooks[old[0]]
            setattr(module, name + "_mask", mask)
        setattr(module, name, container.apply_mask(module))
        module.register_forward_pre_hook(container)
        return container

    def prune(self, t: Tensor, default_mask: Tensor | None = None, importance_scores: Tensor | None = None) -> Tensor:
        """A pruned copy of a tensor."""
        scores = t if importance_scores is None else importance_scores
        if tuple(scores.shape) != tuple(t.shape):
            raise AssertionError(
                f"importance_scores should have the same shape as tensor t, got {scores.shape} vs {t.shape}"
            )
        mask = t.detach().new_ones(tuple(t.shape)) if default_mask is None else default_mask
        return t * self.compute_mask(scores.detach(), mask)

    def remove(self, module: Module) -> None:
        """Make the masked parameter an ordinary one."""
        name = self._tensor_name
        value = self.apply_mask(module).detach()
        original = getattr(module, name + "_orig")
        original.data = value.data
        delattr(module, name + "_orig")
        delattr(module, name + "_mask")
        module.__dict__.pop(name, None)
        module.register_parameter(name, original)


class PruningContainer(BasePruningMethod):
    """Several rules for one parameter; each chooses among what the ones before it left."""

    def __init__(self, *args: Any) -> None:
        self._pruning_methods: tuple[Any, ...] = ()
        for method in args:
            if not self._pruning_methods:
                self._tensor_name = method._tensor_name
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod) -> None:
        """One more rule. Raises TypeError for what is no method, and ValueError for one of another tensor."""
        if not isinstance(method, BasePruningMethod):
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if method._tensor_name != self._tensor_name:
            raise ValueError(
                f"a method for {method._tensor_name!r} cannot be added to a container for {self._tensor_name!r}"
            )
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, index: int) -> BasePruningMethod:
        return self._pruning_methods[index]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The last rule's mask, among what is left."""
        method, mask = self._pruning_methods[-1], default_mask.clone()
        if method.PRUNING_TYPE == "structured":
            others = tuple(d for d in range(t.ndim) if d != method.dim % t.ndim)
            left: Tensor = mask.sum(others) != 0
            positions: Any = (slice(None),) * (method.dim % t.ndim) + (left,)
        else:
            positions = mask == 1 if method.PRUNING_TYPE == "unstructured" else (slice(None),) * t.ndim
        mask[positions] = method.compute_mask(t[positions], default_mask[positions]).to(mask.dtype)
        return mask


class Identity(BasePruningMethod):
    """Removes nothing."""

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask as it is."""
        return default_mask


class RandomUnstructured(BasePruningMethod):
    """Removes elements at random."""

    def __init__(self, amount: float) -> None:
        _validate_pruning_amount_init(amount)
        self.amount = amount

    def chosen(self, t: Tensor, count: int) -> Tensor:
        """The numbers of the elements to remove."""
        return topk(rand_like(t).reshape(-1), count)[1]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask without the chosen elements."""
        count, mask = _count(self.amount, t.numel()), default_mask.clone()
        if count:
            flat = mask.reshape(-1)
            flat[self.chosen(t, count)] = 0
            mask = flat.reshape(tuple(mask.shape))
        return mask


class L1Unstructured(RandomUnstructured):
    """Removes the elements of the smallest absolute value."""

    def chosen(self, t: Tensor, count: int) -> Tensor:
        """The numbers of the smallest."""
        return t.abs().reshape(-1).argsort(stable=True)[:count]


class RandomStructured(BasePruningMethod):
    """Removes channels (slices along ``dim``) at random."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount: float, dim: int = -1) -> None:
        _validate_pruning_amount_init(amount)
        self.amount, self.dim = amount, dim

    def chosen(self, t: Tensor, count: int) -> Tensor:
        """The numbers of the channels to remove."""
        return topk(rand(t.shape[self.dim], device=t.device), count, largest=False)[1]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask without the chosen channels.

        Raises ValueError for a vector, and IndexError for a dimension that is not there.
        """
        _validate_structured_pruning(t)
        _validate_pruning_dim(t, self.dim)
        count, mask = _count(self.amount, t.shape[self.dim]), default_mask.clone()
        if count:
            mask[(slice(None),) * (self.dim % t.ndim) + (self.chosen(t, count),)] = 0
        return mask


class LnStructured(RandomStructured):
    """Removes the channels of the smallest n-norm."""

    def __init__(self, amount: float, n: float | str, dim: int = -1) -> None:
        super().__init__(amount, dim)
        self.n = n

    def chosen(self, t: Tensor, count: int) -> Tensor:
        """The numbers of the smallest channels."""
        return _compute_norm(t, self.n, self.dim).argsort(stable=True)[:count]


class CustomFromMask(BasePruningMethod):
    """Removes what a given mask says."""

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The two masks' product. Raises AssertionError for a mask of another shape."""
        if self.mask.numel() != default_mask.numel():
            raise AssertionError(
                f"default_mask shape {default_mask.shape} must match self.mask shape {self.mask.shape}"
            )
        mask = self.mask if tuple(self.mask.shape) == tuple(default_mask.shape) else self.mask.reshape(-1)
        return default_mask * mask.to(default_mask.dtype)


def identity(module: Module, name: str) -> Module:
    """Prepare a parameter for pruning, and remove nothing."""
    Identity.apply(module, name)
    return module


def random_unstructured(module: Module, name: str, amount: float) -> Module:
    """Remove elements at random: a number of them, or a share.

    >>> import metagrad
    >>> layer = random_unstructured(metagrad.nn.Linear(4, 5), "weight", amount=0.5)
    >>> int((layer.weight == 0).sum())
    10
    """
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module: Module, name: str, amount: float, importance_scores: Tensor | None = None) -> Module:
    """Remove the elements of the smallest absolute value (or score).

    >>> from metagrad import nn
    >>> layer = nn.utils.prune.l1_unstructured(nn.Linear(4, 2), "weight", amount=0.5)
    >>> int((layer.weight == 0).sum()), sorted(layer.state_dict())
    (4, ['bias', 'weight_mask', 'weight_orig'])
    """
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


def random_structured(module: Module, name: str, amount: float, dim: int) -> Module:
    """Remove channels along ``dim`` at random."""
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(
    module: Module, name: str, amount: float, n: float, dim: int, importance_scores: Tensor | None = None
) -> Module:
    """Remove the channels along ``dim`` of the smallest n-norm."""
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: Module, name: str, mask: Tensor) -> Module:
    """Remove what the mask says: 1 stays."""
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(
    parameters: Iterable[tuple[Module, str]],
    pruning_method: Callable[..., BasePruningMethod],
    importance_scores: Mapping[tuple[Module, str], Tensor] | None = None,
    **kwargs: Any,
) -> None:
    """Prune several modules' parameters, (module, name) pairs, as if they were one vector.

    Raises TypeError for a method that removes whole channels.
    """
    pairs = list(parameters)
    if getattr(pruning_method, "PRUNING_TYPE", None) != "unstructured":
        raise TypeError('Only "unstructured" PRUNING_TYPE supported for the `pruning_method`.')
    given = {} if importance_scores is None else importance_scores
    if not isinstance(given, Mapping):
        raise TypeError("global_unstructured(): importance_scores must be of type dict")
    scores = cat([given.get((m, n), getattr(m, n)).detach().reshape(-1) for m, n in pairs])
    masks = [getattr(m, n + "_mask", getattr(m, n).detach().new_ones(tuple(getattr(m, n).shape))) for m, n in pairs]
    method = pruning_method(**kwargs)
    method._tensor_name = "all"
    container = PruningContainer(method)
    final = container.compute_mask(scores, cat([mask.reshape(-1) for mask in masks]))
    start = 0
    for (module, name), mask in zip(pairs, masks, strict=True):
        size = math.prod(mask.shape)
        custom_from_mask(module, name, final[start : start + size].reshape(tuple(mask.shape)))
        start += size


def _hook_of(module: Module, name: str | None) -> tuple[object, BasePruningMethod] | None:
    for key, hook in module.__dict__.get("_forward_pre_hooks", {}).items():
        if isinstance(hook, BasePruningMethod) and name in (None, hook._tensor_name):
            return key, hook
    return None


def remove(module: Module, name: str) -> Module:
    """Make a pruned parameter an ordinary one, with its zeros. Raises ValueError if it was not pruned.

    >>> import metagrad
    >>> layer = random_unstructured(metagrad.nn.Linear(4, 5), "weight", amount=0.5)
    >>> [name for name, _ in remove(layer, "weight").named_parameters()]
    ['bias', 'weight']
    """
    found = _hook_of(module, name)
    if found is None:
        raise ValueError(f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed")
    found[1].remove(module)
    del module.__dict__["_forward_pre_hooks"][found[0]]
    return module


def is_pruned(module: Module) -> bool:
    """Whether the module or one below it is pruned."""
    return any(_hook_of(each, None) is not None for each in module.modules())
