"""An unfinished training as a file: a model file that also holds all the training needs to go on.

The file is written whole or not at all after every epoch. It is a tagger like any other (the weights kept so far), and beside
its tensors, under ``training/``, stand those of ``Trainer.state``; the metadata say which training it is.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from metagrad.serialization.safetensors import load_file, read_metadata, save_file
from metagrad.tagger.settings import Settings
from metagrad.tagger.splits import Split
from metagrad.tagger.text.tokenizer import WEIGHTS
from metagrad.tagger.trained import TRAINING, Model, ModelFileError
from metagrad.tagger.training import Recipe, Trainer


def checkpoint_of(output: Path) -> Path:
    """Where the training of a model is written down."""
    return output.with_name(output.name + ".checkpoint")


def fingerprint(parts: Split) -> str:
    """A number that differs for other sentences to learn from or to choose by."""
    return hashlib.sha256(json.dumps([parts.train, parts.dev, parts.calibration]).encode()).hexdigest()


def save_checkpoint(path: Path, model: Model, trainer: Trainer, data: str) -> None:
    """Write down the training after its last finished epoch; ``data`` is the sentences' fingerprint."""
    arrays, numbers = trainer.state()
    training = {"recipe": asdict(trainer.recipe), "data": data, **numbers}
    tensors = {
        **model.arrays(trainer.kept),
        **{TRAINING + name: a for name, a in arrays.items() if not name.startswith("kept/")},
    }
    save_file(tensors, path, {**model.description(), "training": json.dumps(training)})


def read_checkpoint(path: Path) -> tuple[Model, Recipe, dict[str, Any]]:
    """The model as it was kept, the recipe, and the numbers of the training."""
    metadata = read_metadata(path)
    model = Model.load(path)
    if "training" not in metadata:
        raise ModelFileError(f"{path} is a finished model, not the checkpoint of a training")
    numbers = json.loads(metadata["training"])
    return model, Recipe(**numbers["recipe"]), numbers


def resume(path: Path, trainer: Trainer, numbers: dict[str, Any]) -> None:
    """Bring a new trainer to where the checkpoint was written."""
    tensors = load_file(path)
    arrays = {name.removeprefix(TRAINING): t for name, t in tensors.items() if name.startswith(TRAINING)}
    arrays |= {f"kept/{name}": t for name, t in tensors.items() if not name.startswith(TRAINING) and name != WEIGHTS}
    trainer.resume(arrays, numbers)


def differences(settings: Settings, recipe: Recipe, model: Model, written: Recipe) -> list[str]:
    """Where the training asked for is not the one written down."""
    asked = {**asdict(settings), **asdict(recipe)}
    found = {**asdict(model.settings), **asdict(written)}
    return [
        f"{name} is {found[name]!r} there and {value!r} here" for name, value in asked.items() if found[name] != value
    ]
