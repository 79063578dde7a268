"""Training on several machines, which metagrad does not do: programs that can do without it may ask.

>>> import metagrad
>>> metagrad.distributed.is_available(), metagrad.distributed.is_initialized()
(False, False)
"""


def is_available() -> bool:
    """False: the other functions are missing, as they are in a PyTorch built without them."""
    return False


def is_initialized() -> bool:
    """False."""
    return False


is_nccl_available = is_mpi_available = is_gloo_available = is_torchelastic_launched = is_available


def __getattr__(name: str) -> object:
    raise AttributeError(
        f"metagrad.distributed has no {name!r}: metagrad trains in one process. `is_available()` is False; run the "
        "program's path for a single process"
    )
