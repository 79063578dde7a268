"""Intel's GPUs, which metagrad does not use: programs may ask."""

from metagrad.compat.mps import device_count, empty_cache, is_available, manual_seed, synchronize

__all__ = ["device_count", "empty_cache", "is_available", "manual_seed", "manual_seed_all", "synchronize"]

manual_seed_all = manual_seed
