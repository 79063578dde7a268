"""What stands beside the network.

==================  =====================================================
``data``            datasets, the order they are read in, and batches
``checkpoint``      activations computed again instead of kept
``tensorboard``     ``SummaryWriter``
``hooks``           what registering a hook returns
==================  =====================================================
"""

__all__ = ["checkpoint", "data", "hooks", "tensorboard"]


def __getattr__(name: str) -> object:
    if name in __all__:
        import importlib

        return importlib.import_module(f"metagrad.utils.{name}")
    raise AttributeError(f"module 'metagrad.utils' has no attribute {name!r}")
