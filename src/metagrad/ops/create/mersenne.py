"""PyTorch's random numbers on the CPU, from the same seeds: the Mersenne Twister, and how its words become numbers.

The twister is that of Matsumoto and Nishimura (1998), which NumPy has too, and gives words of 32 bits. What PyTorch makes of
them: a uniform float32 is 24 bits of a word, a float64 53 bits of two; normal numbers are those of Box and Muller (1958),
eight pairs at a time where there are at least sixteen numbers, else pair by pair in float64, with the second of a pair kept
for the next call. Uniform numbers, integers and permutations are equal to the bit, what goes through a logarithm or a sine
to the last digits. Gamma, Poisson and binomial numbers are drawn one after the other (``rejection.py``). PyTorch draws
Bernoulli's numbers by Intel's library on Intel's processors: there dropout's masks differ.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from metagrad.base.typing import Array, Sizes
from metagrad.kernels import tuning
from metagrad.kernels.compiled import twister as compiled
from metagrad.kernels.compiled.choice import are_there_loops
from metagrad.ops.create import rejection
from metagrad.ops.create.streams import Stream

_WORDS = 624  # of the twister's state
_FEW = 16  # from so many normal numbers on they are made eight pairs at a time
_LOW_24, _LOW_53 = np.uint64(2**24 - 1), np.uint64(2**53 - 1)
_STATE = np.dtype(  # as PyTorch lays it out in memory
    [
        ("seed", "<u8"), ("left", "<i4"), ("seeded", "<i4"), ("next", "<u8"), ("words", "<u8", (_WORDS,)),
        ("cosine", "<f8"), ("held_back", "<f8"), ("length", "<f8"), ("holds_one_back", "<i4"), ("unused", "<i4", (3,)),
    ]
)  # fmt: skip


class MersenneStream(Stream):
    """PyTorch's numbers of a seed.

    >>> MersenneStream(0).random(3, np.float32).round(4)
    array([0.4963, 0.7682, 0.0885], dtype=float32)
    """

    STATE_BYTES = _STATE.itemsize

    def __init__(self, seed: int) -> None:
        np.random.Generator.__init__(self, np.random.MT19937(0))
        self.bit_generator._legacy_seeding(seed % 2**32)  # type: ignore[attr-defined]
        self.held_back: float | None = None  # the second normal number of the last pair

    def words(self, count: int) -> Array:
        """The next words (count), 32 random bits each, as uint32 or uint64."""
        if not _by_loop(count):
            return np.asarray(self.bit_generator.random_raw(count))
        found = np.empty(count, np.uint32)
        self._draw(compiled.draw_words, found)
        return found

    def _draw(self, loop: Callable[..., int], *arguments: Any) -> None:
        """Have a compiled loop draw, which takes the state and returns how far it has come in it."""
        with self.bit_generator.lock:
            now: Any = self.bit_generator.state
            twister = now["state"]
            twister["pos"] = loop(twister["key"], twister["pos"], *arguments)
            self.bit_generator.state = now

    def double_words(self, count: int) -> Array:
        """Two words in one (count): 64 random bits each."""
        both = self.words(2 * count)
        return both[::2] << np.uint64(32) | both[1::2]

    def random(self, size: Sizes = (), dtype: Any = np.float64, out: Any = None) -> Any:  # type: ignore[override]
        """Uniform numbers in [0, 1)."""
        shape = _shape(size)
        if np.dtype(dtype) == np.float32:
            if _by_loop(math.prod(shape)):
                found = np.empty(math.prod(shape), np.float32)
                self._draw(compiled.draw_uniform, found)
                return found.reshape(shape)
            return ((self.words(math.prod(shape)) & _LOW_24).astype(np.float32) * np.float32(2.0**-24)).reshape(shape)
        return ((self.double_words(math.prod(shape)) & _LOW_53).astype(np.float64) * 2.0**-53).reshape(shape)

    def standard_normal(self, size: Sizes = (), dtype: Any = np.float64, out: Any = None) -> Any:  # type: ignore[override]
        """Normal numbers: √(−2 ln(1 − u)) · cos 2πv and the same with the sine."""
        shape = _shape(size)
        count = math.prod(shape)
        if count < _FEW:
            return self.normal_in_pairs(shape)
        found = self.random(count, dtype)
        whole = count // _FEW * _FEW
        found[:whole] = _normal_by_sixteen(found[:whole])
        if whole < count:  # the last sixteen anew, of which some were made already
            found[-_FEW:] = _normal_by_sixteen(self.random(_FEW, dtype))
        return found.reshape(shape)

    def half_uniform(self, shape: tuple[int, ...], steps: float) -> Array:
        """Uniform numbers for dtypes of half precision, which may round to 1."""
        return np.asarray(self.random(shape, np.float32))

    def half_normal(self, shape: tuple[int, ...]) -> Array:
        """Normal numbers for dtypes of half precision: sixteen are drawn at a time, none for a rest that is made anew."""
        count = math.prod(shape)
        if count < _FEW or count % _FEW == 0:
            return np.asarray(self.standard_normal(shape, np.float32))
        found = np.empty(count, np.float32)
        whole = count // _FEW * _FEW
        found[:whole] = self.standard_normal(whole, np.float32)
        found[-_FEW:] = self.standard_normal(_FEW, np.float32)
        return found.reshape(shape)

    def normal_in_pairs(self, shape: tuple[int, ...]) -> Array:
        """Normal numbers pair by pair, however many: float64."""
        with rejection.OneByOne(self) as source:
            return np.array([source.normal() for _ in range(math.prod(shape))], np.float64).reshape(shape)

    def scaled(self, numbers: Any, factor: float, offset: float) -> Any:
        """numbers · factor + offset, rounded once, as processors multiply and add in one instruction."""
        if not isinstance(numbers, np.ndarray) or numbers.dtype not in (np.float32, np.float64):
            return super().scaled(numbers, factor, offset)
        kind = numbers.dtype.type
        if kind is np.float32:
            return (numbers.astype(np.float64) * np.float64(kind(factor)) + np.float64(kind(offset))).astype(kind)
        product, rest = _exact_product(numbers, factor)
        total = product + offset
        moved = total - product
        return total + ((product - (total - moved)) + (offset - moved) + rest)

    def standard_gamma(self, shape: Any, size: Any = None, dtype: Any = None, out: Any = None) -> Any:
        """Gamma numbers of rate 1, one for each shape parameter."""
        with rejection.OneByOne(self) as source:
            return rejection.each(rejection.gamma, source, shape)

    def poisson(self, lam: Any = 1.0, size: Any = None) -> Any:
        """Poisson numbers, one for each rate."""
        with rejection.OneByOne(self) as source:
            return rejection.each(rejection.poisson, source, lam)

    def binomial(self, n: Any, p: Any, size: Any = None) -> Any:
        """How many of n trials succeed, for each n and p."""
        with rejection.OneByOne(self) as source:
            return rejection.each(rejection.binomial, source, n, p)

    def integers(  # type: ignore[override]
        self, low: Any, high: Any = None, size: Sizes = (), dtype: Any = np.int64, endpoint: bool = False
    ) -> Any:
        """Integers from ``low`` to ``high`` (excluded, unless ``endpoint``): a word, or two for many, modulo their number."""
        low, high = (0, low) if high is None else (low, high)
        shape, many = _shape(size), high - low + endpoint
        drawn = self.words(math.prod(shape)) if many < 2**28 else self.double_words(math.prod(shape))
        if many < 2**64:
            drawn = drawn % np.uint64(many)
        return (drawn + np.uint64(low % 2**64)).astype(dtype).reshape(shape)  # wraps around to negative ones

    def positive_int32(self, shape: tuple[int, ...]) -> Array:
        """Integers from 0 to the largest of int32: a word each."""
        return (self.words(math.prod(shape)) % np.uint64(2**31)).astype(np.int64).reshape(shape)

    def permutation(self, x: Any, axis: int = 0) -> Any:
        """The numbers below x in random order (Fisher and Yates 1938)."""
        if _by_loop(x - 1):
            found = np.arange(x)
            compiled.shuffle(found, self.words(x - 1))
            return found
        order = list(range(x))
        for i, word in enumerate(self.words(max(x - 1, 0)).tolist()):
            j = i + word % (x - i)
            order[i], order[j] = order[j], order[i]
        return np.array(order, np.int64)

    def exponential(self, scale: Any = 1.0, size: Any = ()) -> Any:
        """Exponential numbers with this mean: −ln(1 − u)."""
        return -np.log1p(-self.random(size)) * scale

    def standard_cauchy(self, size: Any = ()) -> Any:
        """Cauchy numbers: tan π(u − ½)."""
        return np.tan(math.pi * (self.random(size) - 0.5))

    def bernoulli(self, chance: Array | float, size: Sizes = ()) -> Array:
        """True with this chance: one for all is compared in float64, one for each in its own dtype."""
        if isinstance(chance, np.ndarray):
            return np.asarray(self.random(size, chance.dtype if chance.dtype == np.float64 else np.float32) < chance)
        shape = _shape(size)
        threshold = math.ceil(chance * 2.0**53)  # u · 2⁵³ is whole: below the chance's if below the next whole number
        first, second = threshold >> 32, threshold & (2**32 - 1)
        if _by_loop(math.prod(shape)):
            found = np.empty(math.prod(shape), bool)
            self._draw(compiled.draw_below, first, second, found)
        else:
            found = _below(self.words(2 * math.prod(shape)), first, second)
        return found.reshape(shape)

    def kept(self, shape: tuple[int, ...], p: float) -> Array:
        """What dropout keeps: True with probability 1 − p."""
        return self.bernoulli(1 - p, shape)

    def drawn_seed(self) -> int:
        """A seed for a stream of its own: 63 random bits."""
        return int(self.double_words(1)[0]) % 2**63

    def state_bytes(self, seed: int) -> Array:
        """The bytes of PyTorch's ``get_rng_state``."""
        twister: Any = self.bit_generator.state["state"]
        state = np.zeros((), _STATE)
        state["seed"], state["seeded"], state["words"] = seed, 1, twister["key"]
        state["next"], state["left"] = twister["pos"], _WORDS + 1 - twister["pos"]
        if self.held_back is not None:
            state["held_back"], state["holds_one_back"] = self.held_back, 1
        return np.frombuffer(state.tobytes(), np.uint8).copy()

    def go_on_from(self, state: Array) -> int:
        """Stand where a state was taken, PyTorch's own or ours, and return the seed."""
        found = np.frombuffer(state.tobytes(), _STATE)[0]
        now: Any = self.bit_generator.state
        now["state"]["key"] = found["words"].astype(np.uint32)
        now["state"]["pos"] = _WORDS if found["left"] == 1 else int(found["next"])
        self.bit_generator.state = now
        self.held_back = float(found["held_back"]) if found["holds_one_back"] else None
        return int(found["seed"])


