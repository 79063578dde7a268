"""Reading sentences: how many rows each step has, and where they lie."""

from __future__ import annotations

from collections.abc import Sequence

from metagrad.learn.exercise import Chapter, Exercise, Mistake

Lengths = Sequence[int]


def _sizes(lengths: Lengths) -> list[int]:
    return [sum(n > t for n in lengths) for t in range(max(lengths))]


SIZES = Exercise(
    name="batch_sizes",
    task="""For sequences of these lengths, in any order: how many of them have an element at each step? A list with
    a number for each step, the first one first.""",
    stub="""
def batch_sizes(lengths):
    ...
""",
    line="the number of rows of step t = how many lengths are greater than t, for t = 0, 1, …",
    cases=[([3, 3, 2],), ([1, 4, 2],), ([2, 2],), ([5],)],
    right=_sizes,
    mistakes=[
        Mistake(
            lambda lengths: [sum(n >= t for n in lengths) for t in range(max(lengths))],
            "One step late: a sequence of length 2 has elements at the steps 0 and 1, so it counts where its "
            "length is greater than t.",
        ),
        Mistake(
            lambda lengths: [len(lengths)] * max(lengths),
            "Every sequence was counted at every step. That is padding: the short ones have ended.",
        ),
        Mistake(
            lambda lengths: sorted(lengths, reverse=True),
            "These are the lengths, sorted. What is asked for is a number for each step.",
        ),
    ],
)


def _packed(sequences: Sequence[Sequence[str]], key: bool = True, by_step: bool = True) -> list[str]:
    rows = sorted(sequences, key=len, reverse=True) if key else list(sequences)
    if not by_step:
        return [word for row in rows for word in row]
    return [row[t] for t in range(max(map(len, rows))) for row in rows if len(row) > t]


def _shortest_first(sequences: Sequence[Sequence[str]]) -> list[str]:
    rows = sorted(sequences, key=len)
    return [row[t] for t in range(max(map(len, rows))) for row in rows if len(row) > t]


PACK = Exercise(
    name="pack",
    task="""Pack sequences of words: sort them by length, the longest first (equal ones stay in their order), and
    list their words in the order of the steps: all first words, then all second ones, and so on.""",
    stub="""
def pack(sequences):
    ...
""",
    line="sorted, the longest first; then for each step t the elements t of the sequences that have one",
    cases=[
        ([["a", "b"], ["c", "d", "e"], ["f"]],),
        ([["a"], ["b", "c"]],),
        ([["a", "b", "c"], ["d", "e", "f"], ["g", "h", "i", "j"]],),
    ],
    right=_packed,
    mistakes=[
        Mistake(
            lambda sequences: _packed(sequences, key=False),
            "They were not sorted. Then the sequences that go on do not lie side by side in a step.",
        ),
        Mistake(
            lambda sequences: _packed(sequences, by_step=False),
            "The sentences were laid one behind the other. A step needs its rows side by side: all first words "
            "come first.",
        ),
        Mistake(
            _shortest_first,
            "They were sorted with the shortest first. Then the ones that go on are the last rows, and the states "
            "before them move.",
        ),
    ],
)

CHAPTER = Chapter(12, "How does a network read a sentence?", "book/12_tagger", (SIZES, PACK))
