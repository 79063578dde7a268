"""Files loaded again: what metagrad wrote, and what PyTorch's own exporter wrote."""

import io
import warnings

import numpy as np
import pytest
from tests.onnx.layer_cases import CELLS, LAYERS, other_batch
from tests.onnx.running import arrays_of

import metagrad
from metagrad import nn
from metagrad.nn import functional as F

onnx = pytest.importorskip("onnx", reason="needs the extra onnx, and onnxruntime")
helper, TensorProto = onnx.helper, onnx.TensorProto


@pytest.mark.parametrize("name", LAYERS)
def test_there_and_back(name):
    """A layer exported and loaded gives what it gave, also for another batch."""
    metagrad.manual_seed(0)
    model, *args = LAYERS[name]
    model.eval()
    free = {f"input_{i}": {0: "batch"} for i in range(len(args))}
    loaded = metagrad.onnx.load(metagrad.onnx.export(model, args, dynamic_axes=free))
    for given in (args, [other_batch(a) for a in args]):
        ours, again = arrays_of(model(*given)), arrays_of(loaded(*given))
        assert len(ours) == len(again)
        for a, b in zip(ours, again, strict=True):
            assert (a.dtype, a.shape) == (b.dtype, b.shape)
            scale = max(1.0, float(np.abs(a).max(initial=0.0)))
            np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-5 * scale)


@pytest.mark.parametrize("cell", CELLS)
def test_packed_recurrence_there_and_back(cell):
    model = CELLS[cell](4, 3, 2, bidirectional=True)
    packed = nn.utils.rnn.pack_padded_sequence(metagrad.randn(7, 3, 4), [2, 7, 4], enforce_sorted=False)
    loaded = metagrad.onnx.load(metagrad.onnx.export(model, packed))
    padded, lengths = nn.utils.rnn.pad_packed_sequence(packed)
    for a, b in zip(arrays_of(model(packed)), arrays_of(loaded(padded, lengths)), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-6)


def test_state_and_training():
    """The loaded model has the parameters' names, and learns what the first one learns."""
    metagrad.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.BatchNorm1d(8), nn.Linear(8, 2)).eval()
    loaded = metagrad.onnx.load(metagrad.onnx.export(model, metagrad.ones(3, 4), dynamic_axes={"input_0": {0: "n"}}))
    assert {n for n, _ in loaded.named_parameters()} == {n for n, _ in model.named_parameters()}
    x, y = metagrad.randn(16, 4), metagrad.randn(16, 2)
    for step in range(5):
        losses = []
        for m in (model, loaded):
            m.zero_grad()
            loss = F.mse_loss(m(x), y)
            loss.backward()
            with metagrad.no_grad():
                for p in m.parameters():
                    p -= 0.1 * p.grad
            losses.append(loss.item())
        assert losses[0] == pytest.approx(losses[1], rel=1e-5), step
    state = loaded.state_dict()
    for name, p in model.named_parameters():
        np.testing.assert_allclose(state[name].numpy(), p.numpy(force=True), rtol=1e-4, atol=1e-6)
    again = metagrad.onnx.load(metagrad.onnx.export(loaded, x))
    np.testing.assert_allclose(again(x).numpy(force=True), loaded(x).numpy(force=True), rtol=1e-5, atol=1e-6)


def test_names_and_inputs():
    proto = metagrad.onnx.export(lambda a, b: (a + b, a * b), (metagrad.ones(2), metagrad.ones(2)), input_names=["a", "b"],
                                 output_names=["sum", "product"], metadata={"made by": "a test"})  # fmt: skip
    model = metagrad.onnx.load(proto)
    assert (model.input_names, model.output_names, model.metadata) == (
        ["a", "b"],
        ["sum", "product"],
        {"made by": "a test"},
    )
    total, product = model(metagrad.tensor([1.0, 2.0]), b=metagrad.tensor([3.0, 4.0]))
    assert total.tolist() == [4.0, 6.0] and product.tolist() == [3.0, 8.0]
    with pytest.raises(TypeError, match="missing inputs"):
        model(metagrad.ones(2))
    with pytest.raises(TypeError, match="unexpected input 'c'"):
        model(metagrad.ones(2), c=metagrad.ones(2))
    with pytest.raises(TypeError, match="takes 2 inputs"):
        model(*[metagrad.ones(2)] * 3)


