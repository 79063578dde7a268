"""Threads as compilers make them, which metagrad does not use: it has its own (``metagrad.set_num_threads``)."""


def is_available() -> bool:
    """False."""
    return False
