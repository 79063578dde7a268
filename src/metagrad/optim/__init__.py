"""``metagrad.optim``: how parameters follow their gradients.

====================  ==================================================
``optimizer.py``      Optimizer, the base: groups, state, saving
``sgd.py``            SGD with momentum
``adam.py``           Adam, AdamW
``lr_scheduler.py``   schedules for the learning rate
====================  ==================================================
"""

from metagrad.optim import lr_scheduler
from metagrad.optim.adam import Adam, AdamW
from metagrad.optim.optimizer import Optimizer
from metagrad.optim.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "lr_scheduler"]
