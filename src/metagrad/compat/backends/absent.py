"""Libraries that metagrad does not use, and that have nothing to set."""

enabled = False


def is_available() -> bool:
    """False."""
    return False


is_built = is_available
