"""Names that PyTorch's files have beside what they are about, and that programs import from there. ``PATHS`` says from where.

A file of PyTorch's whose names lie in several files here is completed in the same way: ``ELSEWHERE``.
"""

from __future__ import annotations

import contextlib
import datetime
import enum
import functools
import importlib
import importlib.util
import re
from collections.abc import Callable, Iterable, Sequence
from types import ModuleType
from typing import Any, TypeAlias

from metagrad.base.device import device as Device
from metagrad.base.dtypes import dtype
from metagrad.base.warning import warn
from metagrad.compat import module_paths
from metagrad.compat.imported_names import IMPORTED, imported
from metagrad.compat.onnx_symbolic import register_custom_op_symbolic, unregister_custom_op_symbolic
from metagrad.compat.seldom import (
    CheckpointPolicy,
    InplaceFunction,
    SparseAdam,
    _unsafe_preserve_version_counter,
    create_selective_checkpoint_contexts,
    get_device_states,
    set_device_states,
    swap_tensors,
)
from metagrad.nn import functional as F
from metagrad.nn.utils.rnn import _Packed
from metagrad.ops.index.gathering import index_select
from metagrad.profiler.averages import EventAverage, EventAverages
from metagrad.profiler.profile import ProfilerActivity
from metagrad.profiler.recording import Event
from metagrad.tensors.tensor import Tensor
from metagrad.utils.data.fetch import MapFetcher, StreamFetcher
from metagrad.utils.data.iterator import LoaderIterator, PlainIterator
from metagrad.utils.data.prefetch import PrefetchIterator

__all__ = [
    "ELSEWHERE", "IMPORTED", "PATHS", "CheckpointPolicy", "InplaceFunction", "SparseAdam",
    "_unsafe_preserve_version_counter",
    "create_selective_checkpoint_contexts",
    "get_device_states", "register_custom_op_symbolic", "set_device_states", "swap_tensors", "unregister_custom_op_symbolic",
    "warn_if_has_hooks",
]  # fmt: skip

_PROFILER = "EventList FunctionEvent FunctionEventAvg emit_itt emit_nvtx kineto_available supported_activities"
PATHS = {  # the names below, by the file of PyTorch's that has them
    "distributed.distributed_c10d": "_get_default_group",
    "autograd": "_unsafe_preserve_version_counter",
    "autograd.profiler": _PROFILER,
    "profiler": _PROFILER,
    "distributed.constants": "default_pg_timeout",
    "distributed.elastic.multiprocessing.errors": "record",
    "distributed.optim": "DistributedOptimizer PostLocalSGDOptimizer ZeroRedundancyOptimizer",
    "hub": "_get_torch_home",
    "jit.annotations": "BroadcastingList1 BroadcastingList2 BroadcastingList3 List",
    "distributions.dirichlet": "_Dirichlet_backward",
    "_vmap_internals": "_vmap",
    "distributions.multivariate_normal": "_batch_mahalanobis _batch_mv _precision_to_scale_tril",
    "distributions.kl": "_kl_expfamily_expfamily",
    "distributions.transforms": "_clipped_sigmoid",
    "nn": "Container",
    "nn.functional": "_Reduction _canonical_mask _none_or_dtype",
    "nn.init": "_calculate_correct_fan _no_grad_fill_ _no_grad_normal_ _no_grad_trunc_normal_ _no_grad_uniform_ _no_grad_zero_",
    "nn.modules.container": "Container",
    "nn.modules.utils": "_list_with_default _reverse_repeat_tuple",
    "nn.modules.rnn": "apply_permutation",
    "nn.modules.activation": "NonDynamicallyQuantizableLinear",
    "nn.modules.conv": "_ConvTransposeMixin _ConvTransposeNd",
    "nn.modules.transformer": "_get_activation_fn _get_clones",
    "nn.parallel.parallel_apply": "get_a_var",
    "nn.parallel.scatter_gather": "is_namedtuple",
    "nn.utils.rnn": "PackedSequence_ bind",
    "onnx": "register_custom_op_symbolic unregister_custom_op_symbolic",
    "optim.lr_scheduler": "EPOCH_DEPRECATION_WARNING",
    "optim.optimizer": "ParamsT _default_to_fused_or_foreach _get_capturable_supported_devices _params_t "
    "_use_grad_for_differentiable params_t",
    "utils._foreach_utils": "_get_foreach_kernels_supported_devices _group_tensors_by_device_and_dtype",
    "serialization": "_is_zipfile",
    "utils._contextlib": "_DecoratorContextManager _NoParamDecoratorContextManager",
    "autograd.grad_mode": "_DecoratorContextManager _NoParamDecoratorContextManager _unsafe_preserve_version_counter",
    "utils.hooks": "unserializable_hook warn_if_has_hooks",
    "autograd.function": "InplaceFunction",
    "optim": "SparseAdam",
    "utils": "swap_tensors",
    "utils.checkpoint": "CheckpointPolicy create_selective_checkpoint_contexts get_device_states set_device_states",
    "utils.data.dataloader": "_BaseDataLoaderIter _DatasetKind _MultiProcessingDataLoaderIter "
    "_SingleProcessDataLoaderIter _collate_fn_t _worker_init_fn_t",
    "utils.data": "DFIterDataPipe HAS_NUMPY IS_WINDOWS MP_STATUS_CHECK_INTERVAL _DatasetKind argument_validation "
    "guaranteed_datapipes_determinism non_deterministic python_exit_status runtime_validation runtime_validation_disabled",
    "utils.data.fetch": "_IterableDatasetFetcher _MapDatasetFetcher",
    "utils.data._utils.fetch": "_IterableDatasetFetcher _MapDatasetFetcher",
    "utils.data._utils.collate": "default_collate_err_msg_format np_str_obj_array_pattern",
    "_dynamo.eval_frame": "is_dynamo_supported",
    "_jit_internal": "_copy_to_script_wrapper",
}
ELSEWHERE = {  # where the other classes and functions of a file of PyTorch's are
    "autograd.grad_mode": "autograd.interface",
    "cuda.amp.grad_scaler": "compat.amp.grad_scaler",
    "nn.modules.activation": "nn.modules.softmax",
    "nn.modules.batchnorm": "nn.modules.lazy",
    "nn.modules.container": "nn.modules.parameter_containers",
    "nn.modules.conv": "nn.modules.lazy",
    "nn.modules.instancenorm": "nn.modules.lazy",
    "nn.modules.linear": "nn.modules.lazy",
    "nn.modules.loss": "nn.modules.margin_loss",
    "nn.modules.module": "nn.modules.hooks",
    "nn.modules.rnn": "nn.modules.rnn_cells",
    "nn.parallel.data_parallel": "nn.parallel.scatter_gather",
}

