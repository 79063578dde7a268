"""The words in which layers and losses refuse what does not fit: those that programs and their tests look for."""

import copy

import numpy as np
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
    "lstm_cell expects two hidden states": lambda mg: mg.nn.LSTMCell(3, 4)(mg.ones(1, 3), (mg.ones(1, 4),)),
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
    "adaptive_max_pool1d.*Expected input to have non-zero size for non-batch dimensions": lambda mg: (
        mg.nn.functional.adaptive_max_pool1d(mg.ones(1, 2, 0), 1)
    ),
    "adaptive_max_pool2d.*Expected input to have non-zero size for non-batch dimensions": lambda mg: (
        mg.nn.functional.adaptive_max_pool2d(mg.ones(1, 0, 3, 3), 1)
    ),
    "In-place leakyReLu backward .* call out-of-place version": lambda mg: in_place(mg, "leaky_relu_", -0.2),
    "In-place elu backward .* please call out-of-place version": lambda mg: in_place(mg, "elu_", -2.0),
    "is triggered with a negative slope which is not supported": lambda mg: in_place(mg, "celu_", -2.0),
    "running_mean must be defined in evaluation mode": lambda mg: mg.nn.functional.batch_norm(
        mg.ones(2, 3), None, None
    ),
    "Expected running_mean and running_var to be defined when use_input_stats is false": lambda mg: (
        mg.nn.functional.instance_norm(mg.ones(2, 3, 4), use_input_stats=False)
    ),
    "Expected weight to be a vector of size equal to the number of channels in input, but got weight of shape \\[3\\]": (
        lambda mg: mg.nn.GroupNorm(1, 3)(mg.ones(2, 4))
    ),
    "Expected key_padded_mask.shape\\[1\\] to be 3, but got 4": lambda mg: attention(
        mg, key_padding_mask=mg.zeros(2, 4)
    ),
    "The shape of the 2D attn_mask is \\w+.Size\\(\\[3, 4\\]\\), but should be \\(3, 3\\)": lambda mg: attention(
        mg, attn_mask=mg.zeros(3, 4)
    ),
    "is invalid for input of size 12": lambda mg: mg.nn.MultiheadAttention(4, 2)(
        mg.ones(3, 2, 4), *[mg.ones(3, 1, 4)] * 2
    ),
    "Provided sizes \\[2, 3\\] don't multiply up to the size of dim 1 \\(5\\)": lambda mg: mg.nn.Unflatten(1, (2, 3))(
        mg.ones(2, 5)
    ),
    "Reached a code path in Module.get_extra_state": lambda mg: mg.nn.ReLU().get_extra_state(),
    "Reached a code path in Module.set_extra_state": lambda mg: mg.nn.ReLU().set_extra_state(1),
    "Expected attn_mask dtype to be bool or float or to match query dtype": lambda mg: (
        mg.nn.functional.scaled_dot_product_attention(*[mg.ones(2, 3, 4)] * 3, attn_mask=mg.zeros(3, 3).long())
    ),
    "Number of heads in key and value must divide the number of heads in": lambda mg: (
        mg.nn.functional.scaled_dot_product_attention(mg.ones(1, 4, 2, 2), *[mg.ones(1, 3, 2, 2)] * 2, enable_gqa=True)
    ),
    "proj_size has to be smaller than hidden_size": lambda mg: mg.nn.LSTM(3, 5, proj_size=5),
    "dropout should be a number in range \\[0, 1\\] representing the probability": lambda mg: mg.nn.GRU(
        3, 4, dropout=1.5
    ),
    "Cannot pack empty tensors": lambda mg: mg.nn.utils.rnn.pack_padded_sequence(mg.zeros(0, 2, 1), [1, 1]),
    'invalid output_size "\\(9, 9\\)" \\(dim 0 must be between 2 and 6\\)': lambda mg: mg.nn.functional.max_unpool2d(
        mg.ones(1, 1, 2, 2), mg.zeros(1, 1, 2, 2).long(), 2, output_size=(9, 9)
    ),
    "Given groups=2, expected weight to be divisible by 2 at dimension 0": lambda mg: mg.nn.functional.conv1d(
        mg.ones(1, 2, 4), mg.ones(3, 1, 2), groups=2
    ),
    "bilinear\\(\\): input1 size does not match weight size: got 3 but expected 2": lambda mg: mg.nn.Bilinear(2, 3, 4)(
        mg.ones(1, 3), mg.ones(1, 3)
    ),
    "max_val \\(1.0\\) must be greater than min_val \\(2.0\\)": lambda mg: mg.nn.Hardtanh(2.0, 1.0),
    "glu does not support scalars because halving size must be even": lambda mg: mg.nn.functional.glu(mg.tensor(1.0)),
    "0D or 1D target tensor expected, multi-target not supported": lambda mg: mg.nn.AdaptiveLogSoftmaxWithLoss(
        4, 6, [2]
    )(mg.ones(3, 4), mg.ones(1, 3).long()),
    "Expected input_lengths to have value at most 5, but got value 6": lambda mg: ctc(mg, (6, 4), (2, 2)),
    "Expected input_lengths to have value at least 0, but got value -4": lambda mg: ctc(mg, (5, -4), (2, 2)),
    "Expected tensor to have size at least 5 at dimension 1, but got size 3 for argument #2 'targets'": lambda mg: ctc(
        mg, (5, 4), (2, 5)
    ),
    "\"ctc_loss_cpu\" not implemented for 'Long'": lambda mg: ctc(mg, (5, 4), (2, 2), mg.int64),
    "log_probs tensor must not be empty": lambda mg: mg.nn.functional.ctc_loss(
        mg.zeros(0, 2, 4), mg.ones(2, 2).long(), (0, 0), (1, 1)
    ),
    "expected torch.Tensor or Tensor-like object from checkpoint but received <class 'numpy.ndarray'>": lambda mg: (
        mg.nn.Linear(2, 2, bias=False).load_state_dict({"weight": np.ones((2, 2))})
    ),
    "support the deepcopy protocol at the moment": lambda mg: copy.deepcopy(mg.ones(1, requires_grad=True) * 2),
}


def in_place(mg, name, slope):
    x = mg.ones(2, requires_grad=True)
    y = getattr(mg.nn.functional, name)(x * -1, slope)  # itself it may be computed
    y.sum().backward()


def attention(mg, **masks):
    x = mg.ones(3, 2, 4)
    return mg.nn.MultiheadAttention(4, 2)(x, x, x, **masks)


def ctc(mg, steps, lengths, dtype=None):
    labels = mg.tensor([[1, 2, 2], [3, 1, 1]])
    return mg.nn.functional.ctc_loss(mg.zeros(5, 2, 4, dtype=dtype), labels, steps, lengths)


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
