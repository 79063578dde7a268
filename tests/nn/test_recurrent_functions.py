"""Recurrent layers as functions of their weights, as programs call them that put other weights in a layer's place."""

import numpy as np
import pytest

import metagrad as mg

SETTINGS = [(layers, both, bias) for layers in (1, 2) for both in (False, True) for bias in (True, False)]


def answers(lib, cell, layers, both, bias, packed):
    """The output, the final states and the gradient of every weight."""
    rng = np.random.default_rng(0)
    nonlinearity = {"nonlinearity": cell[4:]} if cell.startswith("rnn") else {}
    kind = getattr(lib.nn, cell[:3].upper() if nonlinearity else cell.upper())
    module = kind(3, 4, layers, bias=bias, bidirectional=both, **nonlinearity)
    weights = [lib.tensor(rng.standard_normal(tuple(w.shape)), requires_grad=True) for w in module._flat_weights]
    rows = layers * (2 if both else 1)
    states = [lib.tensor(rng.standard_normal((rows, 2, 4))) for _ in range(2 if cell == "lstm" else 1)]
    hx = states if cell == "lstm" else states[0]
    x = lib.tensor(rng.standard_normal((5, 2, 3)))
    function = getattr(lib._VF, cell)
    if packed:
        steps = lib.nn.utils.rnn.pack_padded_sequence(x, [5, 3])
        found = function(steps.data, steps.batch_sizes, hx, weights, bias, layers, 0.0, True, both)
    else:
        found = function(x.transpose(0, 1), hx, weights, bias, layers, 0.0, True, both, True)
    sum(part.sum() for part in found).backward()
    return [part.detach().tolist() for part in found] + [w.grad.tolist() for w in weights]


@pytest.mark.oracle
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn_tanh", "rnn_relu"])
def test_as_in_pytorch(torch, cell, packed):
    for layers, both, bias in SETTINGS:
        for a, b in zip(
            answers(mg, cell, layers, both, bias, packed), answers(torch, cell, layers, both, bias, packed), strict=True
        ):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


def test_as_the_layer_itself():
    layer, x = mg.nn.GRU(3, 4, 2, bidirectional=True), mg.randn(5, 2, 3)
    output, h = mg.gru(x, mg.zeros(4, 2, 4), layer._flat_weights, True, 2, 0.0, False, True, False)
    expected, h_n = layer(x)
    assert output.equal(expected) and h.equal(h_n)


@pytest.mark.oracle
def test_convolution_by_its_general_name(torch):
    x, w = np.arange(24.0).reshape(1, 2, 3, 4), np.arange(8.0).reshape(2, 1, 2, 2)
    for transposed in (False, True):
        ours, theirs = (
            lib.convolution(lib.tensor(x), lib.tensor(w), None, [2, 1], [1, 0], [1, 1], transposed, [0, 0], 2).tolist()
            for lib in (mg, torch)
        )
        assert ours == theirs


def test_the_state_of_an_lstm_cell_is_a_pair():
    with pytest.raises(TypeError, match="argument 'hx' .* must be tuple of Tensors, not Tensor"):
        mg.nn.LSTMCell(3, 4)(mg.ones(5, 3), mg.ones(5, 4))
