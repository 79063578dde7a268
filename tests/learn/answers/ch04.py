"""Chapter 4: a solution, and wrong answers with the words of the hint each must get."""

DESCEND = """
import numpy as np

def descend(x, y, w, b, rate, steps):
    for step in range(steps):
        e = w * x + b - y
        dw = 2 * (e * x).mean()
        db = 2 * e.mean()
        w = w - rate * dw
        b = b - rate * db
    return w, b
"""
LIMIT = """
def largest_rate(x):
    X = np.column_stack([x, np.ones(len(x))])
    H = 2 * X.T @ X / len(x)
    return 2 / np.linalg.eigvalsh(H).max()
"""
SEQUENTIAL = DESCEND.replace("        db = 2 * e.mean()\n", "").replace(
    "        b = b - rate * db", "        b = b - rate * 2 * (w * x + b - y).mean()"
)
RIGHT = DESCEND + LIMIT
WRONG = [
    ("descend", "the 2 is missing", DESCEND.replace("2 * ", "") + LIMIT),
    ("descend", "not divided by N", DESCEND.replace(".mean()", ".sum()") + LIMIT),
    ("descend", "uphill", DESCEND.replace("- rate", "+ rate") + LIMIT),
    ("descend", "with the new w", SEQUENTIAL + LIMIT),
    ("largest_rate", "half of it", DESCEND + LIMIT.replace("2 / np", "1 / np")),
    ("largest_rate", "2/λ_min", DESCEND + LIMIT.replace(".max()", ".min()")),
    ("largest_rate", "for w alone", DESCEND + "\ndef largest_rate(x):\n    return 1 / (x ** 2).mean()\n"),
    ("largest_rate", "factor 2/N", DESCEND + LIMIT.replace("2 * X.T @ X / len(x)", "X.T @ X")),
]
