"""What a node saved, asked for by PyTorch's names."""

import pytest

import metagrad as mg


def leaf(*numbers):
    return mg.tensor(numbers, requires_grad=True)


def test_an_input_is_the_tensor_itself_and_a_result_has_its_history():
    x = leaf(1.0, 2.0)
    assert (x * x).grad_fn._saved_self is x and (x * x).grad_fn._saved_other is x
    y = x.exp()
    assert y.grad_fn._saved_result.equal(y) and y.grad_fn._saved_result is not y
    assert y.grad_fn._saved_result.grad_fn is y.grad_fn
    between = x + 1
    assert (between * x).grad_fn._saved_self.grad_fn is between.grad_fn


def test_numbers_and_sizes():
    x = leaf(1.0, 2.0)
    assert x.pow(3).grad_fn._saved_self is x and x.pow(3).grad_fn._saved_exponent == 3
    assert x.sum().grad_fn._saved_self_sym_sizes == (2,) and (x + 1).sum().grad_fn._saved_self_sym_sizes == (2,)
    assert x.softmax(0).grad_fn._saved_dim == 0 and x.mean().grad_fn._saved_self_sym_numel == 2
    w = mg.ones(2, 3, requires_grad=True)
    assert w.sum(0, keepdim=True).grad_fn._saved_keepdim and not w.sum(0).grad_fn._saved_keepdim
    assert mg.nn.functional.leaky_relu(x, 0.1).grad_fn._saved_negative_slope == 0.1


def shown(node):
    """Name and value of what a node shows of what it saved; a tensor as a list."""
    names = [name.removeprefix("_saved_") for name in dir(node) if name.startswith("_saved_")]
    return {name: getattr(node, f"_saved_{name}") for name in names}


def agree(found, wanted):
    """Whether a node shows all this; tensors as lists."""
    return all(name in found and plain(found[name]) == value for name, value in wanted.items())


def plain(value):
    return (
        tuple(map(plain, value)) if isinstance(value, tuple) else value.tolist() if hasattr(value, "tolist") else value
    )


VIEWS = {
    "x[:, -1]": {"dim": 1, "index": 2**64 - 1, "self_sym_sizes": (2, 3)},
    "x[..., 0]": {"dim": 1, "index": 0, "self_sym_sizes": (2, 3)},
    "x[:, 1:]": {"dim": 1, "start": 1, "end": 2**63 - 1, "step": 1, "self_sym_sizes": (2, 3)},
    "x[:-1:2]": {"dim": 0, "start": 0, "end": 2**64 - 1, "step": 2, "self_sym_sizes": (2, 3)},
    "x.narrow(1, 1, 2)": {"dim": 1, "start": 1, "end": 3, "step": 1, "self_sym_sizes": (2, 3)},
    "x[None]": {"dim": 0}, "x.unsqueeze(1)": {"dim": 1}, "x.view(6)": {"self_sym_sizes": (2, 3)},
    "x.split(2, 1)[1]": {"dim": 1, "split_size": 2, "self_sym_sizes": (2, 3)},
    "x.split([1, 2], 1)[0]": {"dim": 1, "split_sizes": (1, 2), "self_sym_sizes": (2, 3)},
    "x.unbind(1)[2]": {"dim": 1}, "x.transpose(0, 1)": {"dim0": 0, "dim1": 1}, "x.t()": {}, "x.T": {"dims": (1, 0)},
    "x.diagonal(1)": {"dim1": 0, "dim2": 1, "offset": 1, "self_sym_sizes": (2, 3)},
    "x.as_strided((2,), (3,), 1)": {"size": (2,), "stride": (3,), "storage_offset": 1},
    "x.repeat(2, 1)": {"repeats": (2, 1), "self_sym_sizes": (2, 3)}, "x.flip(0)": {"dims": (0,)},
    "x.roll(1, 0)": {"shifts": (1,), "dims": (0,)}, "x + x": {"alpha": 1}, "x.sub(x, alpha=2)": {"alpha": 2},
    "x.sum()": {"self_sym_sizes": (2, 3)}, "x.sum(1)": {"dim": (1,), "keepdim": False, "self_sym_sizes": (2, 3)},
    "x.index_select(1, i)": {"dim": 1, "index": [0, 2], "self_sym_sizes": (2, 3)},
    "x[:, i]": {"indices": (None, [0, 2]), "self_sym_sizes": (2, 3)},
    "x.max(1)[0]": {"dim": 1, "indices": [2, 2], "keepdim": False, "self_sym_sizes": (2, 3)},
    "x.masked_fill(x > 2, 0)": {"mask": [[False] * 3, [True] * 3]}, "x.tril()": {},
}  # fmt: skip
NUMBERS = {
    "clamp(1, 2)": {"min": 1, "max": 2}, "clamp(max=2)": {"min": None, "max": 2}, "pow(3)": {"exponent": 3},
    "pow(0.5)": {"exponent": 0.5}, "mul(2)": {"other": 2}, "std(1)": {"correction": 1, "dim": (1,), "keepdim": False},
    "var()": {"correction": None, "dim": None, "keepdim": False}, "norm(1, 1)": {"ord": 1, "dim": (1,), "keepdim": False},
    "polygamma(2)": {"n": 2}, "logsumexp(1)": {"dim": (1,), "keepdim": False},
}  # fmt: skip
LAYERS = {
    "hardtanh(x, -1, 2)": {"min_val": -1, "max_val": 2}, "softplus(x, 2, 10)": {"beta": 2, "threshold": 10},
    "gelu(x)": {"approximate": "none"}, "elu(x, 2)": {"alpha": 2, "scale": 1, "input_scale": 1},
    "conv2d(x[None, None], k, padding=1)": {
        "stride": (1, 1), "padding": (1, 1), "dilation": (1, 1), "groups": 1, "transposed": False, "output_padding": (0, 0),
        "bias_sym_sizes_opt": (0,),
    },
    "unfold(x[None, None], 2)": {"kernel_size": (2, 2), "padding": (0, 0), "stride": (1, 1), "dilation": (1, 1)},
    "pad(x, (1, 0))": {"pad": (1, 0)}, "mse_loss(x, x.detach())": {"reduction": 1},
    "mse_loss(x, x.detach(), reduction='none')": {"reduction": 0},
    "huber_loss(x, x.detach(), reduction='sum', delta=2)": {"reduction": 2, "delta": 2},
    "binary_cross_entropy_with_logits(x, x.detach())": {"reduction": 1, "target": [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]},
    "linear(x, k[0, 0].new_ones(4, 3).requires_grad_())": {"self_sym_sizes": (2, 3), "mat2_sym_sizes": (3, 4)},
}  # fmt: skip


