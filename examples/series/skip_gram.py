"""Skip-gram (Mikolov, Chen, Corrado and Dean 2013): the neighbours of a word from its vector, by a softmax over all words.

python examples/series/skip_gram.py

The other way round than the continuous bag of words: each pair of a word and a neighbour is an example of its own. The loss has
a floor that is not zero, for neighbours are not certain; the vectors are what is wanted.
"""

from language import corpus, pairs, share_of_analogies, share_of_kin, vocabulary

import metagrad
from metagrad import nn
from metagrad.nn import functional as F

metagrad.manual_seed(0)
sentences, _ = corpus(8000)
numbers = vocabulary(sentences)
words, neighbours = map(metagrad.tensor, pairs(sentences, numbers, window=2))

vectors = nn.Embedding(len(numbers), 16)
output = nn.Linear(16, len(numbers), bias=False)
optimizer = metagrad.optim.Adam([*vectors.parameters(), *output.parameters()], lr=0.005)

for epoch in range(10):
    total = 0.0
    for batch in metagrad.randperm(len(words)).split(512):
        loss = F.cross_entropy(output(vectors(words[batch])), neighbours[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(batch)
    print(f"epoch {epoch + 1}: loss {total / len(words):.4f}")

learned = vectors.weight.detach().numpy()
print(f"nearest noun is kin: {share_of_kin(learned, numbers):.3f}")
print(f"analogies right: {share_of_analogies(learned, numbers):.3f}")
