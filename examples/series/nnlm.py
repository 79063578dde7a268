"""A neural probabilistic language model (Bengio, Ducharme, Vincent and Jauvin 2003): the next word from the four before it.

python examples/series/nnlm.py

Each of the four words is looked up in one table of vectors; a hidden layer sees the four vectors side by side; a softmax over
all words is the answer. What the table holds afterwards was learned by the way: words that behave alike have vectors alike.
"""

from language import corpus, share_of_kin, vocabulary
from metagrad.metrics import perplexity

import metagrad
from metagrad import nn

BEFORE = 4
metagrad.manual_seed(0)
sentences, floor = corpus(6000)
numbers = vocabulary(sentences)
PADDING = len(numbers)  # a word of its own, which stands before the first


def examples(sentences):
    """The BEFORE words before each word (N, BEFORE), and the word (N)."""
    contexts, words = [], []
    for sentence in sentences:
        padded = [PADDING] * BEFORE + [numbers[word] for word in sentence]
        for i in range(BEFORE, len(padded)):
            contexts.append(padded[i - BEFORE : i])
            words.append(padded[i])
    return metagrad.tensor(contexts), metagrad.tensor(words)


class NNLM(nn.Module):
    def __init__(self, words, features=24, hidden=64):
        super().__init__()
        self.vectors = nn.Embedding(words + 1, features)
        self.hidden = nn.Linear(BEFORE * features, hidden)
        self.output = nn.Linear(hidden, words)

    def forward(self, contexts):
        return self.output(self.hidden(self.vectors(contexts).flatten(1)).tanh())


model = NNLM(len(numbers))
optimizer = metagrad.optim.Adam(model.parameters(), lr=0.005)
criterion = nn.CrossEntropyLoss()
contexts, words = examples(sentences[:5000])
held_out_contexts, held_out_words = examples(sentences[5000:])

for epoch in range(5):
    for batch in metagrad.randperm(len(words)).split(256):
        loss = criterion(model(contexts[batch]), words[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with metagrad.no_grad():
        found = perplexity(model(held_out_contexts), held_out_words)
    print(f"epoch {epoch + 1}: perplexity {found:.2f} on sentences held out")

alone = metagrad.bincount(words, minlength=len(numbers)).double()
print(f"by how often words occur alone: {perplexity(alone.log().expand(len(held_out_words), -1), held_out_words):.1f}")
print(f"for one who knows the grammar: {floor:.2f}")
print(f"nearest noun is kin: {share_of_kin(model.output.weight.detach().numpy(), numbers):.3f}")
print(f"perplexity over the grammar's: {found / floor:.3f}")
