"""Uneven numbers of batches: a rank that has none left goes on making the collectives of those that have.

    with Join([model]):
        for batch in batches:      # more of them on some ranks than on others
            …

What makes collectives while training is ``Joinable``; its ``JoinHook`` says what a rank that is done must do for each batch
of another rank (``main_hook``), and once all are done (``post_hook``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Any

import numpy as np

from metagrad.autograd.variable import wrap
from metagrad.distributed import collectives
from metagrad.distributed.reduction import ReduceOp


class JoinHook:
    """What a rank without batches does in step with the others."""

    def main_hook(self) -> None:
        """The collectives of one batch of the others'."""

    def post_hook(self, is_last_joiner: bool) -> None:
        """After all ranks are done; is_last_joiner: whether this one was among the last."""


class Joinable(ABC):
    """What makes collectives for each batch. It calls ``Join.notify_join_context(self)`` before the first of them."""

    join_context: Join | None = None
    is_first_joinable = False

    @abstractmethod
    def join_hook(self, **kwargs: Any) -> JoinHook:
        """What a rank that is done does instead."""

    @property
    @abstractmethod
    def join_process_group(self) -> Any:
        """The group whose ranks make the collectives."""


class Join:
    """While it is open, ranks may have different numbers of batches.

    joinables: of one group. enable: False for no such thing. throw_on_early_termination: let all ranks raise RuntimeError as
    soon as the first is done. More arguments go to the hooks.
    """

    def __init__(
        self, joinables: list[Joinable], enable: bool = True, throw_on_early_termination: bool = False, **kwargs: Any
    ) -> None:
        if not joinables:
            raise ValueError("The join context manager requires at least one joinable")
        self.joinables, self.enable, self.throws = joinables, enable, throw_on_early_termination
        self.hooks = [joinable.join_hook(**kwargs) for joinable in joinables]
        self.group = joinables[0].join_process_group
        self.active = 0  # how many ranks still have batches, as of the last one

    def __enter__(self) -> Join:
        for i, joinable in enumerate(self.joinables):
            joinable.join_context = self if self.enable else None
            joinable.is_first_joinable = i == 0
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for joinable in self.joinables:
            joinable.join_context = None
        if self.enable and kind is None:
            self._shadow()

    def _shadow(self) -> None:
        """Make the others' collectives until all are done."""
        last = True
        while self._count(0) > 0:
            if self.throws:
                self._raise_together(True)
            last = False
            for hook in self.hooks:
                hook.main_hook()
        for hook in self.hooks:
            hook.post_hook(last)

    def _count(self, own: int) -> int:
        """How many ranks have a batch."""
        count = wrap(np.array([own], np.int64))
        collectives.all_reduce(count, ReduceOp.SUM, self.group)
        self.active = int(count.item())
        return self.active

    def _raise_together(self, is_done: bool) -> None:
        done = wrap(np.array([is_done], np.int64))
        collectives.all_reduce(done, ReduceOp.MAX, self.group)
        if done.item():
            raise RuntimeError("a rank has no batches left, and throw_on_early_termination=True ends all of them")

    @staticmethod
    def notify_join_context(joinable: Joinable) -> None:
        """Tell the ranks that are done that this one has another batch."""
        context = joinable.join_context
        if context is None or not joinable.is_first_joinable:
            return
        context._count(1)
        if context.throws:
            context._raise_together(False)
