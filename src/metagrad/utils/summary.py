"""``summary``: what a model consists of, seen on one forward pass."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from metagrad.autograd.mode import no_grad
from metagrad.utils._pytree import tensors_in

if TYPE_CHECKING:
    from metagrad.nn.modules.module import Module
    from metagrad.tensors.tensor import Tensor


__all__ = ["Row", "Summary", "summary"]


class Row:
    """One layer: its name and kind, the shape of its output, its own parameters, its output's bytes, its time in ms."""

    def __init__(self, name: str, kind: str, depth: int, parameters: int) -> None:
        self.name, self.kind, self.depth, self.parameters = name, kind, depth, parameters
        self.shape: list[tuple[int, ...]] | None = None
        self.bytes, self.milliseconds, self.calls = 0, 0.0, 0


class Summary:
    """What ``summary`` returns. As text, it is a table; ``rows``, ``parameters`` and the rest are there to compute with."""

    def __init__(self, rows: list[Row], parameters: int, trainable: int, parameter_bytes: int) -> None:
        self.rows, self.parameters, self.trainable, self.parameter_bytes = rows, parameters, trainable, parameter_bytes

    @property
    def activation_bytes(self) -> int:
        """The bytes of the outputs of all layers that have no layers inside."""
        inner = {row.name.rpartition(".")[0] for row in self.rows if row.name}
        return sum(row.bytes for row in self.rows if row.name not in inner)

    @property
    def milliseconds(self) -> float:
        """The time of the forward pass."""
        return self.rows[0].milliseconds

    def __str__(self) -> str:
        lines = [["layer", "output", "parameters", "memory", "time"]]
        for row in self.rows:
            name = row.name.rpartition(".")[2]
            label = "  " * row.depth + (f"{name}: {row.kind}" if name else row.kind)
            shown = [
                _shapes(row.shape),
                f"{row.parameters:,}",
                f"{row.bytes / 1e6:.2f} MB",
                f"{row.milliseconds:.2f} ms",
            ]
            lines.append([label, *(shown if row.calls else ["not used", shown[1], "-", "-"])])
        widths = [max(len(line[i]) for line in lines) for i in range(5)]
        text = []
        for line in lines:
            cells = [
                line[0].ljust(widths[0]),
                line[1].ljust(widths[1]),
                *(c.rjust(w) for c, w in zip(line[2:], widths[2:], strict=True)),
            ]
            text.append("  ".join(cells).rstrip())
        rule = "-" * (sum(widths) + 8)
        total = (
            f"{self.parameters:,} parameters ({self.trainable:,} trainable, {self.parameter_bytes / 1e6:.2f} MB), "
            f"outputs {self.activation_bytes / 1e6:.2f} MB, forward {self.milliseconds:.2f} ms"
        )
        return "\n".join([text[0], rule, *text[1:], rule, total])

    __repr__ = __str__


def _shapes(output: list[tuple[int, ...]] | None) -> str:
    return ", ".join(str(list(shape)) for shape in output or [])


def summary(model: Module, input: Tensor, *more: object, **named: object) -> Summary:
    """Layers, shapes of their outputs, parameters, memory and time, from one forward pass without gradients.

    A parameter is counted where it is registered; one that several layers share counts once in the total.

    >>> import metagrad
    >>> from metagrad import nn
    >>> s = metagrad.summary(nn.Sequential(nn.Linear(4, 8), nn.ReLU()), metagrad.zeros(2, 4))
    >>> s.parameters, [(row.name, row.kind, row.shape) for row in s.rows[1:]]
    (40, [('0', 'Linear', [(2, 8)]), ('1', 'ReLU', [(2, 8)])])
    """
    rows: dict[int, Row] = {}
    handles: list[Any] = []
    began: list[float] = []

    def before(module: Module, args: tuple[Any, ...]) -> None:
        began.append(time.perf_counter())

    def after(module: Module, args: tuple[Any, ...], output: object) -> None:
        row = rows[id(module)]
        row.milliseconds += (time.perf_counter() - began.pop()) * 1e3
        tensors = tensors_in(output)
        row.shape = [tuple(t.shape) for t in tensors]
        row.bytes += sum(t.array.nbytes for t in tensors)
        row.calls += 1

    for name, module in model.named_modules():
        own = sum(p.numel() for p in module.parameters(recurse=False))
        rows[id(module)] = Row(name, type(module).__name__, name.count(".") + 1 if name else 0, own)
        handles += [module.register_forward_pre_hook(before), module.register_forward_hook(after)]
    try:
        with no_grad():
            model(input, *more, **named)
    finally:
        for handle in handles:
            handle.remove()
    parameters = list(model.parameters())
    return Summary(
        list(rows.values()),
        sum(p.numel() for p in parameters),
        sum(p.numel() for p in parameters if p.requires_grad),
        sum(p.array.nbytes for p in parameters),
    )
