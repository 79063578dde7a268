"""Ops that reduce dimensions: many elements in, one number (or one for each step) out.

==================  =======================================================
``reduction.py``    sum, mean, all, any
``variance.py``     var, std
``products.py``     prod, with a gradient that is right at 0
``extrema.py``      max, min, argmax, amax: the largest and the smallest
``medians.py``      median, kthvalue, mode: by rank, or by how often
``quantiles.py``    what lies at a fraction of the way through
``norms.py``        the length of vectors
``softmax.py``      softmax, log_softmax, logsumexp, without overflow
``cumulative.py``   cumsum, cumprod, cummax: what is known after i elements
``statistics.py``   mean and deviation together, covariances, without nan
``histograms.py``   how many: bincount, histc, histogram
``distances.py``    ‖x − y‖ of tensors, and of all pairs of rows
``pairs.py``         the latter by products of matrices, or pair by pair
``differences.py``  of neighbours; derivatives and integrals of samples
``hashing.py``      a number that tells whether two tensors differ
==================  =======================================================
"""
