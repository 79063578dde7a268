"""The functions that cast what they are given under ``autocast``, and how they come to do so.

The table has the three columns of PyTorch's documentation for the CPU. Products are computed in the lower precision: their sums are
kept in more bits than they are stored in. What adds up many numbers, or raises them to powers, is computed in float32.
What joins tensors takes the widest dtype of them.
Everything else computes in the dtype it is given. float64 is left alone, as
are functions that write in place or into ``out``.

Nothing casts until ``autocast`` is first entered. Then a function that casts takes the place of each function of the table, in
metagrad's namespaces, among Tensor's methods, and where a program has imported it already. So casting costs nothing in a program
that does not use it.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

import numpy as np

from metagrad.autograd.mode import mode
from metagrad.autograd.variable import Variable
from metagrad.base import dtypes
from metagrad.compat.amp.settings import Settings, settings
from metagrad.compat.replacing import replace
from metagrad.compat.torch_function import wrap_within
from metagrad.func.batched import BatchedArray
from metagrad.nn.modules.rnn import RNNBase
from metagrad.tensors.tensor import Tensor

__all__ = ["FLOAT32", "LOWER_PRECISION", "WIDEST", "cast", "start_casting"]

LOWER_PRECISION = """
    addbmm addmm baddbmm bmm chain_matmul conv1d conv2d conv3d conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d
    corrcoef cov einsum inner linear linalg.matrix_power linalg.multi_dot linalg.vecdot matmul mm multi_head_attention_forward
    nn.functional.scaled_dot_product_attention prelu tensordot
""".split()
FLOAT32 = """
    adaptive_avg_pool3d adaptive_max_pool3d avg_pool3d binary_cross_entropy binary_cross_entropy_with_logits cdist
    cholesky cholesky_inverse cholesky_solve cosine_embedding_loss cross_entropy ctc_loss geqrf fft.fft fft.fft2 fft.fftn
    fft.hfft fft.ifft fft.ifft2 fft.ifftn fft.ihfft fft.irfft fft.irfft2 fft.irfftn fft.rfft fft.rfft2 fft.rfftn
    fractional_max_pool2d fractional_max_pool3d grid_sample hinge_embedding_loss huber_loss inverse kl_div l1_loss
    linalg.cholesky linalg.cholesky_ex linalg.cond linalg.eig linalg.eigh linalg.eigvals linalg.eigvalsh
    linalg.householder_product linalg.inv linalg.inv_ex linalg.lstsq linalg.matrix_rank linalg.qr linalg.solve linalg.svd
    linalg.svdvals linalg.tensorinv linalg.tensorsolve linear_cross_entropy lu_solve margin_ranking_loss max_pool3d
    max_unpool1d max_unpool2d max_unpool3d mse_loss multi_margin_loss multilabel_margin_loss nanquantile nll_loss orgqr
    ormqr pinverse poisson_nll_loss polar prod qr quantile smooth_l1_loss soft_margin_loss stft svd trace
    triplet_margin_loss view_as_complex
