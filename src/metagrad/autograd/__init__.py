"""Automatic differentiation: the graph, the sweep over it, and what to do when it goes wrong.

=================  ====================================================================
``variable.py``    what the graph knows of a tensor
``function.py``    an op and its gradient; one application of it is a node of the graph
``engine.py``      the backward sweep
``reverse.py``     one node's part in it
``views.py``       shared memory and in-place writes
``mode.py``        ``no_grad`` and its relatives
``custom.py``      functions written for PyTorch's ``autograd.Function``
``observe.py``     anomaly detection and the table of ops
``gradcheck.py``   derivatives against finite differences
``functional.py``  Jacobians, Hessians, and products with them
=================  ====================================================================
"""

from metagrad.autograd.engine import backward, grad
from metagrad.autograd.function import Function
from metagrad.autograd.gradcheck import gradcheck, gradgradcheck
from metagrad.autograd.mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from metagrad.autograd.observe import detect_anomaly, is_anomaly_enabled, set_detect_anomaly


def __getattr__(name: str) -> object:
    if name == "functional":  # lazily: few programs use it
        import importlib

        return importlib.import_module("metagrad.autograd.functional")
    raise AttributeError(f"module 'metagrad.autograd' has no attribute {name!r}")
