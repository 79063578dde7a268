"""The words in which layers and losses refuse what does not fit: those that programs and their tests look for."""

import pytest

import metagrad

MISFITS = {
    "Expected floating point type for target with class probabilities": lambda mg: mg.nn.functional.cross_entropy(
        mg.ones(2, 3), mg.ones(2, 3).long()
    ),
    "expected target dtype to be Long or Byte": lambda mg: mg.nn.functional.cross_entropy(mg.ones(2, 3), mg.ones(2)),
    "Expected input batch_size \\(2\\) to match target batch_size \\(3\\)": lambda mg: mg.nn.functional.cross_entropy(
        mg.ones(2, 3), mg.ones(3).long()
    ),
    "Expected target size \\[2, 4\\], got \\[2, 5\\]": lambda mg: mg.nn.functional.cross_entropy(
        mg.ones(2, 3, 4), mg.ones(2, 5).long()
    ),
    "For 1D input, 1D target must have size 1, but got target size: 2": lambda mg: mg.nn.functional.cross_entropy(
        mg.ones(3), mg.ones(2).long()
    ),
    "multi_margin_loss: target tensor should be 1-D .* Expected target size \\[5\\], but got \\[3\\]": lambda mg: (
        mg.nn.functional.multi_margin_loss(mg.ones(5, 4), mg.ones(3).long())
    ),
    "index out of range in self": lambda mg: mg.nn.functional.embedding(mg.tensor([12]), mg.ones(10, 2)),
    "to have one of the following scalar types: Long, Int": lambda mg: mg.nn.functional.embedding(
        mg.tensor([0.5]), mg.ones(10, 2)
    ),
    "non-empty 3D or 4D \\(batch mode\\) tensor expected for input": lambda mg: mg.nn.functional.max_pool2d(
        mg.ones(3, 4), 2
    ),
    "pad should be at most half of effective kernel size": lambda mg: mg.nn.functional.max_pool2d(
        mg.ones(1, 1, 4, 4), 2, padding=2
    ),
    "hidden1 has inconsistent hidden_size: got 5, expected 4": lambda mg: mg.nn.LSTMCell(3, 4)(
        mg.ones(2, 3), (mg.ones(2, 4), mg.ones(2, 5))
    ),
    "Input batch size 2 doesn't match hidden0 batch size 3": lambda mg: mg.nn.GRUCell(3, 4)(
        mg.ones(2, 3), mg.ones(3, 4)
    ),
    "LSTMCell: Expected hx\\[0\\] to be 1D or 2D, got 4D instead": lambda mg: mg.nn.LSTMCell(3, 4)(
        mg.ones(2, 3), (mg.ones(1, 1, 2, 4),) * 2
    ),
    "RNNCell: Expected hidden to be 1D or 2D, got 3D instead": lambda mg: mg.nn.RNNCell(3, 4)(
        mg.ones(2, 3), mg.ones(1, 2, 4)
    ),
}


@pytest.mark.parametrize("words", MISFITS)
def test_misfits_are_said_in_the_usual_words(words):
    with pytest.raises((RuntimeError, ValueError, IndexError), match=words):
        MISFITS[words](metagrad)


@pytest.mark.oracle
@pytest.mark.parametrize("words", MISFITS)
def test_they_are_pytorchs_words_and_kinds(torch, words):
    with pytest.raises((RuntimeError, ValueError, IndexError), match=words) as theirs:
        MISFITS[words](torch)
    with pytest.raises(theirs.type):
        MISFITS[words](metagrad)
