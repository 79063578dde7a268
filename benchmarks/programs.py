"""Whole programs: a training step of each program of examples/pytorch, and of a multilayer perceptron with Adam."""

import importlib.util
import itertools
import statistics
from pathlib import Path

import numpy as np

from benchmarks.sides import compare

BASE = {"builder": "programs"}
EXAMPLES = Path(__file__).parent.parent / "examples" / "pytorch"
CASES = [
    ("MLP 784-512-512-10, batch 128, Adam", {**BASE, "what": "mlp"}),
    ("character RNN", {**BASE, "what": "char_rnn"}),
    ("small GPT", {**BASE, "what": "gpt"}),
    ("CNN on digits", {**BASE, "what": "digits_cnn"}),
    ("VAE", {**BASE, "what": "vae"}),
]


def build(library, case):
    """A function that does one training step in either library and returns its loss."""
    return build_mlp(library) if case["what"] == "mlp" else build_example(library, case["what"])


def build_example(library, name):
    """The program as it stands: under metagrad, its `import torch` finds metagrad."""
    if library.__name__ == "metagrad":
        from metagrad import alias

        alias.install()
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    _, step = program.build()
    return step


def build_mlp(library):
    """Two hidden layers of 512, cross entropy."""
    nn, rng = library.nn, np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
    with library.no_grad():
        for p in model.parameters():
            p.copy_(library.from_numpy((rng.random(tuple(p.shape)) * 0.1 - 0.05).astype(np.float32)))
    images = library.from_numpy(rng.standard_normal((128, 784)).astype(np.float32))
    classes = library.from_numpy(rng.integers(0, 10, 128))
    optimizer, criterion = library.optim.Adam(model.parameters()), nn.CrossEntropyLoss()

    def step():
        optimizer.zero_grad()
        loss = criterion(model(images), classes)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def build_jax(case):
    """The perceptron and Adam in JAX, one compiled step."""
    if case["what"] != "mlp":
        raise NotImplementedError("not written in JAX")
    import jax
    from jax import numpy as jnp

    rng, widths = np.random.default_rng(0), (784, 512, 512, 10)
    shapes = [s for i, o in itertools.pairwise(widths) for s in ((o, i), (o,))]
    weights = [jnp.asarray((rng.random(shape) * 0.1 - 0.05).astype(np.float32)) for shape in shapes]
    images = jnp.asarray(rng.standard_normal((128, 784)).astype(np.float32))
    classes = jnp.asarray(rng.integers(0, 10, 128))
    zeros = [w * 0 for w in weights]
    state = {"step": 0, "weights": weights, "mean": zeros, "square": zeros}

    def loss_of(weights):
        x = images
        for k in range(0, 6, 2):
            x = x @ weights[k].T + weights[k + 1]
            x = x if k == 4 else jnp.maximum(x, 0)
        return -jnp.take_along_axis(jax.nn.log_softmax(x), classes[:, None], 1).mean()

    @jax.jit
    def update(state):
        loss, grads = jax.value_and_grad(loss_of)(state["weights"])
        step = state["step"] + 1
        mean = [0.9 * m + 0.1 * g for m, g in zip(state["mean"], grads, strict=True)]
        square = [0.999 * v + 0.001 * g * g for v, g in zip(state["square"], grads, strict=True)]
        new = [
            w - 1e-3 * (m / (1 - 0.9**step)) / (jnp.sqrt(v / (1 - 0.999**step)) + 1e-8)
            for w, m, v in zip(state["weights"], mean, square, strict=True)
        ]
        return loss, {"step": step, "weights": new, "mean": mean, "square": square}

    def step():
        nonlocal state
        loss, state = update(state)
        return float(loss)

    return step


def run(options):
    """Measure, and print the table."""
    lines = [
        "| training step | PyTorch ms | metagrad ms | times PyTorch's speed | best of each |",
        "| --- | --- | --- | --- | --- |",
    ]
    print("\n".join(lines))
    for name, case in CASES:
        if options.only not in name:
            continue
        times, _ = compare(case, options.repeats)
        torch, ours = (statistics.median(times[library]) for library in ("torch", "metagrad"))
        best = min(times["torch"]) / min(times["metagrad"])
        lines.append(f"| {name} | {torch:.2f} | {ours:.2f} | {torch / ours:.2f} | {best:.2f} |")
        print(lines[-1], flush=True)
    print(
        f"\nmedians of {options.repeats} interleaved repeats, and the ratio of the shortest times; PyTorch eager, CPU"
    )
    if options.output:
        folder = Path(options.output)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "programs.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def add_to(parser):
    """The options of ``python -m benchmarks programs``."""
    parser.set_defaults(run=run)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--only", default="", help="cases whose name contains this text")
    parser.add_argument("--output", help="a folder for programs.md")
