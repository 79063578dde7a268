"""One file for all ranks: whole or not at all, and for any number of ranks."""

import collections

import numpy as np
import pytest
from tests.distributed import resuming

import metagrad as mg
from metagrad import distributed as dist
from metagrad.distributed import checkpoint


def on(ranks, function):
    def program(rank):
        dist.init_process_group("threads", timeout=30)
        return function(rank)

    return dist.run_threads(program, ranks)


def test_a_run_goes_on_on_another_number_of_ranks(tmp_path):
    def run(ranks, steps, name="run.pt"):
        return dist.run_threads(lambda rank: resuming.train(tmp_path / name, steps, dropout=0.0), ranks)[0]

    whole = run(2, 20, "whole.pt")
    run(2, 10)
    begun = (tmp_path / "run.pt").read_bytes()
    for ranks in (1, 2, 4):
        (tmp_path / "run.pt").write_bytes(begun)
        found = run(ranks, 20)
        for name, expected in whole.items():
            if ranks == 2:
                np.testing.assert_array_equal(found[name], expected)
            np.testing.assert_allclose(found[name], expected, rtol=1e-9, atol=1e-12)


def test_each_rank_gets_its_own_back(tmp_path):
    path = tmp_path / "a.pt"

    def write(rank):
        checkpoint.save({"w": mg.ones(2)}, path, own={"rank": rank})

    on(3, write)
    assert on(3, lambda rank: checkpoint.read(path)[1]["rank"]) == [0, 1, 2]
    assert on(2, lambda rank: checkpoint.read(path)[1]) == [None, None]
    assert checkpoint.read(path)[0]["w"].tolist() == [1.0, 1.0]  # without a group


def test_a_file_that_cannot_be_written_is_an_error_on_all_ranks(tmp_path):
    def program(rank):
        with pytest.raises(OSError, match="does not exist"):
            checkpoint.save({"w": mg.ones(2)}, tmp_path / "missing" / "a.pt")
        with pytest.raises(OSError, match="No such file"):
            checkpoint.read(tmp_path / "none.pt")
        (tmp_path / f"bad{rank}.pt").write_bytes(b"not a checkpoint")
        dist.barrier()
        with pytest.raises(mg.checkpoints.CheckpointError):
            checkpoint.read(tmp_path / "bad0.pt")
        return True

    assert on(2, program) == [True, True]


def test_states_are_filled_in_place(tmp_path):
    path = tmp_path / "a.pt"
    checkpoint.save({"model": {"w": mg.ones(2)}, "step": 3}, path)
    w = mg.zeros(2)
    state = {"model": {"w": w}, "step": 0}
    checkpoint.load(state, path)
    assert w.tolist() == [1.0, 1.0] and state["step"] == 3
    with pytest.raises(KeyError, match="has no 'v'"):
        checkpoint.load({"v": w}, path)
    wrong = {"model": {"w": mg.zeros(3)}, "step": 0}
    with pytest.raises(ValueError, match=r"w is .*\[2\].*not of shape \(3,\)"):
        checkpoint.load(wrong, path)
    mg.save({"w": w}, tmp_path / "other.pt")
    with pytest.raises(mg.checkpoints.CheckpointError, match="was not written by"):
        checkpoint.read(tmp_path / "other.pt")
    with pytest.raises(ValueError, match="checkpoint_id"):
        checkpoint.save({})


def test_what_one_rank_cannot_send_is_refused_on_all(tmp_path):
    def program(rank):
        with pytest.raises(TypeError, match="rank 1: own: objects travel between ranks if they are"):
            checkpoint.save({"w": mg.ones(1)}, tmp_path / "a.pt", own=object() if rank else 1)
        checkpoint.save({"w": mg.ones(1)}, tmp_path / "b.pt", own=rank)
        return (tmp_path / "a.pt").exists(), checkpoint.read(tmp_path / "b.pt")[1]

    assert on(2, program) == [(False, 0), (False, 1)]


@pytest.mark.parametrize("ranks", [1, 2])
def test_what_cannot_be_read_is_not_written(ranks, tmp_path):
    path = tmp_path / "a.pt"

    def program(rank):
        checkpoint.save({"w": mg.ones(1)}, path)
        for value, where in (
            (np.ones(2), r"state_dict\['model'\]\[1\]: .* got ndarray"), (mg.Size([1]), "got Size"), (path, "got PosixPath|Path"),
        ):  # fmt: skip
            with pytest.raises(TypeError, match=where):
                checkpoint.save({"model": [1, value]}, path)
        endless = []
        endless.append(endless)
        with pytest.raises(TypeError, match="contains itself"):
            checkpoint.save({"w": endless}, path)
        kept = checkpoint.read(path)[0]
        checkpoint.save({"w": collections.OrderedDict(a=np.float64(2.5), b=(1j, {2}, None, b"c"))}, tmp_path / "b.pt")
        return kept["w"].tolist(), checkpoint.read(tmp_path / "b.pt")[0]

    assert on(ranks, program) == [([1.0], {"w": {"a": 2.5, "b": (1j, {2}, None, b"c")}})] * ranks
