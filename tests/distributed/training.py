"""Training on several ranks against training on one, for threads and (as a program: `training.py FOLDER`) for MPI."""

import contextlib
import sys

import numpy as np

import metagrad as mg
from metagrad import distributed as dist
from metagrad import nn
from metagrad.nn import functional as F
from metagrad.nn.parallel import DistributedDataParallel
from metagrad.nn.utils.rnn import pack_sequence


def seeded(make, dtype, seed=1):
    """A model with weights from NumPy, the same on every rank and thread."""
    model = make().to(dtype)
    random = np.random.default_rng(seed)
    with mg.no_grad():
        for p in model.parameters():
            p.copy_(mg.tensor(random.normal(0, 0.3, tuple(p.shape)), dtype=dtype))
    return model


def mlp():
    return nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 3))


def cnn():
    return nn.Sequential(
        nn.Conv2d(2, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 3, 3),
        nn.BatchNorm2d(3),
        nn.Flatten(),
        nn.Linear(48, 3),
    )


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.out = nn.LSTM(4, 5, bidirectional=True), nn.Linear(10, 3)

    def forward(self, packed):
        return self.out(self.lstm(packed)[0].data)


def gradients(model):
    return [p.grad.numpy().copy() for p in model.parameters()]


def difference(found, expected):
    """The greatest difference, relative to the greatest gradient."""
    scale = max(float(np.abs(g).max()) for g in expected)
    return max(float(np.abs(a - b).max()) for a, b in zip(found, expected)) / scale


def data(dtype, n=24):
    random = np.random.default_rng(0)
    x = random.normal(size=(n, 6)).astype(dtype.numpy)
    images = (random.normal(size=(n, 2, 8, 8)) + 3).astype(dtype.numpy)
    return x, images, random.integers(0, 3, n)


def mlp_case(dtype, rank, ranks, accumulate=False, **settings):
    """The mean loss; with ``accumulate`` in four parts, of which the first three stay on the rank."""
    x, _, y = data(dtype)
    whole = seeded(mlp, dtype)
    F.cross_entropy(whole(mg.tensor(x)), mg.tensor(y)).backward()
    model = DistributedDataParallel(seeded(mlp, dtype), **settings)
    parts = np.array_split(np.arange(rank, len(y), ranks), 3 if accumulate else 1)
    for i, part in enumerate(parts):
        with model.no_sync() if i < len(parts) - 1 else contextlib.nullcontext():
            loss = F.cross_entropy(model(mg.tensor(x[part])), mg.tensor(y[part]), reduction="sum")
            (loss * ranks / len(y)).backward()
    return difference(gradients(model), gradients(whole))


def cnn_case(dtype, rank, ranks):
    """Batch norm over all ranks, whose shares are of different sizes; also its running averages."""
    _, x, y = data(dtype)
    whole = seeded(cnn, dtype)
    F.cross_entropy(whole(mg.tensor(x)), mg.tensor(y)).backward()
    own = np.array_split(np.arange(len(y)), np.cumsum([3 + 2 * r for r in range(ranks - 1)]))[rank]
    model = DistributedDataParallel(nn.SyncBatchNorm.convert_sync_batchnorm(seeded(cnn, dtype)))
    loss = F.cross_entropy(model(mg.tensor(x[own])), mg.tensor(y[own]), reduction="sum")
    (loss * ranks / len(y)).backward()
    ours, theirs = ([b.numpy() for b in m.buffers()] for m in (model, whole))
    return max(difference(gradients(model), gradients(whole)), difference(ours, theirs))


def lstm_case(dtype, rank, ranks):
    """Sentences of different lengths, so that the ranks have different numbers of words."""
    random = np.random.default_rng(0)
    lengths = [1, 9, 4, 7, 2, 2, 6, 5]
    sentences = [random.normal(size=(n, 4)).astype(dtype.numpy) for n in lengths]
    tags = [random.integers(0, 3, n) for n in lengths]

    def loss_of(model, which):
        packed = pack_sequence([mg.tensor(sentences[i]) for i in which], enforce_sorted=False)
        targets = pack_sequence([mg.tensor(tags[i]) for i in which], enforce_sorted=False)
        return F.cross_entropy(model(packed), targets.data, reduction="sum")

    whole = seeded(Recurrent, dtype)
    (loss_of(whole, range(8)) / sum(lengths)).backward()
    model = DistributedDataParallel(seeded(Recurrent, dtype))
    own = range(rank, 8, ranks)
    words = mg.tensor([sum(lengths[i] for i in own)])
    dist.all_reduce(words)
    (loss_of(model, own) * ranks / words.item()).backward()
    return difference(gradients(model), gradients(whole))


def hundred_steps(dtype, rank, ranks):
    """Whether weights and the optimizer's state are the same on all ranks to the bit, after 100 steps."""
    x, _, y = data(dtype)
    model = DistributedDataParallel(seeded(mlp, dtype), bucket_cap_mb=0.001)
    optimizer = mg.optim.Adam(model.parameters(), lr=1e-2)
    random = np.random.default_rng(rank)  # each rank its own batches
    for _ in range(100):
        own = random.integers(0, len(y), 5)
        optimizer.zero_grad()
        F.cross_entropy(model(mg.tensor(x[own])), mg.tensor(y[own])).backward()
        optimizer.step()
    state = [*model.state_dict().values(), *(t for s in optimizer.state_dict()["state"].values() for t in s.values())]
    own = b"".join(np.asarray(t.numpy()).tobytes() for t in state)
    found = [None] * ranks
    dist.all_gather_object(found, own.hex())
    return all(f == found[0] for f in found)


CASES = {
    "mlp": mlp_case,
    "no_sync": lambda *a: mlp_case(*a, accumulate=True),
    "small buckets": lambda *a: mlp_case(*a, bucket_cap_mb=0.001),
    "overlap": lambda *a: mlp_case(*a, overlap=True, bucket_cap_mb=0.001),
    "cnn": cnn_case,
    "lstm": lstm_case,
}


def all_cases(rank, ranks):
    """{case/dtype: error} on this rank."""
    kinds = {"float64": mg.float64, "float32": mg.float32}
    found = {f"{name}/{kind}": case(kinds[kind], rank, ranks) for name, case in CASES.items() for kind in kinds}
    found["100 steps/float32"] = 0.0 if hundred_steps(mg.float32, rank, ranks) else 1.0
    return found


if __name__ == "__main__":
    dist.init_process_group("mpi", timeout=60)
    results = all_cases(dist.get_rank(), dist.get_world_size())
    if dist.get_rank() == 0:
        for name, error in results.items():
            print(f"{name} {error:.3g}")
    np.savez(f"{sys.argv[1]}/{dist.get_rank()}.npz", **results)
