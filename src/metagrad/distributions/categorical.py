"""``Categorical``, by the path programs import it from."""

from metagrad.distributions.discrete import Categorical

__all__ = ["Categorical"]
