"""Continuous bag of words (Mikolov, Chen, Corrado and Dean 2013): a word from the mean of its neighbours' vectors.

python examples/series/cbow.py

The hidden layer of the older model is gone, and with it the order of the neighbours: a table of vectors, their mean, a softmax.
What is wanted are the vectors themselves, so they are what is scored.
"""

from language import corpus, share_of_analogies, share_of_kin, vocabulary

import metagrad
from metagrad import nn

WINDOW = 2
metagrad.manual_seed(0)
sentences, _ = corpus(8000)
numbers = vocabulary(sentences)
NOBODY = len(numbers)  # stands where a sentence has no word; its vector is zero, and it does not count in the mean


def examples(sentences):
    """The neighbours of each word (N, 2 WINDOW), and the word (N)."""
    contexts, words = [], []
    for sentence in sentences:
        padded = [NOBODY] * WINDOW + [numbers[word] for word in sentence] + [NOBODY] * WINDOW
        for i in range(WINDOW, len(padded) - WINDOW):
            contexts.append(padded[i - WINDOW : i] + padded[i + 1 : i + WINDOW + 1])
            words.append(padded[i])
    return metagrad.tensor(contexts), metagrad.tensor(words)


class CBOW(nn.Module):
    def __init__(self, words, features=24):
        super().__init__()
        self.vectors = nn.EmbeddingBag(words + 1, features, mode="mean", padding_idx=NOBODY)
        self.output = nn.Linear(features, words, bias=False)

    def forward(self, contexts):
        return self.output(self.vectors(contexts))


model = CBOW(len(numbers))
optimizer = metagrad.optim.Adam(model.parameters(), lr=0.005)
criterion = nn.CrossEntropyLoss()
contexts, words = examples(sentences)

for epoch in range(6):
    total = 0.0
    for batch in metagrad.randperm(len(words)).split(256):
        loss = criterion(model(contexts[batch]), words[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(batch)
    print(f"epoch {epoch + 1}: loss {total / len(words):.4f}")

vectors = model.output.weight.detach().numpy()
print(f"nearest noun is kin: {share_of_kin(vectors, numbers):.3f}")
print(f"analogies right: {share_of_analogies(vectors, numbers):.3f}")
