"""DistributedDataParallel, SyncBatchNorm, join: what several ranks train is what one would."""

import contextlib

import numpy as np
import pytest
from tests.distributed import calls, starting, training

import metagrad as mg
from metagrad import distributed as dist
from metagrad import nn
from metagrad.nn.parallel import DistributedDataParallel as DDP


def on(ranks, function, timeout=30):
    def program(rank):
        dist.init_process_group("threads", timeout=timeout)
        return function(rank)

    return dist.run_threads(program, ranks)


def small_enough(found):
    assert len(found) == 2 * len(training.CASES) + 1
    for name, error in found.items():
        assert error <= (1e-9 if name.endswith("64") else 1e-5), name


@pytest.mark.parametrize("ranks", [2, 4])
def test_threads_have_the_gradients_of_the_whole_batch(ranks):
    for found in on(ranks, lambda rank: training.all_cases(rank, ranks)):
        small_enough(found)


@pytest.mark.parametrize("ranks", [2, 4])
def test_processes_have_the_gradients_of_the_whole_batch(ranks, tmp_path):
    starting.need_mpi()
    starting.mpiexec("training.py", ranks, tmp_path)
    for found in calls.written(tmp_path):
        small_enough(found)


def linear(value):
    model = nn.Linear(2, 1)
    with mg.no_grad():
        for p in model.parameters():
            p.fill_(value)
    return model


# ------------------------------------------------ the beginning


def test_all_ranks_begin_with_rank_0s_model():
    def program(rank):
        model = DDP(nn.Sequential(linear(float(rank + 5)), nn.BatchNorm1d(1)))
        return [t.flatten().tolist() for t in model.state_dict().values()]

    found = on(3, program)
    assert found[0][0] == [5.0, 5.0] and found[0] == found[1] == found[2]


def test_models_that_differ_are_named():
    def values(rank):
        model = nn.Sequential(linear(1.0), linear(1.0))
        if rank == 1:
            with mg.no_grad():
                model[1].bias.fill_(2.0)
        DDP(model, init_sync=False)

    with pytest.raises(RuntimeError, match=r"1\.bias is not the same on rank 0 and on rank 1 \(1 of 4"):
        on(2, values)
    with pytest.raises(
        RuntimeError, match=r"rank 0 has weight: float32\[1, 2\], where rank 1 has weight: float32\[1, 3\]"
    ):
        on(2, lambda rank: DDP(nn.Linear(2 + rank, 1)))

    def order(rank):
        model = nn.Module()
        for name in ("a", "b") if rank == 0 else ("b", "a"):
            model.register_parameter(name, nn.Parameter(mg.ones(2)))
        DDP(model)

    with pytest.raises(RuntimeError, match="rank 0 has a: .* rank 1 has b: "):
        on(2, order)


def test_it_needs_a_group_and_something_to_learn():
    with pytest.raises(RuntimeError, match="init_process_group"):
        DDP(linear(1.0))

    def program(rank):
        with pytest.raises(RuntimeError, match="no parameters that require a gradient"):
            DDP(linear(1.0).requires_grad_(False))

    on(1, program)


# ------------------------------------------------ buckets


def test_gradients_are_views_into_buckets_and_stay_so():
    def views(rank):
        model = DDP(linear(1.0))
        (bucket,) = model.reducer.buckets
        grads = []
        for to_none in (True, False, True):
            model(mg.ones(1, 2) * (rank + 1)).sum().backward()
            p = model.module.weight
            assert np.shares_memory(p.grad.array, bucket.flat.array)
            grads.append(p.grad.tolist())
            model.zero_grad(set_to_none=to_none)
        return grads

    assert on(2, views) == [[[[1.5, 1.5]]] * 3] * 2


def test_buckets_fill_in_reverse_order_and_are_of_one_dtype():
    from metagrad.nn.parallel.buckets import into_buckets

    parameters = [
        nn.Parameter(mg.ones(n, dtype=kind)) for n, kind in ((3, mg.float32), (2, mg.float64), (1, mg.float32))
    ]
    buckets = into_buckets(parameters, limit=1000)
    assert [[p.shape[0] for p in bucket.parameters] for bucket in buckets] == [[1, 3], [2]]
    big = [nn.Parameter(mg.ones(1 << 18)) for _ in range(4)]  # 1 MiB each: the first fills the first bucket
    assert [len(b.parameters) for b in into_buckets(big, limit=25 << 20)] == [1, 3]


