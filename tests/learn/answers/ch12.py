"""Chapter 12: a solution, and wrong answers with the words of the hint each must get."""

SIZES = """
def batch_sizes(lengths):
    sizes = []
    while any(n > len(sizes) for n in lengths):
        sizes.append(len([n for n in lengths if n > len(sizes)]))
    return sizes
"""
PACK = """
def pack(sequences):
    rows = sorted(sequences, key=len, reverse=True)
    packed = []
    for t in range(len(rows[0])):
        for row in rows:
            if t < len(row):
                packed.append(row[t])
    return packed
"""
RIGHT = SIZES + PACK
ALL = """
def batch_sizes(lengths):
    return [len(lengths) for t in range(max(lengths))]
"""
LATE = """
def batch_sizes(lengths):
    return [len([n for n in lengths if n >= t]) for t in range(max(lengths))]
"""
BEHIND = """
def pack(sequences):
    return sum(sorted(sequences, key=len, reverse=True), [])
"""
SHORT_FIRST = PACK.replace("reverse=True", "reverse=False").replace("rows[0]", "rows[-1]")
WRONG = [
    ("batch_sizes", "One step late", LATE + PACK),
    ("batch_sizes", "That is padding", ALL + PACK),
    ("batch_sizes", "the lengths, sorted", "\ndef batch_sizes(lengths):\n    return sorted(lengths)[::-1]\n" + PACK),
    (
        "pack",
        "were not sorted",
        SIZES
        + PACK.replace("sorted(sequences, key=len, reverse=True)", "sequences").replace(
            "len(rows[0])", "max(map(len, rows))"
        ),
    ),
    ("pack", "one behind the other", SIZES + BEHIND),
    ("pack", "the shortest first", SIZES + SHORT_FIRST),
]
