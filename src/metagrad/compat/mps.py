"""Apple's GPUs, which metagrad does not use: programs may ask."""

from metagrad.compat.backends.mps import is_available

__all__ = ["device_count", "empty_cache", "is_available", "manual_seed", "synchronize"]


def device_count() -> int:
    """0."""
    return 0


def empty_cache() -> None:
    """Nothing to do."""


synchronize = empty_cache


def manual_seed(seed: int) -> None:
    """Nothing to do: random numbers are drawn on the CPU, from the generator that ``metagrad.manual_seed`` seeds."""
