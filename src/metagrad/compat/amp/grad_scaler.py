"""``GradScaler``, which scales by one: gradients of full precision do not vanish."""

from __future__ import annotations

from typing import Any

__all__ = ["GradScaler"]


class GradScaler:
    """Scales losses by one: ``scale`` returns the loss, ``step`` is the optimizer's, the rest has nothing to do.

    >>> import metagrad
    >>> scaler, loss = GradScaler(), metagrad.tensor(2.0)
    >>> scaler.scale(loss) is loss, scaler.get_scale()
    (True, 1.0)
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 65536.0,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        pass

    def scale(self, outputs: Any) -> Any:
        """What was given."""
        return outputs

    def unscale_(self, optimizer: Any) -> None:
        """Nothing: gradients have their true scale."""

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """``optimizer.step(…)``."""
        return optimizer.step(*args, **kwargs)

    def update(self, new_scale: Any = None) -> None:
        """Nothing: the scale stays one."""

    def get_scale(self) -> float:
        """One."""
        return 1.0

    def is_enabled(self) -> bool:
        """False."""
        return False

    def state_dict(self) -> dict[str, Any]:
        """Empty, as a scaler's that is not enabled."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Nothing: there is no state."""
