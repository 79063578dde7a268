"""Random numbers: a ``Generator`` for each device, repeatable from its seed, with a state that can be saved."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.variable import Variable, wrap
from metagrad.base.device import device as Device
from metagrad.base.typing import DeviceLike
from metagrad.ops.create.device_stream import STATE_BYTES, DeviceStream

if TYPE_CHECKING:
    from metagrad.ops.create.streams import Stream
    from metagrad.tensors.tensor import Tensor

_FIRST_SEED = 67280421310721  # of a generator that was given none, as in PyTorch


class Generator:
    """A stream of random numbers, drawn on its device. The same seed gives the same numbers, bit for bit.

    On the CPU they come from NumPy's SFC64 (``streams.py``), or are PyTorch's (``mersenne.py``, see ``use_numbers_of``); on
    a GPU from a counter (``device_stream.py``): other numbers.

    >>> import metagrad
    >>> g = Generator().manual_seed(0)
    >>> a = metagrad.rand(2, generator=g)
    >>> bool((metagrad.rand(2, generator=g.manual_seed(0)) == a).all())
    True
    """

    _stream: Stream | DeviceStream | None

    def __init__(self, device: Device | str | int = "cpu") -> None:
        self.device = Device(device)
        self.manual_seed(_FIRST_SEED)

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream that belongs to ``seed``, any integer of up to 64 bits."""
        if not hasattr(seed, "__index__"):
            raise RuntimeError(f"manual_seed expected a long, but got {type(seed).__name__}")
        seed = int(seed)
        if not -(2**63) <= seed < 2**64:
            raise ValueError(f"Overflow when unpacking long long: a seed must fit in 64 bits, got {seed}")
        self._seed, self._stream = seed % 2**64, None
        return self

    @property
    def stream(self) -> Stream | DeviceStream:
        """What numbers are drawn from; made when it is first used, for ``numpy.random`` takes time to import."""
        if self._stream is None:
            if self.device.type == "cuda":
                self._stream = DeviceStream(self._seed, self.device)
            else:
                self._stream = _kind_of_stream(_numbers_of)(self._seed)
        return self._stream

    @property
    def numpy(self) -> Stream:
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

    def get_offset(self) -> int:
        """Generators of the CPU have none: raises RuntimeError."""
        raise RuntimeError(f"{self.device.type.upper()} Generator does not use offset")

    def set_offset(self, offset: int) -> None:
        """Raises RuntimeError, as ``get_offset`` does."""
        self.get_offset()

    def clone_state(self) -> Generator:
        """A generator that goes on from where this one stands, on its own."""
        return Generator(self.device).set_state(self.get_state())

    def __reduce__(self) -> tuple[Any, ...]:
        return _standing_at, (str(self.device), self.get_state())

    def get_state(self) -> Tensor:
        """Where the stream stands, as a tensor of bytes, on the CPU: ``set_state`` goes on from there."""
        if isinstance(self.stream, DeviceStream):
            return wrap(np.array([self.stream.key, self.stream.position], np.uint64).view(np.uint8))
        return wrap(self.stream.state_bytes(self._seed))

    def set_state(self, new_state: Tensor) -> Generator:
        """Go on from a state that ``get_state`` returned; on the CPU also from one of PyTorch's.

        Raises TypeError for what is no tensor of bytes, and RuntimeError for too many of them or too few.
        """
        if not isinstance(new_state, Variable):
            raise TypeError(f"expected a torch.ByteTensor, but got {type(new_state).__name__}")
        raw = np.ascontiguousarray(getattr(new_state, "array", new_state))
        kinds = (
            {} if self.device.type == "cuda" else {_kind_of_stream(k).STATE_BYTES: k for k in ("metagrad", "pytorch")}
        )
        expected = list(kinds) or [STATE_BYTES]
        if raw.dtype != np.uint8:
            raise TypeError(f"RNG state must be a torch.ByteTensor, got {raw.dtype}")
        if raw.size not in expected:
            sizes = " or ".join(map(str, expected))
            raise RuntimeError(f"expected a generator state of {sizes} bytes (uint8), got {raw.size} of {raw.dtype}")
        if kinds:
            self._stream = stream = _kind_of_stream(kinds[raw.size])(0)
            self._seed = stream.go_on_from(raw)
        else:
            words = raw.view(np.uint64)
            self._seed = int(words[0])
            self._stream = DeviceStream(self._seed, self.device, int(words[1]))
        return self


