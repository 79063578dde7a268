"""``metagrad.optim``: how parameters follow their gradients.

=====================  =====================================================================
``optimizer.py``       Optimizer, the base: groups, gradients, and the step
``settings.py``        what settings must be
``groups.py``          what may be given as the parameters of a group, and their gradients
``state.py``           an optimizer's state as plain numbers and tensors, and back
``hooks.py``           functions called around steps, saving and loading
``by_element.py``      ByElement, the base of those whose step is a formula for each element
``together.py``        such steps of all parameters together
``by_loop.py``         the same by one compiled loop
``by_blas.py``         the same in few passes of BLAS's
``blocks.py``          that formula over arrays, chunk by chunk, on threads
``differentiable.py``  steps that are part of the graph
``sgd.py``             SGD with momentum
``asgd.py``            ASGD, with the mean of its path
``adam.py``            Adam, AdamW
``lbfgs.py``           LBFGS
``line_search.py``     how far LBFGS goes
``lr_scheduler/``      schedules for the learning rate
``adamax.py``          Adamax: the largest gradient instead of the mean square
``nadam.py``           NAdam: Adam that looks ahead
``radam.py``           RAdam: Adam that warms up by itself
``adagrad.py``         Adagrad
``adadelta.py``        Adadelta
``rmsprop.py``         RMSprop
``rprop.py``           Rprop: signs only, for whole batches
``adafactor.py``       Adafactor: Adam in little memory
``muon.py``            Muon: orthogonal steps for matrices
``averaging.py``       ExponentialAverage: a running average of the weights
``functions.py``       a step with all that is remembered given: ``adam.adam``
``swa_utils.py``       averages of models: SWA and EMA
=====================  =====================================================================
"""

from metagrad.optim import functions, lr_scheduler, swa_utils
from metagrad.optim.adadelta import Adadelta
from metagrad.optim.adafactor import Adafactor
from metagrad.optim.adagrad import Adagrad
from metagrad.optim.adam import Adam, AdamW
from metagrad.optim.adamax import Adamax
from metagrad.optim.asgd import ASGD
from metagrad.optim.averaging import ExponentialAverage
from metagrad.optim.lbfgs import LBFGS
from metagrad.optim.muon import Muon
from metagrad.optim.nadam import NAdam
from metagrad.optim.optimizer import Optimizer
from metagrad.optim.radam import RAdam
from metagrad.optim.rmsprop import RMSprop
from metagrad.optim.rprop import Rprop
from metagrad.optim.sgd import SGD

__all__ = [
    "ASGD", "LBFGS", "SGD",
    "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "ExponentialAverage", "Muon", "NAdam", "Optimizer",
    "RAdam", "RMSprop", "Rprop", "functions", "lr_scheduler", "swa_utils",
]  # fmt: skip
