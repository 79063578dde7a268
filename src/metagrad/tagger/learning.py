"""From sentences to a trained model: vocabularies, network, training, and where asked a checkpoint after every epoch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from metagrad.base.typing import Array
from metagrad.ops.create import random
from metagrad.tagger import checkpoints
from metagrad.tagger.batches import NO_TAG, encode
from metagrad.tagger.calibration import find_temperature
from metagrad.tagger.corpora import Sentence
from metagrad.tagger.metrics import Scores, score_columns
from metagrad.tagger.settings import Settings
from metagrad.tagger.splits import Split
from metagrad.tagger.tagset import TagSet
from metagrad.tagger.text.tokenizer import Tokenizer
from metagrad.tagger.trained import Model, chosen
from metagrad.tagger.training import Epoch, Progress, Recipe, Trainer
from metagrad.tagger.vectors import put_in, read_vectors, with_words
from metagrad.tagger.vocabulary import Lexicon
from metagrad.utils.metrics.spans import score_spans

IMPOSSIBLE = -1e4  # ln of a probability of 0, but finite


def new_model(
    parts: Split, settings: Settings, recipe: Recipe, about: dict[str, Any], vectors: Path | None = None
) -> Model:
    """An untrained model whose vocabularies and tags come from the training part alone, or also from a file of word vectors."""
    random.manual_seed(recipe.seed)
    words = [word for sentence in parts.train for word, _ in sentence]
    tags = TagSet.of(tag for sentence in parts.train for _, tag in sentence)
    lexicon = Lexicon.of(words, settings.descriptions)
    if vectors is None:
        model = Model.new(settings, lexicon, tags, about)
    else:
        found = read_vectors(vectors)
        model = Model.new(settings, with_words(lexicon, found), tags, about)
        put_in(model.network, model.lexicon, found)
    model.tokenizer = Tokenizer.of(parts.train)
    return model


def learn(
    parts: Split,
    settings: Settings,
    recipe: Recipe,
    about: dict[str, Any],
    *,
    progress: Progress = lambda steps, count, title: steps,
    report: Callable[[Epoch, bool], None] = lambda epoch, is_kept: None,
    checkpoint: Path | None = None,
    resume: bool = False,
    keep: Callable[[Model, Trainer], None] = lambda model, trainer: None,
    vectors: Path | None = None,
    trainer_type: type[Trainer] = Trainer,
) -> tuple[Model, Trainer]:
    """Train a model. With ``checkpoint`` the training is written there after every epoch, and ``resume`` goes on from it.

    ``keep(model, trainer)`` is called after every epoch too; ``trainer.kept`` has the weights to be kept, as things stand.
    """
    data = "" if checkpoint is None else checkpoints.fingerprint(parts)
    if resume and checkpoint is not None:
        model, written, numbers = checkpoints.read_checkpoint(checkpoint)
        found = checkpoints.differences(settings, recipe, model, written)
        if numbers["data"] != data:
            found.append("the sentences are others")
        if found:
            raise ValueError(f"{checkpoint} belongs to another training: {'; '.join(found)}")
        trainer = trainer_type(model.network, recipe)
        checkpoints.resume(checkpoint, trainer, numbers)
    else:
        model = new_model(parts, settings, recipe, about, vectors)
        trainer = trainer_type(model.network, recipe)

    def after_epoch() -> None:
        if checkpoint is not None:
            checkpoints.save_checkpoint(checkpoint, model, trainer, data)
        keep(model, trainer)

    train, dev = (encode(part, model.lexicon, model.learned) for part in (parts.train, parts.dev))
    trainer.fit(train, dev, progress, report, after_epoch)
    if trainer.best is not None:
        model.about["epoch"] = trainer.best.number
        constrain(model)
        calibrate(model, parts.calibration or parts.dev)
    return model, trainer


def constrain(model: Model) -> None:
    """Make the sequences of tags that may not be impossible for a CRF, so that its probabilities are of those that may."""
    if model.transitions is None:
        return
    for crf in (member.crf for member in model.network.members if member.crf is not None):
        for scores, allowed in zip((crf.start, crf.between, crf.end), model.transitions, strict=True):
            scores.array[np.isinf(allowed)] = IMPOSSIBLE


def calibrate(model: Model, sentences: list[Sentence]) -> None:
    """Set the temperatures by sentences the network has not learned from."""
    model.temperatures = [1.0] * len(model.tags.columns)
    words = [[w for w, _ in s] for s in sentences]
    rows = [p for _, p in model.scored_as_learned(words, traces=True)]
    if not rows:
        return
    with np.errstate(divide="ignore"):
        log_p = np.log(np.concatenate(rows))
    tags = np.concatenate(encode(sentences, model.lexicon, model.learned).tags).reshape(len(log_p), -1)
    for c, own in enumerate(model.learned.slices):
        known = tags[:, c] != NO_TAG
        if known.any():
            model.temperatures[c] = find_temperature(log_p[known, own], tags[known, c] - own.start)


Answers = Callable[[Model, list[list[str]]], list[tuple[Array, Array]]]


def answers(model: Model, sentences: list[list[str]]) -> list[tuple[Array, Array]]:
    """For each sentence the numbers of the tags found and their probabilities, (T), or with C columns of tags (T, C)."""
    return [(tags, chosen(tags, p)) for tags, p in model.scored(sentences, traces=True)]


def evaluate(model: Model, sentences: list[Sentence], answer: Answers = answers) -> tuple[Scores, list[list[str]]]:
    """Tag sentences whose tags are known; the counts, and the tags found. Unlike in tagging text, a trace may be found."""
    found = answer(model, [[word for word, _ in sentence] for sentence in sentences])
    tags = [[model.tags.name(k) for k in row.tolist()] for row, _ in found]
    sure = np.concatenate([p for _, p in found]) if found else None
    scores = score_columns(sentences, tags, model.lexicon.knows, sure, model.column.split(","))
    if model.transitions is not None:
        spans = score_spans([[tag for _, tag in sentence] for sentence in sentences], tags)
        scores = replace(scores, spans=tuple(spans))
    return scores, tags
