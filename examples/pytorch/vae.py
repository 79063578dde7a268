"""A variational autoencoder of small drawn shapes. Written for PyTorch; `metagrad run vae.py` runs it as it is."""

import argparse

import numpy as np
import torch
from torch import nn, optim
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

SIDE = 16


class VAE(nn.Module):
    def __init__(self, hidden=256, latent=8):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(SIDE * SIDE, hidden), nn.ReLU())
        self.mu, self.logvar = nn.Linear(hidden, latent), nn.Linear(hidden, latent)
        self.decoder = nn.Sequential(nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, SIDE * SIDE))

    def posterior(self, x):
        h = self.encoder(x)
        return Normal(self.mu(h), torch.exp(0.5 * self.logvar(h)))

    def forward(self, x, noise):
        q = self.posterior(x)
        z = q.mean + q.stddev * noise
        return Independent(Bernoulli(logits=self.decoder(z)), 1), q


def start_from(model, rng):
    """Weights drawn by NumPy, so that every library starts from the same."""
    for p in model.parameters():
        p.data = torch.from_numpy(rng.uniform(-0.08, 0.08, tuple(p.shape)).astype(np.float32))


def shapes(rng, count):
    """Filled rectangles, one in each image."""
    place = np.arange(SIDE)
    low, size = rng.integers(0, SIDE - 6, (2, count, 1)), rng.integers(3, 7, (2, count, 1))
    rows, columns = (place >= low) & (place < low + size)
    return (rows[:, :, None] & columns[:, None, :]).astype(np.float32)


def build(seed=0, batch=128):
    """The model, and a function that does one training step and returns its loss."""
    rng = np.random.default_rng(seed)
    model = VAE()
    start_from(model, rng)
    optimizer = optim.Adam(model.parameters(), lr=1e-3)

    def step():
        x = torch.from_numpy(shapes(rng, batch))
        noise = torch.from_numpy(rng.standard_normal((batch, 8)).astype(np.float32))
        p, q = model(x, noise)
        prior = Normal(torch.zeros_like(q.loc), torch.ones_like(q.scale))
        kl = kl_divergence(q, prior).sum(dim=1)
        loss = (kl - p.log_prob(x.flatten(1))).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return model, step


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=500)
    options = parser.parse_args()
    model, step = build()
    for i in range(options.steps):
        print(f"step {i + 1} loss {step():.6f}", flush=True)
    with torch.no_grad():
        picture = torch.sigmoid(model.decoder(torch.zeros(1, 8))).view(SIDE, SIDE)
    print("\n".join("".join(" .:#"[int(v * 3.99)] for v in row) for row in picture.tolist()))
