"""On a GPU, against PyTorch on the same one: ``python -m benchmarks gpu``.

Both libraries do the same work by turns in one process, on weights and data that are the same, and their losses must agree before
anything is timed. A turn is as many steps as fill a fifth of a second; it ends when the GPU has finished. Times are medians.
``--dry-run`` does all of it on the CPU with a small part of each batch, and shows the losses: the times would say nothing.
"""

import statistics
import time

import numpy as np

STEPS = 3  # before the losses are compared
TURN = 0.2  # seconds


def article(lib, nn):
    """The article's tagger: words, two layers of an RNN in both directions, scores."""

    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.output = nn.Embedding(11000, 128), nn.Linear(256, 47)
            self.rnn = nn.RNN(128, 128, 2, batch_first=True, bidirectional=True)

        def forward(self, x):
            return self.output(self.rnn(self.embedding(x))[0]).flatten(0, 1)

    return Tagger(), (32, 24), 11000, 47


def lstm(lib, nn):
    """An LSTM of two layers, in both directions."""

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.output = nn.LSTM(256, 256, 2, batch_first=True, bidirectional=True), nn.Linear(512, 47)

        def forward(self, x):
            return self.output(self.lstm(x)[0]).flatten(0, 1)

    return Network(), (32, 64, 256), 0, 47


def transformer(lib, nn):
    """Four layers of a transformer's encoder."""
    layer = nn.TransformerEncoderLayer(512, 8, 2048, dropout=0.0, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)
    return (
        nn.Sequential(nn.Embedding(10000, 512), encoder, nn.Linear(512, 1000), nn.Flatten(0, 1)),
        (16, 128),
        10000,
        1000,
    )


def images(lib, nn):
    """A small convolutional network."""
    layers = [nn.Conv2d(3, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2)]
    layers += [nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * 8 * 8, 10)), (64, 3, 32, 32), 0, 10


def elementwise(lib, nn):
    """A formula over four million numbers, and its gradient."""

    class Formula(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(lib.ones(1024))

        def forward(self, x):
            y = lib.tanh(x * self.scale) * lib.sigmoid(x) + lib.exp(-x * x)
            return y.reshape(-1, 4)

    return Formula(), (4096, 1024), 0, 4


CASES = {f.__name__: f for f in (article, lstm, transformer, images, elementwise)}


class Side:
    """One library's model, optimizer and batch on a device; ``small``: two rows of the batch, and six steps of sequences."""

    def __init__(self, lib, case, device="cuda", small=False):
        self.lib, self.device = lib, device
        self.model, shape, below, classes = case(lib, lib.nn)
        if small:
            shape = (2, min(shape[1], 6) if below or len(shape) == 3 else shape[1], *shape[2:])
        rng = np.random.default_rng(0)
        batch = rng.integers(1, below, shape) if below else rng.normal(size=shape).astype(np.float32)
        self.x, self.classes = lib.tensor(batch).to(device), classes
        self.model.to(device)

    def start(self, weights):
        """Take these weights, and a batch of targets."""
        self.model.load_state_dict({name: self.lib.tensor(w) for name, w in weights.items()})
        self.optimizer = self.lib.optim.AdamW(self.model.parameters(), lr=1e-3)
        rows = self.model(self.x).shape[0]
        self.y = self.lib.tensor(np.arange(rows) % self.classes).to(self.device)

    def step(self):
        """One training step; the loss stays on the GPU."""
        self.optimizer.zero_grad()
        loss = self.lib.nn.functional.cross_entropy(self.model(self.x), self.y)
        loss.backward()
        self.optimizer.step()
        return loss

    def wait(self):
        """Until the device has done all it was given."""
        if self.device == "cuda":
            self.lib.cuda.synchronize()

    def turn(self, count):
        """Milliseconds for each of so many steps."""
        self.wait()
        started = time.perf_counter()
        for _ in range(count):
            self.step()
        self.wait()
        return (time.perf_counter() - started) / count * 1e3


def begin(name, sides):
    """Start all sides on the weights of the first; the losses of the first steps, which must agree."""
    weights = {key: value.cpu().numpy().copy() for key, value in sides[0].model.state_dict().items()}
    losses = []
    for side in sides:
        side.start(weights)
        losses.append([side.step().item() for _ in range(STEPS)])
    if not all(np.allclose(found, losses[0], rtol=1e-3) for found in losses):
        raise RuntimeError(f"{name}: the losses differ, so the work does: {losses}")
    return losses[0]


def measure(sides, repeats):
    """The median of each side, in milliseconds a step."""
    counts = [max(1, int(TURN * 1e3 / side.turn(3))) for side in sides]
    times = [[] for _ in sides]
    for _ in range(repeats):
        for side, count, found in zip(sides, counts, times):
            found.append(side.turn(count))
    return [statistics.median(found) for found in times]


def libraries():
    """PyTorch, if it is installed, and metagrad."""
    import metagrad

    try:
        import torch
    except ImportError:
        return [metagrad]
    return [torch, metagrad]


def why_not():
    """What is missing for a run; None if nothing is."""
    from metagrad.base.device import require_cupy

    try:
        require_cupy("cuda")
    except RuntimeError as missing:
        return str(missing)
    try:
        import torch
    except ImportError as missing:
        return f"PyTorch is missing: {missing}"
    return None if torch.cuda.is_available() else "this PyTorch finds no GPU: install a build for CUDA"


def try_out(names, device="cpu", libs=None):
    """Everything but the sizes of a run, on another device."""
    for name in names:
        sides = [Side(lib, CASES[name], device, small=True) for lib in libs or libraries()]
        losses = begin(name, sides)
        sides[-1].turn(1)
        print(f"{name:12} losses {', '.join(f'{loss:.5f}' for loss in losses)}   {len(sides)} libraries on {device}")


def run(options):
    """Print a table of all cases, or say why there is none."""
    if options.dry_run:
        try_out(options.cases or CASES)
        return
    missing = why_not()
    if missing is not None:
        print(f"nothing was run: {missing}")
        return
    import metagrad

    print(f"{metagrad.cuda.get_device_name()}; milliseconds a step, medians of {options.repeats}")
    for name in options.cases or CASES:
        sides = [Side(lib, CASES[name]) for lib in libraries()]
        begin(name, sides)
        theirs, ours = measure(sides, options.repeats)
        print(f"{name:12} torch {theirs:8.3f}   metagrad {ours:8.3f}   ratio {ours / theirs:5.2f}")


def add_to(parser):
    """The arguments of the command."""
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}; all if none is named")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument(
        "--dry-run", action="store_true", help="on the CPU, a small part of each batch: does it still run?"
    )
    parser.set_defaults(run=run)
