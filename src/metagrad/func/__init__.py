"""``metagrad.func``: functions made of functions: gradients, products with the Jacobian, maps, calls with other parameters.

==========================  ==========================================================================
``trees.py``                arguments and results as nested containers of tensors
``reverse.py``              ``grad``, ``vjp``, ``jacrev``, ``hessian``: by the backward pass
``tangents.py``             ``jvp``, ``jacfwd``, ``linearize``: by forward mode
``mapping.py``              ``vmap``: a function of one, applied to many
``levels.py``               a ``vmap`` that is open
``batched.py``              arrays of many examples that show one
``batching_rules.py``       how NumPy's functions run on them
``batched_arranging.py``    functions that only arrange elements
``batched_index.py``        elements by index
``batched_convolution.py``  convolutions
``batched_random.py``       random numbers, others for each example
``ensembles.py``            several models of one kind as one
``rearranging.py``          ``rearrange``: axes by their names
``plain.py``                what has nothing to do here: ``functionalize``
``batch_norm.py``           a model's batch norms without the statistics that ``vmap`` cannot keep
==========================  ==========================================================================
"""

from metagrad.func.batch_norm import replace_all_batch_norm_modules_
from metagrad.func.ensembles import functional_call, stack_module_state
from metagrad.func.mapping import vmap
from metagrad.func.plain import debug_unwrap, functionalize
from metagrad.func.rearranging import rearrange
from metagrad.func.reverse import grad, grad_and_value, hessian, jacrev, vjp
from metagrad.func.tangents import jacfwd, jvp, linearize

__all__ = [
    "debug_unwrap", "functional_call", "functionalize", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "linearize",
    "rearrange",    "replace_all_batch_norm_modules_", "stack_module_state", "vjp", "vmap",
]  # fmt: skip
