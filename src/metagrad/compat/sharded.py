"""The names of what PyTorch splits tensors and models over ranks with, which metagrad does not do: making one raises.

Programs import them to ask whether a tensor or a model is split. Each rank has the whole model: DistributedDataParallel.
"""

from __future__ import annotations

from typing import Any

_SETTINGS = """
    BackwardPrefetch CPUOffload CPUOffloadPolicy FullOptimStateDictConfig FullStateDictConfig
    LocalOptimStateDictConfig LocalStateDictConfig MixedPrecision MixedPrecisionPolicy ModuleWrapPolicy OffloadPolicy
    OptimStateDictConfig OptimStateKeyType Partial Placement Replicate Shard ShardedOptimStateDictConfig
    ShardedStateDictConfig ShardingStrategy StateDictConfig StateDictOptions StateDictSettings StateDictType _StridedShard
""".split()
_NAMES = """
    DTensor DefaultLoadPlanner DefaultSavePlanner FSDPModule FullyShardedDataParallel HuggingFaceStorageReader
    HuggingFaceStorageWriter ShardedGradScaler
""".split()
_FUNCTIONS = """
    all_to_all_single_autograd compute_local_shape_and_global_offset context_parallel distribute_module distribute_tensor
    enable_wrap fully_shard implicit_replication get_model_state_dict get_optimizer_state_dict init_device_mesh set_model_state_dict
    set_optimizer_state_dict set_rotate_method size_based_auto_wrap_policy transformer_auto_wrap_policy
    wait_tensor
""".split()

__all__ = ["DeviceMesh", *_SETTINGS, *_NAMES, *_FUNCTIONS]


class Setting:
    """How something would be split: it may be made, and says nothing to metagrad."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.args = args
        vars(self).update(kwargs)


class Split:
    """What is split over ranks, of which there is none here: making one raises NotImplementedError."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        refuse(type(self).__name__)


class DeviceMesh(Split):
    """Ranks in rows and columns."""


def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
    """Raise NotImplementedError."""
    raise NotImplementedError(
        f"{name}: tensors and models that are split over ranks are left out; each rank has the whole model with "
        "metagrad.nn.parallel.DistributedDataParallel"
    )


for _name in (*_NAMES, *_SETTINGS):
    _base: type = Split if _name in _NAMES else Setting
    globals()[_name] = type(_name, (_base,), {"__doc__": _base.__doc__, "__module__": __name__})


def __getattr__(name: str) -> Any:
    if name in _FUNCTIONS:
        import functools

        return functools.partial(refuse, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
