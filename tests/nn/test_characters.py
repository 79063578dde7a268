"""Words read letter by letter, and dropout that stays the same throughout a sequence."""

import numpy as np
import pytest

import metagrad
from metagrad import nn
from metagrad.autograd import gradcheck, gradgradcheck

LETTERS = metagrad.tensor([[3, 1, 4, 1, 5], [9, 2, 0, 0, 0], [6, 0, 0, 0, 0]])
READERS = [
    lambda: nn.CharacterConvolution(10, 3, 4),
    lambda: nn.CharacterConvolution(10, 3, 4, width=1),
    lambda: nn.CharacterConvolution(10, 3, 4, width=5),
    lambda: nn.CharacterRecurrence(10, 3, 4),
    lambda: nn.CharacterRecurrence(10, 3, 4, cell="gru"),
]


@pytest.mark.parametrize("make", READERS)
def test_a_word_reads_the_same_alone_and_among_longer_ones(make):
    metagrad.manual_seed(0)
    reader = make().double()
    together = reader(LETTERS).detach().numpy()
    assert together.shape == (3, 4)
    for row, length in enumerate((5, 2, 1)):
        alone = reader(LETTERS[row : row + 1, :length]).detach().numpy()
        np.testing.assert_allclose(together[row], alone[0], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("make", READERS)
def test_gradients(make):
    """Against finite differences; the embedding of the padding, row 0, is not learned and so has no gradient."""
    metagrad.manual_seed(1)
    reader = make().double()
    others = [p for p in reader.parameters() if p is not reader.embedding.weight]
    assert gradcheck(lambda *_: reader(LETTERS), others) and gradgradcheck(lambda *_: reader(LETTERS), others)
    (reader(LETTERS) ** 2).sum().backward()
    weight, grad = reader.embedding.weight.array, reader.embedding.weight.grad.numpy()
    assert (grad[0] == 0).all()
    for place in np.ndindex(*weight.shape):
        if place[0]:
            old, values = weight[place], []
            for change in (1e-6, -1e-6):
                weight[place] = old + change
                values.append((reader(LETTERS) ** 2).sum().item())
            weight[place] = old
            assert grad[place] == pytest.approx((values[0] - values[1]) / 2e-6, rel=1e-5, abs=1e-7)


def test_convolution_by_its_definition():
    metagrad.manual_seed(2)
    reader = nn.CharacterConvolution(10, 3, 4).double()
    table, w, b = (p.detach().numpy() for p in (reader.embedding.weight, reader.patterns.weight, reader.patterns.bias))
    for row in LETTERS.numpy():
        word = row[row > 0]
        e = np.concatenate([np.zeros((1, 3)), table[word], np.zeros((1, 3))])
        expected = np.max([np.maximum(w @ e[i : i + 3].ravel() + b, 0) for i in range(len(word))], 0)
        found = reader(metagrad.tensor(word[None])).detach().numpy()[0]
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_words_without_letters_and_bad_settings_are_refused():
    for make in READERS:
        with pytest.raises(ValueError, match="must have a letter"):
            make()(metagrad.tensor([[0, 1]]))
        with pytest.raises(ValueError, match="integers"):
            make()(metagrad.ones(2, 3))
    with pytest.raises(ValueError, match="odd"):
        nn.CharacterConvolution(5, 2, 2, width=2)
    with pytest.raises(ValueError, match="even"):
        nn.CharacterRecurrence(5, 2, 3)
    with pytest.raises(ValueError, match="unknown cell"):
        nn.CharacterRecurrence(5, 2, 2, cell="rnn")


# ------------------------------------------------ dropout


@pytest.mark.parametrize("batch_first", [True, False])
def test_a_feature_is_dropped_for_a_whole_sequence(batch_first):
    metagrad.manual_seed(0)
    x = metagrad.randn(40, 6, 50) + 10
    y = nn.VariationalDropout(0.3, batch_first=True)(x) if batch_first else None
    if y is None:
        y = nn.VariationalDropout(0.3, batch_first=False)(x.transpose(0, 1)).transpose(0, 1)
    zero = (y == 0).numpy()
    assert (zero == zero[:, :1]).all() and 0.25 < zero.mean() < 0.35
    assert (zero[0] != zero[1]).any()
    np.testing.assert_allclose(y.numpy()[~zero], (x / 0.7).numpy()[~zero], rtol=1e-6)


def test_packed_sequences_keep_each_sequences_mask():
    metagrad.manual_seed(0)
    lengths = [3, 5, 1]
    packed = nn.utils.rnn.pack_padded_sequence(metagrad.ones(3, 5, 64), lengths, batch_first=True, enforce_sorted=False)
    filled, found = nn.utils.rnn.pad_packed_sequence(nn.VariationalDropout(0.5)(packed), batch_first=True)
    assert found.tolist() == lengths
    for row, n in zip(filled.numpy(), lengths):
        assert (row[:n] == row[:1]).all() and set(row[0].tolist()) == {0.0, 2.0}


def test_nothing_is_dropped_after_training_and_errors_are_named():
    x = metagrad.ones(2, 3, 4)
    assert nn.VariationalDropout(0.9).eval()(x) is x and nn.VariationalDropout(0.0)(x) is x
    with pytest.raises(ValueError, match="probability"):
        nn.VariationalDropout(1.0)
    with pytest.raises(ValueError, match="3-D"):
        nn.VariationalDropout(0.5)(metagrad.ones(2, 3))
    assert repr(nn.VariationalDropout(0.2, batch_first=False)) == "VariationalDropout(p=0.2, batch_first=False)"
