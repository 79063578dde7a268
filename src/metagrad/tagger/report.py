"""The report of a training or an evaluation: one HTML page for people, its pictures within it, and JSON for programs."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from metagrad.base.files import write_atomically
from metagrad.tagger.calibration import BINS
from metagrad.tagger.charts import Axis, Chart, around
from metagrad.tagger.metrics import Scores
from metagrad.tagger.training import Epoch
from metagrad.utils.metrics.spans import SpanScore

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: 1rem 0 } td, th { padding: .2rem .8rem; text-align: right }
td:first-child, th:first-child { text-align: left } tr:nth-child(even) { background: #f4f6f8 }
th { border-bottom: 2px solid #999 } svg { max-width: 100% }
svg text { font-size: 12px; fill: #444 } pre { overflow-x: auto; background: #f4f6f8; padding: 1rem }
h1, pre, td { overflow-wrap: anywhere } td.short { white-space: nowrap }
pre { white-space: pre-wrap } .wide { overflow-x: auto } @media (max-width: 30rem) { td, th { padding: .2rem .3rem } }
.matrix { font-size: .7rem } .matrix td { padding: 0; min-width: 1rem; height: 1rem; border: 1px solid #eee }
.matrix th { padding: 0 .3rem; border: 0 } .matrix th span { writing-mode: vertical-rl }
"""


def accuracies(scores: Scores) -> list[tuple[str, Any]]:
    """The accuracies with their names."""
    if scores.columns:
        return [*((name, own.overall) for name, own in scores.columns.items()), ("all columns equal", scores.overall),
                ("unknown words", scores.unknown), ("whole sentences", scores.whole_sentences)]  # fmt: skip
    traces = [("without traces (-NONE-)", scores.without_traces)] if scores.has_traces else []
    return [
        ("all tokens", scores.overall),
        *traces,
        ("known words", scores.known),
        ("unknown words", scores.unknown),
        ("whole sentences", scores.whole_sentences),
    ]


def summary(scores: Scores) -> str:
    """The accuracies, one to a line, and how well the probabilities are calibrated."""
    lines = [f"  {'spans: ' + s.type:<24} {span_text(s)}" for s in scores.spans]
    lines += [f"  {name:<24} {share}" for name, share in accuracies(scores)]
    for name, own in {**scores.columns, "": scores}.items():
        if own.calibration_error is not None:
            lines.append(f"  {f'calibration error {name}':<24} {own.calibration_error:.4f}")
    return "\n".join(lines)


def shown(tag: Any) -> str:
    """A tag as JSON has it, for reading."""
    return tag if isinstance(tag, str) else " ".join(tag.values() if isinstance(tag, dict) else tag)


def span_text(s: SpanScore) -> str:
    """A score of spans on one line."""
    counts = f"({s.right:,} right, {s.found:,} found, {s.actual:,} there)"
    return f"F1 {s.f1:.4f}  precision {s.precision:.4f}  recall {s.recall:.4f}  {counts}"


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
    if scores.spans:
        rows = [[s.type, *(f"{x:.4f}" for x in (s.precision, s.recall, s.f1)), f"{s.actual:,}"] for s in scores.spans]
        parts += ["<h2>Spans</h2>", table(["type", "precision", "recall", "F1", "spans"], rows)]
    if history:
        parts += ["<h2>Training</h2>", f"<p>{draw_curves(history)}</p>"]
    for name, own in (scores.columns or {"": scores}).items():
        parts += by_tag(own, f"{name}: " if name else "")
    if compared:
        parts += ["<h2>Compared with another model</h2>", f"<pre>{html.escape(compared)}</pre>"]
    if errors:
        parts += ["<h2>Errors in context</h2>", table(["where", "actual", "found", "context"], [
            [e["place"], shown(e["actual"]), shown(e["found"]), e["context"]] for e in errors
        ])]  # fmt: skip
    settings = html.escape(json.dumps(about, indent=2, ensure_ascii=False))
    parts += ["<h2>Settings</h2>", f"<pre>{settings}</pre>"]
    head = f"<meta charset=utf-8><title>{html.escape(title)}</title><style>{STYLE}</style>"
    return f"<!doctype html><html lang=en><head>{head}</head><body>{''.join(parts)}</body></html>\n"


