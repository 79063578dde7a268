"""Convolutional networks: a small one's training step and inference, and layers by themselves, forward and backward."""

import json
import statistics
from pathlib import Path

import numpy as np

from benchmarks.recurrent import peak
from benchmarks.sides import compare

BASE = {"builder": "convolution"}


def layer(images, channels, extent, filters, size, **settings):
    """One layer's case: a convolution of (images, channels, extent, extent), forward and backward."""
    return {**BASE, "what": "layer", "images": images, "channels": channels, "extent": extent, "filters": filters, "size": size,
            "settings": settings}  # fmt: skip


def pool(name, images, channels, extent, **settings):
    """One pooling's case."""
    return {
        **BASE,
        "what": "pool",
        "name": name,
        "images": images,
        "channels": channels,
        "extent": extent,
        "settings": settings,
    }


CASES = [
    ("small CNN, training step", {**BASE, "what": "train", "images": 64}),
    ("small CNN, inference", {**BASE, "what": "infer", "images": 64}),
    ("small CNN, inference of one image", {**BASE, "what": "infer", "images": 1}),
    ("3x3, 64 to 64 at 56x56", layer(8, 64, 56, 64, 3, padding=1)),
    ("3x3, 512 to 512 at 7x7", layer(16, 512, 7, 512, 3, padding=1)),
    ("3x3 stride 2, 64 to 128 at 56x56", layer(8, 64, 56, 128, 3, padding=1, stride=2)),
    ("7x7 stride 2, 3 to 64 at 224x224", layer(4, 3, 224, 64, 7, padding=3, stride=2)),
    ("1x1, 256 to 64 at 28x28", layer(8, 256, 28, 64, 1)),
    ("3x3 depthwise, 64 at 28x28", layer(16, 64, 28, 64, 3, padding=1, groups=64)),
    ("3x3 in 4 groups, 64 to 64 at 28x28", layer(8, 64, 28, 64, 3, padding=1, groups=4)),
    ("5 along one axis, 64 to 64 at 256", {**layer(16, 64, 256, 64, 5, padding=2), "axes": 1}),
    ("residual block, 32 at 16x16", {**BASE, "what": "block", "images": 32, "channels": 32, "extent": 16}),
    ("4x4 transposed stride 2, 64 to 64 at 28x28", layer(8, 64, 28, 64, 4, padding=1, stride=2, transposed=True)),
    ("max pooling 2x2, 16 at 28x28", pool("max_pool2d", 64, 16, 28, kernel_size=2)),
    ("max pooling 3x3 stride 2, 64 at 56x56", pool("max_pool2d", 8, 64, 56, kernel_size=3, stride=2, padding=1)),
    ("mean pooling 2x2, 16 at 28x28", pool("avg_pool2d", 64, 16, 28, kernel_size=2)),
    ("bilinear to twice the size, 64 at 28x28", pool("interpolate", 8, 64, 28, scale_factor=2, mode="bilinear")),
]


def build(library, case):
    """A function that does one step of the case in either library, and returns the loss (or a sum of outputs)."""
    kinds = {
        "train": build_network,
        "infer": build_network,
        "layer": build_layer,
        "pool": build_pool,
        "block": build_block,
    }
    return kinds[case["what"]](library, case)


def fill(library, module, rng):
    """The same parameters for both libraries."""
    with library.no_grad():
        for p in module.parameters():
            p.copy_(library.from_numpy((rng.random(tuple(p.shape)) * 0.2 - 0.1).astype(np.float32)))
    return module


def build_network(library, case):
    """Two convolutions of 3x3 with 16 and 32 channels, max pooling after each, 28x28 images of ten classes."""
    nn, rng = library.nn, np.random.default_rng(0)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32 * 7 * 7, 10),
    )  # fmt: skip
    fill(library, model, rng)
    images = library.from_numpy(rng.standard_normal((case["images"], 1, 28, 28)).astype(np.float32))
    classes = library.from_numpy(rng.integers(0, 10, case["images"]))
    optimizer, criterion = library.optim.SGD(model.parameters(), lr=0.01), nn.CrossEntropyLoss()

    def train():
        optimizer.zero_grad()
        loss = criterion(model(images), classes)
        loss.backward()
        optimizer.step()
        return loss.item()

    def infer():
        with library.no_grad():
            return model(images).mean().item()

    return train if case["what"] == "train" else infer


def forward_and_backward(library, function, shape, rng):
    """A step that differentiates a function of one tensor."""
    x = library.from_numpy(rng.standard_normal(shape).astype(np.float32)).requires_grad_()
    weights = library.from_numpy(rng.standard_normal(tuple(function(x).shape)).astype(np.float32))

    def step():
        x.grad = None
        y = function(x)
        y.backward(weights)
        return (x.grad * x.detach()).mean().item()

    return step


def build_layer(library, case):
    settings, rng = dict(case["settings"]), np.random.default_rng(0)
    axes = case.get("axes", 2)
    kind = getattr(library.nn, f"{'ConvTranspose' if settings.pop('transposed', False) else 'Conv'}{axes}d")
    module = fill(library, kind(case["channels"], case["filters"], case["size"], **settings), rng)
    return forward_and_backward(library, module, (case["images"], case["channels"], *[case["extent"]] * axes), rng)


def build_block(library, case):
    """Two convolutions with batch norm, and what went in added to what comes out."""
    nn, rng, n = library.nn, np.random.default_rng(0), case["channels"]
    body = nn.Sequential(
        nn.Conv2d(n, n, 3, padding=1, bias=False), nn.BatchNorm2d(n), nn.ReLU(),
        nn.Conv2d(n, n, 3, padding=1, bias=False), nn.BatchNorm2d(n),
    )  # fmt: skip
    fill(library, body, rng)
    shape = (case["images"], n, case["extent"], case["extent"])
    return forward_and_backward(library, lambda x: nn.functional.relu(body(x) + x), shape, rng)


def build_pool(library, case):
    function, rng = getattr(library.nn.functional, case["name"]), np.random.default_rng(0)
    shape = (case["images"], case["channels"], case["extent"], case["extent"])
    return forward_and_backward(library, lambda x: function(x, **case["settings"]), shape, rng)


def measure(cases, repeats):
    """A row for each case."""
    rows = []
    for name, case in cases:
        times, _ = compare(case, repeats)
        torch, ours = (statistics.median(times[library]) for library in ("torch", "metagrad"))
        rows.append(
            {
                "case": name, "torch_ms": torch, "metagrad_ms": ours, "speedup": torch / ours,
                "range": [min(times["torch"]) / max(times["metagrad"]), max(times["torch"]) / min(times["metagrad"])],
            }
        )  # fmt: skip
        print(as_line(rows[-1]), flush=True)
    return rows


def as_line(row):
    """A row of the Markdown table."""
    low, high = row["range"]
    return f"| {row['case']} | {row['torch_ms']:.2f} | {row['metagrad_ms']:.2f} | {row['speedup']:.2f} | {low:.2f}-{high:.2f} |"


HEADER = "| case | PyTorch ms | metagrad ms | times PyTorch's speed | range |\n| --- | --- | --- | --- | --- |"


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
        (folder / "convolution.md").write_text(table, encoding="utf-8")
        (folder / "convolution.json").write_text(json.dumps({"peak_gflops": limit, "rows": rows}, indent=1) + "\n")


def add_to(parser):
    """The options of ``python -m benchmarks convolution``."""
    parser.set_defaults(run=run)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--only", default="", help="cases whose name contains this text")
    parser.add_argument("--output", help="a folder for convolution.md and convolution.json")
