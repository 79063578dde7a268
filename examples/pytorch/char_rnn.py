"""A character RNN that learns a few lines of verse. Written for PyTorch; `metagrad run char_rnn.py` runs it as it is."""

import argparse

import numpy as np
import torch
import torch.nn as nn

TEXT = """How doth the little crocodile improve his shining tail,
And pour the waters of the Nile on every golden scale!
How cheerfully he seems to grin, how neatly spreads his claws,
And welcomes little fishes in, with gently smiling jaws!
"""
LETTERS = sorted(set(TEXT))
NUMBER = {letter: i for i, letter in enumerate(LETTERS)}


class CharRNN(nn.Module):
    def __init__(self, letters, width=128, layers=2):
        super().__init__()
        self.embedding = nn.Embedding(letters, 32)
        self.lstm = nn.LSTM(32, width, num_layers=layers, batch_first=True)
        self.output = nn.Linear(width, letters)

    def forward(self, x, state=None):
        y, state = self.lstm(self.embedding(x), state)
        return self.output(y), state


def start_from(model, rng):
    """Weights drawn by NumPy, so that every library starts from the same."""
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.from_numpy(rng.uniform(-0.1, 0.1, tuple(p.shape)).astype(np.float32)))


def build(seed=0, batch=16, length=48):
    """The model, and a function that does one training step and returns its loss."""
    rng = np.random.default_rng(seed)
    model = CharRNN(len(LETTERS))
    start_from(model, rng)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    criterion = nn.CrossEntropyLoss()
    data = np.array([NUMBER[letter] for letter in TEXT])

    def step():
        starts = rng.integers(0, len(data) - length - 1, batch)
        x = torch.tensor(np.stack([data[s : s + length] for s in starts]))
        y = torch.tensor(np.stack([data[s + 1 : s + length + 1] for s in starts]))
        logits, _ = model(x)
        loss = criterion(logits.reshape(-1, len(LETTERS)), y.reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.item()

    return model, step


@torch.no_grad()
def write(model, first="H", count=100):
    """The likeliest letter, again and again."""
    model.eval()
    text, state = first, None
    for _ in range(count):
        logits, state = model(torch.tensor([[NUMBER[text[-1]]]]), state)
        text += LETTERS[logits[0, -1].argmax().item()]
    return text


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=300)
    options = parser.parse_args()
    model, step = build()
    for i in range(options.steps):
        print(f"step {i + 1} loss {step():.6f}", flush=True)
    print(write(model))
