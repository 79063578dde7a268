"""What ``scale.py`` has several ranks measure: `metagrad launch -n 2 -m benchmarks.scale_ranks FILE MODEL`. Rank 0 writes JSON."""

import itertools
import json
import os
import sys
import time

import numpy as np

import metagrad as mg
from metagrad import distributed as dist
from metagrad import nn
from metagrad.nn import functional as F
from metagrad.nn.parallel import DistributedDataParallel

SIZES = [1, 64, 1 << 10, 1 << 14, 1 << 16, 1 << 18, 1 << 20, 1 << 21]  # numbers of four bytes


def mlp():
    """1.9 million parameters in six tensors: much to send for little to compute."""
    model = nn.Sequential(nn.Linear(784, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU(), nn.Linear(1024, 10))
    x, y = mg.randn(64, 784), mg.randint(0, 10, (64,))
    return model, lambda model: F.cross_entropy(model(x), y)


def lstm():
    """0.6 million parameters, each used at every step of a sequence: little to send for much to compute."""

    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.out = nn.LSTM(128, 192, bidirectional=True), nn.Linear(384, 45)

        def forward(self, x):
            return self.out(self.lstm(x)[0]).flatten(0, 1)

    x, y = mg.randn(25, 32, 128), mg.randint(0, 45, (25 * 32,))
    return Tagger(), lambda model: F.cross_entropy(model(x), y)


MODELS = {"mlp": mlp, "lstm": lstm}


def timed(job, times):
    """Seconds of each."""
    wall = []
    for _ in range(times):
        begun = time.perf_counter()
        job()
        wall.append(time.perf_counter() - begun)
    return wall


def collectives(times):
    """{bytes: median seconds} of an all_reduce."""
    found = {}
    for size in SIZES:
        several = itertools.cycle(
            [mg.ones(size) for _ in range(max(1, min(64, (32 << 20) // (4 * size))))]
        )  # out of the cache
        dist.all_reduce(next(several))
        wall = timed(lambda several=several: dist.all_reduce(next(several)), times)
        found[4 * size] = float(np.median(wall))
    return found


def steps(name, group, times):
    """Seconds of training steps whose gradients are averaged in ``group``, and the bytes of its buckets."""
    mg.manual_seed(0)
    module, loss_of = MODELS[name]()
    model = DistributedDataParallel(module, process_group=group)
    optimizer = mg.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def job():
        optimizer.zero_grad()
        loss_of(model).backward()
        optimizer.step()

    for _ in range(3):
        job()
    dist.barrier()
    wall = timed(job, times)
    dist.barrier()
    return wall, [bucket.flat.array.nbytes for bucket in model.reducer.buckets]


def gathered(values):
    each = [None] * dist.get_world_size()
    dist.all_gather_object(each, values)
    return each


def main(path, name, rounds, times):
    dist.init_process_group(timeout=300)
    alone = [dist.new_group([rank]) for rank in range(dist.get_world_size())][dist.get_rank()]
    found = {"ranks": dist.get_world_size(), "collectives": [], "own": [], "together": [], "load": []}
    for _ in range(rounds):  # in turns, so that what else the machine does falls on all alike
        found["load"].append(os.getloadavg()[0])
        found["collectives"].append(collectives(20))
        wall, buckets = steps(name, alone, times)
        found["own"].append(gathered(wall))
        found["together"].append(gathered(steps(name, None, times)[0]))
    found |= {"buckets": buckets, "cores": len(os.sched_getaffinity(0))}
    if dist.get_rank() == 0:
        with open(path, "w") as file:
            json.dump(found, file)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
