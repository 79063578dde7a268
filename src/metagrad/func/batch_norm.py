"""Batch norms without running statistics, which are written in place: ``vmap`` would have one for all slices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from metagrad.nn.modules.module import Module

__all__ = ["replace_all_batch_norm_modules_"]


def replace_all_batch_norm_modules_(root: Module) -> Module:
    """Make each batch norm of a model, in place, normalize by its batch alone; returns the model.

    >>> from metagrad import nn
    >>> replace_all_batch_norm_modules_(nn.Sequential(nn.BatchNorm1d(2)))[0].track_running_stats
    False
    """
    module: Any
    for module in root.modules():
        if "BatchNorm" in type(module).__name__ and hasattr(module, "running_mean"):
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root
