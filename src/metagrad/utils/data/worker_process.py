"""A worker process of a ``DataLoader``: it is sent indices, fetches batches, and sends them back."""

from __future__ import annotations

import os
import pickle
import random
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from metagrad.kernels.threads import blas_on_one_thread, set_num_threads
from metagrad.ops.create.random import manual_seed
from metagrad.utils.data.fetch import Fetcher
from metagrad.utils.data.shared_memory import Packed, Packer, Unpacker

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from metagrad.utils.data.dataset import Samples

WATCH = 2.0  # seconds between looks whether the loader's process is still there


@dataclass(frozen=True)
class WorkerInfo:
    """Which worker this is.

    id: its number, from 0. num_workers: how many there are. seed: this worker's own, from the loader's generator.
    dataset: this worker's own copy.
    """

    id: int
    num_workers: int
    seed: int
    dataset: Samples
    rng: Any = None
    worker_method: str = "multiprocessing"


_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """In a worker process of a ``DataLoader``: which one it is. None in any other process.

    >>> get_worker_info() is None
    True
    """
    return _info


class Failure(NamedTuple):
    """An error that goes from a worker to the loader: its type, pickled, and its text with the traceback."""

    kind: bytes | None
    text: str

    @classmethod
    def caught(cls, error: BaseException, worker: int) -> Failure:
        """The error that was just caught in a worker."""
        text = "".join(traceback.format_exception(error)).rstrip()
        try:
            # a StopIteration would end the loop without a word
            kind = None if isinstance(error, StopIteration) else pickle.dumps(type(error))
        except Exception:  # a type that was made inside a function
            kind = None
        return cls(kind, f"Caught {type(error).__name__} in DataLoader worker process {worker}.\nOriginal {text}")

    def error(self) -> BaseException:
        """An error of the same type, or a RuntimeError if that takes other arguments, with the text."""
        if self.kind is None:
            return RuntimeError(self.text)
        kind = pickle.loads(self.kind)
        try:
            found = kind(_Text(self.text) if issubclass(kind, KeyError) else self.text)
        except Exception:
            return RuntimeError(self.text)
        return found if isinstance(found, BaseException) else RuntimeError(self.text)


class _Text(str):
    """A text that KeyError, which shows its argument's repr, shows as it is."""

    def __repr__(self) -> str:
        return str(self)


class Ended(NamedTuple):
    """The worker's stream has ended."""


class Pending:
    """One batch that was asked for, and afterwards what came of it: ``value``, or ``error``, or a stream that has ``ended``."""

    __slots__ = ("done", "ended", "error", "value", "worker")

    def __init__(self, worker: int) -> None:
        self.worker = worker
        self.value: object = None
        self.error: BaseException | None = None
        self.ended = self.done = False

    def take(self, answer: Packed | Failure | Ended, unpacker: Unpacker) -> None:
        """Keep a worker's answer."""
        self.done = True
        if isinstance(answer, Ended):
            self.ended = True
        elif isinstance(answer, Failure):
            self.error = answer.error()
        else:
            try:
                self.value = unpacker.unpack(answer)
            except Exception as error:
                self.error = error


class Task(NamedTuple):
    """One batch to fetch: its number, the pass it belongs to, and its indices."""

    number: int
    passing: int
    index: Any


class Forget(NamedTuple):
    """A pass is over: its stream is not read any further."""

    passing: int


class BeginPass(NamedTuple):
    """The pipe begins another pass, with a seed that is every worker's."""

    seed: int


class Plan(NamedTuple):
    """What a worker is to do; under the start method "spawn" this is pickled."""

    number: int
    workers: int
    seed: int
    dataset: Samples
    make_fetcher: Callable[[Any], Fetcher]
    is_stream: bool
    init_fn: Callable[[int], Any] | None
    prefix: str


def work(connection: Connection, others: list[Any], plan: Plan) -> None:
    """A worker's life: until the loader closes the connection, or is no more.

    others: connections of other workers that a forked process has inherited.
    """
    global _info
    for other in others:
        other.close()
    _begin(plan)
    share = getattr(type(plan.dataset), "_take_share", None)
    if share is not None:  # a pipe, of which each worker reads its part
        share(plan.dataset, plan.workers, plan.number)
    _info = WorkerInfo(plan.number, plan.workers, plan.seed, plan.dataset)
    failure: Failure | None = None
    try:
        if plan.init_fn is not None:
            plan.init_fn(plan.number)
    except Exception as error:
        failure = Failure.caught(error, plan.number)
    packer, fetchers, parent = Packer(plan.prefix), dict[int, Fetcher](), os.getppid()
    try:
        while True:
            while not connection.poll(WATCH):
                if os.getppid() != parent:
                    return
            message = connection.recv()
            if isinstance(message, Forget):
                fetchers.pop(message.passing, None)
                continue
            if isinstance(message, BeginPass):
                plan.dataset._begin_pass(message.seed)  # type: ignore[union-attr]
                continue
            answer = failure or _answer(plan, message, fetchers, packer)
            connection.send((message.number, answer))
            del message, answer
    except (
        EOFError,
        ConnectionError,
        KeyboardInterrupt,
    ):  # nobody wants more; or Ctrl-C, which the loader's process gets too
        return


def _answer(plan: Plan, task: Task, fetchers: dict[int, Fetcher], packer: Packer) -> Packed | Failure | Ended:
    try:
        if task.passing not in fetchers:
            fetchers[task.passing] = plan.make_fetcher(plan.dataset)
        return packer.pack(fetchers[task.passing].fetch(task.index))
    except Exception as error:
        if isinstance(error, StopIteration) and plan.is_stream:
            return Ended()
        return Failure.caught(error, plan.number)


def _begin(plan: Plan) -> None:
    """Seeds of its own, and one thread: the workers share the cores already."""
    random.seed(plan.seed)
    high, low = divmod(plan.seed - plan.number, 2**32)
    np.random.seed(np.random.SeedSequence([plan.number, low, high, 0]).generate_state(4))  # PyTorch's way
    manual_seed(plan.seed)
    set_num_threads(1)
    blas_on_one_thread().__enter__()
