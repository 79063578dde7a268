"""``torch.__future__``: whether a module that is converted keeps its parameters as objects, which is what it does by itself."""

from metagrad.nn.modules.placement import Conversion

__all__ = [
    "get_overwrite_module_params_on_conversion", "get_swap_module_params_on_conversion",
    "set_overwrite_module_params_on_conversion", "set_swap_module_params_on_conversion",
]  # fmt: skip


def set_overwrite_module_params_on_conversion(value: bool) -> None:
    """Whether ``Module.to`` and its kind put new parameters in the place of the old ones. An optimizer holds the old ones.

    >>> import metagrad
    >>> layer = metagrad.nn.Linear(1, 1)
    >>> weight = layer.weight
    >>> set_overwrite_module_params_on_conversion(True)
    >>> layer.double().weight is weight, weight.dtype
    (False, metagrad.float32)
    >>> set_overwrite_module_params_on_conversion(False)
    >>> layer.float().weight is layer.double().weight
    True
    """
    Conversion.overwrite = value


def get_overwrite_module_params_on_conversion() -> bool:
    """What was set."""
    return Conversion.overwrite


def set_swap_module_params_on_conversion(value: bool) -> None:
    """Whether the numbers come by ``utils.swap_tensors``. Parameters keep their identity with and without it."""
    Conversion.swap = value


def get_swap_module_params_on_conversion() -> bool:
    """What was set."""
    return Conversion.swap
