"""``metagrad tag train --ranks 4``: the training loop on several ranks, each with its share of every batch.

Each rank reads a batch of its own in each step, so P ranks make one step of P batches, and 1/P of the steps; the learning rate and
the decay of the averaged weights follow (``scaled``). All ranks draw the same batches from one generator, and what is random
within a batch from generators of their own. A batch's loss is a mean over words: a rank with n of its N words weighs its own
mean by n / N, and the sum of the ranks' gradients is then the whole batch's.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from metagrad import distributed as dist
from metagrad import optim
from metagrad.autograd.variable import wrap
from metagrad.base.optional import need
from metagrad.base.typing import Array
from metagrad.distributed.launch import launcher
from metagrad.distributed.launch.mpiexec import place_of
from metagrad.nn.parameter import Parameter
from metagrad.ops.create import random
from metagrad.tagger import checkpoints
from metagrad.tagger.batches import Encoded
from metagrad.tagger.learning import answers
from metagrad.tagger.model import Network
from metagrad.tagger.trained import Model
from metagrad.tagger.training import Epoch, Progress, Recipe, Trainer
from metagrad.tagger.vocabulary import UNKNOWN
from metagrad.tensors.tensor import Tensor


def run(options: argparse.Namespace, train: Callable[[argparse.Namespace], int]) -> int:
    """Start the ranks; or, as one of them, run the command: rank 0 as it stands, the others without writing anything."""
    need("mpi4py", "mpi")
    place = place_of(os.environ)
    if place is None or place.size != options.ranks:
        return launcher.launch("metagrad", sys.argv[1:], options.ranks, module=True)
    dist.init_process_group()
    options.scaled = lambda recipe: scaled(recipe, options.ranks)
    options.trainer_type, options.is_first, options.answer = RanksTrainer, dist.get_rank() == 0, shared_answers
    options.progress = lambda steps, count, title: steps  # bars of several ranks cannot share a line
    if options.is_first:
        return train(options)
    with tempfile.TemporaryDirectory() as name, open(os.devnull, "w") as nowhere:
        _divert(options, Path(name))
        earlier, sys.stdout = sys.stdout, nowhere
        try:
            return train(options)
        finally:
            sys.stdout = earlier


def scaled(recipe: Recipe, ranks: int) -> Recipe:
    """The recipe for steps of ``ranks`` batches: as many sentences an epoch, the averages over as many sentences.

    The learning rate is P times as large for gradient descent (Goyal et al. 2017), √P times for Adam, whose steps do not grow with
    the gradient (Krizhevsky 2014, Malladi et al. 2022).

    >>> found = scaled(Recipe(optimizer="adam", batch_size=16, averaging=0.5, steps=600), 4)
    >>> found.batch_size, found.learning_rate, found.averaging, found.steps
    (64, 0.004, 0.0625, 150)
    """
    factor = math.sqrt(ranks) if recipe.optimizer.startswith("adam") else ranks
    return replace(
        recipe, batch_size=recipe.batch_size * ranks, lr=recipe.learning_rate * factor,
        averaging=recipe.averaging**ranks, steps=math.ceil(recipe.steps / ranks),
    )  # fmt: skip


def _divert(options: argparse.Namespace, folder: Path) -> None:
    """Let a rank write into a folder of its own, with a copy of the checkpoint to go on from."""
    checkpoint = checkpoints.checkpoint_of(options.output)
    options.output, options.tensorboard = folder / options.output.name, None
    if options.resume and checkpoint.is_file():
        shutil.copy(checkpoint, checkpoints.checkpoint_of(options.output))


def shared_answers(model: Model, sentences: list[list[str]]) -> list[tuple[Array, Array]]:
    """``learning.answers``, of which each rank finds its share."""
    rank, ranks = dist.get_rank(), dist.get_world_size()
    own = [(wrap(tags), wrap(p)) for tags, p in answers(model, sentences[rank::ranks])]
    each: list[Any] = [None] * ranks
    dist.all_gather_object(each, own)
    return [(tags.array, p.array) for tags, p in (each[i % ranks][i // ranks] for i in range(len(sentences)))]


def rows_of(train: Encoded, places: Sequence[int]) -> list[Array]:
    """For each description of words, its numbers in the sentences at these places, and of a word that is made unknown."""
    words = np.unique(np.concatenate([train.rows[i] for i in places]))
    return [np.union1d(column, UNKNOWN) for column in train.words.features[words].T]


def add_up(parameters: Sequence[Parameter], rows: Mapping[int, Array]) -> None:
    """Replace gradients by their sums over all ranks, in one message. rows: of embeddings, by id, those that are not 0 anywhere.

    Of an embedding's gradient most rows are 0, for words that no rank's sentences have: they need not be sent.
    """
    gradients = [np.zeros_like(p.array) if p.grad is None else p.grad.array for p in parameters]
    sent = [g[rows[id(p)]] if id(p) in rows else g for p, g in zip(parameters, gradients, strict=True)]
    flat = np.concatenate([a.reshape(-1) for a in sent])
    dist.all_reduce(wrap(flat))
    ends = np.cumsum([a.size for a in sent])[:-1]
    for p, gradient, total in zip(parameters, gradients, np.split(flat, ends), strict=True):
        if id(p) in rows:
            gradient[rows[id(p)]] = total.reshape(-1, gradient.shape[1])
        p.grad = wrap(gradient if id(p) in rows else total.reshape(gradient.shape))


def shares(sizes: Sequence[int], ranks: int) -> list[list[int]]:
    """The numbers of things of these sizes, for each rank about the same in all: the largest first, to who has least.

    >>> shares([5, 1, 3, 2], 2)
    [[0, 1], [2, 3]]
    """
    found: list[list[int]] = [[] for _ in range(ranks)]
    for i in sorted(range(len(sizes)), key=lambda i: -sizes[i]):
        min(found, key=lambda own: sum(sizes[j] for j in own)).append(i)
    return [sorted(own) for own in found]


class SharedAverage(optim.ExponentialAverage):
    """The running average, for each rank of its share of the parameters; all ranks enter ``in_place``, and have it whole then."""

    def __init__(self, parameters: Iterable[Parameter], decay: float) -> None:
        super().__init__(parameters, decay)
        self.shares = shares([a.size for a in self.arrays], dist.get_world_size())
        self.followed = self.shares[dist.get_rank()]

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """See ExponentialAverage."""
        for rank, own in enumerate(self.shares):
            for i in own:
                dist.broadcast(wrap(self.arrays[i]), rank)
        with super().in_place():
            yield


class RanksTrainer(Trainer):
    """A Trainer that is one of several ranks: same weights everywhere, to the bit, from shares of the batches."""

    def __init__(self, network: Network, recipe: Recipe) -> None:
        super().__init__(network, recipe)
        self.rank, self.ranks = dist.get_rank(), dist.get_world_size()
        if self.average is not None:
            self.average = SharedAverage(self.parameters, recipe.averaging)
        self.part = 1.0  # how much of the batch is this rank's
        self.described: list[Array] = []  # the rows of each embedding that the whole batch may use

    def share(self, train: Encoded, places: Sequence[int]) -> Sequence[int]:
        """This rank's sentences of a batch; all of them where there are fewer than ranks."""
        self.described = rows_of(train, places)
        self.part = 1 / self.ranks
        if len(places) < self.ranks:
            return places
        own = places[self.rank :: self.ranks]
        words, whole = (sum(len(train.rows[i]) for i in which) for which in (own, places))
        self.part = words / whole
        return own

    def backward(self, loss: Tensor, member: int) -> None:
        """The gradients of the whole batch."""
        (loss * self.part).backward()
        tables = [table.weight for table in self.network.members[member].words.embeddings]
        add_up(self.members[member], dict(zip(map(id, tables), self.described, strict=True)))

    def _epoch(self, train: Encoded, dev: Encoded, number: int, progress: Progress) -> Epoch:
        epoch = super()._epoch(train, dev, number, progress)
        random.set_rng_state(self._common)
        return epoch

    def begin(self, number: int) -> None:
        """From here on in this epoch each rank draws numbers of its own."""
        self._common = random.get_rng_state()
        seed = np.random.SeedSequence([self.recipe.seed, number, self.rank]).generate_state(1, np.uint64)[0]
        random.manual_seed(int(seed >> np.uint64(1)))

    def over_ranks(self, *sums: float) -> list[float]:
        """Sums over all ranks."""
        total = wrap(np.array(sums))
        dist.all_reduce(total)
        return [float(value) for value in total.tolist()]

    def evaluate(self, sentences: Encoded) -> tuple[float, float]:
        """(loss, accuracy) over all words, of which each rank tags its share."""
        own = Encoded(sentences.words, sentences.rows[self.rank :: self.ranks], sentences.tags[self.rank :: self.ranks])
        loss, accuracy = super().evaluate(own) if len(own) else (0.0, 0.0)
        words = float(sum(map(len, own.tags)))
        loss, right, words = self.over_ranks(loss * words, accuracy * words, words)
        return loss / max(words, 1), right / max(words, 1)
