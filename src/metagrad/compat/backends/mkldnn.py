"""Intel's library of neural functions, which metagrad does not use. Programs may set its switches."""

import contextlib
from collections.abc import Iterator

enabled = deterministic = allow_tf32 = False


def is_available() -> bool:
    """False."""
    return False


@contextlib.contextmanager
def flags(
    enabled: bool = False, deterministic: bool = False, allow_tf32: bool = True, fp32_precision: str = "none"
) -> Iterator[None]:
    """The switches set so inside ``with``, and as before after it."""
    before = {name: globals()[name] for name in ("enabled", "deterministic", "allow_tf32")}
    globals().update(enabled=enabled, deterministic=deterministic, allow_tf32=allow_tf32)
    try:
        yield
    finally:
        globals().update(before)
