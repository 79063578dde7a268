"""Recurrent networks: the article's model, one sentence, and sweeps over lengths, batches and hidden sizes."""

import json
import statistics
import time
from pathlib import Path

import numpy as np

from benchmarks.plot import draw_sweep
from benchmarks.sides import compare

CELLS = ("RNN", "LSTM", "GRU")
ARTICLE = {
    "what": "train", "batch": 32, "inputs": 128, "hidden": 128, "layers": 2, "bidirectional": True, "batch_first": True,
    "packed": False,
}  # fmt: skip


def sentence_lengths(batch):
    """Lengths as the treebank's: median 24, some over 50."""
    rng = np.random.default_rng(1)
    return np.clip(rng.lognormal(np.log(24), 0.5, batch).astype(int), 2, 100).tolist()


def article_cases():
    """The article's training step: padded and packed, batch first and time first; and one sentence."""
    lengths = sentence_lengths(32)
    for cell in CELLS:
        for packed in (False, True):
            for batch_first in (True, False):
                layout = f"{'packed' if packed else 'padded'}, {'batch' if batch_first else 'time'} first"
                yield f"training step, {layout}", {
                    **ARTICLE, "cell": cell, "packed": packed, "batch_first": batch_first, "lengths": lengths,
                }  # fmt: skip
        yield "one sentence, forward", {**ARTICLE, "cell": cell, "what": "infer", "batch": 1, "lengths": [25]}


def sweep_cases():
    """One layer, one direction, forward and backward: hidden sizes, batches and lengths away from the middle."""
    for cell in CELLS:
        middle = {**ARTICLE, "cell": cell, "what": "layer", "layers": 1, "bidirectional": False, "batch_first": False}
        for hidden in (32, 64, 128, 256, 512, 1024):
            yield f"H={hidden}", {**middle, "inputs": hidden, "hidden": hidden, "lengths": [50] * 32}
        for batch in (1, 4, 16, 64, 256):
            yield f"B={batch}", {**middle, "batch": batch, "lengths": [50] * batch}
        for steps in (10, 100, 300, 1000):
            yield f"T={steps}", {**middle, "lengths": [steps] * 32}
        for layers in (2, 4):
            yield f"L={layers}", {**middle, "layers": layers, "lengths": [50] * 32}


def peak():
    """GFLOP/s of a large float32 product: what BLAS reaches on this machine."""
    a = np.random.default_rng(0).standard_normal((2048, 2048)).astype(np.float32)
    times = []
    for _ in range(5):
        started = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - started)
    return 2 * 2048**3 / min(times) / 1e9


def blas():
    """What multiplies for NumPy, and with which kernels: OPENBLAS_CORETYPE can hold it to older ones."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return "BLAS unknown"
    found = [i for i in threadpool_info() if i["user_api"] == "blas"]
    return ", ".join(f"{i['internal_api']} {i['version']} ({i.get('architecture', '?')} kernels)" for i in found)


def arithmetic(case):
    """Multiplications and additions of the recurrent layers' products, in units of 10⁹."""
    gates = {"RNN": 1, "LSTM": 4, "GRU": 3}[case["cell"]]
    directions, hidden = 1 + case["bidirectional"], case["hidden"]
    rows = sum(case["lengths"]) if case["packed"] else max(case["lengths"]) * case["batch"]
    total, inputs = 0, case["inputs"]
    for _ in range(case["layers"]):
        total += directions * 2 * rows * gates * hidden * (inputs + hidden)
        inputs = directions * hidden
    return total * (1 if case["what"] == "infer" else 3) / 1e9


def measure(cases, repeats, fresh):
    """A row for each case."""
    rows, limit = [], peak()
    for name, case in cases:
        times, memory = compare(case, repeats, fresh)
        torch, ours = (statistics.median(times[library]) for library in ("torch", "metagrad"))
        rows.append(
            {
                "case": name, "cell": case["cell"], "torch_ms": torch, "metagrad_ms": ours, "speedup": torch / ours,
                "range": [min(times["torch"]) / max(times["metagrad"]), max(times["torch"]) / min(times["metagrad"])],
                "share_of_peak": arithmetic(case) / (ours / 1e3) / limit,
                "torch_mb": memory["torch"], "metagrad_mb": memory["metagrad"],
            }
        )  # fmt: skip
        print(as_line(rows[-1]), flush=True)
    return rows, limit


def as_line(row):
    """A row of the Markdown table."""
    return (
        f"| {row['case']} | {row['cell']} | {row['torch_ms']:.2f} | {row['metagrad_ms']:.2f} | {row['speedup']:.2f} | "
        f"{row['share_of_peak']:.0%} | {row['torch_mb']:.0f} | {row['metagrad_mb']:.0f} |"
    )


HEADER = (
    "| case | cell | PyTorch ms | metagrad ms | times PyTorch's speed | share of sgemm peak | PyTorch MB | metagrad MB |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- |"
)


def run(options):
    """Measure, print the table, and write it beside its data if asked."""
    print(HEADER)
    chosen = [
        c for c in (sweep_cases() if options.sweep else article_cases()) if options.only in f"{c[1]['cell']} {c[0]}"
    ]
    rows, limit = measure(chosen, options.repeats, fresh=not options.sweep)
    print(f"\nsgemm peak {limit:.0f} GFLOP/s; medians of {options.repeats} interleaved repeats; PyTorch eager, CPU")
    print(f"NumPy on {blas()}")
    if options.output:
        folder = Path(options.output)
        folder.mkdir(parents=True, exist_ok=True)
        table = "\n".join([HEADER, *map(as_line, rows)]) + "\n"
        name = "sweep" if options.sweep else "recurrent"
        (folder / f"{name}.md").write_text(table, encoding="utf-8")
        if options.sweep:
            draw_sweep(rows, folder / "sweep.svg")
        (folder / f"{name}.json").write_text(json.dumps({"peak_gflops": limit, "rows": rows}, indent=1) + "\n")


def add_to(parser):
    """The options of ``python -m benchmarks recurrent``."""
    parser.set_defaults(run=run)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--sweep", action="store_true", help="hidden sizes, batches, lengths and layers instead")
    parser.add_argument("--only", default="", help="cases whose cell and name contain this text")
    parser.add_argument("--output", help="a folder for the table, its data as JSON, and the sweep's picture")
