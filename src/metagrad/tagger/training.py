"""The training loop: epochs of small steps, a look at the held-out part after each, the best epoch kept."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from metagrad import nn, optim, random
from metagrad.autograd.mode import no_grad
from metagrad.nn import functional as F
from metagrad.tagger.batches import NO_TAG, Encoded, batches, forget_words, shuffled_batches
from metagrad.tagger.model import Network

Progress = Callable[[Iterable[Any], int, str], Iterable[Any]]  # wraps an iterable of known length, with a title
Array = np.ndarray[Any, Any]

OPTIMIZERS: dict[str, tuple[Callable[..., optim.Optimizer], float]] = {
    # name: (how it is made, the learning rate if none is given)
    "sgd": (optim.SGD, 0.1),
    "momentum": (lambda parameters, lr: optim.SGD(parameters, lr=lr, momentum=0.9, nesterov=True), 0.05),
    "adam": (optim.Adam, 2e-3),
    "adamw": (optim.AdamW, 2e-3),
}


@dataclass(frozen=True)
class Recipe:
    """How to train, apart from what."""

    optimizer: str = "adam"
    lr: float | None = None
    batch_size: int = 32
    epochs: int = 20
    patience: int = 4
    word_dropout: float = 0.1
    max_norm: float = 5.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.optimizer not in OPTIMIZERS:
            raise ValueError(f"unknown optimizer {self.optimizer!r}: expected one of {', '.join(OPTIMIZERS)}")
        for name in ("batch_size", "epochs", "patience"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.lr is not None and not self.lr > 0:
            raise ValueError(f"the learning rate must be positive, got {self.lr}")
        if not 0 <= self.word_dropout < 1:
            raise ValueError(f"word_dropout must be at least 0 and below 1, got {self.word_dropout}")

    @property
    def learning_rate(self) -> float:
        """The learning rate given, or the optimizer's usual one."""
        return OPTIMIZERS[self.optimizer][1] if self.lr is None else self.lr

    def as_dict(self) -> dict[str, Any]:
        """For the report."""
        return {**asdict(self), "lr": self.learning_rate}


@dataclass(frozen=True)
class Epoch:
    """What an epoch came to; accuracies in [0, 1], losses in nats a word, time in seconds."""

    number: int
    train_loss: float
    dev_loss: float
    dev_accuracy: float
    seconds: float


class Trainer:
    """Trains a network on encoded sentences; ``history`` has the finished epochs, and the network ends as its best one."""

    def __init__(self, network: Network, recipe: Recipe) -> None:
        self.network, self.recipe = network, recipe
        make, _ = OPTIMIZERS[recipe.optimizer]
        self.optimizer = make(network.parameters(), lr=recipe.learning_rate)
        self.history: list[Epoch] = []
        self.best: Epoch | None = None
        self.interrupted = False
        self._best_state: dict[str, Array] = {}

    def step(self, batch: Any) -> float:
        """One step downhill; returns the loss, the mean over the batch's words."""
        batch = forget_words(batch, self.recipe.word_dropout)
        self.optimizer.zero_grad()
        scores = self.network(batch.words, batch.lengths)
        loss = F.cross_entropy(scores.flatten(0, 1), batch.tags.flatten(), ignore_index=NO_TAG)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.max_norm)
        self.optimizer.step()
        return float(loss.item())

    def _epoch(self, train: list[Encoded], dev: list[Encoded], number: int, progress: Progress) -> Epoch:
        started = time.perf_counter()
        self.network.train()
        total = words = 0.0
        count = math.ceil(len(train) / self.recipe.batch_size)
        for batch in progress(shuffled_batches(train, self.recipe.batch_size), count, f"epoch {number}"):
            size = float(batch.lengths.sum().item())
            total, words = total + self.step(batch) * size, words + size
            if not math.isfinite(total):
                raise FloatingPointError(
                    f"the loss became {total} in epoch {number}: lower the learning rate (it is {self.recipe.learning_rate})"
                )
        loss, accuracy = self.evaluate(dev)
        return Epoch(number, total / max(words, 1), loss, accuracy, time.perf_counter() - started)

    def fit(
        self, train: list[Encoded], dev: list[Encoded], progress: Progress, report: Callable[[Epoch, bool], None]
    ) -> None:
        """Train until the epochs are over, the dev accuracy has not risen for ``patience`` epochs, or Ctrl-C.

        ``report(epoch, is_best)`` is called after every epoch. If no epoch was finished, the network stays untrained and
        ``best`` is None.
        """
        random.manual_seed(self.recipe.seed)
        try:
            for number in range(1, self.recipe.epochs + 1):
                epoch = self._epoch(train, dev, number, progress)
                self.history.append(epoch)
                is_best = self.best is None or epoch.dev_accuracy > self.best.dev_accuracy
                if is_best:
                    self.best = epoch
                    self._best_state = {name: t.array.copy() for name, t in self.network.state_dict().items()}
                report(epoch, is_best)
                if number - (self.best or epoch).number >= self.recipe.patience:
                    break
        except KeyboardInterrupt:
            self.interrupted = True
        if self._best_state:
            self.network.load_state_dict(self._best_state)

    def evaluate(self, sentences: list[Encoded]) -> tuple[float, float]:
        """(loss, accuracy) over all words of these sentences."""
        predicted, loss = predict(self.network, sentences)
        right = sum(int((p == s.tags).sum()) for p, s in zip(predicted, sentences, strict=True))
        return loss, right / max(1, sum(len(s.tags) for s in sentences))


@no_grad()
def predict(network: Network, sentences: list[Encoded]) -> tuple[list[Array], float]:
    """The best tag's number for each word of each sentence, and the mean loss over the words with a known tag."""
    network.eval()
    found: list[Array] = [np.zeros(0, np.int64)] * len(sentences)
    total = words = 0.0
    for batch in batches(sentences, 64):
        scores = network(batch.words, batch.lengths)
        known = float((batch.tags.array != NO_TAG).sum())
        if known:
            loss = F.cross_entropy(scores.flatten(0, 1), batch.tags.flatten(), ignore_index=NO_TAG, reduction="sum")
            total, words = total + float(loss.item()), words + known
        best = scores.argmax(-1).numpy()
        for row, (place, length) in enumerate(zip(batch.places, batch.lengths.tolist(), strict=True)):
            found[place] = best[row, :length]
    return found, total / max(words, 1)