def given(m):
    x = m.arange(6.0).reshape(2, 3).requires_grad_()
    return {"x": x, "i": m.tensor([0, 2]), "k": m.ones(1, 1, 2, 2, requires_grad=True), "F": m.nn.functional}


def check_numbers(m):
    for program, wanted in VIEWS.items():
        assert agree(shown(eval(program, given(m)).grad_fn), wanted), program
    for call, wanted in NUMBERS.items():
        found = shown(eval(f"x.{call}", given(m)).grad_fn)
        assert agree(found, wanted), call
    for call, wanted in LAYERS.items():
        assert agree(shown(eval(f"F.{call}", given(m)).grad_fn), wanted), call


def test_the_numbers_of_an_op():
    check_numbers(mg)
    for program in ("x[:, 1:]", "x.t()", "x.split(2, 1)[1]", "x.sum(1)", "x[:, i]", "x.unbind(1)[2]"):
        assert shown(eval(program, given(mg)).grad_fn).keys() == VIEWS[program].keys()  # and nothing else


@pytest.mark.oracle
def test_the_numbers_of_an_op_in_pytorch(torch):
    check_numbers(torch)


def check_after_release(m):
    x = m.tensor([[1.0, 2.0]], requires_grad=True)
    y = x.softmax(1)
    y.sum().backward()
    assert y.grad_fn._saved_dim == 1
    with pytest.raises(RuntimeError, match="already been freed"):
        y.grad_fn._saved_result
    z = m.where(x > 1, x, x * 2)
    seen = []
    z.grad_fn._raw_saved_condition.register_hooks(
        lambda t: seen.append("pack") or t, lambda t: seen.append("unpack") or t
    )
    assert z.grad_fn._saved_condition.tolist() == [[False, True]] and seen == ["pack", "unpack"]
    z.sum().backward()
    assert seen == ["pack", "unpack", "unpack"]
    w = x[:, m.tensor([0])]
    assert len(w.grad_fn._raw_saved_indices) == 2
    q, r = m.linalg.qr(m.tensor([[2.0, 1.0], [1.0, 3.0]], requires_grad=True))
    assert r.grad_fn._saved_R.grad_fn is not None and q.grad_fn._saved_mode == "reduced"


def test_numbers_stay_and_masks_are_packed():
    check_after_release(mg)


@pytest.mark.oracle
def test_numbers_stay_and_masks_are_packed_in_pytorch(torch):
    check_after_release(torch)


def test_what_is_not_there():
    x = leaf(1.0, 2.0)
    with pytest.raises(AttributeError, match="_saved_nothing"):
        x.exp().grad_fn._saved_nothing
    y = x.exp()
    y.sum().backward()
    with pytest.raises(RuntimeError, match="after they have already been freed"):
        y.grad_fn._saved_result
    z = x.exp()
    z.add_(1)
    with pytest.raises(AttributeError):
        x.exp().grad_fn.nothing


def test_one_saved_tensor_is_packed():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = x * w
    y.grad_fn._raw_saved_self.register_hooks(lambda t: t.tolist(), lambda kept: 10 * mg.tensor(kept))
    with pytest.raises(RuntimeError, match="already been set"):
        y.grad_fn._raw_saved_self.register_hooks(lambda t: t, lambda t: t)
    y.sum().backward()
    assert x.grad.tolist() == [3.0, 4.0] and w.grad.tolist() == [10.0, 20.0]


@pytest.mark.oracle
def test_as_in_pytorch(torch):
    for m in (mg, torch):
        x = m.tensor([1.0, 2.0], requires_grad=True)
        assert (x * x).grad_fn._saved_self is x and x.pow(2).grad_fn._saved_exponent == 2
        assert x.softmax(0).grad_fn._saved_dim == 0 and x.sum().grad_fn._saved_self_sym_sizes == (2,)


def test_hooks_that_return_no_gradient_are_refused():
    x = leaf(1.0)
    y = x.clone()
    y.grad_fn.register_hook(lambda given, arrived: 3)
    with pytest.raises(TypeError, match="hook returned 'int'"):
        y.sum().backward()
    x.register_post_accumulate_grad_hook(lambda leaf: 1)
    with pytest.raises(TypeError, match="hook returned 'int'"):
        x.sum().backward()


def test_the_files_of_modes_are_there_without_an_import():
    assert mg.autograd.grad_mode.no_grad is mg.no_grad
    assert mg.autograd.anomaly_mode.detect_anomaly is mg.autograd.detect_anomaly


def test_a_hook_after_accumulating_may_return_what_it_wrote_to():
    x = leaf(1.0)
    x.register_post_accumulate_grad_hook(lambda leaf: leaf.data.sub_(leaf.grad))
    x.sum().backward()
    assert x.tolist() == [0.0]
