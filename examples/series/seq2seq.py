"""Sequence to sequence (Sutskever, Vinyals and Le 2014; Cho and others 2014): digits into words.

python examples/series/seq2seq.py

One network reads the digits and ends in a state; another starts from that state and says one word after the other, each time
told the word before: the right one while learning, its own when it is asked. All that the second knows of the number is one
vector.
"""

from metagrad.metrics import bleu
from numerals import BEGIN, DIGITS, WORDS, batch, numbers, spelled, words_of

import metagrad
from metagrad import nn

metagrad.manual_seed(0)
HIDDEN, LONGEST = 96, 14


class Seq2Seq(nn.Module):
    def __init__(self):
        super().__init__()
        self.digits, self.words = nn.Embedding(len(DIGITS), 32), nn.Embedding(len(WORDS), 32)
        self.encoder = nn.GRU(32, HIDDEN, batch_first=True)
        self.decoder = nn.GRU(32, HIDDEN, batch_first=True)
        self.output = nn.Linear(HIDDEN, len(WORDS))

    def encode(self, source):
        """The state after the last digit of each row (1, N, H)."""
        lengths = (source != 0).sum(1)
        digits = nn.utils.rnn.pack_padded_sequence(self.digits(source), lengths, batch_first=True, enforce_sorted=False)
        return self.encoder(digits)[1]

    def forward(self, source, before):
        """Scores of each word (N, T, V), given the word before each (N, T)."""
        return self.output(self.decoder(self.words(before), self.encode(source))[0])

    def say(self, source):
        """The words (N, T) that the model says, each time the most probable."""
        state, word = self.encode(source), metagrad.full((len(source), 1), WORDS[BEGIN])
        said = []
        for _ in range(LONGEST):
            y, state = self.decoder(self.words(word), state)
            word = self.output(y).argmax(-1)
            said.append(word)
        return metagrad.cat(said, 1)


everything = numbers(8000, seed=1)
learn, unseen = everything[:7500], everything[7500:]
model = Seq2Seq()
optimizer = metagrad.optim.Adam(model.parameters(), lr=0.004)
schedule = metagrad.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=20)
criterion = nn.CrossEntropyLoss(ignore_index=0)


def said():
    """What the model says to each unseen number, and what is right."""
    with metagrad.no_grad():
        return [words_of(row) for row in model.say(batch(unseen)[0])], [
            [word for word, _ in spelled(number)] for number in unseen
        ]


for epoch in range(20):
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
    if epoch % 4 == 3:
        words, right = said()
        exact = sum(a == b for a, b in zip(words, right)) / len(right)
        print(f"epoch {epoch + 1}: loss {100 * total / len(learn):.4f}, {exact:.3f} of the unseen numbers right")

words, right = said()
for number, sentence in list(zip(unseen, words))[:3]:
    print(f"{number}: {' '.join(sentence)}")
print(f"BLEU: {bleu(words, [[sentence] for sentence in right]):.4f}")
print(f"exact match: {sum(a == b for a, b in zip(words, right)) / len(right):.4f}")
