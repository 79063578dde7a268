"""What an op costs beside its arithmetic: forward and backward of twenty small ops, each against PyTorch's."""

import json
import statistics
import time

SHAPE = (64, 64)


def small_ops(library):
    """name -> a function that applies the op to leaves, and sends a gradient back. The same in both libraries."""
    nn = library.nn.functional
    leaves = [library.full(SHAPE, value).requires_grad_() for value in (0.5, 0.25)]
    row = library.ones(64)
    index = library.arange(64).flip(0)
    mask = library.ones(*SHAPE) > 0

    def of(op, binary=False):
        x, y = leaves
        inputs = (x, y) if binary else (x,)
        grad = library.ones_like(op(*inputs).detach())

        def step():
            op(*inputs).backward(grad)
            x.grad = y.grad = None

        return step

    return {
        "add": of(lambda x, y: x + y, True),
        "sub": of(lambda x, y: x - y, True),
        "mul": of(lambda x, y: x * y, True),
        "div": of(lambda x, y: x / y, True),
        "add a row": of(lambda x: x + row),
        "multiply by a number": of(lambda x: x * 2.0),
        "pow 2": of(lambda x: x**2),
        "exp": of(lambda x: x.exp()),
        "log": of(lambda x: x.log()),
        "tanh": of(lambda x: x.tanh()),
        "sigmoid": of(lambda x: x.sigmoid()),
        "relu": of(lambda x: x.relu()),
        "sum": of(lambda x: x.sum()),
        "mean of rows": of(lambda x: x.mean(1)),
        "matmul": of(lambda x, y: x @ y, True),
        "transpose": of(lambda x: x.t()),
        "reshape": of(lambda x: x.reshape(32, 128)),
        "slice": of(lambda x: x[1:33]),
        "take rows": of(lambda x: x[index]),
        "cat": of(lambda x, y: library.cat([x, y]), True),
        "softmax": of(lambda x: nn.softmax(x, -1)),
        "where": of(lambda x, y: library.where(mask, x, y), True),
        "masked_fill": of(lambda x: x.masked_fill(mask, 0.0)),
        "linear": of(lambda x, y: nn.linear(x, y, row), True),
    }


def serve(name):
    """Answer requests on standard input, a line of JSON each: the time of one op in microseconds."""
    import sys

    ops = small_ops(__import__(name))
    for line in sys.stdin:
        step = ops[json.loads(line)["op"]]
        for _ in range(20):
            step()
        found = []
        for _ in range(5):
            started = time.perf_counter()
            for _ in range(100):
                step()
            found.append((time.perf_counter() - started) * 1e4)
        print(json.dumps({"us": min(found)}), flush=True)


def run(options):
    """Measure by turns and print the table."""
    from benchmarks.sides import LIBRARIES, Side

    sides = {library: Side(library, __name__) for library in LIBRARIES}
    print(
        "| op, 64 x 64, forward and backward | PyTorch µs | metagrad µs | of PyTorch's time |\n| --- | --- | --- | --- |"
    )
    ratios = []
    import metagrad

    for op in small_ops(metagrad):
        times = {library: [] for library in LIBRARIES}
        for _ in range(options.repeats):
            for library, side in sides.items():
                times[library].append(side.ask(op=op)["us"])
        theirs, ours = (statistics.median(times[library]) for library in ("torch", "metagrad"))
        ratios.append(ours / theirs)
        print(f"| {op} | {theirs:.1f} | {ours:.1f} | {ours / theirs:.2f} |", flush=True)
    print(f"\nmedian {statistics.median(ratios):.2f}, worst {max(ratios):.2f}; medians of {options.repeats} by turns")
    for side in sides.values():
        side.close()


def add_to(parser):
    """The options of ``python -m benchmarks overhead``."""
    parser.set_defaults(run=run)
    parser.add_argument("--repeats", type=int, default=5)
