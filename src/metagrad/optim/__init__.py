"""``metagrad.optim``: how parameters follow their gradients.

====================  ====================================================================
``optimizer.py``      Optimizer, the base: groups, gradients, hooks, and the step
``state.py``          an optimizer's state as plain numbers and tensors, and back again
``blocks.py``         a formula over arrays, a cache-sized piece at a time
``sgd.py``            SGD with momentum
``adam.py``           Adam, AdamW
``lr_scheduler/``     schedules for the learning rate
====================  ====================================================================
"""

from metagrad.optim import lr_scheduler
from metagrad.optim.adam import Adam, AdamW
from metagrad.optim.optimizer import Optimizer
from metagrad.optim.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "lr_scheduler"]
