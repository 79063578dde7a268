"""What a step of an optimizer costs: one large parameter, the layers of an MLP, many small parameters; against PyTorch's."""

import json
import statistics
import sys
import time

import numpy as np

SIZES = {
    "5 million": [(5_000_000,)],
    "MLP 784-512-512-10": [(512, 784), (512,), (512, 512), (512,), (10, 512), (10,)],
    "200 of 32": [(32,)] * 200,
}
OPTIMIZERS = {
    "SGD": {},
    "SGD, momentum": {"momentum": 0.9},
    "Adam": {},
    "AdamW": {},
    "Adam, amsgrad": {"amsgrad": True},
    "Adamax": {},
    "NAdam": {},
    "RAdam": {},
    "Adagrad": {},
    "Adadelta": {},
    "RMSprop": {},
    "Rprop": {},
    "ASGD": {},
    "Adafactor": {},
}


def build(library, case, **settings):
    """A step of an optimizer with its defaults and these settings, over parameters and gradients of one stream of numbers."""
    rng, parameters = np.random.default_rng(0), []
    for shape in SIZES[case["size"]]:
        p = library.from_numpy(rng.standard_normal(shape, np.float32)).requires_grad_()
        p.grad = library.from_numpy(rng.standard_normal(shape, np.float32))
        parameters.append(p)
    name = case["optimizer"]
    optimizer = getattr(library.optim, name.split(",")[0])(parameters, **OPTIMIZERS[name], **settings)

    def total():
        return sum(float(p.detach().abs().sum()) for p in parameters)

    return optimizer.step, total


def serve(name):
    """Answer requests on standard input, a line of JSON each: build a case, or time it in milliseconds."""
    library, step = __import__(name), None
    for line in sys.stdin:
        request = json.loads(line)
        if "build" in request:
            step, total = build(library, request["build"])
            for _ in range(5):
                step()
            answer = {"total": total()}
        else:
            found = []
            while sum(found) < 0.1 or len(found) < 3:
                started = time.perf_counter()
                step()
                found.append(time.perf_counter() - started)
            answer = {"ms": min(found) * 1e3}
        print(json.dumps(answer), flush=True)


def run(options):
    """Measure by turns and print the table: the best of each turn, the median of the turns."""
    from benchmarks.sides import LIBRARIES, Side

    sides = {library: Side(library, __name__) for library in LIBRARIES}
    print(f"{'size':20}{'optimizer':16}{'torch ms':>10}{'metagrad ms':>13}{'torch / metagrad':>18}")
    for size in SIZES:
        for optimizer in OPTIMIZERS:
            if options.only and options.only not in f"{size} {optimizer}":
                continue
            case = {"size": size, "optimizer": optimizer}
            totals = {library: side.ask(build=case)["total"] for library, side in sides.items()}
            if abs(totals["torch"] - totals["metagrad"]) > 1e-4 * totals["torch"]:
                raise RuntimeError(f"{case}: the parameters differ after five steps, so the work does: {totals}")
            times = {library: [] for library in LIBRARIES}
            for _ in range(options.repeats):
                for library, side in sides.items():
                    times[library].append(side.ask(run=True)["ms"])
            theirs, ours = (statistics.median(times[library]) for library in LIBRARIES)
            print(f"{size:20}{optimizer:16}{theirs:10.3f}{ours:13.3f}{theirs / ours:18.2f}", flush=True)
    for side in sides.values():
        side.close()


def add_to(parser):
    """The arguments of this benchmark."""
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--only", default="", help="only cases whose size and optimizer contain this")
    parser.set_defaults(run=run)
