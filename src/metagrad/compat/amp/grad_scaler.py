"""``GradScaler``: losses are multiplied before the backward pass, and gradients divided before the step.

float16 has no number between 0 and 6·10⁻⁸. A loss S times as large has gradients S times as large, and those that would have
vanished are there. S is found by trying: it doubles after some time without an infinite gradient, and when there is one, the step
is left out and S halved (Micikevicius et al. 2018, "Mixed precision training").
"""

from __future__ import annotations

import enum
from typing import Any

import numpy as np

from metagrad.autograd.mode import no_grad
from metagrad.autograd.variable import Variable
from metagrad.base import dtypes
from metagrad.base.device import cupy
from metagrad.base.warning import warn
from metagrad.ops.create.creation import full

__all__ = ["GradScaler", "OptState"]


class OptState(enum.Enum):
    """How far an optimizer is in this iteration."""

    READY = 0
    UNSCALED = 1
    STEPPED = 2


class GradScaler:
    """Scales losses by S, and gradients by 1 / S.

    In each iteration: ``scale(loss).backward()``, ``step(optimizer)``, ``update()``; ``unscale_(optimizer)`` before the step if
    the gradients are to be clipped. init_scale: S at first. growth_factor: S is multiplied by it after growth_interval
    iterations without an infinite gradient, and by backoff_factor after one with. enabled=False: everything does what it
    would without a scaler, and so does "cuda" without a GPU, which warns.

    Raises AssertionError for a growth factor of at most 1 or a backoff factor of at least 1.

    >>> import metagrad
    >>> scaler, loss = metagrad.amp.GradScaler("cpu"), metagrad.tensor(2.0)
    >>> scaler.scale(loss), scaler.get_scale()
    (tensor(131072.), 65536.0)
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
        self._device, self._enabled = device, enabled and _possible(device)
        if not self._enabled:
            return
        if not growth_factor > 1.0:
            raise AssertionError("The growth factor must be > 1.0.")
        if not backoff_factor < 1.0:
            raise AssertionError("The backoff factor must be < 1.0.")
        self._init_scale, self._init_growth_tracker = init_scale, 0
        self._growth_factor, self._backoff_factor, self._growth_interval = (
            growth_factor,
            backoff_factor,
            growth_interval,
        )
        self._scale: Any = None  # tensors, as soon as something is scaled
        self._growth_tracker: Any = None  # the iterations since the scale last changed
        self._stages: dict[int, OptState] = {}  # how far each optimizer is, by its id
        self._found_inf: dict[int, bool] = {}  # whether its gradients had an infinity or a NaN

    # ------------------------------------------------ an iteration

    def scale(self, outputs: Any) -> Any:
        """A tensor times S; a list or tuple of tensors, and of lists of them, likewise. Raises ValueError for anything else."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Variable):
            if self._scale is None:
                self._begin(outputs)
            return outputs * self._scale.to(outputs.device)  # type: ignore[attr-defined]
        if not hasattr(outputs, "__iter__"):
            raise ValueError("outputs must be a Tensor or an iterable of Tensors")
        parts = [self.scale(part) for part in outputs]
        return type(outputs)(parts) if isinstance(outputs, list | tuple) else iter(parts)

    def unscale_(self, optimizer: Any) -> None:
        """Divide the gradients of an optimizer's parameters by S, and note whether one is infinite or no number.

        Raises RuntimeError the second time in an iteration, and after its step; ValueError for gradients of float16.
        """
        if not self._enabled:
            return
        self._check_scale("unscale_")
        stage = self._stages.get(id(optimizer), OptState.READY)
        if stage == OptState.UNSCALED:
            raise RuntimeError("unscale_() has already been called on this optimizer since the last update().")
        if stage == OptState.STEPPED:
            raise RuntimeError("unscale_() is being called after step().")
        self._unscale(optimizer, allow_float16=False)
        self._stages[id(optimizer)] = OptState.UNSCALED

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """``optimizer.step(…)`` with gradients divided by S; nothing, and None, if one is infinite or no number.

        Raises RuntimeError for a closure, and the second time in an iteration; AssertionError if there is no gradient.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        self._check_scale("step")
        stage = self._stages.get(id(optimizer), OptState.READY)
        if stage == OptState.STEPPED:
            raise RuntimeError("step() has already been called since the last update().")
        if stage == OptState.READY:
            self.unscale_(optimizer)
        if id(optimizer) not in self._found_inf:
            raise AssertionError("No inf checks were recorded for this optimizer.")
        self._stages[id(optimizer)] = OptState.STEPPED
        return None if self._found_inf[id(optimizer)] else optimizer.step(*args, **kwargs)

    def update(self, new_scale: Any = None) -> None:
        """The scale of the next iteration; new_scale: a number or a tensor, in place of what the gradients say."""
        if not self._enabled:
            return
        self._check_scale("update")
        if new_scale is not None:
            if isinstance(new_scale, Variable) and (new_scale.array.size != 1 or new_scale._requires_grad):
                raise AssertionError(
                    "new_scale should be a float or a 1-element torch.cuda.FloatTensor or torch.FloatTensor with "
                    "requires_grad=False."
                )
            self._scale.fill_(float(new_scale))
        elif not self._found_inf:
            raise AssertionError("No inf checks were recorded prior to update.")
        else:
            self._adapt(any(self._found_inf.values()))
        self._stages, self._found_inf = {}, {}

    def _begin(self, like: Any) -> None:
        self._scale = full((), self._init_scale, dtype=dtypes.float32, device=like.device)
        self._growth_tracker = full((), self._init_growth_tracker, dtype=dtypes.int32, device=like.device)

    def _unscale(self, optimizer: Any, allow_float16: bool) -> None:
        """Divide the gradients by S, which is one multiplication by its reciprocal."""
        inverse = float(np.float32(1.0 / float(self._scale)))
        with no_grad():
            for group in optimizer.param_groups:
                for gradient in [p.grad for p in group["params"] if p.grad is not None]:
                    if gradient.dtype is dtypes.float16 and not allow_float16:
                        raise ValueError("Attempting to unscale FP16 gradients.")
                    finite = bool(gradient.isfinite().all())
                    self._found_inf[id(optimizer)] = self._found_inf.get(id(optimizer), False) or not finite
                    gradient.mul_(inverse)

    def _adapt(self, found_inf: bool) -> None:
        """Back off after an infinity; grow after many iterations without."""
        if found_inf:
            self._scale.mul_(self._backoff_factor)
            self._growth_tracker.fill_(0)
            return
        since = int(self._growth_tracker) + 1
        if since == self._growth_interval:
            grown = float(np.float32(float(self._scale) * self._growth_factor))
            self._scale.fill_(grown if np.isfinite(grown) else float(self._scale))
        self._growth_tracker.fill_(since % self._growth_interval)

    def _check_scale(self, name: str) -> None:
        if self._scale is None:
            raise AssertionError(
                f"Attempted {name} but _scale is None.  This may indicate your script did not use scaler.scale(loss or "
                "outputs) earlier in the iteration."
            )

    # ------------------------------------------------ its settings

    def is_enabled(self) -> bool:
        """Whether it scales."""
        return self._enabled

    def get_scale(self) -> float:
        """S; 1 if it does not scale."""
        if not self._enabled:
            return 1.0
        return self._init_scale if self._scale is None else float(self._scale)

    def get_growth_factor(self) -> float:
        """What S is multiplied by after many iterations without an infinity."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Set it."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """What S is multiplied by after an infinity."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Set it."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """After how many iterations S grows."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Set it."""
        self._growth_interval = new_interval

    def _get_growth_tracker(self) -> int:
        if not self._enabled:
            return 0
        return self._init_growth_tracker if self._growth_tracker is None else int(self._growth_tracker)

    # ------------------------------------------------ keeping it

    def state_dict(self) -> dict[str, Any]:
        """S, the factors, and how long ago S changed; empty if it does not scale."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._get_growth_tracker(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a state. Raises RuntimeError if it is empty and this scaler scales."""
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled instance of GradScaler."
            )
        self._init_scale, self._init_growth_tracker = state_dict["scale"], state_dict["_growth_tracker"]
        self._growth_factor, self._backoff_factor = state_dict["growth_factor"], state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        if self._scale is not None:
            self._scale.fill_(self._init_scale)
            self._growth_tracker.fill_(self._init_growth_tracker)

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        if self._enabled:
            if self._stages or self._found_inf:
                raise AssertionError(
                    "A GradScaler instance may only be pickled at the beginning of an iteration, or at the end after "
                    "scaler.update()."
                )
            state.update(_init_scale=self.get_scale(), _init_growth_tracker=self._get_growth_tracker())
            state.update(_scale=None, _growth_tracker=None)
        return state


def _possible(device: str) -> bool:
    """Whether the device is there; a warning if not."""
    if device == "cuda" and cupy() is None:
        warn("torch.cuda.amp.GradScaler is enabled, but CUDA is not available.  Disabling.")
        return False
    return True
