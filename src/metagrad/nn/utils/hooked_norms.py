"""The forerunners of ``parametrizations.weight_norm`` and ``spectral_norm``: hooks that compute the weight before each call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metagrad.autograd.mode import no_grad
from metagrad.base.warning import warn
from metagrad.nn.functional.layer_norm import normalize
from metagrad.nn.parameter import Parameter
from metagrad.nn.utils.parametrizations import norm_except

if TYPE_CHECKING:
    from metagrad.nn.modules.module import Module
    from metagrad.tensors.tensor import Tensor

__all__ = ["remove_spectral_norm", "remove_weight_norm", "spectral_norm", "weight_norm"]


class _Hook:
    """Computes ``module.name`` before a call; what it is computed from are parameters and buffers of the module."""

    parts: tuple[str, ...]  # what their names end with

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, module: Module, _: object) -> None:
        setattr(module, self.name, self.compute_weight(module, module.training))

    def compute_weight(self, module: Module, do_power_iteration: bool = False) -> Tensor:
        """The weight; do_power_iteration: after a further step of what is found step by step."""
        raise NotImplementedError

    def put(self, module: Module) -> None:
        """Take the parameter out, and compute it from now on."""
        weight: Any = module._parameters.pop(self.name)
        self.spread(module, weight)
        setattr(module, self.name, self.at_first(module, weight))
        module.register_forward_pre_hook(self)

    def at_first(self, module: Module, weight: Tensor) -> Tensor:
        """What the attribute is until the module is called."""
        return self.compute_weight(module)

    def spread(self, module: Module, weight: Tensor) -> None:
        """Register what the weight is computed from."""
        raise NotImplementedError

    def remove(self, module: Module) -> None:
        """Make the weight a parameter again; the hook stays among the module's."""
        weight = self.compute_weight(module).detach()
        for part in self.parts:
            delattr(module, self.name + part)
        if self.name in module.__dict__:
            delattr(module, self.name)
        module.register_parameter(self.name, Parameter(weight))


class WeightNorm(_Hook):
    """The hook that ``weight_norm`` registers."""

    def __init__(self, name: str, dim: int | None) -> None:
        super().__init__(name)
        self.dim = -1 if dim is None else dim

    def spread(self, module: Module, weight: Tensor) -> None:
        module.register_parameter(self.name + "_g", Parameter(norm_except(weight, self.dim).detach()))
        module.register_parameter(self.name + "_v", Parameter(weight.detach()))

    def compute_weight(self, module: Module, do_power_iteration: bool = False) -> Tensor:
        """g v / ‖v‖."""
        g, v = getattr(module, self.name + "_g"), getattr(module, self.name + "_v")
        return v * (g / norm_except(v, self.dim))

    parts = ("_g", "_v")


