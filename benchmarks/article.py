"""An epoch of the article's program: metagrad against PyTorch, interleaved, medians.

    python benchmarks/article.py [--repeats 5] [--batches 94]

Both sides get the same batches in the same order, and the same initial weights; both do the whole step: forward, loss,
backward, SGD. Sentences are random words, as long as the treebank's: lengths from a log-normal with its median and spread.
"""

import argparse
import statistics
import time

import numpy as np
import torch

import metagrad

EMBEDDING, HIDDEN, LAYERS, DROPOUT, BATCH, WORDS, TAGS = 128, 128, 2, 0.2, 32, 11000, 47


def batches(count):
    rng = np.random.default_rng(0)
    made = []
    for _ in range(count):
        lengths = np.clip(rng.lognormal(np.log(24), 0.5, BATCH).astype(int), 1, 120)
        words = rng.integers(1, WORDS, (BATCH, lengths.max()))
        words[np.arange(words.shape[1]) >= lengths[:, None]] = 0
        made.append((words, np.where(words, rng.integers(1, TAGS, words.shape), 0)))
    return made


def build(library, nn):
    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(WORDS, EMBEDDING, padding_idx=0)
            self.rnn = nn.RNN(EMBEDDING, HIDDEN, LAYERS, batch_first=True, dropout=DROPOUT, bidirectional=True)
            self.output = nn.Linear(2 * HIDDEN, TAGS)

        def forward(self, x):
            return library.log_softmax(self.output(self.rnn(self.embedding(x))[0]), -1)

    model = Tagger()
    return model, library.optim.SGD(model.parameters(), lr=0.1), nn.NLLLoss(ignore_index=0)


def epoch(model, optimizer, criterion, data):
    started = time.perf_counter()
    for x, y in data:
        optimizer.zero_grad()
        criterion(model(x).flatten(0, 1), y.flatten()).backward()
        optimizer.step()
    return time.perf_counter() - started


def main(repeats, count):
    made = batches(count)
    sides = {}
    for library in (torch, metagrad):
        sides[library] = (*build(library, library.nn), [(library.tensor(x), library.tensor(y)) for x, y in made])
    state = {k: metagrad.tensor(v.numpy()) for k, v in sides[torch][0].state_dict().items()}
    sides[metagrad][0].load_state_dict(state)
    times = {library: [] for library in sides}
    for _ in range(repeats + 1):  # the first is a warm-up
        for library, side in sides.items():
            times[library].append(epoch(*side))
    medians = {library.__name__: statistics.median(t[1:]) for library, t in times.items()}
    print(f"{count} batches, {repeats} repeats, {torch.get_num_threads()} threads")
    for name, seconds in medians.items():
        print(f"{name:10} {seconds:8.2f} s")
    print(f"ratio metagrad / torch: {medians['metagrad'] / medians['torch']:.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--batches", type=int, default=94)
    options = parser.parse_args()
    main(options.repeats, options.batches)