""".split()
WIDEST = ["cat", "index_copy", "stack"]
_CAST: set[Any] = {np.dtype(np.float32), np.dtype(np.float16)}  # bfloat16 joins them when it is there
_started = False


def cast(value: Any, dtype: Any) -> Any:
    """A tensor of at most 32 bits on the CPU as one of another dtype; tensors within lists and tuples, too."""
    if isinstance(value, Variable):
        array = value.array
        if array.dtype == dtype.dtype or array.__class__ is not np.ndarray and not _shows_one_example(array):
            return value
        return _kept(value, dtype) if array.dtype in _CAST or array.dtype.kind == "V" else value
    if value.__class__ is list or value.__class__ is tuple:
        return type(value)([cast(part, dtype) for part in value])
    return value


def _shows_one_example(array: Any) -> bool:
    """Whether an array is one that ``vmap`` shows, of examples on the CPU."""
    while isinstance(array, BatchedArray):
        array = array.examples
    return array.__class__ is np.ndarray


def _kept(x: Any, dtype: Any) -> Any:
    """``x.to(dtype)``; of a parameter once, until the outermost ``autocast`` ends or it is written to."""
    if not (settings.caching and x._requires_grad and x._grad_fn is None and x._view is None):
        return x.to(dtype)
    key = id(x), x._version, dtype, mode.grad
    found = settings.cache.get(key)
    if found is None:
        found = settings.cache[key] = x, x.to(dtype)  # x as well: its id is its own for as long as it lives
    return found[1]


def lower_precision(args: Any) -> Any:
    """The dtype that products are computed in."""
    return settings.dtypes.get("cpu", dtypes.bfloat16)


def float32(args: Any) -> Any:
    """The dtype of long sums."""
    return dtypes.float32


def widest(args: Any) -> Any:
    """float32 if any argument is, or a list among them has one; the lower precision if not."""
    wide = any(isinstance(x, Variable) and x.array.dtype == np.float32 for x in _flat(args))
    return dtypes.float32 if wide else lower_precision(args)


def _flat(args: Any) -> Iterator[Any]:
    for x in args:
        yield from x if isinstance(x, list | tuple) else (x,)


def _casting(function: Callable[..., Any], chosen: Callable[[Any], Any]) -> Callable[..., Any]:
    """A function that casts what it is given, where ``autocast`` is on; within it nothing is cast again."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if not settings.cpu or "out" in kwargs:
            return function(*args, **kwargs)
        dtype = chosen((*args, *kwargs.values()))
        args = cast(args, dtype)
        kwargs = {name: cast(value, dtype) for name, value in kwargs.items()}
        settings.cpu = False
        try:
            return function(*args, **kwargs)
        finally:
            settings.cpu = True

    return call


# ------------------------------------------------ from when on


def start_casting() -> None:
    """Put functions that cast in the place of those of the table. It happens once."""
    global _started
    if _started:
        return
    _started = True
    replaced: dict[Any, Any] = {}
    for names, chosen in ((LOWER_PRECISION, lower_precision), (FLOAT32, float32), (WIDEST, widest)):
        for name in names:
            for space, key in _places(name):
                function = getattr(space, key)
                if function not in replaced:
                    cast_inside = wrap_within(function, functools.partial(_casting, chosen=chosen))
                    replaced[function] = function if cast_inside else _casting(function, chosen)
                setattr(space, key, replaced[function])
    for operator in ("__matmul__", "__rmatmul__"):
        if not wrap_within(function := getattr(Tensor, operator), functools.partial(_casting, chosen=lower_precision)):
            setattr(Tensor, operator, _casting(function, lower_precision))
    replace({function: other for function, other in replaced.items() if other is not function})
    _cast_in_recurrence()


def _places(name: str) -> Iterator[tuple[Any, str]]:
    """The namespaces and the class that have a function of the table."""
    path, _, key = name.rpartition(".")
    for space in [path] if path else ["", "nn.functional"]:
        module: Any = importlib.import_module(f"metagrad.{space}".rstrip("."))
        if isinstance(getattr(module, key, None), FunctionType):
            yield module, key
    if not path and isinstance(getattr(Tensor, key, None), FunctionType):
        yield Tensor, key


def _cast_in_recurrence() -> None:
    """LSTM and RNN compute in the lower precision, too, as a whole; a GRU in that of its input."""
    stack, weights, check = RNNBase._stack, RNNBase._layer_weights, RNNBase._check_input

    def casts(layer: RNNBase) -> bool:
        return settings.cpu and layer.mode != "GRU"

    def cast_stack(self: RNNBase, x: Any, batch_sizes: list[int], initial: Any) -> Any:
        if casts(self):
            x, initial = cast((x, tuple(initial)), lower_precision(()))
        return stack(self, x, batch_sizes, initial)

    def cast_weights(self: RNNBase, layer: int) -> list[Any]:
        found = weights(self, layer)
        return list(cast(found, lower_precision(()))) if casts(self) else found

    def cast_check(self: RNNBase, x: Any) -> None:
        check(self, x.to(self.weight_ih_l0.dtype) if settings.cpu else x)

    for name, method in (("_stack", cast_stack), ("_layer_weights", cast_weights), ("_check_input", cast_check)):
        setattr(RNNBase, name, method)


Settings.start = staticmethod(start_casting)
