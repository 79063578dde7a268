"""The report of a training or an evaluation: text for reading, JSON for programs, pictures for both."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from metagrad.extras import need
from metagrad.files import write_atomically
from metagrad.tagger.metrics import Scores
from metagrad.tagger.training import Epoch


def summary(scores: Scores) -> str:
    """The accuracies, one to a line."""
    rows = [
        ("all tokens", scores.overall),
        ("without traces (-NONE-)", scores.without_traces),
        ("known words", scores.known),
        ("unknown words", scores.unknown),
        ("whole sentences", scores.whole_sentences),
    ]
    return "\n".join(f"  {name:<24} {share}" for name, share in rows)


def as_text(scores: Scores, title: str) -> str:
    """The whole report."""
    lines = [title, "", f"accuracy on {scores.sentences:,} sentences", summary(scores), ""]
    lines += [f"  {'tag':<8} {'precision':>9} {'recall':>9} {'F1':>9} {'words':>8}"]
    for t in scores.tags:
        lines.append(f"  {t.tag:<8} {t.precision:>9.4f} {t.recall:>9.4f} {t.f1:>9.4f} {t.actual:>8,}")
    lines += ["", "most confused", f"  {'actual':<8} {'predicted':<10} {'times':>6}"]
    lines += [f"  {actual:<8} {found:<10} {n:>6,}" for actual, found, n in scores.confusions()]
    return "\n".join(lines) + "\n"


def write_report(
    folder: Path, scores: Scores, title: str, about: dict[str, Any], history: Sequence[Epoch] = ()
) -> list[Path]:
    """Write report.txt, report.json, confusion.png and, after a training, curves.png into a folder; returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    everything = {**about, "history": [vars(epoch) for epoch in history], **scores.as_dict()}
    texts = {
        "report.txt": as_text(scores, title),
        "report.json": json.dumps(everything, indent=2, ensure_ascii=False) + "\n",
    }
    paths = []
    for name, text in texts.items():
        paths.append(folder / name)
        write_atomically(paths[-1], [text.encode()])
    paths.append(draw_confusion(folder / "confusion.png", scores))
    if history:
        paths.append(draw_curves(folder / "curves.png", history))
    return paths


def _figure(width: float, height: float, columns: int = 1) -> tuple[Any, Any]:
    """A matplotlib figure that needs no display."""
    need("matplotlib", "tagger")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(1, columns)


def _save(figure: Any, path: Path) -> Path:
    import io

    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    write_atomically(path, [picture.getvalue()])
    return path


def draw_curves(path: Path, history: Sequence[Epoch]) -> Path:
    """Loss and accuracy by epoch."""
    figure, (left, right) = _figure(9, 3.6, 2)
    epochs = [e.number for e in history]
    left.plot(epochs, [e.train_loss for e in history], marker="o", label="training")
    left.plot(epochs, [e.dev_loss for e in history], marker="o", label="held out")
    left.set(xlabel="epoch", ylabel="loss (nats a word)")
    left.legend()
    right.plot(epochs, [e.dev_accuracy for e in history], marker="o", color="C1")
    right.set(xlabel="epoch", ylabel="accuracy, held out")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.xaxis.get_major_locator().set_params(integer=True)
    return _save(figure, path)


def draw_confusion(path: Path, scores: Scores) -> Path:
    """A matrix of actual by predicted tags; each row sums to 1, and the colour of a cell is its share of the row."""
    tags = [t.tag for t in scores.tags]
    numbers = {tag: i for i, tag in enumerate(tags)}
    import numpy as np

    counts = np.zeros((len(tags), len(tags)))
    for (actual, found), n in scores.pairs.items():
        counts[numbers[actual], numbers[found]] = n
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = max(4.0, 0.22 * len(tags) + 1.5)
    figure, axes = _figure(side, side)
    picture = axes.imshow(np.sqrt(shares), cmap="Blues", vmin=0, vmax=1)  # the root makes rare mistakes visible
    axes.set(xlabel="predicted", ylabel="actual")
    axes.set_xticks(range(len(tags)), tags, rotation=90, fontsize=7)
    axes.set_yticks(range(len(tags)), tags, fontsize=7)
    bar = figure.colorbar(picture, ax=axes, shrink=0.6, label="share of the actual tag")
    bar.set_ticks([0, 0.1**0.5, 0.5**0.5, 1], labels=["0", "0.1", "0.5", "1"])
    return _save(figure, path)
