"""Where the time goes: operations for each byte, and the roof over them."""

from __future__ import annotations

from metagrad.learn.exercise import Chapter, Exercise, Mistake


def _intensity(m: int, k: int, n: int) -> float:
    return 2 * m * k * n / (4 * (m * k + k * n + m * n))


INTENSITY = Exercise(
    name="intensity",
    task="""The product of matrices (m, k) and (k, n) of float32: how many operations are done for each byte, if
    both are read once and the result is written once? A multiplication and an addition are two operations.""",
    stub="""
def intensity(m, k, n):
    ...
""",
    line="I = 2 m k n / 4 (m k + k n + m n)",
    cases=[(512, 512, 512), (1, 512, 512), (32, 128, 64)],
    right=_intensity,
    mistakes=[
        Mistake(
            lambda m, k, n: _intensity(m, k, n) / 2,
            "A multiplication and an addition for each of m k n terms are two operations.",
        ),
        Mistake(lambda m, k, n: _intensity(m, k, n) * 4, "These are numbers, not bytes: a float32 has four bytes."),
        Mistake(
            lambda m, k, n: 2 * m * k * n / (4 * (m * k + k * n)),
            "The result must be written, too: m n numbers.",
        ),
    ],
)

ROOF = Exercise(
    name="least_time",
    task="""The least time, in seconds, for something that does so many operations, moves so many bytes and makes so
    many calls one after the other, on a machine with `peak` operations and `bandwidth` bytes a second and `call`
    seconds a call. Moving and computing can go on at the same time, and so can the calls that ask for them: the
    longest of the three counts.""",
    stub="""
def least_time(operations, moved, calls, peak, bandwidth, call):
    ...
""",
    line="time ≥ max(operations/peak, bytes/bandwidth, calls · cost of a call)",
    cases=[(1e9, 1e6, 10, 1e11, 1e10, 1e-6), (1e6, 1e9, 10, 1e11, 1e10, 1e-6), (1e3, 1e3, 1000, 1e11, 1e10, 1e-6)],
    right=lambda operations, moved, calls, peak, bandwidth, call: max(
        operations / peak, moved / bandwidth, calls * call
    ),
    mistakes=[
        Mistake(
            lambda operations, moved, calls, peak, bandwidth, call: (
                operations / peak + moved / bandwidth + calls * call
            ),
            "The three were added up. They go on at the same time; the longest one is the floor.",
        ),
        Mistake(
            lambda operations, moved, calls, peak, bandwidth, call: max(operations / peak, moved / bandwidth),
            "The calls are missing: a thousand small operations are a thousand calls.",
        ),
        Mistake(
            lambda operations, moved, calls, peak, bandwidth, call: min(
                operations / peak, moved / bandwidth, calls * call
            ),
            "The shortest of the three was taken. All of them must be done, so the longest one counts.",
        ),
    ],
)

CHAPTER = Chapter(15, "Where does the time go?", "book/15_time", (INTENSITY, ROOF))
