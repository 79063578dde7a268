"""The report of a training or an evaluation: one HTML page for people, its pictures within it, and JSON for programs."""

from __future__ import annotations

import base64
import html
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from metagrad.base.files import write_atomically
from metagrad.base.optional import need
from metagrad.tagger.metrics import Scores
from metagrad.tagger.training import Epoch

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: 1rem 0 } td, th { padding: .2rem .8rem; text-align: right }
td:first-child, th:first-child { text-align: left } tr:nth-child(even) { background: #f4f6f8 }
th { border-bottom: 2px solid #999 } img { max-width: 100% } pre { overflow-x: auto; background: #f4f6f8; padding: 1rem }
mark { background: #ffd9a8 }
"""


def accuracies(scores: Scores) -> list[tuple[str, Any]]:
    """The accuracies with their names."""
    return [
        ("all tokens", scores.overall),
        ("without traces (-NONE-)", scores.without_traces),
        ("known words", scores.known),
        ("unknown words", scores.unknown),
        ("whole sentences", scores.whole_sentences),
    ]


def summary(scores: Scores) -> str:
    """The accuracies, one to a line."""
    return "\n".join(f"  {name:<24} {share}" for name, share in accuracies(scores))


def write_report(
    folder: Path,
    scores: Scores,
    title: str,
    about: dict[str, Any],
    history: Sequence[Epoch] = (),
    errors: Sequence[dict[str, Any]] = (),
    compared: str = "",
) -> Path:
    """Write report.html and report.json into a folder; returns the path of the first."""
    folder.mkdir(parents=True, exist_ok=True)
    epochs = [{k: None if v != v else v for k, v in vars(epoch).items()} for epoch in history]  # JSON has no NaN
    everything = {**about, "history": epochs, "errors": list(errors), **scores.as_dict()}
    page = as_html(scores, title, about, history, errors, compared)
    text = json.dumps(everything, indent=2, ensure_ascii=False) + "\n"
    write_atomically(folder / "report.json", [text.encode()])
    write_atomically(folder / "report.html", [page.encode()])
    return folder / "report.html"


def as_html(
    scores: Scores,
    title: str,
    about: dict[str, Any],
    history: Sequence[Epoch] = (),
    errors: Sequence[dict[str, Any]] = (),
    compared: str = "",
) -> str:
    """The whole page."""
    parts = [f"<h1>{html.escape(title)}</h1>", f"<h2>Accuracy on {scores.sentences:,} sentences</h2>"]
    parts.append(table(["", "accuracy"], [[name, str(share)] for name, share in accuracies(scores)]))
    if history:
        parts += ["<h2>Training</h2>", picture(draw_curves(history), "Loss, accuracy and learning rate by epoch")]
    rows = [[t.tag, *(f"{x:.4f}" for x in (t.precision, t.recall, t.f1)), f"{t.actual:,}"] for t in scores.tags]
    parts += ["<h2>Tags</h2>", table(["tag", "precision", "recall", "F1", "words"], rows)]
    parts += ["<h2>What is confused with what</h2>", picture(draw_confusion(scores), "Actual by predicted tags")]
    confused = [[a, p, f"{n:,}"] for a, p, n in scores.confusions()]
    parts.append(table(["actual", "predicted", "times"], confused))
    if compared:
        parts += ["<h2>Compared with another model</h2>", f"<pre>{html.escape(compared)}</pre>"]
    if errors:
        parts += ["<h2>Errors in context</h2>", table(["where", "actual", "found", "context"], [
            [e["place"], e["actual"], e["found"], e["context"]] for e in errors
        ])]  # fmt: skip
    settings = html.escape(json.dumps(about, indent=2, ensure_ascii=False))
    parts += ["<h2>Settings</h2>", f"<pre>{settings}</pre>"]
    head = f"<meta charset=utf-8><title>{html.escape(title)}</title><style>{STYLE}</style>"
    return f"<!doctype html><html lang=en><head>{head}</head><body>{''.join(parts)}</body></html>\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """An HTML table; the cells are text."""

    def line(cells: Sequence[str], kind: str) -> str:
        return "<tr>" + "".join(f"<{kind}>{html.escape(cell)}</{kind}>" for cell in cells) + "</tr>"

    return f"<table>{line(head, 'th')}{''.join(line(row, 'td') for row in rows)}</table>"


def picture(data: bytes, text: str) -> str:
    """A PNG within the page."""
    return f'<p><img alt="{html.escape(text)}" src="data:image/png;base64,{base64.b64encode(data).decode()}"></p>'


def _figure(width: float, height: float, columns: int = 1) -> tuple[Any, Any]:
    """A matplotlib figure that needs no display."""
    need("matplotlib", "tagger")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(1, columns)


def _png(figure: Any) -> bytes:
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=120)
    return data.getvalue()


def draw_curves(history: Sequence[Epoch]) -> bytes:
    """Loss, and the accuracy on what was held out, by epoch; where nothing was, the learning rate."""
    figure, (left, right) = _figure(9, 3.6, 2)
    epochs = [e.number for e in history]
    watched = not math.isnan(history[0].dev_accuracy)
    left.plot(epochs, [e.train_loss for e in history], marker="o", label="training")
    if watched:
        left.plot(epochs, [e.dev_loss for e in history], marker="o", label="held out")
        left.legend()
    left.set(xlabel="epoch", ylabel="loss (nats a word)")
    values = [e.dev_accuracy if watched else e.rate for e in history]
    right.plot(epochs, values, marker="o", color="C1")
    right.set(xlabel="epoch", ylabel="accuracy, held out" if watched else "learning rate")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.xaxis.get_major_locator().set_params(integer=True)
    return _png(figure)


def draw_confusion(scores: Scores) -> bytes:
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
    image = axes.imshow(np.sqrt(shares), cmap="Blues", vmin=0, vmax=1)  # the root makes rare mistakes visible
    axes.set(xlabel="predicted", ylabel="actual")
    axes.set_xticks(range(len(tags)), tags, rotation=90, fontsize=7)
    axes.set_yticks(range(len(tags)), tags, fontsize=7)
    bar = figure.colorbar(image, ax=axes, shrink=0.6, label="share of the actual tag")
    bar.set_ticks([0, 0.1**0.5, 0.5**0.5, 1], labels=["0", "0.1", "0.5", "1"])
    return _png(figure)
