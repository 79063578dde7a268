"""Where data parallelism stops paying: measure α, β and a step here, predict the step on 2 and 4 ranks, simulate up to 4,096.

`python -m benchmarks scale` measures (with `metagrad launch`, so it needs mpi4py), fits, compares and draws.
`python -m benchmarks scale --measured scale.json` does the same from an earlier measurement.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.simulation import ALGORITHMS, Link, Model, Stragglers, mean_step, step

RANKS = [2**k for k in range(13)]


def add_to(parser):
    parser.set_defaults(run=run)
    parser.add_argument("--models", nargs="+", default=["mlp", "lstm"], choices=["mlp", "lstm"])
    parser.add_argument("--rounds", type=int, default=5, help="turns of collectives, steps alone and steps together")
    parser.add_argument("--times", type=int, default=30, help="steps of each turn")
    parser.add_argument("--measured", type=Path, help="a file to read measurements from, or to write them to")
    parser.add_argument("--latency", type=float, default=20e-6, help="seconds of a message between machines")
    parser.add_argument("--bandwidth", type=float, default=1.25e9, help="bytes a second between machines")
    parser.add_argument("--spread", type=float, default=0.05, help="of the ranks' times, as the logarithm's deviation")
    parser.add_argument("--slow", type=float, default=0.001, help="share of ranks that take twice as long in a step")
    parser.add_argument("--parameters", type=int, help="simulate a model of so many parameters …")
    parser.add_argument("--seconds", type=float, help="… of whose step a rank's own part takes so long")
    parser.add_argument("--plot", type=Path, help="where to write the picture")


def measure(name, ranks, rounds, times):
    """What so many ranks find on this machine."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "found.json"
        line = [sys.executable, "-m", "metagrad", "launch", "-n", str(ranks), "-m", "benchmarks.scale_ranks"]
        subprocess.run([*line, str(path), name, str(rounds), str(times)], check=True, stdin=subprocess.DEVNULL)
        return json.loads(path.read_text())


def fit(found):
    """α and β of an all_reduce by halving and doubling: the line a + b n that fits the times best, relative to each.

    On P ranks a = 2 log₂P α and b = 2 (P − 1)/P β; what Python adds to a call is part of α.
    """
    ranks = found["ranks"]
    sizes = np.array([int(n) for n in found["collectives"][0]])
    times = np.median([[c[str(n)] for n in sizes] for c in found["collectives"]], 0)
    line = np.stack([np.ones(len(sizes)), sizes], 1) / times[:, None]
    (a, b), *_ = np.linalg.lstsq(line, np.ones(len(sizes)), rcond=None)
    link = Link(max(a, 0) / (2 * np.log2(ranks)), max(b, 0) / (2 * (ranks - 1) / ranks))
    return link, sizes, times


def predict(found, link, draws=200):
    """The median step: each rank takes one of the times that steps by itself took it, then come the buckets."""
    random = np.random.default_rng(0)
    own = [np.concatenate([turn[rank] for turn in found["own"]]) for rank in range(found["ranks"])]
    model = Model(0.0, tuple(found["buckets"]))
    return float(
        np.median([step([random.choice(o) for o in own], model, "halving-doubling", link) for _ in range(draws)])
    )


def compare(name, found, link):
    """A row of the table: predicted and measured steps."""
    own = np.median([np.median(turn) for turn in found["own"]])
    together = np.median([np.median(turn) for turn in found["together"]])
    predicted = predict(found, link)
    print(
        f"| {name} | {found['ranks']} | {1e3 * own:.1f} | {1e3 * predicted:.1f} | {1e3 * together:.1f} | "
        f"{100 * (predicted / together - 1):+.0f} % | {np.mean(found['load']):.1f} |"
    )


