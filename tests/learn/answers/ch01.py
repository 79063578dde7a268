"""Chapter 1: a solution, and wrong answers with the words of the hint each must get."""

SLOPE = """
def slope(f, x, h=1e-4):
    return (f(x + h) - f(x - h)) / (2 * h)
"""
NEURON = """
import math

def neuron_gradient(x, w, b, target):
    y = math.tanh(w * x + b)
    dy = 2 * (y - target)
    da = dy * (1 - y ** 2)
    return da * x, da
"""
RIGHT = SLOPE + NEURON
WRONG = [
    ("slope", "one side only", "def slope(f, x, h=1e-4):\n    return (f(x + h) - f(x)) / h\n" + NEURON),
    ("slope", "twice the slope", SLOPE.replace("(2 * h)", "h") + NEURON),
    ("slope", "the division is missing", SLOPE.replace(" / (2 * h)", "") + NEURON),
    ("neuron_gradient", "went past the tanh", SLOPE + NEURON.replace(" * (1 - y ** 2)", "")),
    ("neuron_gradient", "the 2 is missing", SLOPE + NEURON.replace("2 * (y", "(y")),
    ("neuron_gradient", "each factor gets the other one", SLOPE + NEURON.replace("da * x", "da * w")),
    ("neuron_gradient", "tanh(a) is y", SLOPE + NEURON.replace("1 - y ** 2", "1 - (w * x + b) ** 2")),
]
