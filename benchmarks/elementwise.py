"""Large tensors: elementwise ops and reductions over 2000 x 2000 numbers, softmax and layer norm of rows, against PyTorch."""

import json
import statistics
import time

SHAPE, ROWS = (2000, 2000), (2048, 512)


def large_ops(library):
    """name -> a function that does the op once. The same in both libraries."""
    import numpy as np

    rng = np.random.default_rng(0)
    a = library.from_numpy(rng.random(SHAPE, np.float32) + 0.5)
    b, row = a * 0.5, library.from_numpy(rng.random(SHAPE[1], np.float32))
    x, grad = a.clone().requires_grad_(), library.ones(*SHAPE)
    rows = library.from_numpy(rng.standard_normal(ROWS, np.float32)).requires_grad_()
    rows_grad = library.from_numpy(rng.standard_normal(ROWS, np.float32))
    norm, nn = library.nn.LayerNorm(ROWS[1]), library.nn.functional

    def back(function, leaf=x, gradient=grad):
        def step():
            function(leaf).backward(gradient)
            found, leaf.grad = leaf.grad, None
            return found

        return step

    return {
        "add": lambda: a + b, "multiply": lambda: a * b, "divide": lambda: a / b, "add a row": lambda: a + row,
        "multiply by a number": lambda: a * 2.5, "in place": lambda: b.add_(1e-9), "pow 2": lambda: a**2,
        "exp": lambda: a.exp(), "log": lambda: a.log(), "tanh": lambda: a.tanh(), "sigmoid": lambda: a.sigmoid(),
        "sin": lambda: a.sin(), "sqrt": lambda: a.sqrt(), "abs": lambda: a.abs(), "relu": lambda: a.relu(),
        "clamp": lambda: a.clamp(0.6, 0.9), "where": lambda: library.where(a > 1, a, b), "greater": lambda: a > b,
        "maximum": lambda: library.maximum(a, b),
        "tanh, forward and backward": back(lambda x: x.tanh()), "relu, forward and backward": back(lambda x: x.relu()),
        "multiply, forward and backward": back(lambda x: x * b),
        "sum": lambda: a.sum(), "sum of columns": lambda: a.sum(0), "sum of rows": lambda: a.sum(1), "mean": lambda: a.mean(),
        "max": lambda: a.max(), "max of rows": lambda: a.amax(1), "max of columns": lambda: a.amax(0),
        "argmax of rows": lambda: a.argmax(1), "var": lambda: a.var(), "std of rows": lambda: a.std(1),
        "norm": lambda: a.norm(), "prod of rows": lambda: a.prod(1), "cumsum of rows": lambda: a.cumsum(1),
        "logsumexp of rows": lambda: a.logsumexp(1), "any": lambda: (a > 9).any(),
        "softmax 2048 x 512, forward and backward": back(lambda x: nn.softmax(x, -1), rows, rows_grad),
        "log_softmax 2048 x 512, forward and backward": back(lambda x: nn.log_softmax(x, -1), rows, rows_grad),
        "layer norm 2048 x 512, forward and backward": back(norm, rows, rows_grad),
    }  # fmt: skip


def serve(name):
    """Answer requests on standard input, a line of JSON each: the median time of one op in milliseconds.

    For the first hundredths of a second the other library's threads may still be spinning, so these are not counted.
    """
    import sys

    ops = large_ops(__import__(name))
    for line in sys.stdin:
        step, found = ops[json.loads(line)["op"]], []
        asked = time.perf_counter()
        while len(found) < 5 or time.perf_counter() - asked < 0.1:
            started = time.perf_counter()
            step()
            if started - asked > 0.03:
                found.append((time.perf_counter() - started) * 1e3)
        print(json.dumps({"ms": statistics.median(found)}), flush=True)


def run(options):
    """Measure by turns and print the table."""
    import metagrad
    from benchmarks.sides import LIBRARIES, Side

    sides = {library: Side(library, __name__) for library in LIBRARIES}
    print("| op | PyTorch ms | metagrad ms | times PyTorch's speed |\n| --- | --- | --- | --- |")
    ratios = []
    for op in (name for name in large_ops(metagrad) if options.only in name):
        times = {library: [] for library in LIBRARIES}
        for _ in range(options.repeats):
            for library, side in sides.items():
                times[library].append(side.ask(op=op)["ms"])
        theirs, ours = (statistics.median(times[library]) for library in ("torch", "metagrad"))
        ratios.append(theirs / ours)
        print(f"| {op} | {theirs:.2f} | {ours:.2f} | {theirs / ours:.2f} |", flush=True)
    print(f"\nmedian {statistics.median(ratios):.2f}, least {min(ratios):.2f}; medians of {options.repeats} by turns")
    for side in sides.values():
        side.close()


def add_to(parser):
    """The options of ``python -m benchmarks elementwise``."""
    parser.set_defaults(run=run)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", default="", help="ops whose name has this in it")
