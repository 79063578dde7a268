"""Chapter 7: a solution, and wrong answers with the words of the hint each must get."""

MOMENTUM = """
import numpy as np

def momentum(w, gradients, rate, mu):
    b = 0
    for g in gradients:
        b = mu * b + g
        w = w - rate * b
    return w
"""
ADAM = """
def adam(w, gradients, rate, beta1=0.9, beta2=0.999):
    m = v = 0
    for t, g in enumerate(gradients, start=1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g ** 2
        w = w - rate * m / (1 - beta1 ** t) / (np.sqrt(v / (1 - beta2 ** t)) + 1e-8)
    return w
"""
RIGHT = MOMENTUM + ADAM
COUNTED_FROM_0 = ADAM.replace("start=1", "start=0").replace("beta1 **", "np.float64(beta1) **")
WRONG = [
    ("momentum", "which makes b a mean", MOMENTUM.replace("mu * b + g", "mu * b + (1 - mu) * g") + ADAM),
    ("momentum", "Nothing is remembered", MOMENTUM.replace("mu * b + g", "mu * 0 + g") + ADAM),
    ("momentum", "uphill", MOMENTUM.replace("w - rate", "w + rate") + ADAM),
    ("adam", "not corrected", MOMENTUM + ADAM.replace(" / (1 - beta1 ** t)", "").replace("v / (1 - beta2 ** t)", "v")),
    ("adam", "gradient's unit", MOMENTUM + ADAM.replace("np.sqrt(v / (1 - beta2 ** t))", "v / (1 - beta2 ** t)")),
    ("adam", "count from 1", MOMENTUM + COUNTED_FROM_0.replace("beta2 **", "np.float64(beta2) **")),
]
