"""Chapter 5: a solution, and wrong answers with the words of the hint each must get."""

LOG_SOFTMAX = """
import numpy as np

def log_softmax(z):
    z = z - z.max(axis=1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))
"""
GRADIENT = """
def cross_entropy_gradient(z, t):
    y = np.zeros(z.shape)
    y[range(len(t)), t] = 1
    return (np.exp(log_softmax(z)) - y) / len(t)
"""
RIGHT = LOG_SOFTMAX + GRADIENT
OTHER = """
def safe(z):
    z = z - z.max(axis=1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))
"""  # for the second exercise, when the first one's function is wrong
APART = OTHER + GRADIENT.replace("log_softmax", "safe")
WRONG = [
    (
        "log_softmax",
        "It overflows",
        "import numpy as np\ndef log_softmax(z):\n    e = np.exp(z)\n    return np.log(e / e.sum(axis=1, keepdims=True))\n"
        + APART,
    ),
    (
        "log_softmax",
        "rounded to 0",
        "import numpy as np\ndef log_softmax(z):\n    e = np.exp(z - z.max(axis=1, keepdims=True))\n"
        "    return np.log(e / e.sum(axis=1, keepdims=True))\n" + APART,
    ),
    ("log_softmax", "down the columns", LOG_SOFTMAX.replace("axis=1", "axis=0") + APART),
    (
        "log_softmax",
        "logarithm is asked for",
        LOG_SOFTMAX.replace("return z - np.log(np.exp(z)", "return np.exp(z) / (np.exp(z)") + APART,
    ),
    ("cross_entropy_gradient", "each gets 1/N", LOG_SOFTMAX + GRADIENT.replace(" / len(t)", "")),
    (
        "cross_entropy_gradient",
        "sign is turned",
        LOG_SOFTMAX + GRADIENT.replace("np.exp(log_softmax(z)) - y", "y - np.exp(log_softmax(z))"),
    ),
    ("cross_entropy_gradient", "not yet subtracted", LOG_SOFTMAX + GRADIENT.replace(" - y)", ")")),
    (
        "cross_entropy_gradient",
        "Only the right class",
        LOG_SOFTMAX
        + GRADIENT.replace("return (np.exp(log_softmax(z)) - y)", "return (np.exp(log_softmax(z)) - y) * y"),
    ),
]
