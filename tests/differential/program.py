"""A program: steps that are lines of Python, in which ``torch`` is whichever library runs them."""

from __future__ import annotations

import re
from dataclasses import dataclass

NAME = re.compile(r"\b([a-z]\d+)\b")  # a0, a1, …: the variables of programs


@dataclass(frozen=True)
class Step:
    """One line; within ``torch.no_grad()`` if it is an island."""

    text: str
    island: bool = False

    @property
    def target(self) -> str | None:
        """The variable it assigns, if any."""
        found = re.match(r"([a-z]\d+) = ", self.text)
        return found[1] if found else None

    @property
    def uses(self) -> set[str]:
        """The variables it needs."""
        text = self.text if self.target is None else self.text.split(" = ", 1)[1]
        return set(NAME.findall(text))

    def __str__(self) -> str:
        return f"with torch.no_grad(): {self.text}" if self.island else self.text


@dataclass(frozen=True)
class Program:
    """Steps in order, and where they came from."""

    steps: tuple[Step, ...]
    seed: int = 0

    def __str__(self) -> str:
        return "\n".join(["import torch", *map(str, self.steps)])
