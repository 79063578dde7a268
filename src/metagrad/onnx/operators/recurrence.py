"""Recurrent layers, with every setting that ONNX has for them."""

from __future__ import annotations

from typing import Any

import numpy as np

from metagrad.nn import functional as F
from metagrad.onnx.operators import ops as mg
from metagrad.onnx.operators.registry import numbers, operator, tensor

ACTIVATIONS: dict[str, Any] = {
    "relu": lambda x, a, b: mg.relu(x), "tanh": lambda x, a, b: mg.tanh(x), "sigmoid": lambda x, a, b: mg.sigmoid(x),
    "affine": lambda x, a, b: x * a + b, "leakyrelu": lambda x, a, b: F.leaky_relu(x, a),
    "thresholdedrelu": lambda x, a, b: mg.where(x > a, x, mg.zeros_like(x)), "scaledtanh": lambda x, a, b: a * mg.tanh(b * x),
    "hardsigmoid": lambda x, a, b: (x * a + b).clamp(0, 1), "elu": lambda x, a, b: F.elu(x, a),
    "softsign": lambda x, a, b: F.softsign(x), "softplus": lambda x, a, b: F.softplus(x),
}  # fmt: skip
ALPHAS = {"leakyrelu": 0.01, "thresholdedrelu": 1.0, "hardsigmoid": 0.2, "elu": 1.0, "affine": 1.0, "scaledtanh": 1.0}
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
USUAL = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}


class _Cell:
    """One direction of a recurrent layer, step by step."""

    wb: Any  # biases of the input's part and of the state's
    rb: Any

    def __init__(
        self, kind: str, w: Any, r: Any, b: Any, p: Any, activations: list[Any], settings: dict[str, Any]
    ) -> None:
        self.kind, self.w, self.r, self.activations, self.settings = kind, w, r, activations, settings
        hidden = r.shape[1]
        self.wb, self.rb = (None, None) if b is None else b.split([b.shape[0] // 2] * 2)
        self.p = [None] * 3 if p is None else list(p.split([hidden] * 3))

    def step(self, x: Any, h: Any, c: Any) -> tuple[Any, Any]:
        """The new state."""
        clip = self.settings["clip"]
        f = [lambda v, a=a: a(v if clip is None else v.clamp(-clip, clip)) for a in self.activations]
        w = F.linear(x, self.w, self.wb)
        if self.kind == "RNN":
            return f[0](w + F.linear(h, self.r, self.rb)), c
        if self.kind == "GRU":
            return self._gru(w, h, f), c
        gates = w + F.linear(h, self.r, self.rb)
        i, o, forget, cell = gates.chunk(4, 1)
        pi, po, pf = self.p
        i = f[0](i if pi is None else i + pi * c)
        forget = 1 - i if self.settings["input_forget"] else f[0](forget if pf is None else forget + pf * c)
        c = forget * c + i * f[1](cell)
        return f[0](o if po is None else o + po * c) * f[2](c), c

    def _gru(self, w: Any, h: Any, f: list[Any]) -> Any:
        n = self.r.shape[1]
        wz, wr, wh = w.chunk(3, 1)
        rz, rr, rh = self.r.split([n] * 3)
        bz, br, bh = (None,) * 3 if self.rb is None else self.rb.split([n] * 3)
        z, reset = f[0](wz + F.linear(h, rz, bz)), f[0](wr + F.linear(h, rr, br))
        if self.settings["linear_before_reset"]:
            new = f[1](wh + reset * F.linear(h, rh, bh))
        else:
            new = f[1](wh + F.linear(reset * h, rh, bh))
        return (1 - z) * new + z * h


def _chosen(kind: str, names: Any, alphas: Any, betas: Any, directions: int) -> list[list[Any]]:
    names = list(names or USUAL[kind] * directions)
    alphas, betas = list(alphas or []), list(betas or [])
    found = []
    for name in names:
        key = name.lower()
        if key not in ACTIVATIONS:
            raise NotImplementedError(f"{kind} with activation {name}")
        a = alphas.pop(0) if alphas and key in ALPHAS else ALPHAS.get(key, 0.0)
        b = (
            betas.pop(0)
            if betas and key in ("affine", "scaledtanh", "hardsigmoid")
            else 0.5
            if key == "hardsigmoid"
            else 0.0
        )
        found.append(lambda v, key=key, a=a, b=b: ACTIVATIONS[key](v, a, b))
    each = len(found) // directions
    return [found[d * each : (d + 1) * each] for d in range(directions)]


@operator("LSTM", "GRU", "RNN")
def recurrent(
    call: Any, x: Any, w: Any, r: Any, b: Any = None, lengths: Any = None, h0: Any = None, c0: Any = None, p: Any = None, *,
    activation_alpha: Any = None, activation_beta: Any = None, activations: Any = None, clip: Any = None,
    direction: str = "forward", hidden_size: int = 0, input_forget: int = 0, layout: int = 0,
    linear_before_reset: int = 0, output_sequence: int = 0,
) -> Any:  # fmt: skip
    kind, directions = call.kind, w.shape[0]
    if layout:
        x = x.transpose(0, 1)
        h0, c0 = (None if s is None else s.transpose(0, 1) for s in (h0, c0))
    steps, batch, hidden = x.shape[0], x.shape[1], r.shape[2]
    chosen = _chosen(kind, activations, activation_alpha, activation_beta, directions)
    settings = {"clip": clip, "input_forget": input_forget, "linear_before_reset": linear_before_reset}
    each = np.full(batch, steps) if lengths is None else numbers(lengths)
    outputs, hs, cs = [], [], []
    for d in range(directions):
        cell = _Cell(kind, w[d], r[d], None if b is None else b[d], None if p is None else p[d], chosen[d], settings)
        h, c = (mg.zeros(batch, hidden, dtype=x.dtype) if s is None else s[d] for s in (h0, c0))
        backwards = direction == "reverse" or d == 1
        found: list[Any] = [None] * steps
        for t in range(steps)[::-1] if backwards else range(steps):
            new_h, new_c = cell.step(x[t], h, c)
            inside = t < each
            if inside.all():
                h, c, found[t] = new_h, new_c, new_h
            else:
                mask = tensor(inside[:, None])
                h, c = mg.where(mask, new_h, h), mg.where(mask, new_c, c)
                found[t] = mg.where(mask, new_h, mg.zeros_like(new_h))
        outputs.append(mg.stack(found))
        hs.append(h)
        cs.append(c)
    y, h, c = mg.stack(outputs, 1), mg.stack(hs), mg.stack(cs)
    if layout:
        y, h, c = y.permute(2, 0, 1, 3), h.transpose(0, 1), c.transpose(0, 1)
    return (y, h, c) if kind == "LSTM" else (y, h)


# ------------------------------------------------ losses
