"""A training that goes on from its last checkpoint: `resuming.py CHECKPOINT RESULT STEPS [TROUBLE STEP]`.

TROUBLE befalls the last rank at a step, unless the run began from a checkpoint: kill, raise, absent. The batch of all ranks
together is the same whatever their number. The dropout is drawn by each rank's own generator, whose state is kept.
"""

import os
import signal
import sys
import time

import numpy as np

import metagrad as mg
from metagrad import distributed as dist
from metagrad import nn
from metagrad.distributed import checkpoint
from metagrad.nn import functional as F
from metagrad.nn.parallel import DistributedDataParallel
from metagrad.utils.data import DistributedSampler

BATCH, EVERY, DATA = 8, 5, 64


def trouble(kind):
    if kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif kind == "raise":
        raise KeyError("trouble")
    elif kind == "absent":
        time.sleep(1000)


def train(path, steps, kind="", at=-1, dropout=0.2, timeout=60):
    dist.init_process_group(timeout=timeout)
    rank, ranks = dist.get_rank(), dist.get_world_size()
    random = np.random.default_rng(0)
    x, y = random.normal(size=(DATA, 6)), random.integers(0, 3, DATA)
    mg.manual_seed(rank)
    model = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Dropout(dropout), nn.Linear(16, 3)).double()
    with mg.no_grad():
        for p in model.parameters():
            p.copy_(mg.tensor(random.normal(0, 0.3, tuple(p.shape))))
    model = DistributedDataParallel(model)
    optimizer = mg.optim.Adam(model.parameters(), lr=1e-2)
    sampler = DistributedSampler(range(DATA))
    first = 0
    if os.path.exists(path):
        state, own = checkpoint.read(path)
        model.module.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        first, at = state["step"], -1
        if own is not None:
            mg.set_rng_state(own)
    for step in range(first, steps):
        epoch, part = divmod(step, DATA // BATCH)
        sampler.set_epoch(epoch)
        own = list(sampler)[part * BATCH // ranks : (part + 1) * BATCH // ranks]
        if step == at and rank == ranks - 1:
            trouble(kind)
        optimizer.zero_grad()
        F.cross_entropy(model(mg.tensor(x[own])), mg.tensor(y[own])).backward()
        optimizer.step()
        if (step + 1) % EVERY == 0:
            state = {"model": model.module.state_dict(), "optimizer": optimizer.state_dict(), "step": step + 1}
            checkpoint.save(state, path, own=mg.get_rng_state())
    return {name: t.numpy().copy() for name, t in model.module.state_dict().items()}


if __name__ == "__main__":
    path, result, steps, *rest = sys.argv[1:]
    waits_in_vain = rest[:1] == ["absent"] and not os.path.exists(path)
    limit = int(os.environ.get("TIMEOUT", "8")) if waits_in_vain else 60
    found = train(path, int(steps), *(rest[:1]), *map(int, rest[1:2]), timeout=limit)
    if dist.get_rank() == 0:
        np.savez(result, **found)
