"""Random numbers: a ``Generator`` for each device, repeatable from its seed, with a state that can be saved."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.variable import wrap
from metagrad.base.device import device as Device
from metagrad.base.typing import DeviceLike
from metagrad.ops.create.device_stream import STATE_BYTES, DeviceStream

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

_STATE_WORDS = 6  # four of the generator itself, and two for the half word that NumPy may hold back


class Generator:
    """A stream of random numbers, drawn on its device. The same seed gives the same numbers, bit for bit.

    On the CPU they come from NumPy's SFC64, on a GPU from a counter (``device_stream.py``): other numbers.

    >>> import metagrad
    >>> g = Generator().manual_seed(0)
    >>> a = metagrad.rand(2, generator=g)
    >>> bool((metagrad.rand(2, generator=g.manual_seed(0)) == a).all())
    True
    """

    _stream: np.random.Generator | DeviceStream | None

    def __init__(self, device: Device | str | int = "cpu") -> None:
        self.device = Device(device)
        self.manual_seed(0x5EED)

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream that belongs to ``seed``, any integer of up to 64 bits."""
        seed = int(seed)
        if not -(2**63) <= seed < 2**64:
            raise RuntimeError(f"a seed must fit in 64 bits, got {seed}")
        self._seed, self._stream = seed % 2**64, None
        return self

    @property
    def stream(self) -> np.random.Generator | DeviceStream:
        """What numbers are drawn from; made when it is first used, for ``numpy.random`` takes time to import."""
        if self._stream is None:
            if self.device.type == "cuda":
                self._stream = DeviceStream(self._seed, self.device)
            else:
                self._stream = np.random.Generator(np.random.SFC64(self._seed))
        return self._stream

    @property
    def numpy(self) -> np.random.Generator:
        """The NumPy generator underneath. Raises RuntimeError for a generator of a GPU."""
        stream = self.stream
        if isinstance(stream, DeviceStream):
            raise RuntimeError(f"Expected a 'cpu' device type for generator but found '{self.device.type}'")
        return stream

    def seed(self) -> int:
        """Start a stream from an unpredictable seed, and return that seed."""
        self.manual_seed(int.from_bytes(os.urandom(8), "little") >> 1)
        return self._seed

    def initial_seed(self) -> int:
        """The seed of this stream."""
        return self._seed

    def clone_state(self) -> Generator:
        """A generator that goes on from where this one stands, on its own."""
        return Generator(self.device).set_state(self.get_state())

    def get_state(self) -> Tensor:
        """Where the stream stands, as a tensor of bytes, on the CPU: ``set_state`` goes on from there."""
        if isinstance(self.stream, DeviceStream):
            return wrap(np.array([self.stream.key, self.stream.position], np.uint64).view(np.uint8))
        state: Any = self.numpy.bit_generator.state
        words = np.zeros(_STATE_WORDS + 1, np.uint64)
        words[:4] = state["state"]["state"]
        words[4:] = state["has_uint32"], state["uinteger"], self._seed
        return wrap(words.view(np.uint8))

    def set_state(self, new_state: Tensor) -> Generator:
        """Go on from a state that ``get_state`` returned."""
        raw = np.ascontiguousarray(getattr(new_state, "array", new_state))
        on_gpu = isinstance(self.stream, DeviceStream)
        expected = STATE_BYTES if on_gpu else (_STATE_WORDS + 1) * 8
        if raw.dtype != np.uint8 or raw.size != expected:
            raise RuntimeError(f"expected a generator state of {expected} bytes (uint8), got {raw.size} of {raw.dtype}")
        words = raw.view(np.uint64)
        if on_gpu:
            self._seed = int(words[0])
            self._stream = DeviceStream(self._seed, self.device, int(words[1]))
            return self
        state: Any = self.numpy.bit_generator.state
        state["state"]["state"] = words[:4].copy()
        state["has_uint32"], state["uinteger"] = int(words[4]), int(words[5])
        self.numpy.bit_generator.state = state
        self._seed = int(words[6])
        return self


default_generator = Generator()
default_generator.seed()
_of_gpus: dict[int, Generator] = {}  # the default generator of each GPU that has drawn


