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
    assert x.sum(0, keepdim=True).grad_fn._saved_keepdim and not x.sum(0).grad_fn._saved_keepdim
    assert mg.nn.functional.leaky_relu(x, 0.1).grad_fn._saved_negative_slope == 0.1


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