def run(options):
    if options.measured and options.measured.exists():
        measured = json.loads(options.measured.read_text())
    else:
        measured = {
            name: {str(n): measure(name, n, options.rounds, options.times) for n in (1, 2, 4)}
            for name in options.models
        }
        if options.measured:
            options.measured.write_text(json.dumps(measured))
    links = {}
    print(f"{os.cpu_count()} cores. all_reduce on ranks of one machine: a message of n bytes takes α + β n.\n")
    print("| ranks | α, µs | β, ns a byte | GB a second | greatest misfit |\n| --- | --- | --- | --- | --- |")
    for n in ("2", "4"):
        both = [measured[name][n] for name in measured]
        merged = {"ranks": int(n), "collectives": [c for found in both for c in found["collectives"]]}
        links[n], sizes, times = fit(merged)
        line = 2 * np.log2(int(n)) * links[n].latency + 2 * (1 - 1 / int(n)) * links[n].per_byte * sizes
        misfit = np.abs(line / times - 1).max()
        print(
            f"| {n} | {1e6 * links[n].latency:.0f} | {1e9 * links[n].per_byte:.3f} | {1e-9 / links[n].per_byte:.1f} | "
            f"{100 * misfit:.0f} % |"
        )
    print("\n| model | ranks | own part, ms | step predicted, ms | measured, ms | difference | load |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, by_ranks in measured.items():
        for n in ("2", "4"):
            compare(name, by_ranks[n], links[n])
    curves(models_of(options, measured), options)


def models_of(options, measured):
    """The models to simulate: those measured, by what one rank alone takes, or the one that was asked for."""
    if options.parameters:
        bucket = 25 << 20
        whole, rest = divmod(4 * options.parameters, bucket)
        return {
            f"{options.parameters:,} parameters": Model(options.seconds or 0.1, (*[bucket] * whole, rest or bucket))
        }
    return {
        name: Model(float(np.median(found["1"]["own"])), tuple(found["1"]["buckets"]))
        for name, found in measured.items()
    }


def curves(models, options):
    """Efficiency on 1 … 4,096 machines of one rank, each with a batch of its own: own part / simulated step."""
    link = Link(options.latency, 1 / options.bandwidth)
    uneven = Stragglers(options.spread, options.slow, 2.0)
    print(
        f"\nOne rank a machine, a message between machines {1e6 * link.latency:.0f} µs + {1e9 * link.per_byte:.2f} ns a byte; "
        f"times spread by {options.spread}, {options.slow:.1%} of the ranks twice as slow. Efficiency, %:\n"
    )
    print("| model | all_reduce |" + "".join(f" {n:,} |" for n in RANKS[1:]))
    print("| --- | --- |" + " --- |" * (len(RANKS) - 1))
    found = {}
    for name, model in models.items():
        for algorithm in [*ALGORITHMS, "none (stragglers alone)"]:
            if algorithm in ALGORITHMS:
                times = [mean_step(n, model, algorithm, link, uneven, times=max(5, 400 // n)) for n in RANKS]
            else:
                times = [mean_step(n, model, "tree", Link(0, 0), uneven, times=max(5, 400 // n)) for n in RANKS]
            found[name, algorithm] = model.seconds / np.array(times)
            print(
                f"| {name} | {algorithm} |" + "".join(f" {100 * e:.0f} |" for e in found[name, algorithm][1:]),
                flush=True,
            )
    if options.plot:
        titles = {
            n: f"{n}: {sum(m.buckets) / 4e6:.1f} million parameters, {1e3 * m.seconds:.0f} ms"
            for n, m in models.items()
        }
        draw(found, titles, options.plot)


def draw(found, titles, path):
    """Efficiency against the number of ranks, a panel for each model."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = list(dict.fromkeys(name for name, _ in found))
    figure, panels = pyplot.subplots(1, len(names), figsize=(5.5 * len(names), 4), sharey=True, layout="constrained")
    for panel, name in zip(np.atleast_1d(panels), names):
        for (model, algorithm), efficiency in found.items():
            if model == name:
                style = "-o" if algorithm in ALGORITHMS else "--"
                panel.plot(RANKS, 100 * efficiency, style, markersize=4, label=algorithm)
        panel.set_xscale("log", base=2)
        panel.set(xlabel="ranks", title=titles[name], ylim=(0, 105))
        panel.set_xticks(RANKS[::2], [f"{n:,}" for n in RANKS[::2]])
        panel.grid(alpha=0.3)
    np.atleast_1d(panels)[0].set_ylabel("efficiency, %: a rank's own part / the step")
    np.atleast_1d(panels)[0].legend(fontsize="small")
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
