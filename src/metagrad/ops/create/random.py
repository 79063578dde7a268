"""Random numbers: one ``Generator`` over NumPy's SFC64, repeatable from its seed, with a state that can be saved."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.variable import wrap
from metagrad.base.device import device as Device
from metagrad.base.typing import DeviceLike

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

_STATE_WORDS = 6  # four of the generator itself, and two for the half word that NumPy may hold back


class Generator:
    """A stream of random numbers. The same seed gives the same numbers, bit for bit.

    >>> import metagrad
    >>> g = Generator().manual_seed(0)
    >>> a = metagrad.rand(2, generator=g)
    >>> bool((metagrad.rand(2, generator=g.manual_seed(0)) == a).all())
    True
    """

    _numpy: np.random.Generator | None

    def __init__(self, device: Device | str | int = "cpu") -> None:
        self.device = Device(device)
        self.manual_seed(0x5EED)

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream that belongs to ``seed``, any integer of up to 64 bits."""
        seed = int(seed)
        if not -(2**63) <= seed < 2**64:
            raise RuntimeError(f"a seed must fit in 64 bits, got {seed}")
        self._seed, self._numpy = seed % 2**64, None
        return self

    @property
    def numpy(self) -> np.random.Generator:
        """The NumPy generator underneath; made when it is first used, for ``numpy.random`` takes time to import."""
        if self._numpy is None:
            self._numpy = np.random.Generator(np.random.SFC64(self._seed))
        return self._numpy

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
        """Where the stream stands, as a tensor of bytes: ``set_state`` goes on from there."""
        state: Any = self.numpy.bit_generator.state
        words = np.zeros(_STATE_WORDS + 1, np.uint64)
        words[:4] = state["state"]["state"]
        words[4:] = state["has_uint32"], state["uinteger"], self._seed
        return wrap(words.view(np.uint8))

    def set_state(self, new_state: Tensor) -> Generator:
        """Go on from a state that ``get_state`` returned."""
        raw = np.ascontiguousarray(getattr(new_state, "array", new_state))
        if raw.dtype != np.uint8 or raw.size != (_STATE_WORDS + 1) * 8:
            raise RuntimeError(
                f"expected a generator state of {(_STATE_WORDS + 1) * 8} bytes (uint8), got {raw.size} of {raw.dtype}"
            )
        words = raw.view(np.uint64)
        state: Any = self.numpy.bit_generator.state
        state["state"]["state"] = words[:4].copy()
        state["has_uint32"], state["uinteger"] = int(words[4]), int(words[5])
        self.numpy.bit_generator.state = state
        self._seed = int(words[6])
        return self


default_generator = Generator()
default_generator.seed()
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


@contextlib.contextmanager
def fork_rng(
    devices: Iterable[DeviceLike] | None = None, enabled: bool = True, *, device_type: str = "cuda"
) -> Iterator[None]:
    """Whatever is drawn inside leaves the default generator's stream as it was.

    >>> import metagrad
    >>> state = metagrad.get_rng_state()
    >>> with metagrad.random.fork_rng():
    ...     x = metagrad.rand(2)
    >>> bool((metagrad.get_rng_state() == state).all())
    True
    """
    state = get_rng_state()
    try:
        yield
    finally:
        if enabled:
            set_rng_state(state)
