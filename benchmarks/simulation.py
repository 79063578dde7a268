"""A step of data-parallel training on P ranks, simulated message by message.

A message of n bytes takes α + β n. A round of an all_reduce in which rank r waits for a message of rank s ends for r at
max(tᵣ, tₛ) + α + β n; so the times of all ranks after a round are one line of NumPy, and a whole all_reduce is a few lines a round.
What is simulated is therefore exact for this model of a message, also when ranks begin at different times: a straggler delays
those it sends to, and those the ones they send to.

    ring              2 (P − 1) rounds of n / P bytes, each to the next rank
    halving-doubling  log₂ P rounds of n/2, n/4 … bytes to the rank across, and the same backwards
    tree              log₂ P rounds of n bytes up a tree, and log₂ P down
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Link:
    """What a message costs: ``latency`` α in seconds, and ``per_byte`` β in seconds."""

    latency: float
    per_byte: float

    def time(self, size):
        return self.latency + self.per_byte * size


def ring(starts, size, link):
    """When each rank is done with an all_reduce of ``size`` bytes, begun at ``starts`` (P)."""
    times, cost = np.array(starts, float), link.time(size / len(starts))
    for _ in range(2 * (len(times) - 1)):
        times = np.maximum(times, np.roll(times, 1)) + cost
    return times


def halving_doubling(starts, size, link):
    times = np.array(starts, float)
    whole = 1 << (len(times).bit_length() - 1)  # the ranks beyond a power of two give theirs to a partner, and wait
    rest = len(times) - whole
    if rest:
        times[:rest] = np.maximum(times[:rest], times[whole:]) + link.time(size)
    core, partners = times[:whole], np.arange(whole)
    distances = [whole >> k for k in range(1, whole.bit_length())]
    for round, distance in enumerate(distances):
        core = np.maximum(core, core[partners ^ distance]) + link.time(size / 2 ** (round + 1))
    for round, distance in reversed(list(enumerate(distances))):
        core = np.maximum(core, core[partners ^ distance]) + link.time(size / 2 ** (round + 1))
    return np.concatenate([core, core[:rest] + link.time(size)]) if rest else core


def tree(starts, size, link):
    times, ranks = np.array(starts, float), np.arange(len(starts))
    distances = [1 << k for k in range((len(times) - 1).bit_length())]
    for distance in distances:
        parents = ranks[(ranks % (2 * distance) == 0) & (ranks + distance < len(ranks))]
        times[parents] = np.maximum(times[parents], times[parents + distance]) + link.time(size)
    for distance in reversed(distances):
        parents = ranks[(ranks % (2 * distance) == 0) & (ranks + distance < len(ranks))]
        times[parents + distance] = times[parents] = times[parents] + link.time(size)
    return times


ALGORITHMS = {"ring": ring, "halving-doubling": halving_doubling, "tree": tree}


def closed_form(name, ranks, size, link):
    """What the textbooks say of ranks that begin together; for powers of two."""
    rounds = np.log2(ranks)
    if name == "ring":
        return 2 * (ranks - 1) * link.time(size / ranks)
    if name == "halving-doubling":
        return 2 * rounds * link.latency + 2 * (ranks - 1) / ranks * size * link.per_byte
    return 2 * rounds * link.time(size)


@dataclass(frozen=True)
class Model:
    """A model by what its step is made of: seconds of a rank's own part, and bytes of its buckets in their order.

    ``backward``: the share of the time that is the backward pass, during which buckets fill; for overlapping.
    """

    seconds: float
    buckets: tuple[int, ...]
    backward: float = 0.6


@dataclass(frozen=True)
class Stragglers:
    """How ranks differ in speed: a lognormal spread of each step, and a share of ranks that are slower by a factor."""

    spread: float = 0.0
    share: float = 0.0
    factor: float = 1.0

    def draw(self, random, ranks):
        """By how much longer each rank takes."""
        times = np.exp(random.normal(0, self.spread, ranks)) if self.spread else np.ones(ranks)
        return np.where(random.random(ranks) < self.share, times * self.factor, times)


def step(own, model, algorithm, link, overlap=False):
    """How long a step takes whose ranks need ``own`` (P) seconds for their part: until the last is done."""
    own, sizes = np.asarray(own, float), np.array(model.buckets, float)
    filled = np.cumsum(sizes) / sizes.sum()
    clock = np.zeros(len(own))
    for size, share in zip(sizes, filled):
        ready = own * (1 - model.backward * (1 - share)) if overlap else own
        clock = ALGORITHMS[algorithm](np.maximum(clock, ready), size, link) if len(own) > 1 else ready
    return float(np.maximum(clock, own).max())


def mean_step(ranks, model, algorithm, link, stragglers=Stragglers(), seconds=None, overlap=False, times=5, seed=0):
    """The mean of several simulated steps."""
    random, base = np.random.default_rng(seed), model.seconds if seconds is None else seconds
    draws = [stragglers.draw(random, ranks) * base for _ in range(times)]
    return float(np.mean([step(own, model, algorithm, link, overlap) for own in draws]))
