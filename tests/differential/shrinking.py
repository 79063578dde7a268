"""Cuts a program that shows a difference down to its smallest form: fewer steps, then plainer tensors."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from tests.differential.program import Program, Step
from tests.differential.running import Difference

Shows = Callable[[Program], Difference | None]


def shrink(program: Program, shows: Shows) -> Program:
    """The smallest program found that shows the same kind of difference."""
    first = shows(program)
    assert first is not None
    steps = program.steps[: program.steps.index(first.step) + 1]

    def same(steps: tuple[Step, ...]) -> bool:
        found = shows(Program(steps))
        return found is not None and found.kind == first.kind

    steps = steps if same(steps) else program.steps
    while True:
        smaller = next((s for s in _smaller(steps) if same(s)), None)
        if smaller is None:
            return Program(steps, program.seed)
        steps = smaller


def _smaller(steps: tuple[Step, ...]) -> Iterator[tuple[Step, ...]]:
    """Programs that are a little smaller than this one."""
    for i in reversed(range(len(steps))):
        yield steps[:i] + steps[i + 1 :]
    for i, step in enumerate(steps):
        for text in _plainer(step.text):
            yield (*steps[:i], Step(text, step.island), *steps[i + 1 :])
        if step.island:
            yield (*steps[:i], Step(step.text), *steps[i + 1 :])


NUMBER = re.compile(r"(?<=[\[ (])(-?\d+\.\d+|\(-?\d+\.\d+[+-]\d+\.\d+j\)|-\d+)(?=[\], )])")


def _plainer(text: str) -> Iterator[str]:
    """The same line with plainer tensors: without strides, with fewer rows, with numbers that are 1."""
    for ending in (
        ".requires_grad_()",
        ".flip(0)",
        "[::2]",
        "[1:]",
        ".mT",
        ".transpose(0, 1)",
        "[..., 1:]",
        "[..., ::2]",
    ):
        if text.endswith(ending):
            yield text[: -len(ending)]
        if text.endswith(ending + ".requires_grad_()"):
            yield text[: -len(ending + ".requires_grad_()")] + ".requires_grad_()"
    if " = torch.tensor(" not in text:
        return
    for dtype in ("complex128", "complex64", "float16", "float64"):
        if f"torch.{dtype}" in text and not dtype.startswith("complex"):
            yield text.replace(f"torch.{dtype}", "torch.float32")
    head, data = text.split("(", 1)
    fewer = re.sub(r"\[\[[^\[\]]*\], ", "[", data, count=1)
    if fewer != data:
        yield f"{head}({fewer}"
    for found in NUMBER.finditer(data):
        if found[1] != "1.0" and "j" not in found[1]:
            yield f"{head}({data[: found.start()]}{'1.0' if '.' in found[1] else '1'}{data[found.end() :]}"
