"""L-BFGS: Newton's method with the curvature learned from the last steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from metagrad.autograd.mode import enable_grad, no_grad
from metagrad.autograd.variable import wrap
from metagrad.optim.line_search import Point, strong_wolfe
from metagrad.optim.optimizer import Optimizer
from metagrad.optim.settings import check_settings
from metagrad.tensors.tensor import Tensor


class LBFGS(Optimizer):
    """p ← p + t d,   d = −H g, with H ≈ (∂²L/∂p²)⁻¹ from the last ``history_size`` differences of steps and gradients.

    One ``step(closure)`` makes up to ``max_iter`` iterations; closure() clears the gradients, computes the loss and its
    gradients, and returns the loss; it is called at most about ``max_eval`` times (1¼ ``max_iter`` if None). t is lr, or
    with ``line_search_fn="strong_wolfe"`` found by a search along d. An iteration with a gradient of no more than
    ``tolerance_grad`` in any element, or with a change of p or of the loss of less than ``tolerance_change``, is the last.
    One parameter group only; ValueError otherwise. Nocedal and Wright, Numerical Optimization (2006), algorithm 7.5.

    >>> import metagrad
    >>> p = metagrad.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = LBFGS([p], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = ((p - 3) ** 4).sum()
    ...     loss.backward()
    ...     return loss
    >>> loss = optimizer.step(closure)
    >>> float(loss), bool(closure() < 1e-6)
    (17.0, True)
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_settings({"learning rate": lr})
        super().__init__(
            params,
            {
                "lr": lr, "max_iter": max_iter, "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
                "tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change, "history_size": history_size,
                "line_search_fn": line_search_fn,
            },
        )  # fmt: skip
        if len(self.param_groups) != 1:
            raise ValueError(
                "LBFGS doesn't support per-parameter options (parameter groups): it takes one group, got "
                f"{len(self.param_groups)}"
            )

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Up to ``max_iter`` iterations; returns the loss before the first one. Raises TypeError without a closure."""
        if closure is None:
            raise TypeError(
                "LBFGS.step() missing 1 required positional argument: 'closure', which evaluates the loss several times"
            )
        with no_grad(), np.errstate(all="ignore"):
            return self._minimize(closure)

    def _minimize(self, closure: Callable[[], Any]) -> Any:
        (group,) = self.param_groups
        lr, max_iter, smallest = _number(group["lr"]), group["max_iter"], group["tolerance_change"]
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            raise RuntimeError(f"only 'strong_wolfe' is supported as line_search_fn, got {group['line_search_fn']!r}")
        state = self.state[group["params"][0]]  # the state of all; where PyTorch puts it
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)

        def evaluate() -> float:
            with enable_grad():
                loss = closure()
            return float(loss)

        with enable_grad():
            first_loss = closure()
        loss, g, evaluations = float(first_loss), self._gradient(), 1
        state["func_evals"] += 1
        if self._small(g):
            return first_loss
        for iteration in range(1, max_iter + 1):
            state["n_iter"] += 1
            d = self._direction(state, g)
            t = min(1.0, 1.0 / g.abs().sum().array[()]) * lr if state["n_iter"] == 1 else lr
            state.update(d=d, t=t if t is lr else float(t), prev_flat_grad=g.clone(), prev_loss=loss)
            slope = g.dot(d).array[()]
            if slope > -smallest:
                break
            before, calls = loss, 0
            if group["line_search_fn"] is None:
                self._move(t, d)
                if iteration != max_iter:  # nobody would look at another loss
                    loss, g, calls = evaluate(), self._gradient(), 1
            else:
                start = [p.clone() for p in group["params"]]

                def at(t: float, start: list[Tensor] = start, d: Tensor = d) -> Point:
                    self._move(t, d)
                    loss, g = evaluate(), self._gradient()
                    for p, value in zip(group["params"], start, strict=True):
                        p.copy_(value)
                    return Point(t, loss, g, g.dot(d).array[()])

                found, calls = strong_wolfe(
                    at, Point(0.0, loss, g, slope), t, float(d.abs().max()), group["max_eval"] - evaluations
                )
                t, loss, g = found.t, found.loss, found.grad
                self._move(t, d)
                state["t"] = float(t)
            evaluations += calls
            state["func_evals"] += calls
            if (
                evaluations >= group["max_eval"]
                or self._small(g)
                or float((d * t).abs().max()) <= smallest
                or abs(loss - before) < smallest
            ):
                break
        for name in ("d", "t", "old_dirs", "old_stps", "ro", "H_diag", "prev_flat_grad", "prev_loss"):
            state[name] = state.pop(name)  # in PyTorch's order
        return first_loss

    def _direction(self, state: dict[str, Any], g: Tensor) -> Tensor:
        """d = −H g by the two loops of algorithm 7.4; y and s are the differences of gradients and of parameters."""
        if state["n_iter"] == 1:
            state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1)
            return -g
        ys, ss, rhos = state["old_dirs"], state["old_stps"], state["ro"]
        y, s = g - state["prev_flat_grad"], state["d"] * state["t"]
        curvature = y.dot(s)
        if float(curvature) > 1e-10:
            for remembered, new in ((ys, y), (ss, s), (rhos, 1.0 / curvature)):
                if len(remembered) == self.param_groups[0]["history_size"]:
                    del remembered[0]
                remembered.append(new)
            state["H_diag"] = curvature / y.dot(y)
        alphas = state.setdefault("al", [None] * self.param_groups[0]["history_size"])
        d = -g
        for i in reversed(range(len(ys))):
            alphas[i] = ss[i].dot(d) * rhos[i]
            d -= alphas[i] * ys[i]
        d *= state["H_diag"]
        for i in range(len(ys)):
            d += (alphas[i] - ys[i].dot(d) * rhos[i]) * ss[i]
        return d

    def _small(self, g: Tensor) -> bool:
        return float(g.abs().max()) <= float(self.param_groups[0]["tolerance_grad"])

    def _gradient(self) -> Tensor:
        """The gradients of all parameters in one vector; of complex ones both parts, by turns."""
        parts = []
        for p in self.param_groups[0]["params"]:
            g = np.zeros_like(p.array) if p.grad is None else p.grad.array
            parts.append(np.stack([g.real, g.imag], -1).reshape(-1) if g.dtype.kind == "c" else g.reshape(-1))
        return wrap(np.concatenate(parts))

    def _move(self, t: float, d: Tensor) -> None:
        """p ← p + t d, each parameter by its part of d."""
        at = 0
        for p in self.param_groups[0]["params"]:
            part: Any = d.array[at : at + p.array.size * (1 + (p.array.dtype.kind == "c"))]
            at += part.size
            if p.array.dtype.kind == "c":
                part = part[0::2] + 1j * part[1::2]
            p.add_(wrap((t * part).reshape(p.array.shape).astype(p.array.dtype)))


def _number(rate: Any) -> Any:
    return rate.item() if isinstance(rate, Tensor) else rate
