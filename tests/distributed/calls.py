"""One program for PyTorch's gloo, metagrad's threads and metagrad's MPI: every collective, on every dtype; results as arrays.

As a program of its own (`mpiexec -n 2 python tests/distributed/calls.py FOLDER int8 …`) it writes each rank's results
into a folder.
"""

import os
import sys

import numpy as np

GLOOS = "bool uint8 int8 int32 int64 float16 float32 float64 complex64 complex128".split()  # the dtypes gloo knows
NOT_GATHERED_BY_GLOO = ("bool", "complex64", "complex128")
ALL = [*GLOOS, "int16", "uint16", "uint32", "uint64"]
OPS = "SUM AVG PRODUCT MIN MAX BAND BOR BXOR".split()


def values(rank, kind, shape=(3, 4), seed=0):
    """Numbers whose sums and products of a few are exact in every dtype."""
    random = np.random.default_rng([rank, seed])
    found = random.integers(0, 4, shape)
    if kind.startswith(("float", "complex")):
        found = found / 2
    if kind.startswith("complex"):
        found = found + 1j * random.integers(-2, 3, shape)
    return found.astype(kind)


def means_something(op, kind):
    if kind.startswith("complex"):
        return op in ("SUM", "AVG")
    if kind.startswith("float"):
        return op not in ("BAND", "BOR", "BXOR")
    return op != "AVG"


def all_collectives(lib, dist, dtypes):
    """{name: array} of this rank."""
    rank, n = dist.get_rank(), dist.get_world_size()
    found = {}

    def tensor(kind, seed=0, shape=(3, 4)):
        return lib.tensor(values(rank, kind, shape, seed))

    def strided(kind):
        found = lib.tensor(values(rank, kind, (8, 3), 5))[::2].transpose(0, 1)
        return found.contiguous() if lib.__name__ == "torch" else found  # gloo takes the memory for contiguous

    def zeros(x, count=n):
        return [lib.zeros_like(x) for _ in range(count)]

    def keep(name, *tensors):
        for i, x in enumerate(tensors):
            found[f"{name}/{i}"] = np.array(x.numpy())

    for kind in dtypes:
        for op in OPS:
            if means_something(op, kind):
                how = getattr(dist.ReduceOp, op)
                x, y, z = tensor(kind), strided(kind), tensor(kind, 1)
                dist.all_reduce(x, how)
                dist.all_reduce(y, how)
                dist.reduce(z, n - 1, how)
                keep(f"all_reduce/{op}/{kind}", x, y)
                keep(f"reduce/{op}/{kind}", *([z] if rank == n - 1 else []))
                if kind != "bool" and not kind.startswith("complex"):
                    x, parts = tensor(kind), [tensor(kind, 10 + i) for i in range(n)]
                    dist.reduce_scatter(x, parts, how)
                    keep(f"reduce_scatter/{op}/{kind}", x)
                    dist.reduce_scatter_tensor(x, lib.cat(parts), how)
                    keep(f"reduce_scatter_tensor/{op}/{kind}", x)
        x, y = tensor(kind), strided(kind)
        dist.broadcast(x, n - 1)
        dist.broadcast(y, 0)
        keep(f"broadcast/{kind}", x, y)
        x = tensor(kind)
        places = zeros(x)
        dist.all_gather(places, x)
        keep(f"all_gather/{kind}", *places)
        whole = lib.cat(zeros(x))
        dist.all_gather_into_tensor(whole, x)
        keep(f"all_gather_into_tensor/{kind}", whole)
        if lib.__name__ != "torch" or kind not in NOT_GATHERED_BY_GLOO:
            places = zeros(x)
            dist.gather(x, places if rank == 0 else None, 0)
            keep(f"gather/{kind}", *(places if rank == 0 else []))
            dist.scatter(x, [tensor(kind, 20 + i) for i in range(n)] if rank == n - 1 else None, n - 1)
            keep(f"scatter/{kind}", x)
        sizes = [[1 + (i + j) % 3 for j in range(n)] for i in range(n)]  # rank i sends sizes[i][j] rows to rank j
        rows = lib.tensor(values(rank, kind, (sum(sizes[rank]), 2), 30))
        into = lib.tensor(np.zeros((sum(s[rank] for s in sizes), 2), kind))
        dist.all_to_all_single(into, rows, [s[rank] for s in sizes], sizes[rank])
        keep(f"all_to_all_single/{kind}", into)
        places = zeros(tensor(kind))
        dist.all_to_all(places, [tensor(kind, 40 + i) for i in range(n)])
        keep(f"all_to_all/{kind}", *places)
        x = tensor(kind)
        if rank == 0:
            dist.send(x, 1, tag=3)
        elif rank == 1:
            dist.recv(x, 0, tag=3)
        keep(f"send/{kind}", x)
    found |= others(lib, dist, rank, n)
    return found


def others(lib, dist, rank, n):
    """Groups, asynchronous calls, objects."""
    found = {}
    pair = dist.new_group([0, n - 1])
    if rank in (0, n - 1):
        x = lib.tensor([1.0 + rank])
        dist.all_reduce(x, group=pair)
        found["group"] = np.array([*x.numpy(), dist.get_rank(pair), dist.get_world_size(pair)])
    works = [(x := lib.tensor([float(rank + i)]), dist.all_reduce(x, async_op=True)) for i in range(5)]
    for i, (x, work) in enumerate(works):
        work.wait()
        found[f"async/{i}"] = np.array(x.numpy())
    to, source = (rank + 1) % n, (rank - 1) % n
    mine, theirs = lib.tensor([rank]), lib.tensor([-1])
    for work in dist.batch_isend_irecv([dist.P2POp(dist.irecv, theirs, source), dist.P2POp(dist.isend, mine, to)]):
        work.wait()
    found["ring"] = np.array(theirs.numpy())
    objects = [None] * n
    dist.all_gather_object(objects, {"rank": rank, "list": [1, 2.5, "text"], "tensor": lib.ones(rank + 1)})
    found["objects"] = np.array([[o["rank"], len(o["tensor"])] for o in objects])
    several = [rank, "text" * (rank + 1)]
    dist.broadcast_object_list(several, src=1)
    one = [None]
    dist.scatter_object_list(one, [f"for {i}" for i in range(n)] if rank == 0 else [None] * n, src=0)
    gathered = [None] * n if rank == 1 else None
    dist.gather_object({"r": rank}, gathered, dst=1)
    found["more objects"] = np.array(repr((several, one, gathered)))
    dist.barrier()
    return found


def written(folder):
    """Each rank's results in a folder."""
    files = sorted(os.listdir(folder))
    return [dict(np.load(os.path.join(folder, file))) for file in files]


def with_gloo(rank, n, folder, port):
    import torch

    torch.distributed.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=n)
    np.savez(f"{folder}/{rank}.npz", **all_collectives(torch, torch.distributed, GLOOS))
    torch.distributed.destroy_process_group()


def with_threads(rank, dtypes):
    import metagrad

    metagrad.distributed.init_process_group("threads")
    return all_collectives(metagrad, metagrad.distributed, dtypes)


if __name__ == "__main__":
    import metagrad

    metagrad.distributed.init_process_group("mpi", timeout=60)
    results = all_collectives(metagrad, metagrad.distributed, sys.argv[2:])
    np.savez(f"{sys.argv[1]}/{metagrad.distributed.get_rank()}.npz", **results)
    metagrad.distributed.destroy_process_group()
