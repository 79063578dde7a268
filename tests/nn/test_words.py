"""The words in which layers and losses refuse what does not fit: those that programs and their tests look for."""

import pytest

import metagrad

KINDS = (RuntimeError, ValueError, IndexError, AssertionError)
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
    "Expected sequence length to be larger than 0 in RNN": lambda mg: mg.nn.LSTM(3, 4)(mg.ones(0, 2, 3)),
    "Padding_idx must be within num_embeddings": lambda mg: mg.nn.functional.embedding(
        mg.tensor([1]), mg.ones(3, 4), padding_idx=3
    ),
    "include_last_offset: number of offset should be at least 1": lambda mg: bag(mg, [1], [], include_last_offset=True),
    "max mode does not support sparse weights": lambda mg: bag(mg, [1], [0], mode="max", sparse=True),
    "offsets has to be a 1D Tensor but got None": lambda mg: bag(mg, [1], None),
    "if input is 2D, then offsets has to be None, as input is treated is a mini-batch": lambda mg: bag(mg, [[1]], [0]),
    "has to start from position 0. However, got 1": lambda mg: bag(mg, [1, 2], [1]),
    "Index 1 of input takes value 7 which is not in the valid range \\[0, 5\\)": lambda mg: bag(mg, [1, 7], [0]),
    "then it must have the same shape as the input \\(\\w+.Size\\(\\[2\\]\\)\\)": lambda mg: bag(
        mg, [1, 2], [0], mode="sum", per_sample_weights=mg.ones(3)
    ),
    "\"binary_cross_entropy\" not implemented for 'Long'": lambda mg: mg.nn.functional.binary_cross_entropy(
        mg.tensor([0, 1]), mg.tensor([0, 1])
    ),
}


def bag(mg, names, offsets, **settings):
    begins = None if offsets is None else mg.tensor(offsets, dtype=mg.int64)
    return mg.nn.functional.embedding_bag(mg.tensor(names), mg.ones(5, 2), begins, **settings)


@pytest.mark.parametrize("words", MISFITS)
def test_misfits_are_said_in_the_usual_words(words):
    with pytest.raises(KINDS, match=words):
        MISFITS[words](metagrad)


@pytest.mark.oracle
@pytest.mark.parametrize("words", MISFITS)
def test_they_are_pytorchs_words_and_kinds(torch, words):
    with pytest.raises(KINDS, match=words) as theirs:
        MISFITS[words](torch)
    with pytest.raises(theirs.type):
        MISFITS[words](metagrad)
