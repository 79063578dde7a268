"""The training loop: epochs of small steps, a look at the held-out part after each, the best or the last one kept.

All that a training consists of can be written down after an epoch (``Trainer.state``) and taken up again (``Trainer.resume``):
weights, the optimizer's memory, the averaged weights, the generator, the epochs so far. The order of the batches and the random
zeros come from the generator, so what is resumed goes on exactly as it would have.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from metagrad import nn, optim
from metagrad.autograd.mode import no_grad
from metagrad.autograd.variable import wrap
from metagrad.base import interrupts
from metagrad.nn import functional as F
from metagrad.ops.create import random
from metagrad.tagger.batches import NO_TAG, Batch, Encoded, by_length, collate, shuffled
from metagrad.tagger.members import by_column
from metagrad.tagger.model import Network
from metagrad.tensors.tensor import Tensor

Progress = Callable[[Iterable[Any], int, str], Iterable[Any]]  # wraps an iterable of known length, with a title
Array = np.ndarray[Any, Any]

OPTIMIZERS: dict[str, tuple[Callable[..., optim.Optimizer], float]] = {
    # name: (how it is made, the learning rate if none is given)
    "sgd": (optim.SGD, 0.1),
    "momentum": (lambda parameters, lr: optim.SGD(parameters, lr=lr, momentum=0.9, nesterov=True), 0.05),
    "adam": (optim.Adam, 2e-3),
    "adamw": (optim.AdamW, 2e-3),
}
SCHEDULES: dict[str, Callable[[float], float]] = {
    # name: the factor of the learning rate, given the share of the training that is over
    "constant": lambda done: 1.0,
    "linear": lambda done: 1.0 - done,
}


@dataclass(frozen=True)
class Recipe:
    """How to train, apart from what.

    patience: epochs without improvement on the held-out part before it stops, the best epoch kept; with 0, or with nothing
    held out, all epochs are trained and the last is kept, which suits a rate that falls to 0. averaging: the decay of a
    running average of the weights, which is what is kept; 0 for none. frequency_weight: of the auxiliary loss.
    label_smoothing: without a CRF only. steps: where the epochs would be fewer steps than that, because the corpus is small,
    there are more epochs.
    """

    optimizer: str = "adam"
    lr: float | None = None
    batch_size: int = 32
    epochs: int = 20
    steps: int = 0
    patience: int = 4
    word_dropout: float = 0.1
    letter_dropout: float = 0.0
    schedule: str = "constant"
    averaging: float = 0.0
    frequency_weight: float = 0.1
    label_smoothing: float = 0.0
    max_norm: float = 5.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name, known in (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES)):
            if getattr(self, name) not in known:
                raise ValueError(f"unknown {name} {getattr(self, name)!r}: expected one of {', '.join(known)}")
        for name, least in (("batch_size", 1), ("epochs", 1), ("steps", 0), ("patience", 0), ("frequency_weight", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"the seed must be at least 0 and below 2**63, got {self.seed}")
        if self.lr is not None and not 0 < self.lr < math.inf:
            raise ValueError(f"the learning rate must be positive and finite, got {self.lr}")
        for name in ("word_dropout", "letter_dropout", "averaging", "label_smoothing"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 0 and below 1, got {getattr(self, name)}")

    @property
    def learning_rate(self) -> float:
        """The learning rate given, or the optimizer's usual one."""
        return OPTIMIZERS[self.optimizer][1] if self.lr is None else self.lr

    def as_dict(self) -> dict[str, Any]:
        """For the report."""
        return {**asdict(self), "lr": self.learning_rate}


@dataclass(frozen=True)
class Epoch:
    """What an epoch came to; accuracies in [0, 1], losses in nats a word, time in seconds; NaN where nothing is held out."""

    number: int
    train_loss: float
    dev_loss: float
    dev_accuracy: float
    rate: float
    seconds: float

    def line(self, is_kept: bool = False) -> str:
        """The epoch on one line."""
        watched = ""
        if not math.isnan(self.dev_accuracy):
            star = " *" if is_kept else "  "
            watched = f"   held out: loss {self.dev_loss:.4f}, accuracy {self.dev_accuracy:.4f}{star}"
        return f"epoch {self.number:>3}   loss {self.train_loss:.4f}{watched}   {self.seconds:.1f} s"


