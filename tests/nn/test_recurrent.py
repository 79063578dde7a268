"""Recurrent layers against PyTorch: names, values, gradients and dtypes over a sweep of settings; and PyTorch's errors."""

import itertools
import warnings

import numpy as np
import pytest

import metagrad
from metagrad import nn
from metagrad.autograd import gradcheck, gradgradcheck
from metagrad.nn.utils import rnn as packing

CELLS = {
    "rnn": ("RNN", {}),
    "rnn relu": ("RNN", {"nonlinearity": "relu"}),
    "lstm": ("LSTM", {}),
    "lstm projected": ("LSTM", {"proj_size": 2}),
    "gru": ("GRU", {}),
}
FLAGS = list(itertools.product([False, True], repeat=5))  # bidirectional, bias, batch_first, unbatched, states given


def tolerance(dtype):
    return {"rtol": 1e-4, "atol": 1e-5} if dtype == "float32" else {"rtol": 1e-9, "atol": 1e-11}


def arrays(value):
    """Nested tensors as a flat list of arrays."""
    if isinstance(value, tuple):
        return [a for v in value for a in arrays(v)]
    return [value.detach().numpy()]


def same(ours, theirs, dtype):
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, **tolerance(dtype))


def pair(torch, name, dtype, *sizes, **settings):
    """The same layer twice, with the same parameters."""
    theirs = getattr(torch.nn, name)(*sizes, dtype=getattr(torch, dtype), **settings)
    ours = getattr(nn, name)(*sizes, dtype=getattr(metagrad, dtype), **settings)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert repr(ours) == repr(theirs)
    ours.load_state_dict({k: metagrad.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    return ours, theirs


def run(library, layer, inputs, states, weights):
    """Outputs, and the gradients of a weighted sum of all of them."""
    x = library.tensor(inputs, requires_grad=True)
    given = [library.tensor(s, requires_grad=True) for s in states]
    hx = () if not given else ((tuple(given),) if len(given) == 2 else (given[0],))
    results = layer(x, *hx)
    flat = list(results[:1]) if isinstance(results, tuple) else [results]
    if isinstance(results, tuple):
        flat += list(results[1]) if isinstance(results[1], tuple) else list(results[1:])
    total = sum(
        (r * library.tensor(w[: r.numel()].reshape(tuple(r.shape)))).sum() for r, w in zip(flat, weights, strict=False)
    )
    total.backward()
    grads = [x.grad, *[s.grad for s in given], *[p.grad for p in layer.parameters()]]
    return [r.detach().numpy() for r in flat], [g.numpy() for g in grads]


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.filterwarnings("ignore:LSTM with projections")  # PyTorch says it takes a slower way
def test_layers_equal_pytorch(cell, layers, dtype):
    torch = pytest.importorskip("torch")
    name, extra = CELLS[cell]
    rng = np.random.default_rng(0)
    for bidirectional, bias, batch_first, unbatched, given in FLAGS:
        settings = {
            "num_layers": layers,
            "bidirectional": bidirectional,
            "bias": bias,
            "batch_first": batch_first,
            **extra,
        }
        ours, theirs = pair(torch, name, dtype, 3, 4, **settings)
        shape = (5, 3) if unbatched else (2, 5, 3) if batch_first else (5, 2, 3)
        rows, middle = layers * (1 + bidirectional), () if unbatched else (2,)
        widths = [extra.get("proj_size", 4), 4][: 2 if name == "LSTM" else 1]
        states = [rng.standard_normal((rows, *middle, w)).astype(dtype) for w in widths] if given else []
        inputs, weights = rng.standard_normal(shape).astype(dtype), rng.standard_normal((3, 200)).astype(dtype)
        results, grads = run(metagrad, ours, inputs, states, weights)
        expected, expected_grads = run(torch, theirs, inputs, states, weights)
        same(results, expected, dtype)
        same(grads, expected_grads, dtype)


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("name", "settings"), [("RNNCell", {}), ("RNNCell", {"nonlinearity": "relu"}), ("LSTMCell", {}), ("GRUCell", {})]
)
def test_cells_equal_pytorch(name, settings, dtype):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    for bias, unbatched, given in itertools.product([False, True], repeat=3):
        ours, theirs = pair(torch, name, dtype, 3, 4, bias=bias, **settings)
        middle = () if unbatched else (2,)
        count = (2 if name == "LSTMCell" else 1) if given else 0
        states = [rng.standard_normal((*middle, 4)).astype(dtype) for _ in range(count)]
        inputs, weights = rng.standard_normal((*middle, 3)).astype(dtype), rng.standard_normal((2, 20)).astype(dtype)

        def both(layer, name=name):
            if name != "LSTMCell":
                return layer
            wrapped = lambda x, *hx: ((r := layer(x, *hx))[0], r[1])  # noqa: E731
            wrapped.parameters = layer.parameters
            return wrapped

        results, grads = run(metagrad, both(ours), inputs, states, weights)
        expected, expected_grads = run(torch, both(theirs), inputs, states, weights)
        same(results, expected, dtype)
        same(grads, expected_grads, dtype)


@pytest.mark.oracle
@pytest.mark.parametrize("lengths", [[6, 4, 1], [4, 1, 6], [3, 3, 3]])
@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("given", [False, True])
def test_packed_sequences_equal_pytorch(name, lengths, given):
    torch = pytest.importorskip("torch")
    ours, theirs = pair(torch, name, "float64", 3, 4, num_layers=2, bidirectional=True)
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((3, max(lengths), 3))
    states = [rng.standard_normal((4, 3, 4)) for _ in range(2 if name == "LSTM" else 1)]
    found = []
    for library, layer in ((metagrad, ours), (torch, theirs)):
        x = library.tensor(inputs, requires_grad=True)
        rnn = library.nn.utils.rnn
        packed = rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=lengths == sorted(lengths)[::-1])
        hx = tuple(library.tensor(s) for s in states)
        arguments = ((hx if len(hx) == 2 else hx[0]),) if given else ()
        output, final = layer(packed, *arguments)
        padded, counts = rnn.pad_packed_sequence(output, batch_first=True)
        assert counts.tolist() == lengths
        final = final if isinstance(final, tuple) else (final,)
        (padded.sin().sum() + sum(s.cos().sum() for s in final)).backward()
        found.append([*arrays((padded, *final)), x.grad.numpy(), *[p.grad.numpy() for p in layer.parameters()]])
    same(*found, "float64")


