"""Every op: its forward and its gradient, side by side, one file per family.

==================  ============================================================================
``common.py``       operands of one dtype, dimensions, NumPy's names
``arithmetic.py``   + − · / powers and remainders
``pointwise.py``    functions of one element: exp, log, tanh, relu, clamp, where …
``comparison.py``   == < and, or, isnan, allclose
``reduction.py``    sum, mean, var, max, argmax, norm, cumsum …
``softmax.py``      softmax, log_softmax, logsumexp
``matmul.py``       products of matrices, linear
``views.py``        the same memory in another shape
``strided.py``      the same memory by any steps: as_strided, sliding windows
``reshaping.py``    another shape, or other memory, in place
``sizes.py``        sum_to_size, and what tensors are like
``diagonals.py``    vectors as diagonals of matrices
``triangles.py``    triangles of matrices, and their indices
``indexing.py``     x[index], x[index] = v, select, narrow
``joining.py``      cat, stack, split, chunk, flip, roll, repeat
``stacking.py``     hstack, vstack, dstack, block_diag …
``splitting.py``    tensor_split, hsplit, vsplit, dsplit …
``flips.py``        matrices mirrored and turned
``grids.py``        meshgrid, products and combinations of vectors
``gathering.py``    gather, scatter, masks, embedding
``taking.py``       elements by their number: take, repeat_interleave …
``scattering.py``   copies of which a part is replaced: index_add, put, select_scatter …
``sorting.py``      sort, topk, unique
``creation.py``     tensors from data and from nothing
``likes.py``        tensors in another one's image
``ranges.py``       arange, linspace, logspace
``sampling.py``     random tensors
``filling.py``      random numbers in place
``noise.py``        dropout
``inplace.py``      the in-place form of an op
``out.py``          a result written into a tensor that is there already
==================  ============================================================================
"""
