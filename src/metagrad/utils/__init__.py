"""What stands beside the network.

==================  =====================================================
``data``            datasets, the order they are read in, and batches
``checkpoint``      activations computed again instead of kept
``tensorboard``     ``SummaryWriter``
``hooks``           what registering a hook returns
``_pytree``         nested containers as lists of leaves
``dlpack``          arrays from and to other libraries
==================  =====================================================
"""

__all__ = ["checkpoint", "data", "dlpack", "hooks", "tensorboard"]


def __getattr__(name: str) -> object:
    if name in __all__ or name == "_pytree":
        import importlib

        return importlib.import_module(f"metagrad.utils.{name}")
    raise AttributeError(f"module 'metagrad.utils' has no attribute {name!r}")
