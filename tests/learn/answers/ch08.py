"""Chapter 8: a solution, and wrong answers with the words of the hint each must get."""

DROPOUT = """
import numpy as np

def dropout(x, drawn, p, training):
    if not training:
        return x
    return np.where(drawn < p, 0, x) / (1 - p)
"""
NORM = """
def layer_norm_gradient(x, g, eps=1e-5):
    r = 1 / np.sqrt(x.var(axis=1, keepdims=True) + eps)
    y = (x - x.mean(axis=1, keepdims=True)) * r
    first = g.mean(axis=1, keepdims=True)
    second = (g * y).mean(axis=1, keepdims=True)
    return r * (g - first - y * second)
"""
RIGHT = DROPOUT + NORM
OVER_EXAMPLES = NORM.replace("g.mean(axis=1", "g.mean(axis=0").replace("(g * y).mean(axis=1", "(g * y).mean(axis=0")
WRONG = [
    ("dropout", "is not scaled", DROPOUT.replace(" / (1 - p)", "") + NORM),
    ("dropout", "not training", DROPOUT.replace("    if not training:\n        return x\n", "") + NORM),
    ("dropout", "divided by p", DROPOUT.replace("(1 - p)", "p") + NORM),
    ("layer_norm_gradient", "taken for constants", DROPOUT + NORM.replace(" - first - y * second", "")),
    ("layer_norm_gradient", "through the deviation", DROPOUT + NORM.replace(" - y * second", "")),
    ("layer_norm_gradient", "through the mean", DROPOUT + NORM.replace(" - first", "")),
    ("layer_norm_gradient", "down the columns", DROPOUT + OVER_EXAMPLES),
]
