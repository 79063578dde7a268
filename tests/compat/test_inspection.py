"""summary, the profiler, TensorBoard's writer."""

import json
import threading
from importlib import import_module

import numpy as np
import pytest

import metagrad as mg
from metagrad import nn, profiler
from metagrad.autograd import engine, function


def network():
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Sequential(nn.Linear(8, 2)))


def test_summary_counts_shapes_parameters_and_bytes():
    model = network()
    model[0].bias.requires_grad_(False)
    s = mg.summary(model, mg.zeros(3, 4))
    assert [(r.name, r.kind, r.shape, r.parameters, r.bytes) for r in s.rows] == [
        ("", "Sequential", [(3, 2)], 0, 24), ("0", "Linear", [(3, 8)], 40, 96), ("1", "ReLU", [(3, 8)], 0, 96),
        ("2", "Sequential", [(3, 2)], 0, 24), ("2.0", "Linear", [(3, 2)], 18, 24),
    ]  # fmt: skip
    assert (s.parameters, s.trainable, s.parameter_bytes, s.activation_bytes) == (58, 50, 232, 96 + 96 + 24)
    assert "58 parameters (50 trainable" in str(s) and "0: Linear" in str(s)


def test_summary_of_recurrent_and_shared_layers_and_of_what_is_not_used():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.again, self.idle = nn.LSTM(4, 5), nn.Linear(5, 5), nn.Linear(1, 1)

        def forward(self, x, *, times):
            y, _ = self.rnn(x)
            for _ in range(times):
                y = self.again(y)
            return {"y": y}

    s = mg.summary(Model(), mg.zeros(2, 3, 4), times=2)
    rows = {r.name: r for r in s.rows}
    assert rows["rnn"].shape == [(2, 3, 5), (1, 3, 5), (1, 3, 5)]
    assert (rows["again"].calls, rows["idle"].calls) == (2, 0)
    assert "not used" in str(s)


def test_the_hooks_are_gone_after_an_error():
    model = network()
    with pytest.raises(RuntimeError):
        mg.summary(model, mg.zeros(3, 5))
    assert not any(m.__dict__.get("_forward_hooks") for m in model.modules())


def step(model):
    model(mg.zeros(3, 4)).sum().backward()


def test_profile_counts_ops_gradients_and_memory():
    model = network()
    plain = function.Function.__dict__["apply"], engine.differentiate
    with profiler.profile(record_shapes=True) as p, profiler.record_function("outer"):
        step(model)
        step(model)
    assert (function.Function.__dict__["apply"], engine.differentiate) == plain  # nothing stays behind
    rows = {row.key: row for row in p.key_averages()}
    assert (rows["Linear"].count, rows["LinearBackward"].count, rows["Relu"].count, rows["outer"].count) == (4, 4, 2, 1)
    assert rows["Linear"].cpu_memory_usage == 2 * (96 + 24)
    inner = sum(row.cpu_time_total for name, row in rows.items() if name != "outer")
    assert rows["outer"].cpu_time_total == pytest.approx(rows["outer"].self_cpu_time_total + inner, rel=1e-6)
    by_shape = [row for row in p.key_averages(group_by_input_shape=True) if row.key == "Linear"]
    assert sorted(row.input_shapes[0] for row in by_shape) == [(3, 4), (3, 8)]
    table = p.key_averages().table(sort_by="count", row_limit=1)
    assert "Linear" in table and "outer" not in table and "# of Calls" in table
    with pytest.raises(ValueError, match="cannot sort by"):
        p.key_averages().table(sort_by="speed")


def test_nothing_is_recorded_when_it_is_off():
    with profiler.profile() as p:
        pass
    step(network())
    with profiler.record_function("idle"):
        pass
    assert p.events() == []


def test_profile_ends_when_an_op_raises():
    with pytest.raises(RuntimeError), profiler.profile() as p:
        mg.zeros(2) + mg.zeros(3)
    assert [e.name for e in p.events()] == ["Add"]
    step(network())
    assert len(p.events()) == 1


def test_schedule_records_the_active_steps_and_hands_them_over(tmp_path):
    seen = []
    plan = profiler.schedule(wait=1, warmup=1, active=2, repeat=2, skip_first=1)
    model = network()

    def ready(p):
        seen.append([row.key for row in p.key_averages() if row.key.startswith("ProfilerStep")])
        p.export_chrome_trace(tmp_path / f"{p.step_num}.json")

    with profiler.profile(activities=[profiler.ProfilerActivity.CPU], schedule=plan, on_trace_ready=ready) as p:
        for _ in range(12):
            step(model)
            p.step()
    assert seen == [["ProfilerStep#3", "ProfilerStep#4"], ["ProfilerStep#7", "ProfilerStep#8"]]
    trace = json.loads((tmp_path / "5.json").read_text())["traceEvents"]
    assert {"Linear", "LinearBackward"} <= {e["name"] for e in trace} and all(e["dur"] >= 0 for e in trace)


