"""``torch._dynamo.config``, ``torch._inductor.config``: settings of compilers that are not here. They are kept and read back."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

config = sys.modules[__name__]  # of torch._inductor, which has no more than its settings

cache_size_limit = recompile_limit = 8
accumulated_cache_size_limit = accumulated_recompile_limit = 256
suppress_errors = verbose = capture_scalar_outputs = capture_dynamic_output_shape_ops = compiled_autograd = False
optimize_ddp = automatic_dynamic_shapes = assume_static_by_default = inline_inbuilt_nn_modules = True

max_autotune = max_autotune_gemm = coordinate_descent_tuning = freezing = conv_1x1_as_mm = debug = False
fallback_random = cpp_wrapper = force_disable_caches = force_fuse_int_mm_with_mul = False
epilogue_fusion = fx_graph_cache = shape_padding = size_asserts = pattern_matcher = True
compile_threads = 1
triton = SimpleNamespace(cudagraphs=False, cudagraph_trees=True, unique_kernel_names=True)
cpp = SimpleNamespace(simdlen=None, threads=-1, enable_kernel_profile=False)


@contextlib.contextmanager
def patch(name: str | dict[str, Any] | None = None, value: Any = None, **settings: Any) -> Iterator[None]:
    """Settings that hold inside a ``with`` or a decorated function, then those from before.

    >>> with patch("triton.cudagraphs", True):
    ...     triton.cudagraphs
    True
    >>> triton.cudagraphs
    False
    """
    given = {name: value} if isinstance(name, str) else {**(name or {}), **settings}
    places = [(sys.modules[__name__] if not group else globals()[group], key, new)
              for path, new in given.items() for group, _, key in [path.rpartition(".")]]  # fmt: skip
    before = [getattr(place, key) for place, key, _ in places]
    for place, key, new in places:
        setattr(place, key, new)
    try:
        yield
    finally:
        for (place, key, _), old in zip(places, before, strict=True):
            setattr(place, key, old)
