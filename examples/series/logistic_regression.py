"""Logistic regression: how probable is yes? (Berkson 1944, Cox 1958).

python examples/series/logistic_regression.py

Two clouds of points overlap, so nobody can be right always; the best that can be done follows from how they were drawn. A line
and a sigmoid get there, and their probabilities can be believed: of the points said to be 70 % positive, about 70 % are.
"""

from metagrad.metrics import accuracy

import metagrad
from metagrad import nn

metagrad.manual_seed(0)
DISTANCE = metagrad.tensor([1.5, 1.0])  # between the centres; both clouds have unit variance


def points(n):
    labels = (metagrad.rand(n) < 0.5).float()
    return metagrad.randn(n, 2) + (labels - 0.5).unsqueeze(1) * DISTANCE, labels


x, labels = points(4000)
model = nn.Linear(2, 1)
criterion = nn.BCEWithLogitsLoss()  # −t ln σ(z) − (1 − t) ln (1 − σ(z)), with no logarithm of a rounded zero
optimizer = metagrad.optim.SGD(model.parameters(), lr=1.0)
for step in range(200):
    loss = criterion(model(x).squeeze(1), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 40 == 0:
        print(f"step {step}: loss {loss.item():.4f}")

unseen, truth = points(20000)
with metagrad.no_grad():
    p = model(unseen).squeeze(1).sigmoid()
best = (unseen @ DISTANCE > 0).float()  # ln p(1|x) / p(0|x) = x · distance: by Bayes' rule
print(f"weights {[round(w, 2) for w in model.weight[0].tolist()]}, by Bayes' rule {DISTANCE.tolist()}")
for low in (0.1, 0.3, 0.5, 0.7):
    here = (p >= low) & (p < low + 0.2)
    print(f"said {p[here].mean().item():.2f}: positive {truth[here].mean().item():.2f}")
print(f"accuracy: {accuracy((p > 0.5).float(), truth):.4f}")
print(f"accuracy of the best rule there is: {accuracy(best, truth):.4f}")
