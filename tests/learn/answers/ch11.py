"""Chapter 11: a solution, and wrong answers with the words of the hint each must get."""

STEP = """
import numpy as np

def lstm_step(a, c):
    i, f, g, o = np.split(a, 4)
    i, f, o = (1 / (1 + np.exp(-z)) for z in (i, f, o))
    c = f * c + i * np.tanh(g)
    return o * np.tanh(c), c
"""
CELL = """
def cell_gradient(dh, dc_next, f, o, c):
    dc = dh * o * (1 - np.tanh(c) ** 2) + dc_next
    return dc, f * dc
"""
RIGHT = STEP + CELL
WRONG = [
    ("lstm_step", "g has a sigmoid", STEP.replace("np.tanh(g)", "1 / (1 + np.exp(-g))") + CELL),
    ("lstm_step", "the tanh between", STEP.replace("o * np.tanh(c), c", "o * c, c") + CELL),
    ("lstm_step", "i and f are exchanged", STEP.replace("i, f, g, o = ", "f, i, g, o = ") + CELL),
    ("lstm_step", "g and o are exchanged", STEP.replace("i, f, g, o = ", "i, f, o, g = ") + CELL),
    ("cell_gradient", "does not vanish", STEP + CELL.replace(" + dc_next", "")),
    ("cell_gradient", "went past the tanh", STEP + CELL.replace(" * (1 - np.tanh(c) ** 2)", "")),
    ("cell_gradient", "Only the share f", STEP + CELL.replace("f * dc", "dc")),
]
