"""Softmax regression: one of ten (McFadden 1974), here digits drawn in 5 x 7 dots and spoilt by noise.

python examples/series/softmax_regression.py

Ten lines at once; the softmax makes their values probabilities, and cross entropy is −ln of the one that is right. Each digit's
weights can be looked at as a picture of what speaks for it (+) and against it (-).
"""

from metagrad.metrics import accuracy, confusion_matrix

import metagrad
from metagrad import nn

metagrad.manual_seed(0)
DOTS = """
.###. ..#.. .###. ##### ...#. ##### ..##. ##### .###. .###.
#...# .##.. #...# ...#. ..##. #.... .#... ....# #...# #...#
#..## ..#.. ....# ..#.. .#.#. ####. #.... ...#. #...# #...#
#.#.# ..#.. ...#. ...#. #..#. ....# ####. ..#.. .###. .####
##..# ..#.. ..#.. ....# ##### ....# #...# .#... #...# ....#
#...# ..#.. .#... #...# ...#. #...# #...# .#... #...# ...#.
.###. .###. ##### .###. ...#. .###. .###. .#... .###. .##..
"""
rows = [line.split() for line in DOTS.strip().splitlines()]
digits = metagrad.tensor([[float(dot == "#") for row in rows for dot in row[digit]] for digit in range(10)])


def pictures(n):
    """Pictures (n, 35): brightness differs, dots are missing or are there by mistake. And which digit each is."""
    labels = metagrad.randint(0, 10, (n,))
    wrong = (metagrad.rand(n, 35) < 0.1).float()
    dots = digits[labels] * (1 - wrong) + (1 - digits[labels]) * wrong
    return dots * (0.5 + metagrad.rand(n, 1)) + 0.5 * metagrad.randn(n, 35), labels


x, labels = pictures(5000)
unseen, truth = pictures(5000)
model = nn.Linear(35, 10)
criterion = nn.CrossEntropyLoss()
optimizer = metagrad.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
print(f"loss before: {criterion(model(x), labels).item():.3f}; of one who knows nothing, ln 10 = 2.303")
for epoch in range(5):
    for batch in metagrad.randperm(len(x)).split(64):
        loss = criterion(model(x[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with metagrad.no_grad():
        print(f"epoch {epoch + 1}: accuracy {accuracy(model(unseen), truth):.4f}")

print("what speaks for a 7:")
for row in model.weight.detach()[7].reshape(7, 5).tolist():
    print("  ", "".join("+" if w > 0.25 else "-" if w < -0.25 else "." for w in row))
confused = confusion_matrix(model(unseen), truth)
confused[range(10), range(10)] = 0
actual, answer = divmod(int(confused.argmax()), 10)
print(f"most often mistaken: {actual} for {answer}, {confused.max()} times")
print(f"accuracy: {accuracy(model(unseen), truth):.4f}")
