"""What each operator of a file computes, in metagrad's ops, so that it has a gradient where it can have one.

====================  ===========================================================
``registry.py``       which function computes which operator
``ops.py``            metagrad's ops that they are made of
``pointwise.py``      element by element
``shapes.py``         shapes, joining and cutting, making
``indexing.py``       picking and placing, finding and sorting
``reductions.py``     sums, extremes, products of matrices
``convolution.py``    convolution
``pooling.py``        pooling
``normalization.py``  normalization
``recurrence.py``     recurrent layers
``attention.py``      attention and losses
``control.py``        branches, loops, sequences
``images.py``         resizing and sampling
``quantized.py``      integers with a scale
``signals.py``        spectra, random numbers
====================  ===========================================================
"""

from metagrad.onnx.operators import (
    attention,
    control,
    convolution,
    images,
    indexing,
    normalization,
    pointwise,
    pooling,
    quantized,
    recurrence,
    reductions,
    registry,
    shapes,
    signals,
)

__all__ = [
    "attention", "control", "convolution", "images", "indexing", "normalization", "pointwise", "pooling", "quantized", "recurrence",
    "reductions", "registry", "shapes", "signals",
]  # fmt: skip
