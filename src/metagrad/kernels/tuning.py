"""From when on another way is taken: every threshold and every size of a chunk, in one place.

Three facts are behind most of them. A core has one or two megabytes of cache to itself: chunks of which a few arrays fit into
it are read from memory once. A call of NumPy's costs 1 to 3 µs, whatever the size: chunks must not be small. And handing work
to another thread costs 20 to 60 µs, a little of it at every call, as Python's threads take turns at the interpreter: only what
takes longer is worth it.

Units: *elements* are numbers of an array; *multiplications* are those of a product of matrices.
"""

# Pointwise formulas, and dropout
POINTWISE_LARGE = 1 << 18  # elements from which a formula is computed in chunks
POINTWISE_CHUNK = (
    1 << 17
)  # elements: half a megabyte of float32, of which a few arrays stay in a core's own cache, or nearly so
POINTWISE_CHUNK_READ_ONCE = 1 << 19  # elements of a chunk that is passed over once, for which the cache is no help
SELECT_BY_BITS = 1 << 10  # elements; of fewer, np.where is as fast as choosing by bits
DROPOUT_BY_BITS = 1 << 19  # elements from which 64 random bits decide on four of them

# Reductions, running sums, extremes
REDUCTION_LARGE = 1 << 18  # elements from which an array is reduced in chunks; below, NumPy's own call is as fast
REDUCTION_CHUNK = 1 << 16  # elements: a few arrays of so many floats stay in a core's own cache
REDUCTION_ROWS = 4096  # rows that are added one after the other: rounding errors grow with their number
REDUCTION_STRIP = 2048  # elements of a row that BLAS adds up on their own: rounding errors grow with their number
SUM_LOSES_DIGITS = 1 << 14  # elements from which NumPy's sum over the first axis, one row after the other, loses digits
EXTREMUM_COLUMNS = 64  # columns searched together: as many as a few lines of the cache hold
SCAN_STRIP = 16  # elements summed by one product with a triangle of ones
SCAN_CHUNK = 1 << 17  # elements

# Rows: softmax, layer norm
ROWS_WORTH_THREADS = 1 << 17  # elements
ROWS_CHUNK = (
    1 << 19
)  # elements: smaller chunks stay in a nearer cache, but threads lose more by taking turns at the interpreter
ROWS_BY_BLAS = (
    4096  # elements of the longest row whose sum BLAS's inner product may be, for its rounding errors grow with them
)
COMPILED_WORTH = 1 << 16  # elements from which a compiled loop is faster than NumPy's passes

# Products of matrices
BLAS_STARTS_THREADS = 1 << 18  # multiplications from which OpenBLAS starts threads of its own
MATMUL_WORTH_THREADS = 8_000_000  # multiplications that outweigh the handing over

# Convolution, pooling, attention
CONVOLUTION_TILE = (
    1 << 18
)  # numbers in the columns of a tile: a megabyte, which the second-level cache holds, or nearly so
CONVOLUTION_ACROSS = (
    400  # products, per row, with windows across two rows: from here on they cost more than short copies
)
CONVOLUTION_BROAD = 256  # columns below which a product is too narrow to be fast
CONVOLUTION_WORTH_THREADS = 4_000_000  # multiplications
POOLING_BLOCK = 1 << 18  # elements of a block of planes: smaller ones cost more in calls than the cache gives back
POOLING_WORTH_THREADS = 4_000_000  # elements, each counted once for a pass over it
ATTENTION_BLOCK = 1 << 17  # scores of a block: half a megabyte of float32, and as much again for their gradient
ATTENTION_WORTH_THREADS = 1 << 20  # multiplications

# Recurrent layers
RECURRENT_WORTH_THREADS = 20_000_000  # multiplications of a layer from which each direction gets a thread
RECURRENT_STEP_WORTH_THREADS = (
    300_000  # multiplications of a step from which a batch is dealt out to more threads than directions
)

# Optimizers
OPTIMIZER_CHUNK = (
    1 << 16
)  # elements: a formula passes over its arrays a dozen times; chunks of 16,384 spend more on calls

# Memory
ALIGNMENT = 64  # bytes: a cache line, and the width of the widest vector registers
SLAB = 1 << 25  # bytes asked of the system at a time: as much gets large pages, and a few of those cover it
LARGEST_KEPT_BLOCK = 32 << 20  # bytes: blocks up to here are kept by the allocator, the most glibc allows
KEPT_HEAP = 256 << 20  # bytes of free memory at the end of the heap, beyond which it is returned to the system
