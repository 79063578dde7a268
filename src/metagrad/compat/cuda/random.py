"""``metagrad.cuda.random``: the generators of the GPUs (``ops/create/random.py``). They may be seeded where no GPU is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from metagrad.base.device import cupy
from metagrad.base.device import device as Device
from metagrad.ops.create import random as generators
from metagrad.ops.create.random import Generator

__all__ = [
    "get_rng_state", "get_rng_state_all", "initial_seed", "manual_seed", "manual_seed_all", "seed", "seed_all", "set_rng_state",
    "set_rng_state_all",
]  # fmt: skip


def _generator(device: Any = "cuda") -> Generator:
    """The generator of a GPU, of the one in use if none is named."""
    index = device if isinstance(device, int) else Device(device).index
    module = cupy()
    if index is None:
        index = 0 if module is None else int(module.cuda.Device().id)
    return generators.generator_of(Device("cuda", index))


def _all() -> list[Generator]:
    module = cupy()
    count = 0 if module is None else int(module.cuda.runtime.getDeviceCount())
    return [_generator(i) for i in range(count)]


def manual_seed(seed: int) -> None:
    """Make the random numbers of the GPU in use follow from ``seed``."""
    _generator().manual_seed(seed)


def manual_seed_all(seed: int) -> None:
    """Make the random numbers of all GPUs follow from ``seed``."""
    for generator in _all():
        generator.manual_seed(seed)


def seed() -> None:
    """Give the generator of the GPU in use an unpredictable seed."""
    _generator().seed()


def seed_all() -> None:
    """Give the generators of all GPUs one unpredictable seed."""
    if found := _all():
        manual_seed_all(found[0].seed())


def initial_seed() -> int:
    """The seed of the generator of the GPU in use."""
    return _generator().initial_seed()


def get_rng_state(device: Any = "cuda") -> Any:
    """The state of a GPU's generator, 16 bytes."""
    return _generator(device).get_state()


def set_rng_state(new_state: Any, device: Any = "cuda") -> None:
    """Go on from a state that ``get_rng_state`` returned. Raises RuntimeError for anything else."""
    _generator(device).set_state(new_state)


def get_rng_state_all() -> list[Any]:
    """The states of all GPUs' generators."""
    return [generator.get_state() for generator in _all()]


def set_rng_state_all(new_states: Iterable[Any]) -> None:
    """Go on from states that ``get_rng_state_all`` returned, one for each GPU."""
    for i, state in enumerate(new_states):
        set_rng_state(state, i)
