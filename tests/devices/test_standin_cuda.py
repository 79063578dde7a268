"""``metagrad.cuda`` by PyTorch's names, on a stand-in for the CuPy module."""

import sys

import numpy as np
import pytest
from tests.devices.standin import (
    FakeCupy,
    FakeDevice,
    FakeEvent,
    FakePool,
    FakeStream,
    OutOfMemoryError,
    Strict,
    install,
)

import metagrad
from metagrad import cuda


@pytest.fixture(autouse=True)
def fake_gpu(monkeypatch):
    install(monkeypatch)


def test_devices():
    assert cuda.is_bf16_supported() and not cuda.is_bf16_supported(including_emulation=False)
    assert cuda.is_available() and cuda.device_count() == 1 and cuda.current_device() == 0
    cuda.synchronize()
    cuda.synchronize(3)
    cuda.synchronize("cuda:2")
    cuda.set_device(1)
    assert FakeDevice.used == [("synchronize", 0), ("synchronize", 3), ("synchronize", 2), ("use", 1)]
    assert cuda.get_device_name() == "Stand-in" and cuda.get_device_capability() == (9, 0)
    assert cuda.get_device_properties(0).total_memory == 10_000


def test_ways_to_a_device():
    x = metagrad.ones(2)
    for moved in (
        x.cuda(), x.cuda(0), x.cuda("cuda:0", non_blocking=True), x.cuda(device=metagrad.device(0)),
        x.to("cuda", non_blocking=True), x.to(0), x.to(device="cuda:0"), x.to(x.cuda()), metagrad.ones(2, device=0),
        x.cuda().new_ones(2),
        metagrad.ones_like(x.cuda()),
    ):  # fmt: skip
        assert moved.is_cuda and moved.device == metagrad.device("cuda", 0) and moved.get_device() == 0
        assert moved.tolist() == [1.0, 1.0] and not moved.cpu().is_cuda
    for wrong in (lambda: x.cuda(1), lambda: x.to("cuda:3"), lambda: metagrad.ones(2, device="cuda:1")):
        with pytest.raises(RuntimeError, match="invalid device ordinal.*1 GPUs"):
            wrong()


def test_memory_that_another_stream_uses(monkeypatch):
    from metagrad.tensors.methods.memory import _in_use

    x, stream = metagrad.ones(2, device="cuda"), cuda.Stream()
    monkeypatch.setattr(FakeEvent, "done", False)
    x.record_stream(stream)
    x.cpu().record_stream(stream)
    assert [array for _, array in _in_use] == [x.array] and _in_use[0][0]._event.recorded is stream._stream
    monkeypatch.setattr(FakeEvent, "done", True)
    y = metagrad.zeros(2, device="cuda")
    y.record_stream(stream)
    assert [array for _, array in _in_use] == [y.array]


def test_memory():
    assert cuda.memory_allocated() == 1000 and cuda.memory_reserved("cuda:1") == 4096
    assert cuda.max_memory_allocated(0) == 1000 and cuda.mem_get_info() == (2_000, 10_000)
    assert cuda.memory_stats()["reserved_bytes.all.current"] == 4096 and "1000 bytes" in cuda.memory_summary()
    assert ("enter", 1) in FakeDevice.used
    cuda.empty_cache()
    cuda.memory.set_per_process_memory_fraction(0.5)
    assert FakeDevice.used[-1] == ("limit", 0.5) and ("free_all_blocks", 0) in FakeDevice.used
    with pytest.raises(ValueError, match="fraction"):
        cuda.set_per_process_memory_fraction(2.0)


def test_what_is_asked_of_a_full_device():
    assert cuda.OutOfMemoryError is metagrad.OutOfMemoryError and issubclass(cuda.OutOfMemoryError, RuntimeError)
    with pytest.raises(metagrad.OutOfMemoryError, match="allocating 4,000,004 bytes.*10,000 bytes 2,000 are free"):
        metagrad.zeros(1_000_001).to("cuda")


