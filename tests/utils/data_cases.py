"""Datasets and comparisons that the tests of ``utils.data`` share."""

import collections

from metagrad.utils import data as md

PATIENCE = 60  # seconds before a test that hangs is given up; no result depends on it


class Stream(md.IterableDataset):
    """The numbers up to n, dealt out to the workers; ``sharded`` off: to each worker all of them."""

    def __init__(self, n, sharded=True):
        self.n, self.sharded = n, sharded

    def __iter__(self):
        info = md.get_worker_info()
        start, step = (info.id, info.num_workers) if info and self.sharded else (0, 1)
        return iter(range(start, self.n, step))

    def __len__(self):
        return self.n


class Calls(md.Dataset):
    """A dataset out of a function of the index."""

    def __init__(self, n, function):
        self.n, self.function = n, function

    def __getitem__(self, index):
        return self.function(index)

    def __len__(self):
        return self.n


def plain(value):
    """Any structure of either library as lists and names, so that the two can be compared."""
    if hasattr(value, "tolist") and hasattr(value, "requires_grad"):
        return "tensor", str(value.dtype).split(".")[-1], value.tolist()
    if isinstance(value, dict):
        return type(value).__name__, {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, collections.deque)):
        return type(value).__name__, [plain(v) for v in value]
    return type(value).__name__, str(value)


def outcome(lib, call):
    """What a call gives with a library, or the type of what it raises."""
    try:
        return plain(call(lib, lib.utils.data))
    except Exception as error:
        return type(error).__name__


Point = collections.namedtuple("Point", "x y")
