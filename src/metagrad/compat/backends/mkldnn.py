"""Intel's library of neural functions, which metagrad does not use. Programs may set its switches."""

enabled = deterministic = allow_tf32 = False


def is_available() -> bool:
    """False."""
    return False
