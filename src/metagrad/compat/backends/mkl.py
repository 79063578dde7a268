"""Intel's library of linear algebra, which metagrad does not use by itself: NumPy may."""


def is_available() -> bool:
    """False."""
    return False
