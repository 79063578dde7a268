"""Every collective, against PyTorch's gloo and against what it should be."""

import socket
import sys
import time
import warnings

import numpy as np
import pytest
from tests.distributed import calls, starting

import metagrad as mg
from metagrad import distributed as dist


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture(scope="module", params=[2, 3])
def gloo(request, tmp_path_factory):
    """What PyTorch's gloo makes of the calls, on 2 and on 3 ranks."""
    torch = pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("gloo")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.multiprocessing.spawn(calls.with_gloo, (request.param, str(folder), free_port()), request.param)
    return calls.written(folder)


def check(found, expected):
    assert len(found) == len(expected)
    for rank, (mine, theirs) in enumerate(zip(found, expected)):
        more = {name for name in set(mine) ^ set(theirs) if name.split("/")[-2] not in calls.NOT_GATHERED_BY_GLOO}
        assert not more
        for name in theirs:
            assert mine[name].dtype == theirs[name].dtype, (rank, name)
            if "/AVG/" in name:  # gloo multiplies by a rounded 1/3
                tolerance = 2 * np.finfo(theirs[name].dtype).eps
                np.testing.assert_allclose(mine[name], theirs[name], tolerance, err_msg=f"rank {rank}, {name}")
            else:
                np.testing.assert_array_equal(mine[name], theirs[name], f"rank {rank}, {name}")


@pytest.mark.oracle
def test_threads_collect_as_gloo_does(gloo):
    check(dist.run_threads(calls.with_threads, len(gloo), [calls.GLOOS]), gloo)


@pytest.mark.oracle
def test_mpi_collects_as_gloo_does(gloo, tmp_path):
    starting.need_mpi()
    starting.mpiexec("calls.py", len(gloo), tmp_path, *calls.GLOOS)
    check(calls.written(tmp_path), gloo)


def test_mpi_collects_as_threads_do(tmp_path):
    starting.need_mpi()
    starting.mpiexec("calls.py", 4, tmp_path, *calls.ALL)
    check(calls.written(tmp_path), dist.run_threads(calls.with_threads, 4, [calls.ALL]))


def on(ranks, function, **settings):
    def program(rank):
        dist.init_process_group("threads", timeout=settings.get("timeout", 30))
        return function(rank)

    return dist.run_threads(program, ranks)


@pytest.mark.parametrize("kind", [kind for kind in calls.ALL if kind != "bool"])
def test_sums_are_what_sums_are(kind):
    def program(rank):
        x = mg.tensor(calls.values(rank, kind))
        dist.all_reduce(x)
        return x.numpy()

    for found in on(3, program):
        np.testing.assert_array_equal(found, sum(calls.values(rank, kind) for rank in range(3)))


def test_halves_are_added_in_float32_and_rounded_once():
    def program(rank):
        x = mg.tensor([2048.0 if rank == 0 else 1.0], dtype=mg.float16)
        dist.all_reduce(x)
        return x.item()

    assert on(3, program) == [2050.0] * 3  # in halves 2048 + 1 is 2048


def test_all_to_all_of_different_sizes():
    def program(rank):
        places = [mg.zeros(1 + i) for i in range(3)]
        dist.all_to_all(places, [mg.full((1 + rank,), 10.0 * rank + i) for i in range(3)])
        return [place.tolist() for place in places]

    assert on(3, program) == [[[10.0 * i + rank] * (1 + i) for i in range(3)] for rank in range(3)]


def test_nan_wins_on_every_rank():
    def program(rank):
        x = mg.tensor([float("nan") if rank == 1 else 1.0])
        dist.all_reduce(x, dist.ReduceOp.MAX)
        return x.item()

    assert np.isnan(on(3, program)).all()


@pytest.mark.parametrize(("kind", "op"), [("complex64", "MAX"), ("float32", "BAND"), ("int64", "AVG"), ("bool", "AVG")])
def test_ops_without_a_meaning_are_refused(kind, op):
    def program(rank):
        with pytest.raises(ValueError, match=kind if op != "BAND" else "non-integral"):
            dist.all_reduce(mg.ones(2).to(getattr(mg, kind)), getattr(dist.ReduceOp, op))
        return True

    assert on(2, program) == [True, True]


