"""The program metagrad began with: a stacked, bidirectional RNN that tags parts of speech on NLTK's Penn Treebank sample.

    pip install -e ".[tagger]" && python examples/article.py

Trains on the first 3,000 sentences and tests on the other 914, for ten epochs. One thing is done otherwise than in the
article: its vocabulary counts the test words too, so that none is unknown; here it is made from the training sentences.
"""

import argparse

import nltk
from tqdm import tqdm

import metagrad
from metagrad import functions as F
from metagrad import nn, optim
from metagrad.nn.utils.rnn import pad_sequence
from metagrad.utils.data import DataLoader

EMBEDDING, HIDDEN, LAYERS, DROPOUT = 128, 128, 2, 0.2
LEARNING_RATE, BATCH_SIZE = 0.1, 32
PAD, UNKNOWN = 0, 1


class Tagger(nn.Module):
    """A vector for each word, two layers that read the sentence both ways, and a score for each tag."""

    def __init__(self, words, tags):
        super().__init__()
        self.embedding = nn.Embedding(words, EMBEDDING, padding_idx=PAD)
        self.rnn = nn.RNN(EMBEDDING, HIDDEN, LAYERS, batch_first=True, dropout=DROPOUT, bidirectional=True)
        self.output = nn.Linear(2 * HIDDEN, tags)

    def forward(self, x):
        h, _ = self.rnn(self.embedding(x))
        return F.log_softmax(self.output(h), axis=-1)


def encode(sentences, words, tags):
    """Each sentence as two tensors: numbers of its words, numbers of its tags."""
    return [
        (
            metagrad.tensor([words.get(word, UNKNOWN) for word, _ in sentence]),
            metagrad.tensor([tags.get(tag, PAD) for _, tag in sentence]),
        )
        for sentence in sentences
    ]


def collate(batch):
    words, tags = zip(*batch)
    return pad_sequence(words, batch_first=True), pad_sequence(tags, batch_first=True)


def accuracy(model, loader):
    model.eval()
    right = total = 0
    with metagrad.no_grad():
        for words, tags in loader:
            real = words != PAD
            right += ((model(words).argmax(-1) == tags) & real).sum().item()
            total += real.sum().item()
    return right / total


def main(epochs):
    metagrad.manual_seed(0)
    try:
        sentences = list(nltk.corpus.treebank.tagged_sents())
    except LookupError:
        nltk.download("treebank")
        sentences = list(nltk.corpus.treebank.tagged_sents())
    train, test = sentences[:3000], sentences[3000:]
    words = {word: i for i, word in enumerate(sorted({w for s in train for w, _ in s}), start=2)}
    tags = {tag: i for i, tag in enumerate(sorted({t for s in train for _, t in s}), start=1)}
    train_loader = DataLoader(encode(train, words, tags), BATCH_SIZE, shuffle=True, collate_fn=collate)
    test_loader = DataLoader(encode(test, words, tags), BATCH_SIZE, collate_fn=collate)

    model = Tagger(len(words) + 2, len(tags) + 1)
    optimizer = optim.SGD(model.parameters(), lr=LEARNING_RATE)
    criterion = nn.NLLLoss(ignore_index=PAD)  # the padding is masked: it does not count
    for epoch in range(1, epochs + 1):
        model.train()
        for x, y in tqdm(train_loader, desc=f"epoch {epoch}", leave=False):
            optimizer.zero_grad()
            loss = criterion(model(x).flatten(0, 1), y.flatten())
            loss.backward()
            optimizer.step()
        print(
            f"epoch {epoch:2}   loss {loss.item():.3f}   test accuracy {accuracy(model, test_loader):.4f}", flush=True
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=10)
    main(parser.parse_args().epochs)
