"""NVIDIA's library of neural functions, which metagrad does not use. Programs may set its switches."""

enabled = benchmark = deterministic = allow_tf32 = False


def is_available() -> bool:
    """False."""
    return False


def version() -> None:
    """None: there is no version of it here."""
