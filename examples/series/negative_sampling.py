"""Skip-gram with negative sampling (Mikolov, Sutskever, Chen, Corrado and Dean 2013): true pairs told from made-up ones.

python examples/series/negative_sampling.py

A softmax over all words costs as many products as there are words. Here each true pair (w, c) is set against K pairs of w and a
word drawn at random, p ∝ count^¾, and the loss is −ln σ(w·c) − Σ ln σ(−w·cₖ): K + 1 products, however large the vocabulary.
Levy and Goldberg (2014) showed what w·c comes to be: the pointwise mutual information of the two words, less ln K.
"""

import numpy as np
from language import corpus, pairs, share_of_analogies, share_of_kin, vocabulary

import metagrad
from metagrad import nn
from metagrad.nn import functional as F

K = 5
metagrad.manual_seed(0)
sentences, _ = corpus(8000)
numbers = vocabulary(sentences)
all_pairs = pairs(sentences, numbers, window=2)
words, neighbours = map(metagrad.tensor, all_pairs)
noise = metagrad.bincount(neighbours, minlength=len(numbers)).float() ** 0.75

vectors, contexts = nn.Embedding(len(numbers), 24), nn.Embedding(len(numbers), 24)
nn.init.zeros_(contexts.weight)
optimizer = metagrad.optim.Adam([*vectors.parameters(), *contexts.parameters()], lr=0.01)

for epoch in range(5):
    total = 0.0
    for batch in metagrad.randperm(len(words)).split(512):
        made_up = metagrad.multinomial(noise, len(batch) * K, replacement=True).reshape(-1, K)
        w = vectors(words[batch]).unsqueeze(2)  # (N, 24, 1)
        true = (contexts(neighbours[batch]).unsqueeze(1) @ w).flatten()
        false = (contexts(made_up) @ w).squeeze(2)
        loss = -F.logsigmoid(true).mean() - F.logsigmoid(-false).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(batch)
    print(f"epoch {epoch + 1}: loss {total / len(words):.4f}")

learned, of_contexts = (table.weight.detach().numpy() for table in (vectors, contexts))
together = np.zeros((len(numbers), len(numbers)))
np.add.at(together, tuple(all_pairs), 1)
often = together >= 20
share = noise.numpy() / noise.numpy().sum()
expected = together.sum(1, keepdims=True) * share
information = np.log(together[often] / expected[often])
correlation = np.corrcoef((learned @ of_contexts.T)[often], information)[0, 1]
print(f"correlation with the mutual information: {correlation:.3f}")
print(f"nearest noun is kin: {share_of_kin(learned, numbers):.3f}")
print(f"analogies right: {share_of_analogies(learned, numbers):.3f}")
