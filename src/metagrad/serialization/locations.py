"""Where the tensors of a file are to be: ``map_location``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from metagrad.base.device import CPU, NoGPUError, cupy, require_cupy
from metagrad.base.device import device as Device
from metagrad.serialization.packages import _package_registry, restored
from metagrad.serialization.storages import StoredNumbers
from metagrad.tensors.storage import UntypedStorage

MAP_LOCATION: TypeAlias = (
    Callable[[UntypedStorage, str], UntypedStorage | None] | Mapping[str, str] | Device | str | None
)


class PlaceError(Exception):
    """The program's own ``map_location`` has failed, for the reason that is its cause: that is not the file's fault."""


class Locations:
    """What ``map_location`` says of each storage.

    A device, or its name, is the place of all tensors. A dict maps the places that the file names to others. A function is given
    a storage on the CPU and the file's place for it, and returns the storage to use, or None for the default: where the file
    says, or on the CPU if there is no such device.
    """

    def __init__(self, map_location: MAP_LOCATION) -> None:
        self.map_location = map_location
        if isinstance(map_location, Mapping):
            for place in map_location.values():
                _checked(place)
        elif map_location is not None and not callable(map_location):
            self.map_location = _checked(map_location)

    def place(self, storage: StoredNumbers, tag: str) -> None:
        """Say in the storage where its tensors are to be. It has been read, if a function is to look at it."""
        wanted = self.map_location
        if isinstance(wanted, Device):
            storage.location = wanted
        elif isinstance(wanted, Mapping):
            storage.location = _checked(wanted[tag]) if tag in wanted else _default(tag)
        elif wanted is None and not _package_registry:
            storage.location = _default(tag)
        elif not self._apply(storage, tag, restored if wanted is None else wanted):  # type: ignore[arg-type]
            storage.location = _default(tag)

    def _apply(self, storage: StoredNumbers, tag: str, choose: Callable[[UntypedStorage, str], object]) -> bool:
        try:
            found = choose(storage, tag)
            if not isinstance(found, UntypedStorage | None):
                raise TypeError(
                    f"the function given as map_location must return a storage or None, got {type(found).__name__}"
                )
        except Exception as error:
            raise PlaceError from error
        if found is None:
            return False
        if found.device == CPU and found is not storage:
            storage.memory[...] = found.memory.view(storage.memory.dtype)
        storage.location = found.device
        return True


def _checked(place: Device | str) -> Device:
    """The device; raises RuntimeError if it cannot be used."""
    found = place if isinstance(place, Device) else Device(place)
    if found.type == "cuda":
        try:
            require_cupy(found)
        except NoGPUError as error:
            raise NoGPUError(
                "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False. If you are running "
                f"on a CPU-only machine, please use load with map_location='cpu' to map your storages to the CPU. {error}"
            ) from None
    return found


def _default(tag: str) -> Device:
    return Device(tag) if tag.startswith("cuda") and cupy() is not None else CPU
