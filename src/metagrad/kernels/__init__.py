"""Array in, array out: the fast code behind some ops, which knows nothing of autograd.

Each has a reference implementation elsewhere, in ordinary ops, and a test that holds both equal.

=========================  =========================================================================
``libraries.py``           where NumPy and CuPy differ
``tuning.py``              every threshold and size of a chunk
``threads.py``             jobs on several threads, with BLAS held to one thread each
``helpers.py``             threads that begin at once, as they look out for work before they sleep
``chunks.py``              the scheduler: chunks of arrays shared out to the threads
``weighted_sum.py``        y ← a x + b y in one pass, by BLAS
``workspace.py``           memory that is used again
``allocation.py``          memory that arrays gave back stays with the process
``fusion.py``              a formula of pointwise functions, traced once and replayed chunk by chunk
``chunked_formula.py``     such a formula replayed on all threads, and kept for the next arrays
``one_call.py``            a ufunc of large arrays that broadcast, in parts
``fused_loops.py``         such a formula as one compiled loop
``fused.py``               such a formula printed as one kernel for a GPU
``fused_many.py``          one kernel for the same formula in the arrays of many parameters
``cuda_text.py``           pointwise functions in CUDA C, for those kernels
``gpu_matmul.py``          products of matrices by cuBLAS
``gpu_rows.py``            softmax, cross entropy and norms on a GPU
``gpu_windows.py``         convolution and pooling on a GPU
``selection.py``           choosing between numbers by their bits
``quicker.py``             ufuncs that NumPy does number by number, in passes that take many at once
``halves.py``              halves made float32 and back by their bits; their arithmetic
``copying.py``             large arrays copied, converted, filled
``reductions.py``          sums, products, extremes of large arrays
``few.py``                 sums of few elements each
``sums_by_blas.py``        sums as products with ones
``argmax.py``              the index of the largest or smallest element of large arrays
``gates.py``              halves of an array, of which one gates the other
``scans.py``               running sums, products, extremes of large arrays
``ramps.py``               numbers at equal distances
``sorting.py``             the order of elements, by keys of an element and its index
``summed.py``              sums of what is computed of two arrays
``gathering.py``           elements and rows taken and added by their index
``grid_samples.py``        images sampled at positions between their pixels
``combining.py``           rows and elements combined at repeated numbers, by NumPy alone
``picking.py``             the same at an index of whole numbers in several dimensions
``masks.py``               elements where a mask holds
``searching.py``           positions among sorted numbers
``counting.py``            how often numbers occur, numbers repeated, membership
``distinct.py``            the different ones among many integers
``padding.py``            arrays with elements put around them
``differences.py``        differences of neighbours
``triangles.py``           the triangles of matrices
``distances.py``           distances of all pairs of points
``philox.py``              random words made of a counter
``rows.py``                work on the rows of a matrix, in chunks
``cosines.py``             cosines and directions of rows, and their gradients
``softmax.py``             softmax, log-softmax and cross entropy of rows
``normalization.py``       norms of rows and of channels, their gradients
``column_norms.py``        batch norm of rows, a mean for each column
``matmul.py``              products of matrices on several threads
``attention.py``           scaled dot-product attention, block by block
``attention_loops.py``     the same by compiled loops
``windows.py``             windows that slide along an axis
``convolution.py``         convolution as products over tiles of im2col
``convolution_tiles.py``   how one convolution is cut into tiles
``batch_convolution.py``   the same for many small images, the batch last in memory
``direct_convolution.py``  the same without columns, on compiled loops
``depthwise.py``           of each channel by itself
``pooling.py``             maxima and sums of windows
``crf.py``                 the forward algorithm, and the best sequence of labels
``recurrent/``             whole sequences through RNN, LSTM and GRU
``special/``               special functions: erf, Γ, Bessel's
``compiled/``              kernels compiled by Numba
=========================  =================================================================="""
