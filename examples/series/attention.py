"""Sequence to sequence with attention (Bahdanau, Cho and Bengio 2015): each word may look back at all the digits.

python examples/series/attention.py

The encoder reads both ways and keeps what it has at each digit. Before each word, the decoder scores them against its state, e
= v · tanh(W s + U h), and is given their mean, weighted by the softmax of the scores. Nobody tells it which digit a word comes
from; here that is known, so where it looks can be judged.
"""

from metagrad.metrics import bleu
from numerals import BEGIN, DIGITS, WORDS, batch, numbers, spelled, words_of

import metagrad
from metagrad import nn

metagrad.manual_seed(0)
HIDDEN, LONGEST = 96, 14


class Attention(nn.Module):
    """The digits' mean for a state, weighted by how well each fits it, and the weights."""

    def __init__(self, state, keys, width=64):
        super().__init__()
        self.of_state, self.of_keys = nn.Linear(state, width), nn.Linear(keys, width, bias=False)
        self.score = nn.Linear(width, 1, bias=False)

    def forward(self, state, keys, projected, missing):
        """state (N, H), keys (N, S, K), what ``of_keys`` makes of them, where there is no digit (N, S)."""
        scores = self.score((self.of_state(state).unsqueeze(1) + projected).tanh()).squeeze(2)
        weights = scores.masked_fill(missing, float("-inf")).softmax(1)
        return (weights.unsqueeze(1) @ keys).squeeze(1), weights


class AttentiveSeq2Seq(nn.Module):
    def __init__(self):
        super().__init__()
        self.digits, self.words = nn.Embedding(len(DIGITS), 32), nn.Embedding(len(WORDS), 32)
        self.encoder = nn.GRU(32, HIDDEN // 2, batch_first=True, bidirectional=True)
        self.attention = Attention(HIDDEN, HIDDEN)
        self.decoder = nn.GRUCell(32 + HIDDEN, HIDDEN)
        self.output = nn.Linear(2 * HIDDEN, len(WORDS))

    def read(self, source):
        """What the decoder needs: its first state, the keys, their projection, and where there is no digit."""
        missing = source == 0
        digits = nn.utils.rnn.pack_padded_sequence(
            self.digits(source), (~missing).sum(1), batch_first=True, enforce_sorted=False
        )
        outputs, last = self.encoder(digits)
        keys, _ = nn.utils.rnn.pad_packed_sequence(outputs, batch_first=True)
        return last.transpose(0, 1).flatten(1), keys, self.attention.of_keys(keys), missing

    def step(self, word, state, *memory):
        """Scores of the next word (N, V), the state after it, and where the decoder looked (N, S)."""
        context, weights = self.attention(state, *memory)
        state = self.decoder(metagrad.cat([self.words(word), context], 1), state)
        return self.output(metagrad.cat([state, context], 1)), state, weights

    def forward(self, source, before):
        """Scores of each word (N, T, V), given the word before each (N, T)."""
        state, *memory = self.read(source)
        scores = []
        for word in before.unbind(1):
            y, state, _ = self.step(word, state, *memory)
            scores.append(y)
        return metagrad.stack(scores, 1)

    def say(self, source):
        """The words that the model says (N, T), and where it looked before each (N, T, S)."""
        state, *memory = self.read(source)
        word, said, looked = metagrad.full((len(source),), WORDS[BEGIN]), [], []
        for _ in range(LONGEST):
            y, state, weights = self.step(word, state, *memory)
            word = y.argmax(1)
            said.append(word)
            looked.append(weights)
        return metagrad.stack(said, 1), metagrad.stack(looked, 1)


everything = numbers(8000, seed=1)
learn, unseen = everything[:7500], everything[7500:]
model = AttentiveSeq2Seq()
optimizer = metagrad.optim.Adam(model.parameters(), lr=0.004)
schedule = metagrad.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=6)
criterion = nn.CrossEntropyLoss(ignore_index=0)


def answers():
    """What the model says to each unseen number, what is right, and where it looked."""
    with metagrad.no_grad():
        said, looked = model.say(batch(unseen)[0])
    return [words_of(row) for row in said], [[word for word, _ in spelled(number)] for number in unseen], looked


for epoch in range(6):
    total = 0.0
    for rows in metagrad.randperm(len(learn)).split(100):
        source, target = batch([learn[row] for row in rows.tolist()])
        loss = criterion(model(source, target[:, :-1]).flatten(0, 1), target[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        total += loss.item()
    schedule.step()
    if epoch % 2:
        said, right, _ = answers()
        exact = sum(a == b for a, b in zip(said, right)) / len(right)
        print(f"epoch {epoch + 1}: loss {100 * total / len(learn):.4f}, {exact:.3f} of the unseen numbers right")

said, right, looked = answers()
print(f"where it looks in {unseen[0]}:")
for word, weights in zip(said[0], looked[0].tolist()):
    print(f"  {word:9}", " ".join(f"{weight:.2f}" for weight in weights[: len(str(unseen[0]))]))
aligned = [
    int(looked[n, t].argmax()) == position
    for n, number in enumerate(unseen)
    if said[n] == right[n]
    for t, (_, position) in enumerate(spelled(number))
    if position is not None
]
print(f"BLEU: {bleu(said, [[sentence] for sentence in right]):.4f}")
print(f"looks at the digit it says: {sum(aligned) / len(aligned):.4f}")
print(f"exact match: {sum(a == b for a, b in zip(said, right)) / len(right):.4f}")