def test_gradients_are_taken_in_twice_without_zeroing():
    def program(rank):
        model = DDP(linear(1.0))
        for _ in range(2):
            model(mg.ones(1, 2) * (rank + 1)).sum().backward()
        return model.module.weight.grad.tolist()

    assert on(2, program) == [[[3.0, 3.0]]] * 2


class Branches(nn.Module):
    """The loss depends on ``b`` on ranks that choose it, and never on ``c``."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = linear(1.0), linear(2.0), linear(3.0)

    def forward(self, x, with_b):
        return {"out": [self.a(x) + self.b(x)] if with_b else [self.a(x)]}


def test_unused_parameters():
    def program(rank):
        model = DDP(Branches(), find_unused_parameters=True, bucket_cap_mb=1e-5)
        for _ in range(2):
            model.zero_grad()
            model(mg.ones(1, 2), rank == 1)["out"][0].sum().backward()
        return [None if p.grad is None else p.grad.flatten().tolist() for p in model.parameters()]

    expected = [[1.0, 1.0], [1.0], [0.5, 0.5], [0.5], None, None]
    assert on(2, program) == [expected] * 2


def test_unused_parameters_are_an_error_that_names_them_where_they_are_not_looked_for():
    def program(rank):
        model = DDP(Branches())
        for _ in range(2):
            model(mg.ones(1, 2), True)["out"][0].sum().backward()

    with pytest.raises(RuntimeError, match=r"no gradient came for c\.weight, c\.bias.*find_unused_parameters"):
        on(2, program)


def test_a_second_backward_pass_says_what_it_needs():
    def program(rank):
        model = DDP(linear(1.0))
        with mg.no_grad():
            model(mg.ones(1, 2))
        (model(mg.ones(1, 2)) * model(mg.ones(1, 2))).sum().backward()
        return model.module.bias.grad.item()

    assert on(2, program) == [6.0, 6.0]


def test_evaluating_between_forward_and_backward_changes_nothing():
    def program(rank):
        model = DDP(linear(1.0))
        out = model(mg.ones(1, 2) * (rank + 1))
        with mg.no_grad():
            model(mg.ones(1, 2))
        out.sum().backward()
        return model.module.weight.grad.tolist()

    assert on(2, program) == [[[1.5, 1.5]]] * 2


def test_buffers_are_rank_0s():
    def program(rank):
        model = DDP(nn.Sequential(nn.BatchNorm1d(2)))
        for _ in range(2):
            model(mg.ones(4, 2) * rank + mg.arange(8.0).reshape(4, 2)).sum().backward()
        model.module[0].running_mean.add_(rank)
        model(mg.arange(8.0).reshape(4, 2)).sum().backward()
        return model.module[0].running_mean.tolist()

    found = on(2, program)
    assert found[0] == found[1]


# ------------------------------------------------ batch norm over ranks


@pytest.mark.parametrize("momentum", [0.1, None])
@pytest.mark.parametrize("shape", [(6, 3), (6, 3, 4), (6, 3, 2, 2)])
def test_batch_norm_over_ranks_is_that_of_the_whole_batch(shape, momentum):
    random = np.random.default_rng(0)
    x, weights = random.normal(100, 1, shape), random.normal(size=shape)

    def run(layer, rows):
        part = mg.tensor(x[rows]).requires_grad_()
        for _ in range(2):
            out = layer(part)
        (out * mg.tensor(weights[rows])).sum().backward()
        return out.detach().numpy(), part.grad.numpy(), layer.running_mean.numpy(), layer.running_var.numpy()

    expected = run(nn.SyncBatchNorm(3, momentum=momentum, dtype=mg.float64), slice(None))
    cuts = [slice(0, 1), slice(1, 6)]  # one row on the first rank, five on the second
    found = on(2, lambda rank: run(nn.SyncBatchNorm(3, momentum=momentum, dtype=mg.float64), cuts[rank]))
    for (out, grad, *running), rows in zip(found, cuts):
        np.testing.assert_allclose(out, expected[0][rows], rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(grad, expected[1][rows], rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(running, expected[2:], rtol=1e-12)


def test_batch_norm_over_ranks_has_second_derivatives():
    def program(rank):
        mg_x = mg.tensor(np.random.default_rng(rank).normal(size=(3, 2))).requires_grad_()
        layer = nn.SyncBatchNorm(2, dtype=mg.float64)
        (first,) = mg.autograd.grad((layer(mg_x) ** 3).sum(), mg_x, create_graph=True)
        (second,) = mg.autograd.grad((first**2).sum(), mg_x)
        return second.numpy()

    whole = np.concatenate([np.random.default_rng(rank).normal(size=(3, 2)) for rank in range(2)])
    x = mg.tensor(whole).requires_grad_()
    (first,) = mg.autograd.grad((nn.BatchNorm1d(2, dtype=mg.float64)(x) ** 3).sum(), x, create_graph=True)
    (second,) = mg.autograd.grad((first**2).sum(), x)
    np.testing.assert_allclose(np.concatenate(on(2, program)), second.numpy(), rtol=1e-8, atol=1e-9)


def test_batch_norm_over_ranks_of_halves_and_in_evaluation():
    def program(rank):
        layer = nn.SyncBatchNorm(2, dtype=mg.float16)
        out = layer(mg.tensor([[1.0, 2.0 + rank]], dtype=mg.float16))
        layer.eval()
        alone = layer(mg.ones(1 + rank, 2, dtype=mg.float16))  # each rank by itself
        return out.dtype, out.tolist(), tuple(alone.shape)

    (kind, first, _), (_, second, shape) = on(2, program)
    assert kind == mg.float16 and shape == (2, 2)
    np.testing.assert_allclose([first, second], [[[0, -1]], [[0, 1]]], atol=1e-3)
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        nn.SyncBatchNorm(2).train()(mg.ones(1, 2))


# ------------------------------------------------ uneven numbers of batches


@pytest.mark.parametrize("by_all", [True, False])
def test_ranks_with_different_numbers_of_batches(by_all):
    def program(rank):
        model = DDP(nn.Sequential(linear(1.0), nn.BatchNorm1d(1, affine=False)).eval())
        grads = []
        optimizer = mg.optim.SGD(model.parameters(), lr=0.1)
        with model.join(divide_by_initial_world_size=by_all):
            for step in range(1 + 2 * rank):
                optimizer.zero_grad()
                model(mg.ones(1, 2) * (step + 1)).sum().backward()
                grads.append(model.module[0].weight.grad[0, 0].item())
                optimizer.step()
        return grads, model.module[0].weight.flatten().tolist()

    first, second = on(2, program)
    later = [0.5 * 2, 0.5 * 3] if by_all else [2.0, 3.0]
    assert np.allclose(second[0], [1.0, *later]) and np.allclose(first[0], [1.0])
    assert first[1] == second[1]  # who was done early has the others' model


def test_uneven_ends_with_accumulation_and_unused_parameters():
    def program(rank):
        model = DDP(Branches(), find_unused_parameters=True)
        with model.join():
            for step in range(2 + 2 * rank):
                if step % 2 == 0:
                    with model.no_sync():
                        model(mg.ones(1, 2), True)["out"][0].sum().backward()
                else:
                    model(mg.ones(1, 2), True)["out"][0].sum().backward()
        return model.module.c.weight.grad is None

    assert on(2, program) == [True, True]


def test_uneven_ends_can_end_all():
    def program(rank):
        model = DDP(linear(1.0))
        with model.join(throw_on_early_termination=True):
            for _ in range(1 + rank):
                model(mg.ones(1, 2)).sum().backward()

    with pytest.raises(RuntimeError, match="no batches left"):
        on(2, program)


def test_samplers_ask_the_group():
    def program(rank):
        return list(mg.utils.data.DistributedSampler(range(5), shuffle=False))

    assert on(2, program) == [[0, 2, 4], [1, 3, 0]]


def test_the_buffers_of_rank_0_go_to_all_before_the_pass_after_a_step():
    """The means that PyTorch's DistributedDataParallel has, on gloo."""
    steps = "train train eval look look train alone alone train eval eval".split()
    means = [
        (0.2, 0.38, 0.38, 0.542, 0.688, 0.819, 0.937, 1.043, 1.139, 1.139, 1.139),
        (0.4, 0.58, 0.38, 0.742, 1.068, 1.361, 1.137, 1.423, 1.681, 1.139, 1.139),
    ]

    def program(rank):
        model = DDP(nn.Sequential(nn.BatchNorm1d(1), nn.Linear(1, 1)))
        x, found = mg.tensor([[1.0], [3.0]]) * (rank + 1), []
        for step in steps:
            model.train(step != "eval")
            if step in ("eval", "look"):
                with mg.no_grad():
                    model(x)
            else:
                with model.no_sync() if step == "alone" else contextlib.nullcontext():
                    model(x).sum().backward()
            found.append(round(model.module[0].running_mean.item(), 3))
        return tuple(found)

    assert on(2, program) == means