class Trainer:
    """Trains a network on encoded sentences; ``history`` has the finished epochs; the network ends as the one that is kept."""

    def __init__(self, network: Network, recipe: Recipe) -> None:
        self.network, self.recipe = network, recipe
        make, _ = OPTIMIZERS[recipe.optimizer]
        self.parameters = list(network.parameters())
        self.members = [list(member.parameters()) for member in network.members]
        self.optimizer = make(self.parameters, lr=recipe.learning_rate)
        self.average = optim.ExponentialAverage(self.parameters, recipe.averaging) if recipe.averaging else None
        self.history: list[Epoch] = []
        self.best: Epoch | None = None
        self.interrupted = False
        self.kept: dict[str, Array] = {}  # the weights to be kept, as things stand
        random.manual_seed(recipe.seed)
        self._generators = random.get_all_states()

    # ------------------------------------------------ steps and epochs

    def step(self, batches: Sequence[Batch]) -> float:
        """One step downhill, each member from its own batch; returns the loss, the mean over words and members."""
        self.optimizer.zero_grad()
        value = 0.0
        for number, (member, batch) in enumerate(zip(self.network.members, batches, strict=True)):
            loss, extra = member.losses(batch, self.recipe.label_smoothing)
            value += float(loss.item()) / len(batches)
            whole = loss if extra is None else loss + self.recipe.frequency_weight * extra
            self.backward(whole, number)
        for parameters in self.members:
            nn.utils.clip_grad_norm_(parameters, self.recipe.max_norm)
        self.optimizer.step()
        if self.average is not None:
            self.average.update()
        return value

    # On several ranks these do more: see ``ranks.py``.

    def share(self, train: Encoded, places: Sequence[int]) -> Sequence[int]:
        """The sentences of a batch that are this process's."""
        return places

    def backward(self, loss: Tensor, member: int) -> None:
        """The gradients of a member's loss."""
        loss.backward()

    def begin(self, number: int) -> None:
        """Called when the batches of an epoch are drawn."""

    def over_ranks(self, *sums: float) -> list[float]:
        """Sums over all processes."""
        return list(sums)

    def _epoch(self, train: Encoded, dev: Encoded, number: int, progress: Progress) -> Epoch:
        started, recipe = time.perf_counter(), self.recipe
        self.network.train()
        total = words = rate = 0.0
        chunks = shuffled(train, recipe.batch_size)
        self.begin(number)
        for i, places in enumerate(progress(chunks, len(chunks), f"epoch {number}")):
            interrupts.check()
            done = (number - 1 + i / len(chunks)) / self._epochs(train)
            rate = recipe.learning_rate * SCHEDULES[recipe.schedule](done)
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            own = self.share(train, places)
            batches = [collate(train, own, recipe.word_dropout, recipe.letter_dropout) for _ in self.members]
            size = len(batches[0].tags)
            total, words = total + self.step(batches) * size, words + size
            if not math.isfinite(total):
                raise FloatingPointError(
                    f"the loss became {total} in epoch {number}: lower the learning rate (it is {recipe.learning_rate})"
                )
        total, words = self.over_ranks(total, words)
        loss, accuracy = self.evaluate(dev) if len(dev) else (math.nan, math.nan)
        return Epoch(number, total / max(words, 1), loss, accuracy, rate, time.perf_counter() - started)

    def fit(
        self,
        train: Encoded,
        dev: Encoded,
        progress: Progress,
        report: Callable[[Epoch, bool], None],
        checkpoint: Callable[[], None] = lambda: None,
    ) -> None:
        """Train until the epochs are over, the dev accuracy has not risen for ``patience`` epochs, or Ctrl-C.

        ``report(epoch, is_kept)`` is called after every epoch, and then ``checkpoint()``. If no epoch was finished, the
        network stays untrained and ``best`` is None.
        """
        random.set_all_states(self._generators)
        choose = bool(self.recipe.patience and len(dev))
        try:
            while len(self.history) < self._epochs(train) and not self._has_stalled(choose):
                epoch = self._epoch(train, dev, len(self.history) + 1, progress)
                self.history.append(epoch)
                is_best = not choose or self.best is None or epoch.dev_accuracy > self.best.dev_accuracy
                if is_best:
                    self.best, self.kept = epoch, self._present()
                self._generators = random.get_all_states()
                report(epoch, is_best)
                checkpoint()
        except KeyboardInterrupt:
            self.interrupted = True
        if self.kept:
            self.network.load_state_dict({name: wrap(a) for name, a in self.kept.items()})

    def _epochs(self, train: Encoded) -> int:
        steps_an_epoch = max(1, math.ceil(len(train) / self.recipe.batch_size))
        return max(self.recipe.epochs, math.ceil(self.recipe.steps / steps_an_epoch))

    def _has_stalled(self, choose: bool) -> bool:
        return choose and self.best is not None and len(self.history) - self.best.number >= self.recipe.patience

    def _present(self) -> dict[str, Array]:
        """A copy of the weights as they would be kept now: averaged, if they are to be."""
        with self._averaged():
            return {name: t.array.copy() for name, t in self.network.state_dict().items()}

    def _averaged(self) -> Any:
        return nullcontext() if self.average is None else self.average.in_place()

    def evaluate(self, sentences: Encoded) -> tuple[float, float]:
        """(loss, accuracy) over all words of these sentences, with the averaged weights if there are any."""
        with self._averaged():
            predicted, loss = predict(self.network, sentences)
        hits = [p == tags for p, tags in zip(predicted, sentences.tags, strict=True)]
        right = sum(int((hit if hit.ndim == 1 else hit.all(-1)).sum()) for hit in hits)
        return loss, right / max(1, sum(map(len, sentences.tags)))

    # ------------------------------------------------ writing down, taking up

    def state(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """All of the training after the last finished epoch: arrays, and what JSON can hold."""
        arrays = {f"weights/{name}": t.array for name, t in self.network.state_dict().items()}
        arrays |= {f"kept/{name}": a for name, a in self.kept.items()}
        for number, values in self.optimizer.state_dict()["state"].items():
            arrays |= {f"optimizer/{number}/{name}": t.array for name, t in values.items() if t is not None}
        if self.average is not None:
            arrays |= {f"average/{i}": a for i, a in enumerate(self.average.arrays)}
        for device, generator in self._generators.items():
            arrays["generator" if device == "cpu" else f"generator/{device}"] = generator.array
        numbers = {
            "history": [vars(epoch) for epoch in self.history],
            "best": self.best.number if self.best else None,
            "updates": self.average.updates if self.average else 0,
        }
        return arrays, numbers

    def resume(self, arrays: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
        """Take up a training where ``state`` wrote it down; the network and the recipe must be the same."""
        parts: dict[str, dict[str, Tensor]] = {}
        for name, tensor in arrays.items():
            kind, _, rest = name.partition("/")
            parts.setdefault(kind, {})[rest] = tensor
        self.network.load_state_dict(parts["weights"])
        self.kept = {name: t.array for name, t in parts["kept"].items()}
        memory: dict[int, dict[str, Tensor]] = {}
        for name, tensor in parts.get("optimizer", {}).items():
            number, _, entry = name.partition("/")
            memory.setdefault(int(number), {})[entry] = tensor
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": memory, "param_groups": groups})
        if self.average is not None:
            self.average.arrays = [parts["average"][str(i)].array for i in range(len(self.parameters))]
            self.average.updates = numbers["updates"]
        self._generators = {device or "cpu": state for device, state in parts["generator"].items()}
        self.history = [Epoch(**epoch) for epoch in numbers["history"]]
        self.best = self.history[numbers["best"] - 1]


@no_grad()
def predict(network: Network, sentences: Encoded) -> tuple[list[Array], float]:
    """The best tag's number for each word of each sentence, and the mean loss −ln p over the words with a known tag."""
    network.eval()
    found: list[Array] = [np.zeros(0, np.int64)] * len(sentences)
    total = words = 0.0
    for batch in by_length(sentences, 64):
        scores = network(batch)
        known = float((batch.tags.array != NO_TAG).sum())
        if known:
            log_p = network.log_probabilities(scores, batch)
            losses = [
                F.nll_loss(own, tags, ignore_index=missing, reduction="sum")
                for own, tags, missing in by_column(log_p, batch.tags, network.slices)
            ]
            total, words = total + sum(float(loss.item()) for loss in losses), words + known / len(losses)
        for place, tags in batch.sentences(network.best(scores, batch)):
            found[place] = tags
    return found, total / max(words, 1)
