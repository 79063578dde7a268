"""ONNX, both ways: ``export`` writes a model as a file for other programs, ``load`` makes a trainable Module of one.

====================  =========================================================================================
``values.py``         what a run is written down in
``traced.py``         arrays that note what is done with them
``tape.py``           what they note it on, and ops noted as a whole
``callers.py``        whose line it is
``inputs.py``         a model's arguments as inputs
``runs.py``           a model run with several extents
``merging.py``        runs with different extents laid over each other: what is constant, what is symbolic
``dimensions.py``     which extents are free, and inputs in which they differ
``graph.py``          nodes, constants, integers computed from extents
``patterns.py``       constants that depend on an extent
``converters/``       how each op is written, by family
``assembling.py``     the message
``exporting.py``      ``export``
``verifying.py``      running a file in ``onnx.reference``, and comparing
``writing.py``        the file
``reading.py``        from bytes to a checked message
``running.py``        executing a graph, node by node
``operators/``        what each operator computes, by family
``loading.py``        ``load``
``errors.py``         what can go wrong
``internals.py``      what is used of the rest of metagrad
====================  =========================================================================================

The ``onnx`` package is needed when one of them is called: ``pip install "metagrad[onnx]"``.
"""

from __future__ import annotations

from metagrad.onnx.errors import ExportError, LoadError, UnsupportedOperators
from metagrad.onnx.exporting import export, register_converter
from metagrad.onnx.loading import OnnxModel, load
from metagrad.onnx.runs import is_in_onnx_export

__all__ = [
    "ExportError", "LoadError", "OnnxModel", "UnsupportedOperators", "export", "is_in_onnx_export", "load", "register_converter",
]  # fmt: skip
