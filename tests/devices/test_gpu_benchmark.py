"""The benchmark for GPUs still runs: on the stand-in array, with the losses of the CPU."""

import pytest
from benchmarks import gpu
from tests.devices.standin import FakeCupy, Strict, install

import metagrad


@pytest.mark.parametrize("name", ["article", "images", "elementwise"])
def test_a_case_on_the_standin(name, monkeypatch):
    install(monkeypatch)
    monkeypatch.setattr(FakeCupy, "limit", 10**9)
    here, there = (
        gpu.Side(metagrad, gpu.CASES[name], "cpu", small=True),
        gpu.Side(metagrad, gpu.CASES[name], small=True),
    )
    losses = gpu.begin(name, [here, there])
    assert losses[-1] < losses[0]
    assert isinstance(there.x.array, Strict) and all(isinstance(p.array, Strict) for p in there.model.parameters())
    times = gpu.measure([there], 1) if name == "article" else [there.turn(1)]
    assert times[0] > 0


@pytest.mark.parametrize("name", gpu.CASES)
def test_the_dry_run(name, capsys):
    gpu.try_out([name], libs=[metagrad])
    assert f"{name:12} losses " in capsys.readouterr().out


def test_work_that_differs_is_not_timed():
    sides = [gpu.Side(metagrad, gpu.CASES["article"], "cpu", small=True) for _ in range(2)]
    sides[1].x = sides[1].x * 0 + 7
    with pytest.raises(RuntimeError, match="losses differ"):
        gpu.begin("article", sides)


def test_without_a_gpu_nothing_is_run(capsys, monkeypatch):
    monkeypatch.setattr(gpu, "why_not", lambda: "no GPU")
    gpu.run(type("options", (), {"dry_run": False}))
    assert capsys.readouterr().out == "nothing was run: no GPU\n"
