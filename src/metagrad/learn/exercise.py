"""An exercise: what is asked, which line of the derivation it is, what is right, and the mistakes that are known.

A mistake is known by the values it gives. If what a learner wrote agrees with a known mistake in every case, the check can
say what is missing; if it agrees with none, it says which line of the derivation to look at, and the first case that differs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from metagrad.learn.answers import Answer, agree, answer, shown


@dataclass(frozen=True)
class Mistake:
    """What a common mistake gives in each case, and what to say to who made it."""

    gives: Callable[..., object]
    hint: str


def called(written: Callable[..., object], *case: Any) -> object:
    """The usual way to ask: call what the learner wrote."""
    return written(*case)


def called_quietly(written: Callable[..., object], *case: Any) -> object:
    """The same, where a mistake may overflow or divide by 0: NumPy says nothing, and the values tell."""
    with np.errstate(all="ignore"):
        return written(*case)


@dataclass(frozen=True)
class Exercise:
    """One exercise of a chapter.

    =============  ==============================================================================================
    ``name``       of the function or class the learner writes
    ``task``       what is asked, a few plain sentences
    ``stub``       what the file to work in has in its place
    ``line``       the line of the derivation that the code should be
    ``cases``      what it is tried on: a tuple of arguments each
    ``right``      gives the right answer to a case
    ``mistakes``   the known ones, the most telling first
    ``ask``        ask(written, *case): how what was written is asked, where that is not a mere call
    =============  ==============================================================================================
    """

    name: str
    task: str
    stub: str
    line: str
    cases: Sequence[tuple[Any, ...]]
    right: Callable[..., object]
    mistakes: Sequence[Mistake] = ()
    ask: Callable[..., object] = called
    tolerance: float = 1e-5

    def check(self, written: Any) -> str | None:
        """None if what was written is right; else what to say about it."""
        got = [answer(self.ask, written, *case) for case in self.cases]
        want = [answer(self.right, *case) for case in self.cases]
        if self._same(got, want):
            return None
        if all(g.value is None and (g.error is None or isinstance(g.error, NotImplementedError)) for g in got):
            return "It is not written yet: it returns nothing."
        for mistake in self.mistakes:
            if self._same(got, [answer(mistake.gives, *case) for case in self.cases]):
                return f"{mistake.hint}\nThe line that is not yet in the code: {self.line}"
        return self._unknown(got, want)

    def _same(self, some: list[Answer], others: list[Answer]) -> bool:
        return all(agree(a, b, self.tolerance) for a, b in zip(some, others, strict=True))

    def _unknown(self, got: list[Answer], want: list[Answer]) -> str:
        differs = [i for i, (g, w) in enumerate(zip(got, want, strict=True)) if not agree(g, w, self.tolerance)]
        i = differs[0]
        case = ", ".join(map(shown, self.cases[i]))
        right = len(got) - len(differs)
        return (
            f"It is right in {right} of {len(got)} cases. With {case} it gives {got[i]}; it should give {want[i]}.\n"
            f"Look at this line: {self.line}"
        )


@dataclass(frozen=True)
class Chapter:
    """A chapter's exercises. page: where it is in the book, as in ``book/01_gradient``."""

    number: int
    title: str
    page: str
    exercises: Sequence[Exercise] = field(default_factory=tuple)

    def stub(self) -> str:
        """The file to work in."""
        n = self.number
        head = f'"""Chapter {n}: {self.title}\n\nWrite what is missing, then run: metagrad learn check {n}\n"""\n'
        return head + "".join(f"\n\n{_comment(e.task)}\n{e.stub.strip()}\n" for e in self.exercises)


def _comment(text: str) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(" ".join(text.split()), 100, initial_indent="# ", subsequent_indent="# "))
