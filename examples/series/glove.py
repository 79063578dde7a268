"""GloVe (Pennington, Socher and Manning 2014): vectors whose products are the logarithms of how often words stand together.

python examples/series/glove.py

The text is read once, into a matrix of counts X, a neighbour at distance d counting 1/d. Then J = Σ f(X) (w·c + b + b′ − ln X)²
is made small over the pairs that occur, f(x) = min(1, (x / x_max)^¾), by AdaGrad. The sum w + c is what is used.
"""

import numpy as np
from language import corpus, pairs, share_of_analogies, share_of_kin, vocabulary

import metagrad
from metagrad import nn

metagrad.manual_seed(0)
sentences, _ = corpus(8000)
numbers = vocabulary(sentences)
counts = np.zeros((len(numbers), len(numbers)))
before = np.zeros_like(counts)
for distance in (1, 2, 3):  # pairs within a window, less those within the next smaller one
    within = np.zeros_like(counts)
    np.add.at(within, tuple(pairs(sentences, numbers, distance)), 1)
    counts += (within - before) / distance
    before = within

words, neighbours = map(metagrad.tensor, np.nonzero(counts))
values = metagrad.tensor(counts[counts > 0])
logarithms, weights = values.log().float(), (values / 100).clamp(max=1).pow(0.75).float()

FEATURES = 24
w, c = nn.Embedding(len(numbers), FEATURES), nn.Embedding(len(numbers), FEATURES)
b, b_context = nn.Embedding(len(numbers), 1), nn.Embedding(len(numbers), 1)
parameters = [p for table in (w, c, b, b_context) for p in table.parameters()]
for p in parameters:
    nn.init.uniform_(p, -0.5 / FEATURES, 0.5 / FEATURES)
optimizer = metagrad.optim.Adagrad(parameters, lr=0.1)

for epoch in range(60):
    total = 0.0
    for batch in metagrad.randperm(len(words)).split(128):
        i, j = words[batch], neighbours[batch]
        error = (w(i) * c(j)).sum(1) + (b(i) + b_context(j)).squeeze(1) - logarithms[batch]
        loss = (weights[batch] * error**2).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    if epoch % 10 == 9:
        print(f"epoch {epoch + 1}: J / pairs {total / len(words):.5f}")

learned = (w.weight + c.weight).detach().numpy()
print(f"nearest noun is kin: {share_of_kin(learned, numbers):.3f}")
print(f"analogies right: {share_of_analogies(learned, numbers):.3f}")