def test_a_tensor_of_a_graph_is_reduced_in_place():
    def program(rank):
        w = mg.ones(2, requires_grad=True)
        before = w._version
        dist.all_reduce(w)
        return w.tolist(), w.is_leaf, w._version > before

    assert on(2, program) == [([2.0, 2.0], True, True)] * 2


def test_different_calls_are_an_error_that_names_them():
    def shapes(rank):
        dist.all_reduce(mg.ones(2 + rank))

    with pytest.raises(dist.CollectiveMismatch, match=r"rank 0 called all_reduce.*\[2\].*; rank 1 .*\[3\]"):
        on(2, shapes)

    def order(rank):
        x = mg.ones(2)
        for call in (dist.all_reduce, dist.broadcast) if rank else (dist.broadcast, dist.all_reduce):
            call(x)

    with pytest.raises(dist.CollectiveMismatch, match="broadcast"):
        on(2, order)


def test_a_message_of_another_shape_is_an_error():
    def program(rank):
        if rank == 0:
            dist.send(mg.ones(3), 1)
        else:
            dist.recv(mg.ones(2), 0)

    with pytest.raises(dist.CollectiveMismatch, match=r"sent float32\[3\], rank 1 expects float32\[2\]"):
        on(2, program)


def test_a_rank_that_never_arrives_is_named():
    def program(rank):
        time.sleep(1) if rank == 1 else dist.barrier()

    with pytest.raises(dist.CollectiveTimeout, match=r"rank 1 did not arrive at barrier\(\) within 0.2 s"):
        on(3, program, timeout=0.2)
    with pytest.raises(dist.CollectiveTimeout, match=r"rank 0 has not sent float32\[1\]"):
        on(2, lambda rank: dist.recv(mg.ones(1), 0) if rank else time.sleep(1), timeout=0.2)


def test_an_error_in_one_rank_wakes_the_others():
    def program(rank):
        if rank == 1:
            raise KeyError("of its own")
        dist.barrier()

    with pytest.raises(KeyError, match="of its own"):
        on(3, program)


def test_bad_arguments_are_named():
    def program(rank):
        with pytest.raises(ValueError, match="tensor_list must be a list with one tensor for each of the 2 ranks"):
            dist.all_gather([mg.ones(1)], mg.ones(1))
        with pytest.raises(ValueError, match=r"tensor_list\[0\] is float32\[2\]"):
            dist.all_gather([mg.ones(2), mg.ones(1)], mg.ones(1))
        with pytest.raises(TypeError, match="tensor must be a tensor, got ndarray"):
            dist.all_reduce(np.ones(2))
        with pytest.raises(ValueError, match="rank 7 is not in the group"):
            dist.broadcast(mg.ones(1), 7)
        with pytest.raises(ValueError, match="cannot send to itself"):
            dist.send(mg.ones(1), rank)
        with pytest.raises(ValueError, match="which 2 ranks cannot share"):
            dist.all_to_all_single(mg.ones(3), mg.ones(3))
        with pytest.raises(TypeError, match="ReduceOp"):
            dist.all_reduce(mg.ones(1), "sum")
        with pytest.raises(TypeError):
            dist.all_gather_object([None, None], object())
        return True

    assert on(2, program) == [True, True]


def test_empty_and_scalar_tensors():
    def program(rank):
        empty, scalar = mg.zeros(0, 3), mg.tensor(float(rank))
        dist.all_reduce(empty)
        dist.all_reduce(scalar)
        dist.broadcast(scalar, 1)
        return tuple(empty.shape), scalar.item()

    assert on(3, program) == [((0, 3), 3.0)] * 3


# ------------------------------------------------ groups


def test_groups_and_numbers():
    def program(rank):
        group = dist.new_group([2, 1])
        if rank == 0:
            assert group == dist.GroupMember.NON_GROUP_MEMBER and dist.get_rank(group) == -1
            with pytest.warns(UserWarning, match="not in the group"):
                assert dist.all_reduce(mg.ones(1), group=group) is None
            return None
        x = mg.tensor([float(rank)])
        dist.broadcast(x, src=2, group=group)
        assert dist.get_global_rank(group, 0) == 1 and dist.get_group_rank(group, 2) == 1
        assert dist.get_process_group_ranks(group) == [1, 2]
        dist.destroy_process_group(group)
        return x.item(), dist.get_world_size(), dist.get_backend()

    assert on(3, program) == [None, (2.0, 3, "threads"), (2.0, 3, "threads")]