@pytest.mark.oracle
def test_schedules_are_pytorchs(torch):
    from torch.profiler import schedule as theirs

    for settings in ((0, 1, 1, 0, 0), (2, 1, 3, 2, 1), (0, 2, 2, 0, 3)):
        named = dict(zip(("wait", "warmup", "active", "repeat", "skip_first"), settings))
        expected, found = theirs(**named), profiler.schedule(**named)
        assert [found(i).name for i in range(20)] == [expected(i).name for i in range(20)]


def test_tensorboard_writes_events(tmp_path):
    pytest.importorskip("tensorboardX")
    from metagrad.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(tmp_path)) as writer:
        writer.add_scalar("loss", mg.tensor(0.5, requires_grad=True), 1)
        writer.add_scalars("both", {"a": mg.tensor(1.0), "b": 2.0}, 1)
        writer.add_histogram("weights", mg.randn(100), 1)
        writer.add_text("note", "hello", 1)
        writer.add_image("image", mg.rand(3, 4, 4), 1)
    files = list(tmp_path.rglob("events*"))
    data = b"".join(f.read_bytes() for f in files)
    assert all(tag in data for tag in (b"loss", b"weights", b"note", b"image"))
    assert np.float32(0.5).tobytes() in data


def test_tensorboard_missing_says_what_to_install(monkeypatch):
    import sys

    import metagrad.utils.tensorboard as module

    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    monkeypatch.delitem(vars(module), "SummaryWriter", raising=False)
    with pytest.raises(ImportError, match=r'pip install "metagrad\[tensorboard\]"'):
        module.SummaryWriter


def operations(lib, program):
    with import_module(f"{lib.__name__}.utils.flop_counter").FlopCounterMode(display=False) as counter:
        program(lib)
    return counter.get_total_flops(), {n: sum(c.values()) for n, c in counter.get_flop_counts().items()}


def trained(lib):
    nn = lib.nn
    model = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))
    model(lib.ones(2, 1, 4, 4)).sum().backward()


def applied(lib):
    _ = lib.ones(2, 3, 4) @ lib.ones(2, 4, 5), lib.ones(2, 3, 4) @ lib.ones(4, 5)
    lib.nn.ConvTranspose2d(2, 3, 3, stride=2)(lib.ones(1, 2, 4, 4))
    lib.nn.Conv1d(4, 6, 3, groups=2)(lib.ones(2, 4, 8))
    lib.nn.Linear(4, 3)(lib.ones(2, 5, 4))


COUNTED = {
    trained: (6912, {"Global": 6912, "Sequential": 6912, "Sequential.0": 4608, "Sequential.3": 2304}),
    applied: (3312, {"Global": 3312, "ConvTranspose2d": 1728, "Conv1d": 864, "Linear": 240}),
}


@pytest.mark.parametrize("program", COUNTED)
@pytest.mark.parametrize("which", ["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
def test_operations_are_counted(program, which, request):
    lib = mg if which == "metagrad" else request.getfixturevalue("torch")
    assert operations(lib, program) == COUNTED[program]


@pytest.mark.parametrize("which", ["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
def test_counters_within_one_another_count_the_same(which, request):
    lib = mg if which == "metagrad" else request.getfixturevalue("torch")
    counter = import_module(f"{lib.__name__}.utils.flop_counter").FlopCounterMode
    with counter(display=False) as outer:
        _ = lib.ones(2, 3) @ lib.ones(3, 4)
        with counter(display=False) as inner:
            _ = lib.ones(2, 3) @ lib.ones(3, 4)
    assert (outer.get_total_flops(), inner.get_total_flops()) == (96, 48)


def test_counters_may_end_in_the_order_they_began_and_count_their_own_thread():
    counter = import_module("metagrad.utils.flop_counter").FlopCounterMode
    before = vars(function.Function)["apply"]
    first, second = counter(display=False), counter(display=False)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    _ = mg.ones(2, 3) @ mg.ones(3, 4)
    thread = threading.Thread(target=lambda: mg.ones(2, 3) @ mg.ones(3, 4))
    thread.start()
    thread.join()
    second.__exit__(None, None, None)
    assert (first.get_total_flops(), second.get_total_flops()) == (0, 48)
    assert vars(function.Function)["apply"] is before