_INNER, _PIPES = (
    "metagrad.compat.inner_names",
    "metagrad.compat.pipe_names",
)  # imported when a program asks for a name of theirs

ParamsT: TypeAlias = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]
_params_t = params_t = ParamsT
_collate_fn_t: TypeAlias = Callable[[list[Any]], Any]
_worker_init_fn_t: TypeAlias = Callable[[int], None]
PackedSequence_ = _Packed
_BaseDataLoaderIter, _SingleProcessDataLoaderIter = LoaderIterator, PlainIterator
_MultiProcessingDataLoaderIter = PrefetchIterator
_MapDatasetFetcher, _IterableDatasetFetcher = MapFetcher, StreamFetcher
default_collate_err_msg_format = (
    "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"
)
np_str_obj_array_pattern = re.compile(r"[SaUO]")


List = BroadcastingList1 = BroadcastingList2 = BroadcastingList3 = list  # in annotations: a number stands for all items
fill_uninitialized_memory = True  # ``utils.deterministic``: memory is never left uninitialized in results
default_pg_timeout = datetime.timedelta(minutes=30)  # how long PyTorch waits for other ranks


EventList, FunctionEvent, FunctionEventAvg = EventAverages, Event, EventAverage
emit_nvtx = emit_itt = contextlib.nullcontext  # marks for other profilers, which are not made


def record(fn: Callable[..., Any], error_handler: Any = None) -> Callable[..., Any]:
    """The function itself: what ``main`` raises, ``metagrad launch`` shows without being told."""
    return fn


class _DatasetKind(enum.IntEnum):
    """How a dataset is read: by index, or in its own order."""

    Map = 0
    Iterable = 1


def pin_memory(data: Any, device: Any = None) -> Any:
    """The batch as it is: memory is not pinned here."""
    return data


class ZeroRedundancyOptimizer:
    """The class of optimizers whose state is split over ranks, of which there are none here: making one raises."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError("optimizers whose state is split over ranks are left out: each rank keeps its own")


class PostLocalSGDOptimizer(ZeroRedundancyOptimizer):
    """As the above."""


class DistributedOptimizer(ZeroRedundancyOptimizer):
    """As the above."""


def _get_default_group() -> Any:
    """The group of all ranks."""
    from metagrad.distributed import group

    return group.WORLD


def _get_torch_home() -> str:
    """The directory above the hub's."""
    import os

    from metagrad.compat.hub import get_dir

    return os.path.dirname(get_dir())


def _get_activation_fn(activation: str) -> Callable[[Tensor], Tensor]:
    """relu or gelu by name."""
    if activation not in ("relu", "gelu"):
        raise RuntimeError(f"activation should be relu/gelu, not {activation}")
    return F.relu if activation == "relu" else F.gelu


