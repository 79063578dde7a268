"""Chapter 6: a solution, and wrong answers with the words of the hint each must get."""

GROWTH = """
def growth(n, std, layers):
    return (n ** 0.5 * std) ** layers
"""
DEEP = """
import numpy as np

def deep_gradients(x, weights, dy):
    kept = []
    for W in weights:
        y = np.tanh(x @ W)
        kept.append((x, W, y))
        x = y
    found = []
    for x, W, y in reversed(kept):
        da = dy * (1 - y ** 2)
        found.insert(0, x.T @ da)
        dy = da @ W.T
    return found
"""
RIGHT = GROWTH + DEEP
WRONG = [
    ("growth", "factor of the variance", GROWTH.replace("n ** 0.5 * std", "n * std ** 2") + DEEP),
    ("growth", "variances add up", GROWTH.replace("n ** 0.5", "n") + DEEP),
    ("growth", "not a multiple", GROWTH.replace(" ** layers", " * layers") + DEEP),
    ("deep_gradients", "as if it were not there", GROWTH + DEEP.replace(" * (1 - y ** 2)", "")),
    ("deep_gradients", "made of what goes in", GROWTH + DEEP.replace("x.T @ da", "y.T @ da")),
    (
        "deep_gradients",
        "Turn the list round",
        GROWTH + DEEP.replace("found.insert(0, x.T @ da)", "found.append(x.T @ da)"),
    ),
]
