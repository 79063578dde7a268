"""A small GPT that learns to add: "27+58=85". Written for PyTorch; `metagrad run gpt.py` runs it as it is."""

import argparse
import math

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

LETTERS = "0123456789+="
LENGTH = 8  # two digits, +, two digits, =, and the sum's two digits


class RMSNorm(nn.Module):
    def __init__(self, width, eps=1e-6):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight


class CausalSelfAttention(nn.Module):
    def __init__(self, width, heads, length):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)
        self.register_buffer("mask", torch.tril(torch.ones(length, length)).view(1, 1, length, length))

    def forward(self, x):
        batch, length, width = x.size()
        q, k, v = (t.view(batch, length, self.heads, -1).transpose(1, 2) for t in self.qkv(x).split(width, dim=2))
        scores = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
        scores = scores.masked_fill(self.mask[:, :, :length, :length] == 0, float("-inf"))
        y = F.softmax(scores, dim=-1) @ v
        return self.output(y.transpose(1, 2).contiguous().view(batch, length, width))


class Block(nn.Module):
    def __init__(self, width, heads, length):
        super().__init__()
        self.norm1, self.norm2 = RMSNorm(width), RMSNorm(width)
        self.attention = CausalSelfAttention(width, heads, length)
        self.feed_forward = nn.Sequential(nn.Linear(width, 4 * width), nn.ReLU(), nn.Linear(4 * width, width))

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.feed_forward(self.norm2(x))


class GPT(nn.Module):
    def __init__(self, letters, width=128, heads=4, layers=2, length=LENGTH):
        super().__init__()
        self.tokens = nn.Embedding(letters, width)
        self.places = nn.Parameter(torch.zeros(1, length, width))
        self.blocks = nn.ModuleList([Block(width, heads, length) for _ in range(layers)])
        self.norm = RMSNorm(width)
        self.head = nn.Linear(width, letters, bias=False)
        self.head.weight = self.tokens.weight  # one matrix for reading and for writing

    def forward(self, ids, targets=None):
        x = self.tokens(ids) + self.places[:, : ids.size(1)]
        for block in self.blocks:
            x = block(x)
        logits = self.head(self.norm(x))
        if targets is None:
            return logits, None
        return logits, F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1), ignore_index=-1)


def start_from(model, rng):
    """Weights drawn by NumPy, so that every library starts from the same."""
    for name, p in model.named_parameters():
        if "norm" not in name:
            p.data.copy_(torch.from_numpy(rng.normal(0, 0.05, tuple(p.shape)).astype(np.float32)))


def sums(rng, count):
    """Lines such as 27+58=85, as numbers of letters."""
    a = rng.integers(10, 60, count)
    b = rng.integers(10, 40, count)
    return np.array([[LETTERS.index(c) for c in f"{x}+{y}={x + y}"] for x, y in zip(a, b)])


def build(seed=0, batch=64):
    """The model, and a function that does one training step and returns its loss."""
    rng = np.random.default_rng(seed)
    model = GPT(len(LETTERS))
    start_from(model, rng)
    decay = [p for p in model.parameters() if p.dim() >= 2]
    rest = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": decay, "weight_decay": 0.01}, {"params": rest, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.95))
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda n: min(1.0, (n + 1) / 20))

    def step():
        lines = torch.from_numpy(sums(rng, batch))
        x, y = lines[:, :-1].contiguous(), lines[:, 1:].clone()
        y[:, :5] = -1  # only the answer is learned
        _, loss = model(x, y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        return loss.item()

    return model, step


@torch.no_grad()
def accuracy(model, rng, count=200):
    """The share of sums that come out right, written digit by digit."""
    model.eval()
    lines = torch.from_numpy(sums(rng, count))
    ids = lines[:, :6]
    for _ in range(2):
        logits, _ = model(ids)
        ids = torch.cat((ids, logits[:, -1].argmax(-1, keepdim=True)), dim=1)
    return (ids == lines).all(dim=1).float().mean().item()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=600)
    options = parser.parse_args()
    model, step = build()
    for i in range(options.steps):
        print(f"step {i + 1} loss {step():.6f}", flush=True)
    print(f"right: {accuracy(model, np.random.default_rng(1)):.3f}")
