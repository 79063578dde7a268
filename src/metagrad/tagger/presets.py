"""Ready-made choices of network and training: ``article``, ``fast`` and ``best``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from metagrad.tagger.settings import Settings
from metagrad.tagger.training import Recipe

# The network of the article metagrad began with: a plain recurrent network that knows a word only by its number.
ARTICLE: dict[str, Any] = {
    "cell": "rnn", "layers": 2, "hidden": 128, "embedding": 128, "dropout": 0.2, "spelling": False, "letters": "none",
    "variational": False, "scale": 1.0,
    "optimizer": "sgd", "lr": 0.1, "epochs": 10, "patience": 0, "word_dropout": 0.0, "letter_dropout": 0.0,
    "schedule": "constant", "averaging": 0.0,
}  # fmt: skip
FAST: dict[str, Any] = {
    "layers": 1, "hidden": 160, "embedding": 64, "dropout": 0.5, "letters": "convolution", "variational": True,
    "shortcut": True, "scale": 0.1,
    "batch_size": 16, "epochs": 8, "steps": 600, "patience": 0, "schedule": "linear", "averaging": 0.998, "label_smoothing": 0.1,
    "word_dropout": 0.25, "letter_dropout": 0.05,
}  # fmt: skip
# Two networks of different kinds: their mistakes are less alike than those of two of one kind.
BEST: dict[str, Any] = FAST | {
    "members": 2, "shortcut": False, "epochs": 12,
    "variants": ({"hidden": 256, "crf": True}, {"cell": "gru", "layers": 2, "scale": 0.3}),
}  # fmt: skip
PRESETS = {"article": ARTICLE, "fast": FAST, "best": BEST}

SPAN_STEPS = 1200  # of spans there are few in a sentence: a small corpus is gone through more often

_CALLED = {
    bool: "True or False",
    int: "a whole number",
    (float, int): "a number",
    str: "a string",
    Sequence: "a sequence",
}
_KINDS: dict[str, Any] = {
    f.name: (float, int)
    if f.default is None or isinstance(f.default, float)
    else Sequence
    if f.default == ()
    else type(f.default)
    for f in (*fields(Settings), *fields(Recipe))
}
_NETWORK = {f.name for f in fields(Settings)}
_TRAINING = {f.name for f in fields(Recipe)}


def settings_and_recipe(preset: str, options: dict[str, Any]) -> tuple[Settings, Recipe]:
    """A preset's network and training, with some options put in the place of its own; those of the network hold for all members.

    >>> settings, recipe = settings_and_recipe("best", {"layers": 1, "seed": 7})
    >>> settings.layers, recipe.seed
    (1, 7)
    >>> [settings.member(m).layers for m in range(2)]
    [1, 1]
    """
    if preset not in PRESETS:
        raise ValueError(f"unknown preset {preset!r}: expected one of {', '.join(PRESETS)}")
    unknown = options.keys() - _NETWORK - _TRAINING
    if unknown:
        raise TypeError(
            f"unknown options {sorted(unknown)}: expected some of {', '.join(sorted(_NETWORK | _TRAINING))}"
        )
    options = {name: plain(value) for name, value in options.items()}
    check_types(options)
    chosen = {**PRESETS[preset], **options}
    if "variants" not in options:
        variants = PRESETS[preset].get("variants", ())
        chosen["variants"] = tuple({k: v for k, v in variant.items() if k not in options} for variant in variants)
    if "epochs" in options and "steps" not in options:
        chosen["steps"] = 0  # so many epochs are meant, however small the corpus
    return (
        Settings(**{name: value for name, value in chosen.items() if name in _NETWORK}),
        Recipe(**{name: value for name, value in chosen.items() if name in _TRAINING}),
    )


def plain(value: Any) -> Any:
    """NumPy's numbers as Python's, which JSON can hold; anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def check_types(options: dict[str, Any]) -> None:
    """TypeError for an option that is no number, string, or True or False, where one is expected.

    >>> check_types({"epochs": 3.5})
    Traceback (most recent call last):
        ...
    TypeError: expected epochs to be a whole number, got 3.5
    """
    for name, value in options.items():
        kind = _KINDS[name]
        is_right = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
        if not is_right and not (name == "lr" and value is None):
            raise TypeError(f"expected {name} to be {_CALLED[kind]}, got {value!r}")


def for_spans(recipe: Recipe, own: dict[str, Any]) -> Recipe:
    """A recipe for learning spans, where neither ``epochs`` nor ``steps`` are among one's own options.

    >>> for_spans(Recipe(steps=600), {}).steps, for_spans(Recipe(steps=600), {"steps": 600}).steps, for_spans(Recipe(), {}).steps
    (1200, 600, 0)
    """
    return replace(recipe, steps=SPAN_STEPS) if recipe.steps and not {"epochs", "steps"} & own.keys() else recipe
