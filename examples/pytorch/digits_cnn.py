"""A convolutional network that reads scikit-learn's digits. Written for PyTorch; `metagrad run digits_cnn.py` runs it as it is."""

import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, Dataset


class Digits(Dataset):
    def __init__(self, images, labels):
        self.images = torch.tensor(images, dtype=torch.float32).unsqueeze(1) / 16.0
        self.labels = torch.tensor(labels, dtype=torch.long)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.images[index], self.labels[index]


class CNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, kernel_size=3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.fc1 = nn.Linear(32 * 2 * 2, 64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = F.relu(self.fc1(torch.flatten(x, 1)))
        return F.log_softmax(self.fc2(x), dim=1)


def start_from(model, rng):
    """Weights drawn by NumPy, so that every library starts from the same."""
    state = {
        name: torch.from_numpy(rng.uniform(-0.2, 0.2, tuple(value.shape)).astype(np.float32))
        for name, value in model.state_dict().items()
    }
    model.load_state_dict(state)


def build(seed=0, batch=64):
    """The model, and a function that does one training step and returns its loss."""
    rng = np.random.default_rng(seed)
    digits = load_digits()
    model = CNN()
    start_from(model, rng)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    data = Digits(digits.images[:1500], digits.target[:1500])

    def batches():
        while True:
            yield from DataLoader(data, batch_size=batch, sampler=rng.permutation(len(data)).tolist())

    source = batches()

    def step():
        images, labels = next(source)
        optimizer.zero_grad()
        loss = F.nll_loss(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return model, step


def test(model):
    """Accuracy on the digits held out."""
    digits = load_digits()
    loader = DataLoader(Digits(digits.images[1500:], digits.target[1500:]), batch_size=100)
    model.eval()
    correct = 0
    with torch.no_grad():
        for images, labels in loader:
            pred = model(images).argmax(dim=1, keepdim=True)
            correct += pred.eq(labels.view_as(pred)).sum().item()
    return correct / len(loader.dataset)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=240)
    options = parser.parse_args()
    model, step = build()
    for i in range(options.steps):
        print(f"step {i + 1} loss {step():.6f}", flush=True)
    print(f"accuracy {test(model):.4f}")
