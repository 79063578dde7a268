"""Work of a GPU that is recorded once and then given to it as a whole, through CuPy.

A step of many small kernels takes as long as it takes the CPU to name them one by one. Recorded, they are given in one call:

    g = metagrad.cuda.CUDAGraph()
    with metagrad.cuda.graph(g):
        loss = step(x)          # nothing is computed yet
    x.copy_(batch)
    g.replay()                  # loss has its new value

Nothing inside may wait for the GPU. What is recorded reads and writes the same memory whenever it is replayed, so the graph has
memory of its own, which nothing else is given while it lives. Numbers are recorded as they are: a step of Adam, whose numbers
change with every step, belongs outside, one of SGD may be inside. What was never done before is to be done once before it is
recorded, on a stream of its own, for a kernel that has yet to be compiled cannot be.
"""

from __future__ import annotations

import contextlib
from typing import Any

from metagrad.base.device import require_cupy
from metagrad.compat.cuda.streams import Stream
from metagrad.kernels.libraries import is_recording


class CUDAGraph:
    """Recorded work. ``keep_graph`` is accepted: CuPy makes the work ready to be replayed as soon as recording ends."""

    def __init__(self, keep_graph: bool = False) -> None:
        self._cupy = require_cupy("cuda")
        self._recording = contextlib.ExitStack()
        self._stream: Any = None
        self._graph: Any = None
        self._pool: Any = None

    def capture_begin(self, pool: Any = None, capture_error_mode: str = "global") -> None:
        """Record what the current stream, which must not be the default one, is given from now on, instead of doing it.

        pool: the memory of another graph (``g.pool()``) that is never replayed at the same time.
        """
        cuda = self._cupy.cuda
        if self._graph is not None or self._stream is not None:
            raise RuntimeError(
                "This CUDAGraph instance already owns a captured graph: call reset() before another capture"
            )
        stream = cuda.get_current_stream()
        if not stream.ptr:
            raise RuntimeError(
                "CUDA graphs must be captured on a non-default stream: use metagrad.cuda.graph, or metagrad.cuda.stream(Stream())"
            )
        self._pool = cuda.MemoryPool() if pool is None else pool
        self._recording.enter_context(cuda.using_allocator(self._pool.malloc))
        try:
            stream.begin_capture()
        except BaseException:
            self._recording.close()
            raise
        self._stream = stream

    def capture_end(self) -> None:
        """End the recording."""
        if self._stream is None:
            raise RuntimeError("no capture is under way: call capture_begin() first")
        stream, self._stream = self._stream, None
        with self._recording:
            self._graph = stream.end_capture()

    def replay(self) -> None:
        """Give the recorded work to the current stream."""
        if self._graph is None:
            raise RuntimeError("Called CUDAGraph.replay without a preceding successful capture.")
        self._graph.launch(self._cupy.cuda.get_current_stream())

    def reset(self) -> None:
        """Forget the work, and give its memory back."""
        self._graph = self._pool = None

    def pool(self) -> Any:
        """The graph's memory, to share it with another one."""
        return self._pool


class graph(contextlib.AbstractContextManager[Any]):
    """``with graph(g):`` records into g what is done inside, on a stream of its own unless one is given."""

    def __init__(
        self, cuda_graph: CUDAGraph, pool: Any = None, stream: Stream | None = None, capture_error_mode: str = "global"
    ) -> None:
        self.cuda_graph, self.pool = cuda_graph, pool
        self.stream = Stream() if stream is None else stream

    def __enter__(self) -> None:
        require_cupy("cuda").cuda.Device().synchronize()
        self.stream.__enter__()
        try:
            self.cuda_graph.capture_begin(self.pool)
        except BaseException:
            self.stream.__exit__(None, None, None)
            raise

    def __exit__(self, *error: Any) -> None:
        try:
            self.cuda_graph.capture_end()
        finally:
            self.stream.__exit__(*error)


def graph_pool_handle() -> Any:
    """Memory that several graphs, never replayed at the same time, can share."""
    return require_cupy("cuda").cuda.MemoryPool()


def is_current_stream_capturing() -> bool:
    """Whether work given now is recorded; False without a GPU."""
    return is_recording()
