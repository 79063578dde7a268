"""Converters by family.

======================  =======================================================================================
``registry.py``         which converter writes down which op
``elementwise.py``      NumPy's ufuncs that are operators
``formulas.py``         NumPy's ufuncs that are made of several
``shapes.py``           shapes, joining, broadcasting, making
``indexing.py``         x[index], x[index] = v, views written through, gather and scatter
``reductions.py``       sums, extremes, sorting, running sums
``activations.py``      metagrad's activations, softmax, linear maps
``windows.py``          convolution, pooling, padding, resizing
``layers.py``           normalization, attention
``losses.py``           losses whose divisor depends on the targets
``recurrence.py``       packing, recurrent layers
``fields.py``           conditional random fields
======================  =======================================================================================
"""

from metagrad.onnx.converters import (
    activations,
    elementwise,
    fields,
    formulas,
    indexing,
    layers,
    losses,
    recurrence,
    reductions,
    registry,
    shapes,
    windows,
)

__all__ = [
    "activations",
    "elementwise",
    "fields",
    "indexing",
    "layers",
    "losses",
    "recurrence",
    "reductions",
    "registry",
    "shapes",
    "windows",
]
