"""Kernels compiled by Numba, where NumPy would pass over its arrays many times.

NumPy does one operation over a whole array, then the next. A loop that does all of them to one element before it goes on to
the next reads each number once, and Numba makes machine code of such a loop. It is optional: ``pip install
"metagrad[fast]"``. Where it is installed, large arrays take these; METAGRAD_NUMBA=0 in the environment keeps NumPy's.

Each function works on the rows or planes it is given and lets go of the interpreter lock, so threads can share the work.
They are handed contiguous arrays that may be written to, for each other kind of array would be compiled for apart. nan and
infinity are what they are in NumPy.

======================  =================================================
``choice.py``           whether an array takes the compiled loops
``compiler.py``         machine code at the first call
``keeping.py``          where it is kept on disk
``atomic.py``           numbers in memory that several threads write, calls by address
``sharing.py``          work that threads share without the interpreter
``entries.py``          loops with an address, for such work
``several.py``          one loop over several groups of arrays
``formulas.py``         a formula printed as one such loop
``expressions.py``      pointwise functions as text, for formulas
``transcendental.py``   exp, log, tanh and their kind, for use in loops
``circular.py``         sine and cosine of float64 numbers
``special.py``          erfc, ln Γ, ψ and their kind, for use in loops
``remainders.py``       fmod, hypot and their kind, for formulas
``products.py``         tiles of products of matrices, for use in loops
``matrix_products.py``  whole products of matrices on those tiles
``attention.py``        attention and its gradients, a few queries at a time
``convolution.py``      convolutions of stride 1 without columns
``depthwise.py``        convolutions of each channel by itself
``recurrent.py``        the sequence loops of RNN, LSTM and GRU
``one_sequence.py``     the same over one sequence without a gradient
``pointwise.py``        activations and their gradients
``extremes.py``         the largest of a row
``softmax.py``          softmax, its logarithm, cross entropy, their gradients
``normalization.py``    norms of rows and of channels, their gradients
``reductions.py``       sums and products of rows
``scans.py``            running sums, products, extremes, ln Σ eˣ
``optimizers.py``       Adam, SGD
``gathering.py``        elements and rows taken and added by their index
``picking.py``          elements and rows taken, put and added by their number
``masks.py``            elements where a mask holds
``searching.py``        positions among sorted numbers, by halving
``counting.py``         counts, numbers repeated, membership
``ranking.py``          the few largest of a row
``distances.py``        distances of all pairs of points
``twister.py``          random numbers of PyTorch's series
``ramps.py``            numbers at equal distances
``copies.py``           blocks of arrays in any order, rows moved
``padding.py``          rows with elements put around them
``differences.py``      differences of elements of a row
``cosines.py``          cosines of rows
``resampling.py``       images in another size
``windows.py``          max pooling and its gradient
======================  =================================================
"""