def _use_grad_for_differentiable(func: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator of ``step``: gradients are recorded in it only if the optimizer is asked to be differentiable."""
    import functools

    from metagrad.autograd.mode import set_grad_enabled

    @functools.wraps(func)
    def step(self: Any, *args: Any, **kwargs: Any) -> Any:
        with set_grad_enabled(bool(self.defaults.get("differentiable"))):
            return func(self, *args, **kwargs)

    return step


def _default_to_fused_or_foreach(
    params: Sequence[Tensor], differentiable: bool, use_fused: bool = False
) -> tuple[bool, bool]:
    """(False, False): steps go parameter by parameter."""
    return False, False


def _get_capturable_supported_devices(supports_xla: bool = True) -> list[str]:
    """None: steps are not recorded to be repeated."""
    return []


_get_foreach_kernels_supported_devices = _get_capturable_supported_devices


def _group_tensors_by_device_and_dtype(
    tensorlistlist: list[list[Any]], with_indices: bool = False
) -> dict[tuple[Device, dtype], tuple[list[list[Any]], list[int]]]:
    """Lists of tensors of one length, split into those with one device and dtype of the first list's tensors.

    >>> import metagrad
    >>> x = [metagrad.zeros(1), metagrad.zeros(1, dtype=metagrad.float64), metagrad.ones(1)]
    >>> {str(kind): positions for (_, kind), (_, positions) in _group_tensors_by_device_and_dtype([x], True).items()}
    {'metagrad.float32': [0, 2], 'metagrad.float64': [1]}
    """
    groups: dict[tuple[Device, dtype], tuple[list[list[Any]], list[int]]] = {}
    for i, row in enumerate(zip(*tensorlistlist, strict=True)):
        lists, positions = groups.setdefault((row[0].device, row[0].dtype), ([[] for _ in tensorlistlist], []))
        for of_one, x in zip(lists, row, strict=True):
            of_one.append(x)
        if with_indices:
            positions.append(i)
    return groups


def apply_permutation(tensor: Tensor, permutation: Tensor, dim: int = 1) -> Tensor:
    """The slices along ``dim`` in another order, by the older name of ``index_select``. Warns that it is old."""
    warn("`apply_permutation` is deprecated, please use `tensor.index_select(dim, permutation)` instead", FutureWarning)
    return index_select(tensor, dim, permutation)


def bind(optional: Any, fn: Callable[[Any], Any]) -> Any:
    """``fn(optional)``, or None of None.

    >>> bind(2, str), bind(None, str)
    ('2', None)
    """
    return None if optional is None else fn(optional)


def is_namedtuple(obj: Any) -> bool:
    """Whether an object is a tuple whose places have names.

    >>> from collections import namedtuple
    >>> is_namedtuple(namedtuple("Pair", "a b")(1, 2)), is_namedtuple((1, 2))
    (True, False)
    """
    return isinstance(obj, tuple) and hasattr(obj, "_asdict") and hasattr(obj, "_fields")


def warn_if_has_hooks(tensor: Tensor) -> None:
    """Warn of hooks that a file does not keep: ``serialization.writing.warn_if_has_hooks``, which is imported where it is used."""
    from metagrad.serialization.writing import warn_if_has_hooks as warn_of_hooks

    warn_of_hooks(tensor)


def unserializable_hook(f: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a hook of a tensor as one that is not to be kept in files: ``warn_if_has_hooks`` says nothing of it."""
    f.__torch_unserializable__ = True  # type: ignore[attr-defined]
    return f


def kineto_available() -> bool:
    """False: the profiler is metagrad's own."""
    return False


def supported_activities() -> set[ProfilerActivity]:
    """What is measured: the CPU."""
    return {ProfilerActivity.CPU}


def is_dynamo_supported() -> bool:
    """False: nothing is compiled."""
    return False


def _copy_to_script_wrapper(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function itself."""
    return fn


def complete(module: ModuleType, path: str) -> None:
    """Let a module find what else PyTorch has in the file of a path, and be a package if there are others below it."""
    further = completing(path, vars(module).get("__getattr__"))  # after that of another path of the same module
    if further is not None:
        module.__getattr__ = further  # type: ignore[method-assign]
    if not hasattr(module, "__path__"):  # a file in which others are found that PyTorch has beside it
        module.__path__ = []


@functools.cache
def _below() -> dict[str, set[str]]:
    """The paths below each path."""
    found: dict[str, set[str]] = {}
    for name in module_paths.MODULES:
        path, point, _ = name.rpartition(".")
        while point:
            found.setdefault(path, set()).add(name[len(path) + 1 :])
            path, point, _ = path.rpartition(".")
    return found


def completing(path: str, own: Callable[[str], Any] | None = None) -> Callable[[str], Any] | None:
    """What finds the further names of a file of PyTorch's, after its own ``__getattr__``; None where there are none."""
    names, other = PATHS.get(path, "").split(), ELSEWHERE.get(path)
    below = _below().get(path, ())
    if not (names or below or other or path in IMPORTED):
        return None

    def find(name: str) -> Any:
        found = None
        if own is not None:
            with contextlib.suppress(AttributeError):
                found = own(name)
        if isinstance(found, ModuleType) and importlib.util.find_spec(f"torch.{path}.{name}") is not None:
            return importlib.import_module(f"torch.{path}.{name}")  # completed in its turn
        if found is not None:
            return found
        if name in names:
            if name in globals():
                return globals()[name]
            return getattr(importlib.import_module(_PIPES if path == "utils.data" else _INNER), name)
        if name in below:
            return importlib.import_module(f"torch.{path}.{name}")
        with contextlib.suppress(AttributeError):
            return imported(path, name)
        if other is not None and not name.startswith("__"):
            return getattr(importlib.import_module(f"metagrad.{other}"), name)
        raise AttributeError(f"module {path!r} has no attribute {name!r}")

    return find