def _shape(size: Any) -> tuple[int, ...]:
    return (int(size),) if isinstance(size, int | np.integer) else tuple(size or ())


def _normal_by_sixteen(u: Array) -> Array:
    """Sixteen uniform numbers at a time as normal ones: eight lengths, then eight angles."""
    u = u.reshape(-1, 2, _FEW // 2)
    length, angle = np.sqrt(-2 * np.log(1 - u[:, 0])), u.dtype.type(2 * math.pi) * u[:, 1]
    return np.stack([length * np.cos(angle), length * np.sin(angle)], 1).reshape(-1)


def _exact_product(x: Array, factor: float) -> tuple[Array, Array]:
    """A product of float64 as the sum of two numbers, itself and what rounding took (Dekker 1971)."""
    product = x * factor
    x_high, factor_high = _upper_half(x), _upper_half(factor)
    x_low, factor_low = x - x_high, factor - factor_high
    rest = ((x_high * factor_high - product) + x_high * factor_low + x_low * factor_high) + x_low * factor_low
    return product, rest


def _upper_half(x: Any) -> Any:
    """The first 26 bits of float64's 53."""
    shifted = x * (2.0**27 + 1)
    return shifted - (shifted - x)


def _by_loop(count: int) -> bool:
    """Whether to draw so many numbers by a compiled loop: the state is handed to it and back."""
    return count >= tuning.DRAWN_BY_LOOP and are_there_loops()


def _below(words: Array, first: int, second: int) -> Array:
    """Whether numbers of 53 bits, of two words each, lie below another: its bits but the last 32, and those.

    21 bits of the first word decide, but for one number of two million, where they are equal.

    >>> _below(np.array([0, 5, 2**20, 0], np.uint64), 2**20, 0)
    array([ True, False])
    """
    high = words[::2] & np.uint64(2**21 - 1)
    found = high < np.uint64(first)
    (equal,) = np.nonzero(high == np.uint64(first))
    found[equal] = words[1::2][equal] < np.uint64(second)
    return np.asarray(found)