def _standing_at(device: str, state: Tensor) -> Generator:
    """What a pickled generator is made anew by."""
    return Generator(device).set_state(state)


_numbers_of = "metagrad"  # whose numbers generators of the CPU draw


def _kind_of_stream(numbers_of: str) -> type[Stream]:
    if numbers_of == "pytorch":
        from metagrad.ops.create.mersenne import MersenneStream

        return MersenneStream
    from metagrad.ops.create.streams import Stream

    return Stream


def use_numbers_of(name: str) -> None:
    """Whose numbers a seed stands for on the CPU from here on: "metagrad"'s, which come faster, or "pytorch"'s.

    The default generator starts anew with its seed; others follow at their next ``manual_seed``. Raises ValueError for
    another name.

    >>> import metagrad
    >>> metagrad.random.use_numbers_of("pytorch")
    >>> _ = metagrad.manual_seed(0)
    >>> metagrad.rand(3)
    tensor([0.4963, 0.7682, 0.0885])
    >>> metagrad.random.use_numbers_of("metagrad")
    """
    global _numbers_of
    if name not in ("metagrad", "pytorch"):
        raise ValueError(f'use_numbers_of: expected "metagrad" or "pytorch", got {name!r}')
    if name != _numbers_of:
        _numbers_of = name
        default_generator.manual_seed(default_generator.initial_seed())


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


def source(generator: Generator | None, where: Device) -> Stream | DeviceStream:
    """What to draw numbers from that are wanted on a device: of a given generator, or of the device's default.

    Raises RuntimeError for a generator of another kind of device.

    >>> source(None, Device("cpu")).random() < 1
    True
    """
    if generator is not None and not isinstance(generator, Generator):
        raise TypeError(f"argument 'generator' must be metagrad.Generator, not {type(generator).__name__}")
    if where.type != "cuda":
        return numpy_generator(generator)
    if refusals:
        raise RuntimeError(refusals[-1])
    found = generator_of(where) if generator is None else generator
    if found.device.type != "cuda":
        raise RuntimeError(f"Expected a 'cuda' device type for generator but found '{found.device.type}'")
    return found.stream


refusals: list[str] = []  # while a function is mapped that must not draw: the messages that say so, the innermost last


wrappers: list[Callable[[Stream], Stream]] = []  # while many examples draw at once, each its own: the innermost last


def numpy_generator(generator: Generator | None = None, anywhere: bool = False) -> Stream:
    """The NumPy generator under a given one, or under the default.

    anywhere: of a GPU's generator, one that begins with a seed from there, for what is drawn on the CPU in any case.

    >>> numpy_generator(Generator().manual_seed(0)).random() == numpy_generator(Generator().manual_seed(0)).random()
    True
    """
    if refusals:
        raise RuntimeError(refusals[-1])
    given = default_generator if generator is None else generator
    if anywhere and isinstance(given.stream, DeviceStream):
        stream = _kind_of_stream("metagrad")(given.stream.drawn_seed())
    else:
        stream = given.numpy
    for wrap_stream in wrappers:
        stream = wrap_stream(stream)
    return stream


def draws_own_numbers() -> bool:
    """Whether the default generator draws metagrad's own numbers, so that kernels may have streams of their own.

    >>> draws_own_numbers()
    True
    """
    return _numbers_of == "metagrad"


def manual_seed(seed: int) -> Generator:
    """Make every random number from here on follow from ``seed``.

    >>> import metagrad
    >>> _ = metagrad.manual_seed(0)
    >>> a = metagrad.randn(3)
    >>> _ = metagrad.manual_seed(0)
    >>> bool((metagrad.randn(3) == a).all())
    True
    """
    seed = int(seed)
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

    Raises TypeError for what is no tensor of bytes, and RuntimeError for too many of them or too few.

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


def thread_safe_generator() -> None:
    """The generator of the loader's thread that asks, as PyTorch has one: None, the default one, for workers are processes."""


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

    Raises RuntimeError for a ``device_type`` that is none.
    """
    Device(device_type)
    states = get_all_states()
    try:
        yield
    finally:
        if enabled:
            set_all_states(states)
