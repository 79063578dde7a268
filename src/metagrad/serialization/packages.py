"""Devices of a program's own in files: what ``save`` calls a storage's place, and what ``load`` makes of that name.

Also what programs find in PyTorch's file beside it: checks of devices and of versions.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeAlias

from metagrad.base.device import device as Device
from metagrad.base.device import require_cupy
from metagrad.tensors.storage import UntypedStorage

Tagger: TypeAlias = Callable[[Any], str | None]
Restorer: TypeAlias = Callable[[Any, str], Any]

_package_registry: list[tuple[int, Tagger, Restorer]] = []  # a program's own, those of small priority first
OWN = 10  # the priority of the CPU, and all that comes with metagrad


def register_package(priority: int, tagger: Tagger, deserializer: Restorer) -> None:
    """Ask ``tagger(storage)`` for the name of a storage's place when it is saved, and ``deserializer(storage, name)`` at loading.

    Either gives None for what is not its affair. priority: who is asked first, the smallest; metagrad's own devices have 10.

    >>> def place(storage):
    ...     return "elsewhere"
    >>> register_package(0, place, lambda storage, name: storage if name == "elsewhere" else None)
    >>> location_tag(UntypedStorage(4))
    'elsewhere'
    >>> _package_registry.clear()
    """
    bisect.insort(_package_registry, (priority, tagger, deserializer), key=lambda entry: entry[0])


def location_tag(storage: Any) -> str:
    """The name under which ``save`` writes a storage's place: "cpu", "cuda:0", or what a registered package says."""
    for priority, tagger, _ in _package_registry:
        if priority < OWN and (found := tagger(storage)):
            return found
    return str(storage.device)


def default_restore_location(storage: Any, location: str) -> Any:
    """The storage where its file says that it was; raises RuntimeError for a place that nobody knows.

    >>> default_restore_location(UntypedStorage([1, 2]), "cpu").tolist()
    [1, 2]
    """
    asked = list(_package_registry)
    for _, _, deserializer in [entry for entry in asked if entry[0] < OWN]:
        found = deserializer(storage, location)
        if found is not None:
            return found
    if location.startswith("cuda"):
        validate_cuda_device(location)
    if location == "cpu" or location.startswith("cuda"):
        return storage
    for _, _, deserializer in [entry for entry in asked if entry[0] >= OWN]:
        found = deserializer(storage, location)
        if found is not None:
            return found
    raise RuntimeError(f"don't know how to restore data location of {type(storage).__name__} (tagged with {location})")


def restored(storage: Any, location: str) -> Any:
    """What a registered package makes of a storage; None if there is none, or it has nothing to say."""
    for _, _, deserializer in _package_registry:
        found = deserializer(storage, location)
        if isinstance(found, UntypedStorage):
            return found
    return None


def normalize_storage_type(storage_type: Any) -> Any:
    """The class itself: storages have one name each."""
    return storage_type


def validate_cuda_device(location: str) -> int:
    """The number of a GPU; raises RuntimeError, saying what is missing, where it cannot be used."""
    found = Device(location)
    require_cupy(found)
    return found.index or 0


def check_module_version_greater_or_equal(
    module: ModuleType, req_version_tuple: tuple[int, ...], error_if_malformed: bool = True
) -> bool:
    """Whether a module's ``__version__`` is at least this one; RuntimeError for one that is no version, unless that is allowed.

    >>> import numpy
    >>> check_module_version_greater_or_equal(numpy, (1, 0))
    True
    """
    try:
        parts = [type(want)(have) for want, have in zip(req_version_tuple, module.__version__.split("."), strict=False)]
    except Exception as error:
        if error_if_malformed:
            raise RuntimeError(
                f"'{module.__name__}' module version is malformed string: {module.__version__}"
            ) from error
        return True
    return tuple(parts) >= req_version_tuple
