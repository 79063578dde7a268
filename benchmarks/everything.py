"""Every table in one command: metagrad with NumPy alone and with all extras, beside PyTorch, torch.compile and JAX."""

import importlib.metadata
import importlib.util
import json
import os
import platform
import statistics
import threading
import time
from pathlib import Path

import numpy as np

from benchmarks import convolution, elementwise, optimizers, programs, recurrent, reductions, transformer
from benchmarks.sides import PAUSE, Side

EXTRAS = (
    "numba",
    "llvmlite",
)  # SciPy stays, for an example's data need it; metagrad uses it beside Numba and for LDL only
SIDES = {  # name -> (library, packages that are hidden from it)
    "torch": ("torch", ()),
    "torch.compile": ("torch.compile", ()),
    "jax": ("jax", ()),
    "plain": ("metagrad", EXTRAS),
    "fast": ("metagrad", ()),
}
OURS = ("plain", "fast")
FLOATS = elementwise.SHAPE[0] * elementwise.SHAPE[1]
ARRAYS = {  # arrays of 4 million floats that an op must read and write, at the least
    "add": 3, "multiply": 3, "divide": 3, "maximum": 3, "greater": 2.25, "where": 3, "in place": 2, "sum": 1, "sum of columns": 1,
    "sum of rows": 1, "mean": 1, "max": 1, "max of rows": 1, "max of columns": 1, "argmax of rows": 1, "var": 1, "norm": 1,
    "std of rows": 1, "prod of rows": 1, "logsumexp of rows": 1, "any": 1,
}  # fmt: skip


def tables():
    """(table, case's name, case, what it must compute in 10⁹ operations, what it must move in bytes, in a fresh process)."""
    for name, case in recurrent.article_cases():
        yield "article", f"{case['cell']}, {name}", case, recurrent.arithmetic(case), None, True
    for name, case in recurrent.sweep_cases():
        yield "sweep", f"{case['cell']}, {name}", case, recurrent.arithmetic(case), None, False
    for name, case in transformer.CASES:
        yield "transformer", name, case, transformer_work(case), None, case["what"] == "train"
    for name, case in convolution.CASES[:3]:
        yield "convolution", name, case, convolution_work(case), None, case["what"] == "train"
    for name, case in programs.CASES:
        mlp = 6 * 128 * (784 * 512 + 512 * 512 + 512 * 10) / 1e9 if case["what"] == "mlp" else None
        yield "programs", name, case, mlp, None, True
    for op in large_names():
        moved = 4 * FLOATS * ARRAYS.get(op, 2) if "forward" not in op else None
        yield "large", op, {"builder": "ops", "table": "large", "op": op}, None, moved, False
    for op in reductions.NAMES:
        for place in reductions.PLACES:
            case = {"builder": "ops", "table": "reduction", "op": op, "place": place}
            yield "reductions", f"{op}, {place}", case, None, 4 * FLOATS * (2 if op == "cumsum" else 1), False
    for size in optimizers.SIZES:
        for name in ("SGD", "Adam", "AdamW"):
            case = {"builder": "ops", "table": "optimizer", "size": size, "optimizer": name}
            moved = 4 * 5_000_000 * (3 if name == "SGD" else 7) if size == "5 million" else None
            yield "optimizers", f"{name}, {size}", case, None, moved, False
    for side in (8, 64):
        case = {"builder": "ops", "table": "chain", "side": side}
        yield "chain", f"{side} x {side}, forward and backward", case, None, None, False


def large_names():
    """The ops of the table of large tensors; metagrad is imported for their names."""
    import metagrad

    return list(elementwise.large_ops(metagrad))


def transformer_work(case):
    """Products of an encoder layer, or of attention, in 10⁹ operations; three times as many with their gradients."""
    n, length = case["batch"], case["length"]
    if case["what"] == "attention":
        return 3 * 4 * n * case["heads"] * length**2 * case["width"] / (2 if case["causal"] else 1) / 1e9
    width, hidden = case["width"], case["hidden"]
    once = 2 * n * length * (4 * width**2 + 2 * width * hidden) + 4 * n * length**2 * width
    return once * (3 if case["what"] == "train" else 1) / 1e9


def convolution_work(case):
    """Products of the small network in 10⁹ operations."""
    once = 2 * case["images"] * (28 * 28 * 9 * 16 + 14 * 14 * 9 * 16 * 32 + 1568 * 10)
    return once * (3 if case["what"] == "train" else 1) / 1e9


# ------------------------------------------------ the machine


def bandwidth():
    """Bytes a second of copying 4 million floats, as many as the tables' ops have, on all cores: read and written both count."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    a, b = np.ones(FLOATS, np.float32), np.ones(FLOATS, np.float32)
    length, times = -(-FLOATS // cores), []

    def copies(i):
        for _ in range(20):
            np.copyto(b[i * length : (i + 1) * length], a[i * length : (i + 1) * length])

    for _ in range(5):
        threads = [threading.Thread(target=copies, args=(i,)) for i in range(cores)]
        started = time.perf_counter()
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        times.append((time.perf_counter() - started) / 20)
    return (a.nbytes + b.nbytes) / min(times)


def processor():
    """The processor's name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())


