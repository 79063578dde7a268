"""Reductions of 4 million floats, over everything and along either side of a square, each against PyTorch's."""

import json
import math
import statistics
import time

SIDE = 2000
NAMES = (
    "sum", "mean", "amax", "max", "min", "prod", "norm", "var", "std", "cumsum", "argmax", "any", "all", "logsumexp",
)  # fmt: skip
PLACES = {"everything": None, "dim 0": 0, "dim 1": 1}


def reductions(library):
    """(name, place) -> a function that reduces one tensor. The same in both libraries."""
    flat = library.arange(SIDE * SIDE).to(library.float32)
    square = (library.sin(flat) + 0.5).reshape(SIDE, SIDE)
    positive = square * 0 + 1  # so that neither all() nor any() is known early
    nothing = square * 0

    def of(name, dim):
        x = {"all": positive, "any": nothing}.get(name, square)
        method = name
        if dim is None:
            if name not in ("cumsum", "logsumexp"):
                return lambda: getattr(x, method)()
            x, dim = x.reshape(-1), 0
        return lambda: getattr(x, method)(dim=dim)

    return {(name, place): of(name, dim) for name in NAMES for place, dim in PLACES.items()}


def serve(name):
    """Answer requests on standard input, a line of JSON each: the best time of one reduction in microseconds."""
    import sys

    ops = reductions(__import__(name))
    for line in sys.stdin:
        request = json.loads(line)
        step = ops[request["op"], request["place"]]
        best = math.inf
        for _ in range(25):
            started = time.perf_counter()
            step()
            best = min(best, time.perf_counter() - started)
        print(json.dumps({"us": best * 1e6}), flush=True)


def run(options):
    """Measure by turns and print the table."""
    from benchmarks.sides import LIBRARIES, PAUSE, Side

    sides = {library: Side(library, __name__) for library in LIBRARIES}
    print("| 2000 x 2000 floats | over | PyTorch µs | metagrad µs | PyTorch's speed |\n| --- | --- | --- | --- | --- |")
    ratios = []
    for name in options.ops or NAMES:
        for place in PLACES:
            times = {library: [] for library in LIBRARIES}
            for _ in range(options.repeats):
                for library, side in sides.items():
                    time.sleep(PAUSE)
                    times[library].append(side.ask(op=name, place=place)["us"])
            theirs, ours = (min(times[library]) for library in ("torch", "metagrad"))
            ratios.append(theirs / ours)
            print(f"| {name} | {place} | {theirs:.0f} | {ours:.0f} | {theirs / ours:.2f} |", flush=True)
    enough = sum(ratio >= 0.9 for ratio in ratios)
    print(
        f"\nmedian {statistics.median(ratios):.2f}, worst {min(ratios):.2f}, {enough} of {len(ratios)} at 0.9 or better; "
        f"best of {options.repeats} turns of 25"
    )
    for side in sides.values():
        side.close()


def add_to(parser):
    """The options of ``python -m benchmarks reductions``."""
    parser.set_defaults(run=run)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--ops", nargs="*", choices=NAMES, help="some of them only")
