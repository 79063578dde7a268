"""``metagrad.optim.lr_scheduler``: schedules for the learning rate.

==================  =======================================================================================
``base.py``         LRScheduler, the base: counting epochs, setting rates, saving
``factors.py``      LambdaLR, StepLR, MultiStepLR, ConstantLR, LinearLR, ExponentialLR: the rate times a factor
``annealing.py``    CosineAnnealingLR, OneCycleLR: along a curve
``plateau.py``      ReduceLROnPlateau: when a metric stops improving
==================  =======================================================================================

Schedules change the rate they find, so several on one optimizer multiply. Call ``scheduler.step()`` after
``optimizer.step()``, once an epoch (OneCycleLR: once a batch). In every file: η₀ is a group's initial rate, η its present
one, t the number of the epoch, from 0.
"""

from metagrad.optim.lr_scheduler.annealing import CosineAnnealingLR, OneCycleLR
from metagrad.optim.lr_scheduler.base import LRScheduler
from metagrad.optim.lr_scheduler.factors import (
    ConstantLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiStepLR,
    StepLR,
)
from metagrad.optim.lr_scheduler.plateau import ReduceLROnPlateau

__all__ = [
    "ConstantLR",
    "CosineAnnealingLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "OneCycleLR",
    "ReduceLROnPlateau",
    "StepLR",
]
