"""What registering a hook returns, by the path programs import it from."""

from metagrad.autograd.hooks import RemovableHandle

__all__ = ["RemovableHandle"]
