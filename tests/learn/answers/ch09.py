"""Chapter 9: a solution, and wrong answers with the words of the hint each must get."""

LOOKUP = """
import numpy as np

def lookup_gradient(indices, g, rows):
    dE = np.zeros((rows, g.shape[1]))
    for i, row in zip(indices, g):
        dE[i] += row
    return dE
"""
SAMPLING = """
def sampling_gradient(w, c):
    t = np.zeros(len(c))
    t[0] = 1
    ds = 1 / (1 + np.exp(-c @ w)) - t
    return ds @ c, ds[:, None] * w
"""
RIGHT = LOOKUP + SAMPLING
LOOP = "    for i, row in zip(indices, g):\n        dE[i] += row\n"
WRONG = [
    ("lookup_gradient", "only the last one", LOOKUP.replace(LOOP, "    dE[indices] += g\n") + SAMPLING),
    ("lookup_gradient", "averaged", LOOKUP.replace("+= row", "+= row / (indices == i).sum()") + SAMPLING),
    ("lookup_gradient", "a row for each of E's", LOOKUP.replace("return dE", "return dE[indices]") + SAMPLING),
    ("sampling_gradient", "taken for true ones", LOOKUP + SAMPLING.replace("t[0] = 1", "t[:] = 1")),
    (
        "sampling_gradient",
        "sign is turned",
        LOOKUP + SAMPLING.replace("ds @ c, ds[:, None] * w", "-ds @ c, -ds[:, None] * w"),
    ),
    ("sampling_gradient", "hands each the other one", LOOKUP + SAMPLING.replace("ds[:, None] * w", "ds[:, None] * c")),
]
