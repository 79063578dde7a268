"""The Transformer: training steps and inference of an encoder layer, and attention by itself, forward and backward."""

import json
from pathlib import Path

import numpy as np

from benchmarks.convolution import HEADER, as_line, fill, measure
from benchmarks.recurrent import peak

LAYER = {
    "builder": "transformer",
    "what": "train",
    "width": 256,
    "heads": 8,
    "hidden": 1024,
    "length": 128,
    "batch": 16,
}
ATTENTION = {"builder": "transformer", "what": "attention", "heads": 8, "width": 32, "causal": False}

CASES = [
    ("encoder layer, training step, no dropout", {**LAYER, "dropout": 0.0}),
    ("encoder layer, training step, dropout 0.1", {**LAYER, "dropout": 0.1}),
    ("encoder layer, inference", {**LAYER, "what": "infer", "dropout": 0.1}),
    ("attention, 16 sequences of 128", {**ATTENTION, "batch": 16, "length": 128}),
    ("attention, 2 sequences of 1024, causal", {**ATTENTION, "batch": 2, "length": 1024, "causal": True}),
]


def build(library, case):
    """A function that does one step of the case in either library, and returns the loss (or a sum of outputs)."""
    return build_attention(library, case) if case["what"] == "attention" else build_layer(library, case)


def build_layer(library, case):
    """One encoder layer; the first step has no dropout, so that both libraries must find the same loss."""
    nn, rng = library.nn, np.random.default_rng(0)
    layer = nn.TransformerEncoderLayer(
        case["width"], case["heads"], case["hidden"], dropout=case["dropout"], batch_first=True
    )
    fill(library, layer, rng)
    shape = case["batch"], case["length"], case["width"]
    x, wanted = (library.from_numpy(rng.standard_normal(shape).astype(np.float32)) for _ in range(2))
    optimizer = library.optim.SGD(layer.parameters(), lr=0.001)
    layer.eval()

    def train():
        optimizer.zero_grad()
        loss = ((layer(x) - wanted) ** 2).mean()
        loss.backward()
        optimizer.step()
        layer.train()
        return loss.item()

    def infer():
        with library.no_grad():
            return (layer(x) * wanted).mean().item()

    return train if case["what"] == "train" else infer


def build_attention(library, case):
    rng = np.random.default_rng(0)
    shape = case["batch"], case["heads"], case["length"], case["width"]
    q, k, v, grad = (library.from_numpy(rng.standard_normal(shape).astype(np.float32)) for _ in range(4))
    for x in (q, k, v):
        x.requires_grad_()

    def step():
        q.grad = k.grad = v.grad = None
        y = library.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=case["causal"])
        y.backward(grad)
        return (k.grad * grad).mean().item()

    return step


def run(options):
    """Measure, print the table, and write it beside its data if asked."""
    print(HEADER)
    rows = measure([c for c in CASES if options.only in c[0]], options.repeats)
    limit = peak()
    print(f"\nsgemm peak {limit:.0f} GFLOP/s; medians of {options.repeats} interleaved repeats; PyTorch eager, CPU")
    if options.output:
        folder = Path(options.output)
        folder.mkdir(parents=True, exist_ok=True)
        table = "\n".join([HEADER, *map(as_line, rows)]) + "\n"
        (folder / "transformer.md").write_text(table, encoding="utf-8")
        (folder / "transformer.json").write_text(json.dumps({"peak_gflops": limit, "rows": rows}, indent=1) + "\n")


def add_to(parser):
    """The options of ``python -m benchmarks transformer``."""
    parser.set_defaults(run=run)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--only", default="", help="cases whose name contains this text")
    parser.add_argument("--output", help="a folder for transformer.md and transformer.json")
