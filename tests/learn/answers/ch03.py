"""Chapter 3: a solution, and wrong answers with the words of the hint each must get."""

SUMMED = """
import numpy as np

def summed_to(g, shape):
    while g.ndim > len(shape):
        g = g.sum(axis=0)
    for i, n in enumerate(shape):
        if n == 1:
            g = g.sum(axis=i, keepdims=True)
    return g
"""
LINEAR = """
def linear_gradient(x, w, g):
    dx = g @ w.T
    dw = x.T @ g
    db = g.sum(axis=0)
    return dx, dw, db
"""
ONE = """
import numpy as np

def summed_to(g, shape):
    while g.ndim > len(shape):
        g = g[0]
    for i, n in enumerate(shape):
        if n == 1:
            g = g.take([0], axis=i)
    return g
"""
MEAN = SUMMED.replace(".sum(", ".mean(")
LEADING = """
def summed_to(g, shape):
    while g.ndim > len(shape):
        g = g.sum(axis=0)
    return g
"""
DROPPED = """
def summed_to(g, shape):
    while g.ndim > len(shape):
        g = g.sum(axis=0)
    axes = tuple(i for i in range(g.ndim) if shape[i] == 1 and g.shape[i] > 1)
    return g.sum(axis=axes)
"""
RIGHT = SUMMED + LINEAR
WRONG = [
    ("summed_to", "stretched is not", LEADING + LINEAR),
    ("summed_to", "keepdims", DROPPED + LINEAR),
    ("summed_to", "the mean of what the copies get", MEAN + LINEAR),
    ("summed_to", "one of the copies", ONE + LINEAR),
    ("linear_gradient", "copied to all N rows", SUMMED + LINEAR.replace("g.sum(axis=0)", "g")),
    ("linear_gradient", "mean over the rows", SUMMED + LINEAR.replace("g.sum(axis=0)", "g.mean(axis=0)")),
    ("linear_gradient", "divided by the number of rows", SUMMED + LINEAR.replace("x.T @ g", "x.T @ g / len(g)")),
    ("linear_gradient", "is transposed", SUMMED + LINEAR.replace("x.T @ g", "g.T @ x")),
    ("linear_gradient", "multiplied by w, not by", SUMMED + LINEAR.replace("g @ w.T", "g @ w")),
]