def test_all_operators_that_are_lacking_are_named_at_once():
    nodes = [
        helper.make_node(kind, ["x"], [f"y{i}"], domain="com.example") for i, kind in enumerate(["First", "Second"])
    ]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info("y1", TensorProto.FLOAT, [1])],
    )  # fmt: skip
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20), helper.make_opsetid("com.example", 1)])
    with pytest.raises(metagrad.onnx.UnsupportedOperators, match="com.example.First, com.example.Second"):
        metagrad.onnx.load(proto)


# ------------------------------------------------ PyTorch's files


def written_by_pytorch(torch, model, newer, *args):
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model.eval(), args, file, dynamo=newer)
    return file.getvalue()


def pytorch_models(torch):
    tnn = torch.nn
    torch.manual_seed(0)
    cnn = tnn.Sequential(
        tnn.Conv2d(1, 4, 3, padding=1),
        tnn.BatchNorm2d(4),
        tnn.ReLU(),
        tnn.MaxPool2d(2),
        tnn.Flatten(),
        tnn.Linear(64, 5),
    )
    cnn[1].running_mean.normal_()
    cnn[1].running_var.uniform_(0.5, 2)

    class Recurrent(tnn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.lstm = tnn.Embedding(11, 6), tnn.LSTM(6, 5, 2, batch_first=True, bidirectional=True)
            self.output = tnn.Linear(10, 3)

        def forward(self, x):
            return self.output(self.lstm(self.embedding(x))[0])

    encoder = tnn.TransformerEncoder(
        tnn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2, enable_nested_tensor=False
    )
    models = {
        "mlp": (tnn.Sequential(tnn.Linear(4, 8), tnn.Tanh(), tnn.Linear(8, 3)), torch.randn(5, 4)),
        "cnn": (cnn, torch.randn(2, 1, 8, 8)),
        "lstm": (Recurrent(), torch.randint(0, 11, (2, 7))),
        "encoder": (encoder, torch.randn(2, 5, 8)),
    }
    for model, _ in models.values():
        for p in model.parameters():  # PyTorch writes equal parameters, such as new norms', once for all of them
            torch.nn.init.normal_(p, 0.1, 0.3)
    return models


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["mlp", "cnn", "lstm", "encoder"])
@pytest.mark.parametrize("newer", [False, True], ids=["older exporter", "newer exporter"])
def test_a_file_that_pytorch_wrote(torch, name, newer):
    if newer:
        pytest.importorskip("onnxscript")  # which PyTorch needs for it
    model, x = pytorch_models(torch)[name]
    loaded = metagrad.onnx.load(written_by_pytorch(torch, model, newer, x))
    given = metagrad.tensor(x.numpy())
    theirs = model(x)
    ours = loaded(given)
    np.testing.assert_allclose(ours.numpy(force=True), theirs.detach().numpy(), rtol=1e-5, atol=1e-5)

    # Gradients: those of parameters that have kept their names are PyTorch's, and all can be trained on.
    theirs.square().mean().backward()
    ours.square().mean().backward()
    assert all(p.grad is not None for p in loaded.parameters())
    compared = 0
    own = dict(model.named_parameters())
    for parameter_name, p in loaded.named_parameters():
        if parameter_name in own and not newer:  # the newer one folds batch norm into the weights, under their old name
            expected = own[parameter_name].grad.numpy()
            np.testing.assert_allclose(p.grad.numpy(), expected, rtol=1e-4, atol=1e-6, err_msg=parameter_name)
            compared += 1
    assert compared >= 1 or newer
    optimizer = metagrad.optim.Adam(loaded.parameters(), lr=0.01)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = loaded(given).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
