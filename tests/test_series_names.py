"""What programs of the article series write beyond PyTorch's names, where it contradicts nothing."""

import importlib

import numpy as np
import pytest

import metagrad
from metagrad import nn
from metagrad.nn import functional as F


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("loss", "CrossEntropyLoss"),
        ("module", "Linear"),
        ("module", "Module"),
        ("dataset", "Dataset"),
        ("dataset", "TensorDataset"),
        ("dataloader", "DataLoader"),
        ("rnn_utils", "pack_padded_sequence"),
        ("rnn_utils", "pad_sequence"),
        ("metrics", "accuracy"),
        ("functions", "tanh"),
        ("functions", "log_softmax"),
    ],
)
def test_module_paths(path, name):
    assert callable(getattr(importlib.import_module(f"metagrad.{path}"), name))


def test_a_module_saves_and_loads_its_state(tmp_path):
    model, other = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)), nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    model(metagrad.randn(5, 3))
    model.save(tmp_path / "model.pt")
    other.load(tmp_path / "model.pt")
    assert all(
        metagrad.equal(a, b) for a, b in zip(model.state_dict().values(), other.state_dict().values(), strict=True)
    )
    with pytest.raises(RuntimeError, match="size mismatch"):
        nn.Sequential(nn.Linear(4, 2), nn.BatchNorm1d(2)).load(tmp_path / "model.pt")


def test_the_cpu_by_its_other_name():
    x = metagrad.ones(2)
    assert x.to_cpu() is x
    with pytest.raises((RuntimeError, ImportError)):
        x.to_gpu()


def test_arrays_as_gradients():
    x = metagrad.tensor([1.0, 2.0], requires_grad=True)
    (x * x).backward(np.array([1.0, 10.0], np.float32))
    assert x.grad.tolist() == [2.0, 40.0]
    (grad,) = metagrad.autograd.grad(x * 3, x, np.array([1.0, 2.0]))
    assert grad.tolist() == [3.0, 6.0] and grad.dtype is metagrad.float32
    with pytest.raises(RuntimeError, match="shape"):
        (x * x).backward(np.ones(3))


def test_arrays_as_indices_and_masks():
    x = metagrad.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    mask = np.array([[True, False], [False, True]])
    assert x[np.array([1, 0])].tolist() == [[3, 4], [1, 2]]
    assert x[mask].tolist() == x.masked_select(mask).tolist() == [1, 4]
    assert x.masked_fill(mask, 0).tolist() == [[0, 2], [3, 0]]
    assert x.index_select(1, np.array([1])).tolist() == [[2], [4]]
    assert x.gather(1, np.array([[1], [0]])).tolist() == [[2], [3]]
    x.masked_fill(mask, 0).sum().backward()
    assert x.grad.tolist() == [[0, 1], [1, 0]]


def test_targets_that_are_one_hot():
    scores = metagrad.randn(4, 3, dtype=metagrad.float64)
    classes = metagrad.tensor([0, 2, 1, 2])
    one_hot = F.one_hot(classes, 3)
    assert F.cross_entropy(scores, one_hot).item() == F.cross_entropy(scores, classes).item()
    assert (
        F.nll_loss(scores, one_hot, reduction="none").tolist() == F.nll_loss(scores, classes, reduction="none").tolist()
    )
    pictures = metagrad.randn(2, 3, 2, dtype=metagrad.float64)
    assert F.cross_entropy(pictures, F.one_hot(classes.view(2, 2), 3).movedim(2, 1)).item() == pytest.approx(
        F.cross_entropy(pictures, classes.view(2, 2)).item()
    )
    with pytest.raises(ValueError, match="Expected target size|target"):
        F.cross_entropy(scores, metagrad.ones(3, 4, dtype=metagrad.int64))
    with pytest.raises(RuntimeError, match="Expected target size"):
        F.cross_entropy(scores, metagrad.ones(4, 3, dtype=metagrad.int64))  # three classes at once


def test_whole_floats_name_rows_with_a_warning():
    table = metagrad.tensor([[1.0], [2.0], [3.0]])
    with pytest.warns(UserWarning, match="tokens are integers"):
        assert F.embedding(metagrad.tensor([2.0, 0.0]), table).tolist() == [[3], [1]]
    with pytest.raises(RuntimeError, match="one of the following scalar types: Long, Int"):
        F.embedding(metagrad.tensor([0.5]), table)
    assert F.embedding(np.array([1]), table).tolist() == [[2]]


def test_a_gradient_of_integers_is_that_of_floats():
    x = metagrad.Tensor([1, 2, 3], requires_grad=True)
    (x * x).sum().backward()
    assert x.dtype is metagrad.float32 and x.grad.tolist() == [2, 4, 6]