def machine():
    """What the figures depend on."""
    versions = {}
    for name in ("numpy", "torch", "jax", "numba", "scipy", "threadpoolctl"):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    return {
        "processor": processor(), "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": platform.platform(), "python": platform.python_version(), "versions": versions, "blas": recurrent.blas(),
        "gflops": recurrent.peak(), "bytes_per_second": bandwidth(), "date": time.strftime("%Y-%m-%d"),
    }  # fmt: skip


# ------------------------------------------------ measuring


def measured(case, sides, repeats):
    """The times of each side in ms, by turns; its memory; and why a side that is not there was left out."""
    answers = {name: side.ask(build=case) for name, side in sides.items()}
    refused = {name: a["refused"] for name, a in answers.items() if "refused" in a}
    losses = {name: a["loss"] for name, a in answers.items() if "loss" in a}
    expected = losses.get("torch")
    for name, found in losses.items():
        if expected is not None and abs(found - expected) > 2e-4 * max(1.0, abs(expected)):
            refused[name] = f"another result than PyTorch: {found} instead of {expected}"
    for name in OURS:
        if name in refused:
            raise RuntimeError(f"{case}: {name}: {refused[name]}")
    times = {name: [] for name in sides if name not in refused}
    for _ in range(repeats):
        for name, taken in times.items():
            time.sleep(PAUSE)
            taken.append(sides[name].ask(run=True)["ms"])
    memory = {name: sides[name].ask(memory=True)["mb"] for name in times}
    return times, memory, refused


def row_of(name, found, work, moved, where):
    """A case's row: medians, ratios to PyTorch's, the range of the ratios, and the distance to the floor."""
    times, memory, refused = found
    medians = {side: statistics.median(taken) for side, taken in times.items()}
    row = {"case": name, "ms": medians, "mb": memory, "left_out": refused, "ratio": {}, "range": {}}
    for ours in OURS:
        if ours in medians and "torch" in medians:
            row["ratio"][ours] = medians["torch"] / medians[ours]
            ratios = [a / b for a, b in zip(times["torch"], times[ours], strict=True)]
            row["range"][ours] = [min(ratios), max(ratios)]
    floor = work / where["gflops"] * 1e3 if work else moved / where["bytes_per_second"] * 1e3 if moved else None
    if floor:
        row["floor_ms"], row["floor_is"] = floor, "arithmetic" if work else "memory"
    return row


def as_line(row, names):
    """A row of the Markdown table."""
    cells = [f"{row['ms'][name]:.3g}" if name in row["ms"] else "–" for name in names]
    ratios = [f"{row['ratio'][name]:.2f}" if name in row["ratio"] else "–" for name in OURS if name in names]
    floor = f"{row['floor_ms']:.3g}" if "floor_ms" in row else "–"
    return f"| {row['case']} | " + " | ".join([*cells, *ratios, floor]) + " |"


def header(names):
    """The head of the Markdown table."""
    ours = [f"PyTorch / {name}" for name in OURS if name in names]
    columns = ["case", *[f"{name} ms" for name in names], *ours, "floor ms"]
    return "| " + " | ".join(columns) + " |\n|" + " --- |" * len(columns)


def available(name):
    """Whether a side can be measured here."""
    library = SIDES[name][0].split(".")[0]
    if name == "fast" and importlib.util.find_spec("numba") is None:
        return False
    return importlib.util.find_spec(library) is not None or library == "metagrad"


def started(names):
    """A process for each side."""
    return {name: Side(SIDES[name][0], without=SIDES[name][1]) for name in names}


def run(options):
    """Measure every table, print it, and write all of it as JSON if asked."""
    names = [name for name in options.sides.split(",") if available(name)]
    result = {"machine": machine(), "configurations": names, "repeats": options.repeats, "tables": {}}
    print(json.dumps(result["machine"], indent=1))
    kept, latest = started(names), None
    for table, name, case, work, moved, fresh in tables():
        if options.only and not any(part in f"{table}: {name}" for part in options.only.split(";")):
            continue
        if table != latest:
            print(f"\n## {table}\n\n{header(names)}", flush=True)
            latest = table
        sides = started(names) if fresh else kept
        try:
            row = row_of(name, measured(case, sides, options.repeats), work, moved, result["machine"])
        finally:
            if fresh:
                for side in sides.values():
                    side.close()
        result["tables"].setdefault(table, []).append(row)
        print(as_line(row, names), flush=True)
        if options.json:
            written(Path(options.json), result)
    for side in kept.values():
        side.close()


def written(path, result):
    """The result as JSON, under a temporary name first: a run that is broken off leaves what it had."""
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)


def add_to(parser):
    """The options of ``python -m benchmarks all``."""
    parser.set_defaults(run=run)
    parser.add_argument("--json", help="a file for everything that was measured")
    parser.add_argument("--repeats", type=int, default=7, help="rounds, in each of which every side has its turn")
    parser.add_argument("--only", default="", help="cases whose 'table: name' has one of these in it, with ; between")
    parser.add_argument(
        "--sides", default=",".join(SIDES), help=f"which of {', '.join(SIDES)}; plain: NumPy alone; fast: all extras"
    )
