"""``metagrad.optim.lr_scheduler``: schedules for the learning rate.

==================  =======================================================================================
``base.py``         LRScheduler, the base: counting epochs, setting rates, saving
``functions.py``    LambdaLR, MultiplicativeLR: by a function of the epoch
``factors.py``      StepLR, MultiStepLR, ConstantLR, LinearLR, ExponentialLR, PolynomialLR: the rate times a factor
``annealing.py``    CosineAnnealingLR, OneCycleLR: along a curve
``restarts.py``     CosineAnnealingWarmRestarts, CyclicLR: along a curve, again and again
``noam.py``         NoamLR: up in a line, then down as 1/√t
``plateau.py``      ReduceLROnPlateau: when a metric stops improving
``composed.py``     SequentialLR, ChainedScheduler: schedules one after the other, or all at once
==================  =======================================================================================

Schedules change the rate they find, so several on one optimizer multiply. Call ``scheduler.step()`` after
``optimizer.step()``, once an epoch (OneCycleLR, CyclicLR, NoamLR: once a batch). In every file: η₀ is a group's initial
rate, η its present one, t the number of the epoch, from 0.
"""

from metagrad.optim.lr_scheduler.annealing import CosineAnnealingLR, OneCycleLR
from metagrad.optim.lr_scheduler.base import LRScheduler
from metagrad.optim.lr_scheduler.composed import ChainedScheduler, SequentialLR
from metagrad.optim.lr_scheduler.factors import (
    ConstantLR,
    ExponentialLR,
    LinearLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from metagrad.optim.lr_scheduler.functions import LambdaLR, MultiplicativeLR
from metagrad.optim.lr_scheduler.noam import NoamLR
from metagrad.optim.lr_scheduler.plateau import ReduceLROnPlateau
from metagrad.optim.lr_scheduler.restarts import CosineAnnealingWarmRestarts, CyclicLR

_LRScheduler = LRScheduler  # the name it had before PyTorch 2.0

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "NoamLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]
