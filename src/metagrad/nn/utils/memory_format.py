"""The layout of the weights of convolutions."""

from __future__ import annotations

from typing import Any, TypeVar

_Module = TypeVar("_Module")


def _converted(module: Any, memory_format: Any, kinds: tuple[str, ...]) -> None:
    if type(module).__name__ in kinds:
        module.weight.data = module.weight.detach().clone(memory_format=memory_format)
    for child in module.children():
        _converted(child, memory_format, kinds)


def convert_conv2d_weight_memory_format(module: _Module, memory_format: Any) -> _Module:
    """Lay the weights of all ``Conv2d`` and ``ConvTranspose2d`` in a module out in another way; returns the module.

    >>> import metagrad
    >>> layer = metagrad.nn.Conv2d(2, 3, 2)
    >>> convert_conv2d_weight_memory_format(layer, metagrad.channels_last).weight.stride()
    (8, 1, 4, 2)
    """
    _converted(module, memory_format, ("Conv2d", "ConvTranspose2d"))
    return module


def convert_conv3d_weight_memory_format(module: _Module, memory_format: Any) -> _Module:
    """The same of ``Conv3d`` and ``ConvTranspose3d``."""
    _converted(module, memory_format, ("Conv3d", "ConvTranspose3d"))
    return module
