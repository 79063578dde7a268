"""Which pipes a pipe is made of, and what a loader sets in all of them: whether and how they shuffle, and their share."""

from __future__ import annotations

import inspect
from typing import Any

from metagrad.base.warning import warn
from metagrad.ops.create.random import Generator
from metagrad.utils.data.datapipes.datapipe import IterDataPipe, MapDataPipe, Shuffling, _Steps
from metagrad.utils.data.datapipes.iter import SHARDING_PRIORITIES
from metagrad.utils.data.sampler import drawn_seed

__all__ = [
    "apply_random_seed", "apply_sharding", "apply_shuffle_seed", "apply_shuffle_settings", "get_all_graph_pipes", "traverse",
    "traverse_dps",
]  # fmt: skip

Graph = dict[int, tuple[Any, Any]]


def _pipes_in(value: Any) -> list[Any]:
    """The pipes among what an attribute holds."""
    if isinstance(value, (IterDataPipe, MapDataPipe)):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple, set)) else ()
    return [pipe for part in parts for pipe in _pipes_in(part)]


def _below(pipe: Any, seen: set[int]) -> Graph:
    if id(pipe) in seen:
        return {}
    seen = {*seen, id(pipe)}
    sources = {id(p): p for p in _pipes_in(vars(pipe))}
    below: Graph = {}
    for source in sources.values():
        below |= _below(source, seen)
    return {id(pipe): (pipe, below)}


def traverse_dps(datapipe: Any) -> Graph:
    """The pipe, and below it in the same way those that it is made of: ``{id: (pipe, {id: (pipe, …), …})}``.

    Raises RuntimeError for what is no pipe.

    >>> from metagrad.utils.data.datapipes.iter import IterableWrapper
    >>> [(pipe, [below for below, _ in rest.values()]) for pipe, rest in traverse_dps(IterableWrapper([1]).batch(2)).values()]
    [(BatcherIterDataPipe, [IterableWrapperIterDataPipe])]
    """
    if not isinstance(datapipe, (IterDataPipe, MapDataPipe)):
        raise RuntimeError(f"Expected `IterDataPipe` or `MapDataPipe`, but {type(datapipe)} is found")
    return _below(datapipe, set())


def traverse(datapipe: Any, only_datapipe: bool | None = None) -> Graph:
    """``traverse_dps`` by its older name."""
    warn(
        "`traverse` function is deprecated and will be removed after 1.13. Please use `traverse_dps` instead.",
        FutureWarning,
    )
    return traverse_dps(datapipe)


def get_all_graph_pipes(graph: Graph) -> list[Any]:
    """Every pipe of a graph, once."""
    found: dict[int, Any] = {}

    def visit(below: Graph) -> None:
        for number, (pipe, rest) in below.items():
            if number not in found:
                found[number] = pipe
                visit(rest)

    visit(graph)
    return list(found.values())


def apply_sharding(
    datapipe: Any, num_of_instances: int, instance_id: int, sharding_group: Any = SHARDING_PRIORITIES.DEFAULT
) -> Any:
    """Give a pipe its share where it is to be dealt out: ``sharding_filter``, once on the way.

    Raises RuntimeError where two of them follow each other.
    """

    def visit(graph: Graph, before: Any) -> None:
        for pipe, below in graph.values():
            applied = before
            if hasattr(type(pipe), "apply_sharding") and getattr(pipe, "is_shardable", lambda: True)():
                if before is not None:
                    raise RuntimeError(
                        "Sharding twice on a single pipeline is likely unintended and will cause data loss. Sharding already "
                        f"applied to {before} while trying to apply to {pipe}"
                    )
                several = len(inspect.signature(pipe.apply_sharding).parameters) > 2
                pipe.apply_sharding(num_of_instances, instance_id, *[sharding_group] * several)
                applied = pipe
            visit(below, applied)

    visit(traverse_dps(datapipe), None)
    return datapipe


def apply_shuffle_settings(datapipe: Any, shuffle: bool | None = None) -> Any:
    """Make the pipes that can shuffle do so, or not; None: as they are. One is added where there is none."""
    if shuffle is None:
        return datapipe
    shufflers = [p for p in get_all_graph_pipes(traverse_dps(datapipe)) if _shuffles(p)]
    if not shufflers and shuffle:
        warn(
            "`shuffle=True` was set, but the datapipe does not contain a `Shuffler`. Adding one at the end. Be aware that the "
            "default buffer size might not be sufficient for your task.",
            UserWarning,
        )
        datapipe = datapipe.shuffle()
        shufflers = [datapipe]
    for pipe in shufflers:
        pipe.set_shuffle(shuffle)
    return datapipe


def _shuffles(pipe: Any) -> bool:
    own = all(inspect.ismethod(getattr(pipe, name, None)) for name in ("set_shuffle", "set_seed"))
    return isinstance(pipe, Shuffling) or own


def apply_random_seed(datapipe: Any, rng: Generator) -> Any:
    """Give each pipe that has ``set_seed`` a seed, drawn from one generator."""
    for pipe in get_all_graph_pipes(traverse_dps(datapipe)):
        if inspect.ismethod(getattr(pipe, "set_seed", None)):
            pipe.set_seed(drawn_seed(rng))
    return datapipe


def apply_shuffle_seed(datapipe: Any, rng: Generator) -> Any:
    """``apply_random_seed`` by its older name."""
    warn("`apply_shuffle_seed` is deprecated since 1.12. Please use `apply_random_seed` instead.", FutureWarning)
    return apply_random_seed(datapipe, rng)


_Steps._for_loader = apply_shuffle_settings
_Steps._begin_pass = lambda self, seed: apply_random_seed(self, Generator().manual_seed(seed))
_Steps._take_share = apply_sharding