class SpectralNorm(_Hook):
    """The hook that ``spectral_norm`` registers."""

    def __init__(self, name: str, steps: int, dim: int, eps: float) -> None:
        if steps <= 0:
            raise ValueError(f"Expected n_power_iterations to be positive, but got n_power_iterations={steps}")
        super().__init__(name)
        self.n_power_iterations, self.dim, self.eps = steps, dim, eps

    def spread(self, module: Module, weight: Tensor) -> None:
        matrix = weight.detach().movedim(self.dim, 0).flatten(1)
        module.register_parameter(self.name + "_orig", Parameter(weight.detach()))
        for suffix, extent in zip(("_u", "_v"), matrix.shape, strict=True):
            drawn = normalize(matrix.new_empty(extent).normal_(0, 1), dim=0, eps=self.eps)
            module.register_buffer(self.name + suffix, drawn)

    def at_first(self, module: Module, weight: Tensor) -> Tensor:
        return weight.detach()  # a step of the iteration here would be one more than PyTorch's before the first call

    def compute_weight(self, module: Module, do_power_iteration: bool = False) -> Tensor:
        """W / σ(W), σ(W) = uᵀ W v."""
        weight = getattr(module, self.name + "_orig")
        u, v = getattr(module, self.name + "_u"), getattr(module, self.name + "_v")
        matrix = weight.movedim(self.dim, 0).flatten(1)
        if do_power_iteration:
            with no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(normalize(matrix.t() @ u, dim=0, eps=self.eps))
                    u.copy_(normalize(matrix @ v, dim=0, eps=self.eps))
        return weight / u.clone().dot(matrix @ v.clone())

    parts = ("_orig", "_u", "_v")

    def put(self, module: Module) -> None:
        """Take the parameter out; and let the module's states say by which version of this they are made."""
        super().put(module)
        module._register_state_dict_hook(self.note_version)
        module._register_load_state_dict_pre_hook(self.complete, with_module=True)

    def note_version(self, module: Module, state: object, prefix: str, metadata: dict[str, Any]) -> None:
        """Enter the version among what a state says of itself."""
        if self.name + "_orig" in module._parameters:
            metadata.setdefault("spectral_norm", {})[self.name + ".version"] = 1

    def complete(
        self, module: Module, state: dict[str, Any], prefix: str, metadata: dict[str, Any], *_: object
    ) -> None:
        """Give an older state, which has the weight itself, the v that belongs to its u: u = W v / σ."""
        key, made_by = prefix + self.name, metadata.get("spectral_norm", {})
        if made_by.get(self.name + ".version") or not {key, key + "_orig", key + "_u"} <= state.keys():
            return
        weight, whole, u = state.pop(key), state[key + "_orig"], state[key + "_u"]
        matrix = whole.movedim(self.dim, 0).flatten(1)
        v = (matrix.t() @ matrix).pinverse() @ (matrix.t() @ u)
        state[key + "_v"] = v * ((whole / weight).mean() / u.dot(matrix @ v))


def _hooks(module: Module) -> list[tuple[Any, Any]]:
    """The hooks that are called before the module, each with its key."""
    return list(module.__dict__.get("_forward_pre_hooks", {}).items())


def _check_new(module: Module, name: str, kind: type[_Hook], called: str) -> None:
    if any(isinstance(hook, kind) and hook.name == name for _, hook in _hooks(module)):
        raise RuntimeError(f"Cannot register two {called} hooks on the same parameter {name}")
    if not isinstance(module._parameters.get(name), Parameter):
        error = KeyError(name) if kind is SpectralNorm else None
        raise error or AttributeError(
            f"'{type(module).__name__}' object has no attribute '{name}': no parameter, that is"
        )


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """w = g v / ‖v‖, g and v being parameters ``name_g`` and ``name_v`` (Salimans & Kingma 2016).

    >>> from metagrad import nn
    >>> import warnings
    >>> with warnings.catch_warnings(action="ignore"):
    ...     layer = nn.utils.weight_norm(nn.Linear(2, 2))
    >>> [name for name, _ in layer.named_parameters()]
    ['bias', 'weight_g', 'weight_v']
    """
    warn(
        "`torch.nn.utils.weight_norm` is deprecated in favor of `torch.nn.utils.parametrizations.weight_norm`.",
        FutureWarning,
    )
    _check_new(module, name, WeightNorm, "weight_norm")
    WeightNorm(name, dim).put(module)
    return module


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """w / σ(W), W being the parameter ``name_orig``; ``name_u`` and ``name_v`` are buffers (Miyato et al. 2018)."""
    _check_new(module, name, SpectralNorm, "spectral_norm")
    if dim is None:
        dim = 1 if "ConvTranspose" in type(module).__name__ else 0
    SpectralNorm(name, n_power_iterations, dim, eps).put(module)
    return module


def _removed(module: Module, name: str, kind: type[_Hook], called: str) -> Module:
    for key, hook in _hooks(module):
        if isinstance(hook, kind) and hook.name == name:
            hook.remove(module)
            del module.__dict__["_forward_pre_hooks"][key]
            return module
    raise ValueError(f"{called} of '{name}' not found in {module}")


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """Make the weight that ``weight_norm`` computes a parameter again."""
    return _removed(module, name, WeightNorm, "weight_norm")


def remove_spectral_norm(module: Module, name: str = "weight") -> Module:
    """Make the weight that ``spectral_norm`` computes a parameter again."""
    return _removed(module, name, SpectralNorm, "spectral_norm")
