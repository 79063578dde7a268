"""Windows, under both of their names."""

from tests.ops.rows import Dtype, call, error, row

LENGTHS = (call(0), call(1), call(2), call(7), call(8, sym=False), call(1, sym=False), call(5, dtype=Dtype("float64")))
OLD = (call(0), call(1), call(2), call(7), call(8, False), call(5, dtype=Dtype("float64")))
SETTINGS = dict(grad=False, dtypes=("float32",))

ROWS = [
    *(
        row(f"signal.windows.{name}", *LENGTHS, error(ValueError, -1), error(ValueError, 3, dtype=Dtype("int64")), **SETTINGS)
        for name in ("bartlett", "blackman", "cosine", "exponential", "gaussian", "hamming", "hann", "kaiser", "nuttall")
    ),
    row("signal.windows.general_hamming", *LENGTHS, call(5, alpha=0.6), **SETTINGS),
    row("signal.windows.general_cosine", call(5, a=[0.4, 0.3, 0.3]), call(6, a=(0.5, 0.5), sym=False), call(1, a=[0.3, 0.7]),
        error(ValueError, 5, a=[]), error(TypeError, 5, a=1), **SETTINGS),
    row("signal.windows.kaiser", call(6, beta=3.0), error(ValueError, 5, beta=-1.0), **SETTINGS),
    row("signal.windows.gaussian", call(6, std=2.0), error(ValueError, 5, std=0.0), **SETTINGS),
    row("signal.windows.exponential", call(6, tau=2.0, sym=False, center=1), error(ValueError, 5, tau=0.0), **SETTINGS),
    *(row(f"{name}_window", *OLD, error(RuntimeError, -1), error(RuntimeError, 3, dtype=Dtype("int64")), **SETTINGS)
      for name in ("bartlett", "blackman", "hann", "kaiser")),
    row("hamming_window", *OLD, call(5, True, 0.6, 0.3), error(RuntimeError, -1), **SETTINGS),
    row("kaiser_window", call(6, True, 3.0), call(6, False, beta=3.0), **SETTINGS),
]  # fmt: skip
