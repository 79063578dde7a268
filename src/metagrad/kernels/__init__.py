"""Array in, array out: the fast code behind some ops, which knows nothing of autograd.

Each has a reference implementation elsewhere, in ordinary ops, and a test that holds both equal.

====================  =========================================================================
``rows.py``           work on the rows of a matrix, in chunks
``softmax.py``        softmax and log-softmax of rows
``tuning.py``         every threshold and size of a chunk
``threads.py``        work on several threads, with BLAS held to one thread each
``workspace.py``      memory that is used again
``allocation.py``     memory that arrays gave back stays with the process
``fusion.py``         a formula of pointwise functions, traced once and replayed chunk by chunk
``reductions.py``     sums, products, extremes of large arrays
``argextrema.py``     the index of the largest or smallest element of large arrays
``scans.py``          running sums of large arrays
``branchless.py``     choosing between numbers by their bits
``matmul.py``         products of matrices on several threads
``normalization.py``  layer norm and its gradient
``attention.py``      scaled dot-product attention, block by block
``convolution.py``    convolution as products over tiles of im2col
``pooling.py``        maxima and sums of windows
``sliding.py``        windows that slide along an axis
``crf.py``            the forward algorithm, and the best sequence of labels
``recurrent/``        whole sequences through RNN, LSTM and GRU
``compiled.py``       kernels compiled by Numba
====================  =========================================================================
"""
