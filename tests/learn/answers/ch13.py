"""Chapter 13: a solution, and wrong answers with the words of the hint each must get."""

BEAM = """
def beam(choices, steps, width):
    kept = [(1.0, ())]
    for _ in range(steps):
        longer = []
        for p, said in kept:
            for word, q in choices(said).items():
                longer.append((p * q, said + (word,)))
        longer.sort(reverse=True)
        kept = longer[:width]
    return kept[0][1]
"""
PRECISION = """
def precision(candidate, reference, n):
    def runs(words):
        return [tuple(words[i:i + n]) for i in range(len(words) - n + 1)]
    mine, theirs = runs(candidate), runs(reference)
    return sum(min(mine.count(run), theirs.count(run)) for run in set(mine)) / len(mine)
"""
RIGHT = BEAM + PRECISION
COUNTED = "min(mine.count(run), theirs.count(run))"
KINDS = PRECISION.replace(COUNTED, "(run in theirs)").replace("len(mine)", "len(set(mine))")
WRONG = [
    ("beam", "Only one beginning", BEAM.replace("longer[:width]", "longer[:1]") + PRECISION),
    ("beam", "last word's probability", BEAM.replace("p * q", "q") + PRECISION),
    ("beam", "least probable", BEAM.replace("reverse=True", "reverse=False") + PRECISION),
    (
        "precision",
        "as often as the candidate says",
        BEAM + PRECISION.replace(COUNTED, "mine.count(run) * (run in theirs)"),
    ),
    ("precision", "Each kind of run", BEAM + KINDS),
    ("precision", "the recall", BEAM + PRECISION.replace("len(mine)", "len(theirs)")),
]