@pytest.mark.parametrize(
    ("layer", "states"),
    [(nn.RNNCell, 1), (nn.LSTMCell, 2), (nn.GRUCell, 1)],
)
def test_cells_pass_gradcheck_twice(layer, states):
    metagrad.manual_seed(0)
    cell = layer(2, 3, dtype=metagrad.float64)
    x = metagrad.randn(2, 2, dtype=metagrad.float64, requires_grad=True)
    hidden = [metagrad.randn(2, 3, dtype=metagrad.float64, requires_grad=True) for _ in range(states)]
    parameters = [p.detach().requires_grad_() for p in cell.parameters()]

    def function(x, *rest):
        hx, weights = rest[:states], rest[states:]
        for name, value in zip([n for n, _ in cell.named_parameters()], weights, strict=True):
            cell._parameters[name] = value
        return cell(x, hx if states == 2 else hx[0])

    assert gradcheck(function, (x, *hidden, *parameters))
    assert gradgradcheck(function, (x, *hidden, *parameters))


def test_dropout_acts_between_layers_while_training():
    metagrad.manual_seed(0)
    layer = nn.LSTM(4, 8, num_layers=2, dropout=0.5)
    x = metagrad.randn(3, 2, 4)
    assert not layer(x)[0].allclose(layer(x)[0])
    layer.eval()
    assert layer(x)[0].allclose(layer(x)[0])


def test_initial_values_are_uniform_in_one_over_root_hidden():
    metagrad.manual_seed(0)
    values = nn.LSTM(50, 100).weight_hh_l0.detach().numpy()
    assert np.abs(values).max() <= 0.1
    np.testing.assert_allclose([values.mean(), values.std()], [0, 0.1 / 3**0.5], atol=1e-3)