def test_an_op_on_a_full_device(monkeypatch):
    x = metagrad.ones(3, device="cuda")

    def full(*_, **__):
        raise OutOfMemoryError("Out of memory allocating 12 bytes.")

    monkeypatch.setattr(Strict, "__array_ufunc__", full)
    with pytest.raises(metagrad.OutOfMemoryError, match="12 bytes.*empty_cache"):
        x * x


def test_an_error_of_the_cpus_memory_stays_what_it_is():
    with pytest.raises(MemoryError) as raised:
        metagrad.ones(2**60)
    assert not isinstance(raised.value, metagrad.OutOfMemoryError)


def test_seeds_and_states():
    cuda.manual_seed(4)
    first = metagrad.rand(3, device="cuda").tolist()
    cuda.manual_seed_all(4)
    states = cuda.get_rng_state_all()
    assert len(states) == 1 and cuda.initial_seed() == 4 and cuda.random.get_rng_state(0).shape == (16,)
    assert metagrad.rand(3, device="cuda").tolist() == first
    cuda.set_rng_state_all(states)
    assert metagrad.rand(3, device="cuda:0").tolist() == first
    cuda.seed_all()
    assert cuda.initial_seed() != 4 and metagrad.rand(3, device="cuda").tolist() != first
    cuda.set_rng_state(states[0])
    assert metagrad.rand(3, device="cuda").tolist() == first


def test_streams_and_events():
    stream, other = cuda.Stream(), cuda.Stream()
    assert cuda.current_stream() == cuda.default_stream() != stream and cuda.current_stream().cuda_stream == 0
    with stream:
        assert cuda.current_stream() == stream
    with cuda.stream(other):
        assert cuda.current_stream() == other
    with cuda.stream(None):
        assert cuda.current_stream() == cuda.default_stream()
    start, end = cuda.Event(enable_timing=True), cuda.Event()
    assert start._event.timed and not end._event.timed
    start.record(stream)
    assert start._event.recorded is stream._stream and start.query() and start.elapsed_time(end) == 1.5
    other.wait_stream(stream)
    end.wait(other)
    assert len(other._stream.waited_for) == 2 and other._stream.waited_for[0].recorded is stream._stream
    assert stream.query() and len({stream, other, cuda.Stream(of=stream._stream)}) == 2
    stream.synchronize(), end.synchronize()
    assert isinstance(stream._stream, FakeStream) and FakeCupy.cuda.current is FakeStream.null


def test_peaks_of_memory(monkeypatch):
    monkeypatch.setattr("metagrad.compat.cuda.memory._peaks", {})
    monkeypatch.setattr(FakePool, "used", 1000)
    assert cuda.max_memory_allocated() == 1000 and cuda.max_memory_reserved() == 4096
    FakeCupy.cuda.allocator(500)
    FakePool.used -= 700
    assert cuda.memory_allocated() == 800 and cuda.max_memory_allocated() == 1500
    assert cuda.memory_stats()["allocated_bytes.all.peak"] == 1500
    cuda.reset_peak_memory_stats()
    assert cuda.max_memory_allocated() == 800
    FakeCupy.cuda.allocator(100)
    assert cuda.max_memory_allocated() == 900 == cuda.memory_allocated()


def test_recorded_work():
    g, stream, before = cuda.CUDAGraph(), cuda.Stream(), FakeCupy.cuda.allocator
    with pytest.raises(RuntimeError, match="replay without"):
        g.replay()
    with cuda.graph(g, stream=stream):
        assert cuda.current_stream() == stream and cuda.is_current_stream_capturing()
        assert FakeCupy.cuda.allocator == g.pool().malloc
    assert not cuda.is_current_stream_capturing() and cuda.current_stream() == cuda.default_stream()
    assert FakeCupy.cuda.allocator is before and FakeDevice.used == [("synchronize", 0)]
    g.replay()
    with cuda.stream(stream):
        g.replay()
    assert stream._stream.captured.launched_on == [FakeStream.null, stream._stream]
    with pytest.raises(RuntimeError, match="already owns"), cuda.graph(g):
        pass
    assert cuda.current_stream() == cuda.default_stream()
    g.reset()
    with pytest.raises(RuntimeError, match="replay without"):
        g.replay()


