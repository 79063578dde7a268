"""``Normal``, by the path programs import it from."""

from metagrad.distributions.continuous import Normal

__all__ = ["Normal"]
