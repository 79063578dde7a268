"""What is allowed and seldom meant says so, as in PyTorch, and in words that begin as PyTorch's do."""

import subprocess
import sys
import warnings

import numpy as np
import pytest

import metagrad as mg


def unwritable():
    array = np.ones(3)
    array.flags.writeable = False
    return array


def cases(lib):
    F, nn, ones = lib.nn.functional, lib.nn, lib.ones
    return {
        "a result that does not fit": lambda: lib.add(ones(2), ones(2), out=lib.zeros(3)),
        "an empty tensor for a result": lambda: lib.add(ones(2), ones(2), out=lib.empty(0)),
        "the gradient of what is no leaf": lambda: (ones(2, requires_grad=True) * 2).grad,
        "the gradient of a leaf": lambda: ones(2, requires_grad=True).grad,
        "the gradient that was asked for": lambda: retained(lib),
        "an array that cannot be written": lambda: lib.from_numpy(unwritable()),
        "a tensor of a tensor": lambda: lib.tensor(ones(2)),
        "a new tensor of a tensor": lambda: ones(2).new_tensor(ones(2)),
        "softmax over who knows what": lambda: F.softmax(ones(2, 3)),
        "an older option": lambda: nn.MSELoss(size_average=True),
        "targets that broadcast": lambda: F.mse_loss(ones(2, 1), ones(2)),
        "distances that broadcast": lambda: F.l1_loss(ones(2, 1), ones(2)),
        "a divergence by the number of elements": lambda: F.kl_div(ones(2), ones(2)),
        "a divergence by the batch": lambda: F.kl_div(ones(2), ones(2), reduction="batchmean"),
        "the variance of one": lambda: ones(1).var(),
        "the deviation of one in each row": lambda: ones(3, 1).std(1),
        "the variance of one, without correction": lambda: ones(1).var(correction=0),
        "dropout of images without a batch": lambda: F.dropout2d(ones(2, 3, 4)),
        "channels that are not those announced": lambda: nn.InstanceNorm1d(5)(ones(2, 3, 4)),
        "nothing to initialise": lambda: nn.init.kaiming_uniform_(lib.empty(0, 3)),
        "bounds far from the mean": lambda: nn.init.trunc_normal_(lib.empty(2), mean=10.0),
        "a grid by no rule": lambda: lib.meshgrid(ones(2), ones(3)),
        "a cross product along who knows what": lambda: lib.cross(ones(3), ones(3)),
        "a mask of bytes": lambda: ones(2)[lib.tensor([1, 0], dtype=lib.uint8)],
        "a graph kept by its leaves": lambda: (ones(1, requires_grad=True) ** 2).sum().backward(create_graph=True),
        "frames without a window": lambda: lib.stft(lib.arange(16.0), 4, return_complex=True).shape,
        "frames that are too few": lambda: lib.istft(lib.ones(3, 9) + 0j, 4, window=lib.ones(4), length=20).shape,
        "a layer of no channels": lambda: nn.Conv1d(0, 2, 3).weight.shape,
        "a reduction by another op's name": lambda: lib.zeros(3).scatter_(0, lib.tensor([1]), ones(1), reduce="add"),
        "a schedule before its optimizer": lambda: early(lib),
        "an older factorization": lambda: lib.cholesky(lib.eye(2)),
        "an older orthogonal factorization": lambda: lib.qr(lib.eye(2)),
        "an older elimination": lambda: lib.lu(lib.eye(2)),
        "an older substitution": lambda: lib.triangular_solve(lib.eye(2), lib.eye(2)),
        "an older chain": lambda: lib.chain_matmul(lib.eye(2), lib.eye(2)),
        "a range with its end": lambda: lib.range(0, 3),
        "reversed dimensions": lambda: ones(2, 3, 4).T,
        "bytes for a condition": lambda: lib.where(lib.tensor([1, 0], dtype=lib.uint8), ones(2), ones(2)),
        "numbers of a storage": lambda: ones(2).storage(),
        "bytes of a storage": lambda: ones(2).untyped_storage(),
        "a number before the tensor": lambda: lib.add(ones(2), 2, ones(2)),
        "a number before the matrices": lambda: lib.addmm(2, lib.eye(2), lib.eye(2), lib.eye(2)),
        "values in another order": lambda: lib.searchsorted(lib.arange(3.0), ones(2, 3).mT),
        "a list of arrays": lambda: lib.tensor([np.ones(2), np.ones(2)][:1]),
        "a float that is cut off": lambda: float(ones(1, requires_grad=True) * 2),
        "a float that nothing is recorded of": lambda: unrecorded(lib),
        "an optimizer that asks for losses": lambda: asking(lib),
        "an item": lambda: (ones(1, requires_grad=True) * 2).item(),
        "bytes that cannot be written": lambda: lib.frombuffer(b"ab", dtype=lib.uint8),
        "an older name of interpolate": lambda: F.upsample(ones(1, 1, 4, 4), 2),
        "an older name of a loss": lambda: nn.NLLLoss2d(),
        "an older name of the mean": lambda: F.mse_loss(ones(2), ones(2), reduction="elementwise_mean"),
        "layers with the batch second": lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2), 1),
        "layers with the batch first": lambda: nn.TransformerEncoder(
            nn.TransformerEncoderLayer(4, 2, batch_first=True), 1
        ),
        "an odd number of heads": lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(3, 3, batch_first=True), 1),
        "layers without biases": lambda: nn.TransformerEncoder(
            nn.TransformerEncoderLayer(4, 2, batch_first=True, bias=False), 1
        ),
        "masks of two kinds": lambda: nn.MultiheadAttention(4, 2)(
            *[ones(3, 4)] * 3, attn_mask=lib.zeros(3, 3), key_padding_mask=lib.zeros(3) > 0
        ),
        "a complex module": lambda: nn.Linear(1, 1).to(lib.complex64),
        "a list that stands for a tuple": lambda: ones(2, 2)[[[0, 1], [1, 0]]],
        "padding on one side": lambda: F.conv1d(ones(1, 1, 8), ones(1, 1, 2), padding="same"),
        "a distribution without constraints": lambda: unconstrained(lib),
        "a layer of recurrence with dropout": lambda: nn.LSTM(2, 2, dropout=0.5),
    }