LAYER_ERRORS = [
    ({"dropout": 1.5}, ValueError),
    ({"dropout": True}, ValueError),
    ({"bias": 1}, TypeError),
    ({"batch_first": None}, TypeError),
    ({"input_size": 0}, ValueError),
    ({"hidden_size": 0}, ValueError),
    ({"hidden_size": 2.5}, TypeError),
    ({"num_layers": 0}, ValueError),
    ({"nonlinearity": "sine"}, ValueError),
    ({"proj_size": 2}, ValueError),
]


@pytest.mark.parametrize(("settings", "error"), LAYER_ERRORS)
def test_bad_settings_are_refused(settings, error):
    with pytest.raises(error):
        nn.RNN(**{"input_size": 3, "hidden_size": 4, **settings})


@pytest.mark.oracle
@pytest.mark.parametrize(("settings", "error"), LAYER_ERRORS)
def test_bad_settings_are_refused_as_by_pytorch(settings, error):
    torch = pytest.importorskip("torch")
    with pytest.raises(error):
        torch.nn.RNN(**{"input_size": 3, "hidden_size": 4, **settings})


CALL_ERRORS = {
    "wrong features": ("RNN", lambda z: (z(5, 2, 9),), RuntimeError),
    "four dimensions": ("RNN", lambda z: (z(5, 2, 3, 1),), ValueError),
    "one dimension": ("GRU", lambda z: (z(3),), ValueError),
    "2-D state for 3-D input": ("RNN", lambda z: (z(5, 2, 3), z(1, 4)), RuntimeError),
    "3-D state for 2-D input": ("GRU", lambda z: (z(5, 3), z(1, 2, 4)), RuntimeError),
    "state of another batch": ("RNN", lambda z: (z(5, 2, 3), z(1, 7, 4)), RuntimeError),
    "cell of another batch": ("LSTM", lambda z: (z(5, 2, 3), (z(1, 2, 4), z(1, 7, 4))), RuntimeError),
    "no steps": ("RNN", lambda z: (z(0, 2, 3),), RuntimeError),
    "double input": ("RNN", lambda z: (z(5, 2, 3).double(),), ValueError),
}


@pytest.mark.parametrize("case", CALL_ERRORS)
def test_bad_input_is_refused(case):
    name, make, error = CALL_ERRORS[case]
    with pytest.raises(error):
        getattr(nn, name)(3, 4)(*make(metagrad.zeros))


@pytest.mark.oracle
@pytest.mark.parametrize("case", CALL_ERRORS)
def test_bad_input_is_refused_as_by_pytorch(case):
    torch = pytest.importorskip("torch")
    name, make, error = CALL_ERRORS[case]
    with pytest.raises(error):
        getattr(torch.nn, name)(3, 4)(*make(torch.zeros))