def generator_of(device: DeviceLike) -> Generator:
    """The default generator of a device. A GPU's begins with the seed of the CPU's.

    >>> generator_of("cpu") is default_generator, generator_of("cuda:1").device
    (True, device(type='cuda', index=1))
    """
    where = Device("cpu" if device is None else device)
    if where.type != "cuda":
        return default_generator
    index = where.index or 0
    if index not in _of_gpus:
        _of_gpus[index] = Generator(Device("cuda", index)).manual_seed(default_generator.initial_seed())
    return _of_gpus[index]


def source(generator: Generator | None, where: Device) -> np.random.Generator | DeviceStream:
    """What to draw numbers from that are wanted on a device: of a given generator, or of the device's default.

    Raises RuntimeError for a generator of another kind of device.

    >>> source(None, Device("cpu")).random() < 1
    True
    """
    if where.type != "cuda":
        return numpy_generator(generator)
    if refusals:
        raise RuntimeError(refusals[-1])
    found = generator_of(where) if generator is None else generator
    if found.device.type != "cuda":
        raise RuntimeError(f"Expected a 'cuda' device type for generator but found '{found.device.type}'")
    return found.stream


refusals: list[str] = []  # while a function is mapped that must not draw: the messages that say so, the innermost last


def numpy_generator(generator: Generator | None = None) -> np.random.Generator:
    """The NumPy generator under a given one, or under the default.

    >>> numpy_generator(Generator().manual_seed(0)).random() == numpy_generator(Generator().manual_seed(0)).random()
    True
    """
    if refusals:
        raise RuntimeError(refusals[-1])
    return (default_generator if generator is None else generator).numpy


def manual_seed(seed: int) -> Generator:
    """Make every random number from here on follow from ``seed``.

    >>> import metagrad
    >>> _ = metagrad.manual_seed(0)
    >>> a = metagrad.randn(3)
    >>> _ = metagrad.manual_seed(0)
    >>> bool((metagrad.randn(3) == a).all())
    True
    """
    for of_gpu in _of_gpus.values():
        of_gpu.manual_seed(seed)
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Give the default generator an unpredictable seed, and return it.

    >>> import metagrad
    >>> metagrad.seed() == metagrad.initial_seed()
    True
    """
    return default_generator.seed()


def initial_seed() -> int:
    """The default generator's seed.

    >>> import metagrad
    >>> _ = metagrad.manual_seed(3)
    >>> metagrad.initial_seed()
    3
    """
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The default generator's state, as a tensor of bytes.

    >>> import metagrad
    >>> metagrad.get_rng_state().dtype
    metagrad.uint8
    """
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Go on from a state that ``get_rng_state`` returned.

    Raises RuntimeError for anything else.

    >>> import metagrad
    >>> state = metagrad.get_rng_state()
    >>> x = metagrad.rand(2)
    >>> metagrad.set_rng_state(state)
    >>> bool((metagrad.rand(2) == x).all())
    True
    """
    default_generator.set_state(new_state)


def get_all_states() -> dict[str, Tensor]:
    """The states of all default generators, by device: of the CPU, and of each GPU that has drawn.

    >>> list(get_all_states())[0]
    'cpu'
    """
    return {"cpu": get_rng_state()} | {f"cuda:{i}": g.get_state() for i, g in _of_gpus.items()}


def set_all_states(states: Mapping[str, Tensor]) -> None:
    """Go on from what ``get_all_states`` returned. GPUs that had not drawn then begin with the seed of the CPU's generator.

    >>> set_all_states(get_all_states())
    """
    _of_gpus.clear()
    for device, state in states.items():
        generator_of(device).set_state(state)


@contextlib.contextmanager
def fork_rng(
    devices: Iterable[DeviceLike] | None = None, enabled: bool = True, *, device_type: str = "cuda"
) -> Iterator[None]:
    """Whatever is drawn inside leaves the streams of the default generators, of the CPU and of GPUs, as they were.

    >>> import metagrad
    >>> state = metagrad.get_rng_state()
    >>> with metagrad.random.fork_rng():
    ...     x = metagrad.rand(2)
    >>> bool((metagrad.get_rng_state() == state).all())
    True
    """
    states = get_all_states()
    try:
        yield
    finally:
        if enabled:
            set_all_states(states)