def unconstrained(lib):
    class Bare(lib.distributions.Distribution):
        pass

    Bare()


def unrecorded(lib):
    loss = lib.ones(2, requires_grad=True).sum()
    with lib.no_grad():
        return float(loss)


def asking(lib):
    w = lib.ones(2, requires_grad=True)
    optimizer = lib.optim.LBFGS([w])

    def closure():
        optimizer.zero_grad()
        loss = ((w - 2) ** 2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)


def retained(lib):
    y = lib.ones(2, requires_grad=True) * 2
    y.retain_grad()
    return y.grad


def early(lib):
    lib.optim.lr_scheduler.StepLR(lib.optim.SGD([lib.ones(1, requires_grad=True)], lr=0.1), 1).step()


def said(call):
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        call()
    return [w.category for w in heard]


@pytest.mark.oracle
@pytest.mark.parametrize("name", cases(mg))
def test_what_pytorch_warns_of(torch, name):
    # PyTorch says some of them once in a process, and another test may have heard it; storages keep a switch of their own.
    switches = [torch.set_warn_always, torch.storage._set_always_warn_typed_storage_removal]
    try:
        for switch in switches:
            switch(True)
        expected = said(cases(torch)[name])
    finally:
        for switch in switches:
            switch(False)
    assert said(cases(mg)[name]) == expected


# What is warned of, by hand: PyTorch's categories, without asking it.
EXPECTED = {
    "an older factorization": [UserWarning], "a range with its end": [UserWarning], "a list of arrays": [UserWarning],
    "an older name of a loss": [FutureWarning], "layers with the batch second": [UserWarning], "an item": [],
    "layers with the batch first": [], "bytes of a storage": [],
    "an optimizer that asks for losses": [], "a float that is cut off": [UserWarning],
}  # fmt: skip


@pytest.mark.parametrize("name", EXPECTED)
def test_what_is_warned_of(name):
    assert said(cases(mg)[name]) == EXPECTED[name]


def test_what_is_done_again_and_again_is_said_once():
    script = """
import warnings, metagrad
with warnings.catch_warnings(record=True) as heard:
    warnings.simplefilter("always")
    for _ in range(3):
        metagrad.cholesky(metagrad.eye(2))
        metagrad.range(0, 1)
print(len([w for w in heard if "cholesky" in str(w.message)]), len([w for w in heard if "range" in str(w.message)]))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "3"]


def test_an_encoder_knows_its_activation_where_classes_are_asked():
    nn = mg.nn

    class Own(mg.Tensor):  # from now on functions ask the classes of their arguments, F.relu too
        @classmethod
        def __torch_function__(cls, function, types, args=(), kwargs=None):
            return super().__torch_function__(function, types, args, kwargs or {})

    for activation in ("relu", nn.functional.gelu, nn.ReLU()):
        nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, batch_first=True, activation=activation), 1)
    with pytest.warns(UserWarning, match="neither relu nor gelu"):
        nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, batch_first=True, activation=nn.functional.silu), 1)
