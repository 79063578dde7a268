"""Chapter 14: a solution, and wrong answers with the words of the hint each must get."""

CAUSAL = """
import numpy as np

def causal_attention(Q, K, V):
    S = Q @ K.T / Q.shape[1] ** 0.5
    for t in range(len(S)):
        S[t, t + 1 :] = -np.inf
    P = np.exp(S - S.max(axis=1, keepdims=True))
    P /= P.sum(axis=1, keepdims=True)
    return P @ V
"""
SCORES = """
def score_gradient(P, dP):
    return P * (dP - (P * dP).sum(axis=1, keepdims=True))
"""
RIGHT = CAUSAL + SCORES
HIDE = "    for t in range(len(S)):\n        S[t, t + 1 :] = -np.inf\n"
WRONG = [
    ("causal_attention", "the later ones too", CAUSAL.replace(HIDE, "") + SCORES),
    ("causal_attention", "not divided by", CAUSAL.replace(" / Q.shape[1] ** 0.5", "") + SCORES),
    (
        "causal_attention",
        "after the softmax",
        CAUSAL.replace(HIDE, "").replace("return P @ V", "return np.tril(P) @ V") + SCORES,
    ),
    ("causal_attention", "does not see itself", CAUSAL.replace("t + 1 :", "t:") + SCORES),
    ("score_gradient", "the others lose", CAUSAL + "\ndef score_gradient(P, dP):\n    return P * dP\n"),
    ("score_gradient", "plain mean", CAUSAL + SCORES.replace("(P * dP).sum(", "dP.mean(")),
    ("score_gradient", "sigmoid's slope", CAUSAL + "\ndef score_gradient(P, dP):\n    return P * (1 - P) * dP\n"),
]
