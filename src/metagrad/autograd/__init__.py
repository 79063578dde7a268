"""Automatic differentiation: the graph, the backward pass over it, and what to do when it goes wrong.

===================  ==========================================================================
``variable.py``      what the graph knows of a tensor
``function.py``      an op and its gradient; one application of it is a node of the graph
``engine.py``        the backward pass
``targets.py``       which nodes a backward pass for the sake of some tensors must visit
``errors.py``        why an op cannot be applied, or a backward pass go on
``emulation.py``     bfloat16: computed in float32, rounded once
``broadcasting.py``  gradients in the shape and dtype of what they belong to
``devices.py``       moving as an op; numbers of the CPU beside tensors of a GPU
``mode.py``          ``no_grad`` and its relatives
``inference.py``     tensors made in inference mode, which no graph may rest on
``higher_order.py``  one node's part in a backward pass that is itself recorded
``forward.py``       forward mode: the tangent of each result
``forward_ad.py``    dual tensors: forward mode as ``autograd.forward_ad`` has it
``views.py``         shared memory
``writing.py``       in-place writes
``mirrors.py``       conjugated and negated views: two memories that follow each other
``hooks.py``         functions that gradients pass through
``node.py``          a node as it is seen from outside
``node_names.py``    what PyTorch calls the nodes whose ops have other names here
``graph.py``         ``autograd.graph``: edges, hooks on several gradients
``packing.py``       packing what nodes save
``saved_attributes.py``  what a node saved, by PyTorch's names
``saved_names.py``   which names the node of each op has
``custom.py``        functions written for PyTorch's ``autograd.Function``
``transforms.py``    what functions may not do while ``func`` transforms them
``interface.py``     ``backward`` and ``grad`` with all of PyTorch's arguments
``composites.py``    functions that are one operator elsewhere
``observe.py``       anomaly detection and the table of ops
``gradcheck.py``     derivatives against finite differences
``jacobians.py``     Jacobians as matrices, for ``gradcheck``'s programs
``functional.py``    Jacobians, Hessians, and products with them
===================  ==========================================================================
"""

from typing import TYPE_CHECKING

from metagrad.autograd import custom, devices
from metagrad.autograd.function import Function
from metagrad.autograd.gradcheck import gradcheck, gradgradcheck  # at once: the file has the function's name
from metagrad.autograd.interface import Variable, backward, grad, is_multithreading_enabled, set_multithreading_enabled
from metagrad.autograd.mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from metagrad.base import later

if TYPE_CHECKING:
    from metagrad.autograd.observe import (
        detect_anomaly,
        is_anomaly_check_nan_enabled,
        is_anomaly_enabled,
        set_anomaly_enabled,
        set_detect_anomaly,
    )

_OBSERVED = "detect_anomaly is_anomaly_check_nan_enabled is_anomaly_enabled set_anomaly_enabled set_detect_anomaly"
_find = later.names(__name__, {"observe": _OBSERVED})


def __getattr__(name: str) -> object:
    if name in ("forward_ad", "functional", "graph", "observe", "profiler"):  # lazily: few programs use them
        import importlib

        return importlib.import_module(f"metagrad.autograd.{name}")
    if name in ("anomaly_mode", "grad_mode"):  # PyTorch's names of two files
        import importlib

        return importlib.import_module("metagrad.autograd." + {"anomaly_mode": "observe", "grad_mode": "mode"}[name])
    return _find(name)


def __dir__() -> list[str]:
    return sorted({*globals(), *later.listed(__name__)})