def by_tag(scores: Scores, name: str) -> list[str]:
    """The tags of a column, how true their probabilities are, and which are confused."""
    rows = [[t.tag, *(f"{x:.4f}" for x in (t.precision, t.recall, t.f1)), f"{t.actual:,}"] for t in scores.tags]
    parts = [f"<h2>{html.escape(name)}Tags</h2>", table(["tag", "precision", "recall", "F1", "words"], rows)]
    if scores.bins:
        parts += [
            f"<h2>{html.escape(name)}Calibration</h2><p>Expected calibration error {scores.calibration_error:.4f}.</p>",
            f"<p>{draw_calibration(scores)}</p>",
        ]
    parts += [f"<h2>{html.escape(name)}What is confused with what</h2>", confusion_matrix(scores)]
    confused = [[a, p, f"{n:,}"] for a, p, n in scores.confusions()]
    return [*parts, table(["actual", "predicted", "times"], confused)]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """An HTML table; the cells are text."""

    def line(cells: Sequence[str], kind: str) -> str:
        return "<tr>" + "".join(f"<{kind}{_short(cell)}>{html.escape(cell)}</{kind}>" for cell in cells) + "</tr>"

    return f"<table>{line(head, 'th')}{''.join(line(row, 'td') for row in rows)}</table>"


def _short(cell: str) -> str:
    """A class for what is better not divided: a number, a tag."""
    return " class=short" if len(cell) <= 12 else ""


def draw_curves(history: Sequence[Epoch]) -> str:
    """Loss, and the accuracy on what was held out, by epoch; where nothing was, the learning rate."""
    epochs = [float(e.number) for e in history]
    watched = not math.isnan(history[0].dev_accuracy)
    across = Axis("epoch", *around(epochs), is_whole=True)
    losses = [
        ("training", [e.train_loss for e in history]),
        *([("held out", [e.dev_loss for e in history])] if watched else []),
    ]
    left = Chart(across, Axis("loss (nats a word)", *around([v for _, values in losses for v in values])))
    for number, (name, values) in enumerate(losses):
        left.curve(list(zip(epochs, values, strict=True)), number, name)
    values = [e.dev_accuracy if watched else e.rate for e in history]
    right = Chart(across, Axis("accuracy, held out" if watched else "learning rate", *around(values)))
    right.curve(list(zip(epochs, values, strict=True)), 1)
    return left.svg("Loss by epoch") + right.svg(f"{right.y.name} by epoch")


def draw_calibration(scores: Scores) -> str:
    """The share of right tags by their probability, and how many words have it; right probabilities lie on the diagonal."""
    across = Axis("probability", 0, 1)
    left = Chart(across, Axis("share of right tags", 0, 1))
    left.diagonal()
    left.curve([(b.confidence, b.accuracy) for b in scores.bins])
    right = Chart(across, Axis("words", 0.5, 1.2 * max(b.words for b in scores.bins), is_log=True))
    right.bars([(b.low, b.low + 1 / BINS, b.words) for b in scores.bins])
    return left.svg("Share of right tags by their probability") + right.svg("How many words have which probability")


def confusion_matrix(scores: Scores, most: int = 60) -> str:
    """Actual by predicted tags as a table, whose letters are the page's own: the darker a cell, the larger its share."""
    tags = [t.tag for t in scores.tags][:most]
    totals = {t.tag: t.actual for t in scores.tags}
    head = "".join(f"<th><span>{html.escape(tag)}</span></th>" for tag in tags)
    rows = []
    for actual in tags:
        cells = "".join(cell(actual, found, scores.pairs.get((actual, found), 0), totals[actual]) for found in tags)
        rows.append(f"<tr><th>{html.escape(actual)}</th>{cells}</tr>")
    return (
        f"<div class=wide><table class=matrix><tr><th>actual \\ predicted</th>{head}</tr>{''.join(rows)}</table></div>"
    )


def cell(actual: str, found: str, count: int, total: int) -> str:
    """A cell of the matrix; the root of the share makes rare mistakes visible."""
    if not count:
        return "<td></td>"
    shade = (count / max(total, 1)) ** 0.5
    title = html.escape(f"{actual} found as {found}: {count:,} of {total:,}", quote=True)
    return f'<td style="background:rgba(31,119,180,{shade:.2f})" title="{title}"></td>'