def test_recording_needs_a_stream_of_its_own():
    with pytest.raises(RuntimeError, match="non-default stream"):
        cuda.CUDAGraph().capture_begin()
    with pytest.raises(RuntimeError, match="no capture"):
        cuda.CUDAGraph().capture_end()


def test_graphs_that_share_memory():
    pool = cuda.graph_pool_handle()
    graphs = [cuda.CUDAGraph(), cuda.CUDAGraph()]
    for g in graphs:
        with cuda.graph(g, pool=pool):
            pass
    assert graphs[0].pool() is graphs[1].pool() is pool


def test_steps_whose_numbers_change_are_not_recorded():
    for name, is_refused in (("SGD", False), ("Adam", True)):
        p = metagrad.nn.Parameter(metagrad.ones(2, device="cuda"))
        p.grad = metagrad.ones(2, device="cuda")
        optimizer = getattr(metagrad.optim, name)([p], lr=0.1)
        optimizer.step()
        with cuda.graph(cuda.CUDAGraph()):
            if is_refused:
                with pytest.raises(RuntimeError, match="graph capture of step.. for an instance of Adam"):
                    optimizer.step()
            else:
                optimizer.step()


class Foreign:
    """Another library's array on a GPU."""

    hidden = np.arange(3.0)

    def __dlpack__(self, **_):
        raise NotImplementedError("the stand-in takes the array as it is")

    def __dlpack_device__(self):
        return 2, 0


def test_dlpack():
    found = metagrad.from_dlpack(Foreign())
    assert found.is_cuda and np.shares_memory(found.array._hidden, Foreign.hidden)
    assert not np.shares_memory(metagrad.from_dlpack(Foreign(), copy=True).array._hidden, Foreign.hidden)
    assert metagrad.from_dlpack(np.arange(2)).tolist() == [0, 1]


def test_where_there_is_no_gpu(monkeypatch):
    monkeypatch.setattr("metagrad.kernels.libraries.cupy", lambda: None)
    for module in ("memory", "random"):
        monkeypatch.setattr(f"metagrad.compat.cuda.{module}.cupy", lambda: None)
    assert not cuda.is_current_stream_capturing() and cuda.max_memory_allocated() == 0
    cuda.reset_peak_memory_stats()
    cuda.empty_cache()
    cuda.manual_seed_all(3)
    cuda.manual_seed(5)
    assert cuda.memory_allocated() == cuda.memory_reserved() == 0 and cuda.get_rng_state_all() == []
    assert cuda.initial_seed() == 5


@pytest.mark.parametrize("found", ["nothing", "no driver"])
def test_what_to_install_is_said(found, monkeypatch):
    """CuPy is missing, or it finds no driver, which its runtime says by an error of its own."""
    from metagrad.base import device

    def without_driver():
        raise OSError("cudaErrorNoDevice")

    module = type(
        "cupy", (), {"cuda": type("cuda", (), {"runtime": type("runtime", (), {"getDeviceCount": without_driver})})}
    )
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "cupy", None if found == "nothing" else module)
    device.cupy.cache_clear()
    try:
        assert not cuda.is_available() and cuda.device_count() == 0
        expected = (
            r'pip install "metagrad\[cuda12\]", or "metagrad\[cuda13\]"'
            if found == "nothing"
            else "no CUDA-capable GPU or driver"
        )
        for ask in (lambda: metagrad.ones(2).cuda(), cuda.current_device, cuda.Stream, cuda.mem_get_info, cuda.init):
            with pytest.raises(RuntimeError, match=expected):
                ask()
    finally:
        device.cupy.cache_clear()
