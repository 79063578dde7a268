"""What functions under transforms may write to: their arguments, all of them; and views whose base is frozen."""

import pytest

import metagrad
from metagrad import func, nn


def with_a_count(parameters, buffers, x):
    buffers["n"].add_(1)
    buffers["n"][0].add_(1)
    return (parameters * x).sum()


@pytest.mark.parametrize("transform", [func.grad, func.jacrev, func.jacfwd])
def test_arguments_that_are_not_differentiated_may_be_written_to(transform):
    buffers = {"n": metagrad.zeros(1)}
    assert transform(with_a_count)(metagrad.ones(3), buffers, metagrad.full((3,), 2.0)).tolist() == [2, 2, 2]
    assert buffers["n"].item() == 2


def test_arguments_of_forward_mode_may_be_written_to():
    value, slope = func.jvp(lambda p: p.add_(1) * p, (metagrad.ones(3),), (metagrad.ones(3),))
    assert (value.tolist(), slope.tolist()) == ([4, 4, 4], [4, 4, 4])


def test_batch_norm_counts_under_grad():
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    parameters, buffers = (
        {k: v.detach() for k, v in pairs} for pairs in (model.named_parameters(), model.named_buffers())
    )

    def loss(parameters, buffers, x):
        return func.functional_call(model, (parameters, buffers), (x,)).pow(3).sum()

    found = func.grad(loss)(parameters, buffers, metagrad.arange(8.0).reshape(4, 2))
    assert found["0.weight"].shape == (3, 2) and buffers["1.num_batches_tracked"].item() == 1


def test_captured_tensors_are_refused_as_before():
    captured = metagrad.zeros(1)
    with pytest.raises(RuntimeError, match="captured"):
        func.grad(lambda x: (captured.add_(1) * x).sum())(metagrad.ones(1))
    assert captured.item() == 0


def test_a_view_made_under_no_grad_is_free_when_its_base_is_frozen():
    base = nn.Parameter(metagrad.ones(4))
    with metagrad.no_grad():
        view = base.view(2, 2)
    assert view.requires_grad
    base.requires_grad_(False)
    view.add_(1)
    assert not view.requires_grad and view.numpy().tolist() == [[2, 2], [2, 2]] and base.tolist() == [2, 2, 2, 2]
