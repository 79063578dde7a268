"""ByElement: optimizers whose step is one formula for every element of a parameter, with arrays remembered beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from metagrad.autograd.variable import Variable, wrap
from metagrad.base.typing import Array
from metagrad.kernels.libraries import is_on_gpu, is_recording
from metagrad.optim.by_loop import Loop
from metagrad.optim.differentiable import recorded_step
from metagrad.optim.together import Pairs, Task, Together
from metagrad.tensors.tensor import Tensor


class ByElement(Together):
    """p ← formula(p, g, what is remembered of them), g = ±∂L/∂p + λ p, or with decoupled decay p ← (1 − η λ) p first.

    The state of a parameter is ``step``, the number t of its steps, 0-d float32, and arrays of its shape. Of a complex
    parameter the two parts are parameters of their own. A subclass has

    ==================  ==========================================================================================
    ``like_param``      the names of the arrays it may remember
    ``optional``        those of them that only some settings need
    ``decays``          whether weights decay: where not, whatever a group says
    ``counts``          the names of the 0-d numbers it remembers, and what they are before the first step
    ``remembered``      the names of the arrays that these settings need, in the formula's order; None: not this one
    ``first``           what such an array is full of before the first step
    ``settings``        the formula's other arguments in step t: plain numbers
    ``formula``         one step, in place in p and in the arrays
    ``loop``            the same as a compiled loop, if there is one
    ``by_blas``         the same and what goes before it in few passes, if there is such a function
    ==================  ==========================================================================================
    """

    optional: ClassVar[tuple[str, ...]] = ()
    counts: ClassVar[dict[str, float]] = {"step": 0.0}
    decays: ClassVar[bool] = True
    formula: ClassVar[Callable[..., None]]
    by_blas: ClassVar[Callable[..., None] | None] = None

    def remembered(self, group: dict[str, Any]) -> tuple[str | None, ...]:
        """All of ``like_param``, unless a subclass knows better."""
        return self.like_param

    def first(self, name: str, group: dict[str, Any]) -> float:
        """0, unless a subclass knows better."""
        return 0.0

    def settings(self, t: float, state: dict[str, Any], group: dict[str, Any]) -> tuple[Any, ...]:
        """What the formula needs to know beside the arrays."""
        raise NotImplementedError

    def loop(
        self, arrays: Sequence[Any], left: float, sign: float, decay: float, settings: tuple[Any, ...]
    ) -> Loop | None:
        """A compiled loop over the arrays for these settings, or None: first p ← left p and g ← sign g + decay p."""
        return None

    def begin(self, param: Tensor, names: tuple[str | None, ...], group: dict[str, Any]) -> dict[str, Any]:
        """The parameter's state, with what is missing of it added."""
        state = self.state[param]
        if not state:
            for count, number in self.counts.items():
                state[count] = wrap(np.full((), number, np.float32))  # in the CPU's memory, wherever the parameter is
        for name in names:
            if name is not None and name not in state:
                value = self.first(name, group)
                full = np.zeros_like(param.array)
                if value:
                    full += complex(value, value) if full.dtype.kind == "c" else value
                state[name] = wrap(full)
        return state

    def tasks(self, pairs: Pairs, group: dict[str, Any]) -> list[Task]:
        """The steps, a task for all parameters that are in the same one."""
        if pairs and is_on_gpu(pairs[0][0].array) and is_recording():
            raise RuntimeError(
                f"Attempting CUDA graph capture of step() for an instance of {type(self).__name__}, whose numbers change from "
                "step to step, and would be recorded as they are now. Record the rest, and call step() after replay()"
            )
        names = self.remembered(group)
        found: dict[Any, Task] = {}
        for param, grad in pairs:
            state = self.begin(param, names, group)
            step = state["step"]
            t = step.array.item() + 1
            step.array[...] = t
            step._counter[0] += 1  # ``update_group`` has the mirrors follow
            task = found.get(t)
            if task is None:
                settings = self._settings(t, state, group)
                task = found.setdefault(
                    t if len(self.counts) == 1 else settings, Task([], _chunk, settings, self._loop, self.by_blas)
                )
            if group.get("differentiable"):
                recorded_step(_chunk, param, grad, state, list(names), task.settings)
                continue
            arrays = [param.array, grad.array]
            for name in names:
                if name is None:
                    arrays.append(None)
                else:
                    remembered = state[name]
                    arrays.append(remembered.array)
                    remembered._counter[0] += 1
            task.arrays.append(tuple(arrays))
            param._counter[0] += 1
        return list(found.values())

    def _settings(self, t: float, state: dict[str, Any], group: dict[str, Any]) -> tuple[Any, ...]:
        """What ``_chunk`` needs beside the arrays in step t."""
        decay = float(group.get("weight_decay", 0.0)) if self.decays else 0.0
        shrink = 0.0
        if decay and group.get("decoupled_weight_decay"):
            shrink, decay = float(group["lr"]) * decay, 0.0  # also where lr is 0, as schedules begin
        return self.formula, group["maximize"], decay, shrink, self.settings(t, state, group)

    def _loop(
        self,
        arrays: Sequence[Any],
        formula: object,
        maximize: bool,
        decay: float,
        shrink: float,
        settings: tuple[Any, ...],
    ) -> Loop | None:
        return self.loop(arrays, 1 - shrink, -1.0 if maximize else 1.0, decay, settings)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Refuse another optimizer's state; also take old ones, in which the number of steps was a plain number."""
        needed = {*self.counts, *self.like_param} - {*self.optional}
        for values in state["state"].values():
            if not isinstance(values, dict):  # what a program remembers beside
                continue
            missing = needed - values.keys() if values else ()
            if missing:
                raise ValueError(
                    f"this is not {type(self).__name__}'s state: it has {sorted(values)}, no {sorted(missing)}"
                )
            for name in self.counts:
                if values and not isinstance(values[name], Variable):
                    values[name] = wrap(np.full((), values[name], np.float32))
        super().__setstate__(state)


def _chunk(p: Array, g: Array, *others: Any) -> None:
    """The formula for a chunk, after the direction and the decay of the weights."""
    *arrays, formula, maximize, decay, shrink, settings = others
    if maximize:
        g = -g
    if decay:
        g = g + decay * p
    if shrink:
        p *= 1 - shrink
    formula(p, g, *arrays, *settings)
