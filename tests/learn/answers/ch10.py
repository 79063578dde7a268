"""Chapter 10: a solution, and wrong answers with the words of the hint each must get."""

TIME = """
import numpy as np

def recurrent_gradient(x, U, g):
    states = [np.zeros(x.shape[1])]
    for row in x:
        states.append(np.tanh(row + states[-1] @ U))
    dU = np.zeros(U.shape)
    back = 0
    for t in range(len(x) - 1, -1, -1):
        dh = g[t] + back
        da = dh * (1 - states[t + 1] ** 2)
        dU += states[t][:, None] * da
        back = da @ U.T
    return dU
"""
CLIP = """
def clip(grads, most):
    norm = sum((g ** 2).sum() for g in grads) ** 0.5
    if norm <= most:
        return grads
    return [g * (most / norm) for g in grads]
"""
RIGHT = TIME + CLIP
BY_ITSELF = """
def clip(grads, most):
    return [g * min(1, most / (g ** 2).sum() ** 0.5) for g in grads]
"""
CUT_OFF = """
def clip(grads, most):
    return [np.minimum(np.maximum(g, -most), most) for g in grads]
"""
WRONG = [
    ("recurrent_gradient", "Nothing comes back", TIME.replace("g[t] + back", "g[t]") + CLIP),
    ("recurrent_gradient", "past the tanh", TIME.replace(" * (1 - states[t + 1] ** 2)", "") + CLIP),
    ("recurrent_gradient", "the one before", TIME.replace("states[t][:, None]", "states[t + 1][:, None]") + CLIP),
    (
        "clip",
        "by itself",
        TIME + "\ndef clip(grads, most):\n    return [g * min(1, most / (g ** 2).sum() ** 0.5) for g in grads]\n",
    ),
    ("clip", "scaled up", TIME + CLIP.replace("    if norm <= most:\n        return grads\n", "")),
    (
        "clip",
        "was cut off",
        TIME + "\ndef clip(grads, most):\n    return [np.minimum(np.maximum(g, -most), most) for g in grads]\n",
    ),
]