def test_a_group_is_made_and_left():
    def program(rank):
        with pytest.raises(ValueError, match="not been initialized"):
            dist.get_rank()
        dist.init_process_group("threads")
        assert dist.is_initialized() and dist.group.WORLD.size() == 2
        with pytest.raises(ValueError, match="twice"):
            dist.init_process_group("threads")
        dist.barrier()
        dist.destroy_process_group()
        assert not dist.is_initialized() and dist.group.WORLD is None
        return True

    assert dist.run_threads(program, 2) == [True, True]


def test_what_the_program_says_is_checked(monkeypatch):
    with pytest.raises(ValueError, match="unknown backend 'pigeons'"):
        dist.init_process_group("pigeons")
    with pytest.raises(ValueError, match="which rank this thread is"):
        dist.init_process_group("threads")
    monkeypatch.setenv("WORLD_SIZE", "many")
    with pytest.raises(ValueError, match="WORLD_SIZE must be a number, got 'many'"):
        dist.init_process_group("threads", rank=0)


def test_one_rank_needs_nothing_else():
    dist.init_process_group("threads", rank=0, world_size=1)
    try:
        x = mg.ones(2)
        dist.all_reduce(x)
        assert x.tolist() == [1.0, 1.0] and dist.get_rank() == 0
    finally:
        dist.destroy_process_group()


@pytest.mark.parametrize("backend", [None, "gloo", "nccl"])
def test_a_program_that_nobody_launched_is_a_group_of_one(backend, monkeypatch):
    monkeypatch.setattr("metagrad.distributed.world.is_mpi_available", lambda: False)
    for given in ({}, {"rank": 0, "world_size": 1}):
        dist.init_process_group(backend, **given)
        assert (dist.get_rank(), dist.get_world_size(), dist.get_backend()) == (0, 1, "threads")
        dist.destroy_process_group()


def test_several_ranks_without_mpi4py_name_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(ImportError, match=r"metagrad\[mpi\]"):
        dist.init_process_group("gloo", rank=0, world_size=2)


def test_programs_of_one_process_import_it_all(monkeypatch):
    import importlib

    for name in ("distributed", "nn.parallel", "utils.data.distributed"):
        importlib.import_module(f"metagrad.{name}")
    assert dist.is_available() and not dist.is_initialized() and not dist.is_nccl_available()


# ------------------------------------------------ objects as bytes


def test_objects_travel_and_come_back():
    from metagrad.distributed.encoding import decode, encode

    x = mg.arange(6.0).reshape(2, 3).t()
    values = {
        "x": x, 3: (1, [2.5, float("inf"), -0.0, 1e-320]), None: {"nested": {"set": {1, 2}, "bytes": b"\n\x00"}},
        (1, 2): 2**80, "complex": complex("nan+1j"), "empty": [mg.zeros(0, 3, dtype=mg.float16), {}, ()],
    }  # fmt: skip
    found = decode(encode(values))
    assert found["x"].equal(x) and str(found) == str(values)
    assert found["empty"][0].dtype == mg.float16 and tuple(found["empty"][0].shape) == (0, 3)
    found["x"] += 1  # writable


def test_bytes_of_strangers_are_refused():
    from metagrad.distributed.encoding import decode, encode

    whole = encode([mg.ones(3), "text"])
    for bad in (
        whole[:-1], whole[5:], np.zeros(0, np.uint8), encode(1)[:0],
        *(np.frombuffer(b, np.uint8) for b in (
            b'["tensor", "object", [1]]\n12345678', b'["tensor", "float32", [-1]]\n', b'["os.system", ["ls"]]\n', b'["float"]\n',
            b'["bytes", "x"]\n', b'[]\n', b'["tensor", "float32", [99999999999]]\n1234',
        )),
    ):  # fmt: skip
        with pytest.raises(ValueError):
            decode(bad)
    for value in (object(), print, [lambda: None], {"a": type}):
        with pytest.raises(TypeError, match="travel between ranks"):
            encode(value)