def test_dropout_in_a_single_layer_is_warned_about():
    with pytest.warns(UserWarning, match="num_layers"):
        nn.GRU(3, 4, dropout=0.2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nn.GRU(3, 4, num_layers=2, dropout=0.2)


def test_packing_errors_name_what_is_wrong():
    x = metagrad.zeros(4, 2, 3)
    with pytest.raises(RuntimeError, match="enforce_sorted=False"):
        packing.pack_padded_sequence(x, [2, 3])
    with pytest.raises(RuntimeError, match="greater than 0"):
        packing.pack_padded_sequence(x, [2, 0])
    with pytest.raises(RuntimeError, match="batch_size"):
        packing.pack_padded_sequence(x, [2])
    with pytest.raises(RuntimeError, match="4 steps"):
        packing.pack_padded_sequence(x, [5, 2])
    with pytest.raises(ValueError, match="total_length"):
        packing.pad_packed_sequence(packing.pack_padded_sequence(x, [4, 2]), total_length=3)


def test_padding_round_trips_with_gradients():
    sequences = [metagrad.randn(n, 2, requires_grad=True) for n in (1, 3, 2)]
    packed = packing.pack_sequence(sequences, enforce_sorted=False)
    padded, lengths = packing.pad_packed_sequence(packed, padding_value=-1.0, total_length=4)
    assert padded.shape == (4, 3, 2) and lengths.tolist() == [1, 3, 2]
    assert (padded[3] == -1).all()
    for i, s in enumerate(packing.unpack_sequence(packed)):
        assert s.equal(sequences[i])
    padded.sum().backward()
    for s in sequences:
        assert (s.grad == 1).all()
    left = packing.pad_sequence(sequences, batch_first=True, padding_side="left")
    assert left[0, :2].abs().sum() == 0 and left[0, 2].equal(sequences[0][0])


@pytest.mark.parametrize("kind", "half float double byte char short int long".split())
def test_packed_sequences_are_cast(kind):
    packed = packing.pack_sequence([metagrad.tensor([1, 2, 3]), metagrad.tensor([4])])
    cast = getattr(packed, kind)()
    assert cast.data.dtype == getattr(packed.data, kind)().dtype
    assert getattr(cast, kind)() is cast
    assert cast.batch_sizes is packed.batch_sizes
    np.testing.assert_array_equal(cast.data, [1, 4, 2, 3])


@pytest.mark.filterwarnings("ignore:Complex modules")
@pytest.mark.oracle
@pytest.mark.parametrize(
    ("name", "settings"), [("RNN", {}), ("GRU", {"num_layers": 2}), ("LSTM", {"bidirectional": True})]
)
def test_gradients_of_complex_layers_equal_pytorch(torch, name, settings):
    theirs = getattr(torch.nn, name)(3, 4, **settings).to(torch.complex128)
    own = getattr(nn, name)(3, 4, **settings).to(metagrad.complex128)
    own.load_state_dict({key: metagrad.tensor(value.numpy()) for key, value in theirs.state_dict().items()})
    values = np.random.default_rng(0).standard_normal((5, 2, 3)) * (1 + 0.5j)
    grads = []
    for lib, layer in ((torch, theirs), (metagrad, own)):
        x = lib.tensor(values, requires_grad=True)
        layer(x)[0].abs().sum().backward()
        grads.append([g.detach().numpy() for g in (x.grad, *[p.grad for p in layer.parameters()])])
    for expected, found in zip(*grads, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.filterwarnings("ignore:Complex modules")
def test_a_complex_layer_has_the_gradient_of_finite_differences():
    layer = nn.LSTM(2, 2).to(metagrad.complex128)
    x = metagrad.randn(3, 1, 2, dtype=metagrad.complex128, requires_grad=True)
    assert gradcheck(lambda x: layer(x)[0], x)
    with metagrad.no_grad():
        expected = layer(x)[0]
    assert layer(x)[0].allclose(expected)


def test_a_program_with_a_forward_pass_of_its_own_can_check_its_arguments():
    lstm = nn.LSTM(3, 5, num_layers=2, bidirectional=True, proj_size=4, batch_first=True)
    x, packed, sizes = metagrad.zeros(2, 7, 3), metagrad.zeros(9, 3), metagrad.tensor([3, 3, 2, 1])
    assert lstm.get_expected_hidden_size(x, None) == (4, 2, 4) and lstm.get_expected_cell_size(x, None) == (4, 2, 5)
    assert lstm.get_expected_hidden_size(packed, sizes) == (4, 3, 4)
    h, c = metagrad.arange(32.0).reshape(4, 2, 4), metagrad.zeros(4, 2, 5)
    assert lstm.check_forward_args(x, (h, c), None) is None
    with pytest.raises(RuntimeError, match=r"Expected hidden\[1\] size \(4, 2, 5\), got \[4, 2, 4\]"):
        lstm.check_forward_args(x, (h, h), None)
    with pytest.raises(RuntimeError, match="input must have 2 dimensions, got 3"):
        lstm.check_input(x, sizes)
    with pytest.raises(RuntimeError, match=r"input.size\(-1\) must be equal to input_size. Expected 3, got 4"):
        nn.GRU(3, 5).check_input(metagrad.zeros(7, 2, 4), None)
    with pytest.raises(RuntimeError, match=r"Expected hidden size \(1, 2, 5\), got \[1, 3, 5\]"):
        nn.GRU(3, 5).check_forward_args(metagrad.zeros(7, 2, 3), metagrad.zeros(1, 3, 5), None)
    assert (
        lstm.permute_hidden((h, c), metagrad.tensor([1, 0]))[0].equal(h.flip(1))
        and lstm.permute_hidden((h, c), None)[0] is h
    )
    assert nn.RNN(3, 4).permute_hidden(h, metagrad.tensor([1, 0])).equal(h.flip(1))
