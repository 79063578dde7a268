"""The programs of ``examples/pytorch``, trained a little and exported: onnxruntime's answers are the model's."""

import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.onnx.running import exported

import metagrad
from metagrad import nn

pytest.importorskip("onnx", reason="needs the extra onnx, and onnxruntime")
pytest.importorskip("onnxruntime", reason="needs the extra onnx, and onnxruntime")

FOLDER = Path(__file__).parents[2] / "examples" / "pytorch"


def program(name):
    """A program as a module, with metagrad in PyTorch's place."""
    source = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    source = re.sub(r"^import torch$", "import metagrad as torch", source, flags=re.M)
    source = re.sub(r"^(import|from) torch\b", r"\1 metagrad", source, flags=re.M)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(f"example_{name}", loader=None))
    sys.modules[module.__name__] = module
    exec(compile(source, name, "exec"), module.__dict__)
    return module


def trained(name, steps=5):
    built = program(name).build()
    model, step = built[0], built[1]
    for _ in range(steps):
        step()
    return model.eval()


def test_char_rnn():
    model = trained("char_rnn")
    letters = model.embedding.num_embeddings
    x, other = metagrad.randint(0, letters, (2, 7)), metagrad.randint(0, letters, (5, 3))
    free = {"input_0": {0: "batch", 1: "time"}, "input_1": {1: "batch"}, "input_2": {1: "batch"}}
    exported(model, x, others=[[other]], dynamic_axes=free)
    state = tuple(metagrad.randn(2, 2, 128) for _ in range(2))
    exported(model, x, state, others=[[other, tuple(metagrad.randn(2, 5, 128) for _ in range(2))]], dynamic_axes=free)


def test_gpt():
    model = trained("gpt")
    free = {"input_0": {0: "batch", 1: "time"}}
    exported(model, metagrad.randint(0, 12, (2, 5)), others=[[metagrad.randint(0, 12, (3, 7))]], dynamic_axes=free)
    metagrad.onnx.export(
        model, metagrad.randint(0, 12, (2, 8)), dynamic_axes=free
    )  # it has places for 8 letters, and no more


def test_gpt_with_its_loss():
    model = trained("gpt", 1)
    targets = metagrad.tensor([[1, -1, 3], [-1, -1, 0]])
    other = metagrad.tensor([[1, 2, 3], [0, -1, 0], [4, 4, -1]])
    free = {n: {0: "batch", 1: "time"} for n in ("input_0", "input_1")}
    tokens = metagrad.randint(0, 12, (2, 3))
    exported(model, tokens, targets, others=[[metagrad.randint(0, 12, (3, 3)), other]], dynamic_axes=free)


def test_digits_cnn():
    pytest.importorskip("sklearn")
    model = trained("digits_cnn")
    free = {"input_0": {0: "batch"}}
    exported(model, metagrad.rand(3, 1, 8, 8), others=[[metagrad.rand(10, 1, 8, 8)]], dynamic_axes=free)


class Parameters(nn.Module):
    """What the distributions that a VAE returns are given by."""

    def __init__(self, vae):
        super().__init__()
        self.vae = vae

    def forward(self, x, noise):
        p, q = self.vae(x, noise)
        return p.base_dist.logits, q.loc, q.scale


def test_vae():
    model = Parameters(trained("vae"))
    free = {n: {0: "batch"} for n in ("input_0", "input_1")}
    images = metagrad.tensor(np.random.default_rng(0).random((5, 16, 16), np.float32))
    exported(model, images[:3], metagrad.randn(3, 8), others=[[images, metagrad.randn(5, 8)]], dynamic_axes=free)
