"""Chapter 15: a solution, and wrong answers with the words of the hint each must get."""

INTENSITY = """
def intensity(m, k, n):
    operations = 2 * m * k * n
    numbers = m * k + k * n + m * n
    return operations / (4 * numbers)
"""
ROOF = """
def least_time(operations, moved, calls, peak, bandwidth, call):
    return max(operations / peak, moved / bandwidth, calls * call)
"""
ADDED = """
def least_time(operations, moved, calls, peak, bandwidth, call):
    return operations / peak + moved / bandwidth + calls * call
"""
RIGHT = INTENSITY + ROOF
WRONG = [
    ("intensity", "are two operations", INTENSITY.replace("2 * m", "m") + ROOF),
    ("intensity", "four bytes", INTENSITY.replace("(4 * numbers)", "numbers") + ROOF),
    ("intensity", "must be written", INTENSITY.replace(" + m * n", "") + ROOF),
    ("least_time", "were added up", INTENSITY + ADDED),
    ("least_time", "calls are missing", INTENSITY + ROOF.replace(", calls * call)", ")")),
    ("least_time", "shortest of the three", INTENSITY + ROOF.replace("max(", "min(")),
]
