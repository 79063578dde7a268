"""Makes a program from a seed. What it may do next depends on the tensors it has, so PyTorch runs each step as it is made."""

from __future__ import annotations

from random import Random
from typing import Any

from tests.differential import operations, values
from tests.differential.program import Program, Step
from tests.differential.running import Side

LARGE = 200  # elements: a tensor beyond is not used any further


def _chosen(r: Random, kinds: list[tuple[operations.Operation, int]]) -> operations.Operation:
    return r.choices([kind for kind, _ in kinds], [weight for _, weight in kinds])[0]


RESHAPED = ("t", "unsqueeze", "squeeze", "transpose")  # in place


def may_not_be_hooked(step: Step, name: str) -> bool:
    """Whether a step gave a tensor another shape in place: PyTorch 2.13 crashes when a hook is registered on it then."""
    return any(f"{name}.{op}_(" in step.text for op in RESHAPED)


def may_be_island(kind: operations.Operation, text: str) -> bool:
    """Whether a step can stand under no_grad(): not one that makes a view, or gives a tensor another shape in place."""
    return kind is not operations.viewed and not any(
        f".{name}_(" in text for name in ("t", "unsqueeze", "squeeze", "transpose")
    )


def overlaps_itself(x: Any) -> bool:
    """Whether windows or repetitions show one place in memory more than once."""
    return x.numel() > 1 + sum((n - 1) * s for n, s in zip(x.shape, x.stride(), strict=True))


def shares(x: Any, y: Any) -> bool:
    """Whether two tensors lie in one memory: one that reads what it writes is checked by PyTorch only if there are no gaps."""
    return bool(x.untyped_storage().data_ptr() == y.untyped_storage().data_ptr())


def generate(seed: int, torch: Any) -> Program:
    """The program that belongs to a seed."""
    r = Random(seed)
    side, steps = Side(torch), []
    for _ in range(r.randint(1, 3)):
        steps.append(Step(f"a{len(steps)} = {values.tensor(r)}"))
        side.run(steps[-1])
    for _ in range(r.randint(2, 9)):
        tensors = {name: x for name, x in side.tensors().items() if x.numel() <= LARGE and x.ndim <= 6}
        if not tensors:
            break
        name = r.choice(list(tensors)[-4:])
        kind = _chosen(r, operations.EXPRESSIONS if r.random() < 0.65 else operations.STATEMENTS)
        if kind is operations.written:
            if torch._debug_has_internal_overlap(tensors[name]) == 1 or overlaps_itself(tensors[name]):
                continue  # what comes out of writing there depends on the order
            tensors = {n: x for n, x in tensors.items() if n == name or not shares(x, tensors[name])}
        text = kind(r, name, tensors)
        if "register_hook" in text and any(may_not_be_hooked(step, name) for step in steps):
            continue
        if kind not in [k for k, _ in operations.STATEMENTS]:
            text = f"a{len(steps)} = {text}"
        steps.append(Step(text, island=r.random() < 0.08 and may_be_island(kind, text)))
        side.run(steps[-1])
    last = [n for n, x in side.tensors().items() if x.requires_grad]
    if last and r.random() < 0.8:
        x = side.tensors()[last[-1]]
        loss = f"{last[-1]}.abs()" if x.is_complex() else last[-1]
        steps.append(Step(f"({loss} * {loss}).sum().backward()"))
    return Program(tuple(steps), seed)
