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
``indexing.py``     x[index], x[index] = v, select, narrow
``joining.py``      cat, stack, split, chunk, flip, roll, repeat
``gathering.py``    gather, scatter, masks, embedding
``sorting.py``      sort, topk, unique
``creation.py``     tensors from data and from nothing
``sampling.py``     random tensors
``noise.py``        dropout
``inplace.py``      the in-place form of an op
==================  ============================================================================
"""
