"""Every op: its forward and its gradient, side by side, one folder per family.

=====================  =============================================================================
``operands.py``        operands of one dtype: promotion
``fitting.py``         whether a number fits in a dtype
``argument_names.py``  other names that arguments go by: NumPy's, and PyTorch's undocumented ones
``arguments.py``       dimensions, NumPy's names, ``out=``: what a public op does with its arguments
``argument_types.py``  whether each is what its annotation says, asked when a call has failed
``dtype_checks.py``    which dtypes an op takes: of indices, of classes, of numbers
``out.py``             a result written into a tensor that is there
``overlap.py``         memory that a write would read from and change at once
``pointwise/``         element by element: arithmetic, functions of one number, comparisons
``reduce/``            one number of many: sums, extremes, statistics, softmax; running sums
``shape/``             other shapes of the same elements; joined, split, repeated, padded
``index/``             elements by index or mask: taken, replaced, added to, sorted, looked up
``create/``            new tensors: from data, from nothing, at random; other dtypes and devices
``linalg/``            products of matrices, decompositions, systems of equations
``signal/``            Fourier transforms, windows, spectrograms
``special/``           the error function, gamma and Bessel functions, and the like
``inplace.py``         the in-place form of an op
``seldom.py``          which ops of ``metagrad`` itself are imported when they are first used
=====================  =============================================================================
"""
