"""``kl_divergence``, by the path programs import it from."""

from metagrad.distributions.divergence import kl_divergence, register_kl

__all__ = ["kl_divergence", "register_kl"]
