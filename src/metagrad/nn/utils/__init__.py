"""``metagrad.nn.utils``: what is done to the sequences, gradients and parameters of a model.

=========================  ==========================================================
``rnn.py``                 padding and packing sequences of different lengths
``clip_grad.py``           limiting gradients
``convert_parameters.py``  all parameters as one vector
``parametrize.py``         parameters computed from others each time they are read
``parametrizations.py``    weight_norm, spectral_norm, orthogonal
``hooked_norms.py``        the forerunners of weight_norm and spectral_norm, as hooks
``prune.py``               masks that leave only some elements
``fusion.py``              a layer and the batch norm after it as one
``stateless.py``           a module called with other parameters
``memory_format.py``       the layout of the weights of convolutions
=========================  ==========================================================
"""

from typing import Any

from metagrad.nn.utils import rnn
from metagrad.nn.utils.clip_grad import (
    clip_grad_norm,
    clip_grad_norm_,
    clip_grad_value_,
    clip_grads_with_norm_,
    get_total_norm,
)
from metagrad.nn.utils.convert_parameters import parameters_to_vector, vector_to_parameters
from metagrad.nn.utils.memory_format import convert_conv2d_weight_memory_format, convert_conv3d_weight_memory_format

__all__ = [
    "clip_grad_norm",
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "convert_conv2d_weight_memory_format",
    "convert_conv3d_weight_memory_format",
    "get_total_norm",
    "parameters_to_vector",
    "rnn",
    "skip_init",
    "vector_to_parameters",
]

_LAZY = {
    "fusion",
    "parametrizations",
    "parametrize",
    "prune",
    "stateless",
}  # they are made of layers, which import this package


_LAZY_NAMES = {
    **dict.fromkeys(("remove_spectral_norm", "remove_weight_norm", "spectral_norm", "weight_norm"), "hooked_norms"),
    **dict.fromkeys(
        ("fuse_conv_bn_eval", "fuse_conv_bn_weights", "fuse_linear_bn_eval", "fuse_linear_bn_weights"), "fusion"
    ),
}
__all__ += [*_LAZY_NAMES]


def skip_init(module_cls: Any, *args: Any, **kwargs: Any) -> Any:
    """A module made with these arguments, of whose initial values nothing may be expected.

    Raises RuntimeError for what is no class of modules, or one that takes no ``device``.
    """
    from inspect import signature

    from metagrad.nn.modules.module import Module

    if not issubclass(module_cls, Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    takes = signature(module_cls).parameters.values()
    if not any(p.name == "device" or p.kind is p.VAR_KEYWORD for p in takes):
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    return module_cls(*args, **kwargs)


def __getattr__(name: str) -> object:
    if name in _LAZY or name in _LAZY_NAMES:
        import importlib

        module = importlib.import_module(f"metagrad.nn.utils.{_LAZY_NAMES.get(name, name)}")
        return getattr(module, name) if name in _LAZY_NAMES else module
    raise AttributeError(f"module 'metagrad.nn.utils' has no attribute {name!r}")
