"""From when on another way is taken: every threshold and every size of a chunk, in one place.

Three facts are behind most of them. A core has one or two megabytes of cache to itself: chunks of which a few arrays fit into
it are read from memory once. A call of NumPy's costs 1 to 3 µs, whatever the size: chunks must not be small. And handing work
to another thread costs 20 to 60 µs, a little of it at every call, as Python's threads take turns at the interpreter: only what
takes longer is worth it.

Units: *elements* are numbers of an array; *multiplications* are those of a product of matrices.
"""

# ------------------------------------------------ threads

# Nanoseconds for which a thread that waits looks at a number in memory before it goes to sleep: about as long as a model's Python
# takes between one large array and the next. Longer, and it takes too much from others where there are fewer cores than threads.
LOOK_FOR = 200_000
# Looks after the number has changed: about 5 µs, in which the other thread leaves the interpreter; a thread that asks for it
# sooner is put to sleep, and woken late.
LOOKS_OF_GRACE = 1 << 16

# Nanoseconds that this thread has worked when another one, which slept, begins.
HEAD_START = 40_000
# The same of a thread that looks out for work.
HEAD_START_BESIDE_HELPERS = 10_000
# Parts for each thread of what a compiled loop does: taking one costs less than a microsecond.
SPREAD_PARTS = 16
# The same for the arrays of all parameters, which are asked for again and again.
SEVERAL_PARTS = 2
# Elements of all of them from which they are shared out to threads.
SEVERAL_WORTH_THREADS = 1 << 17
# Elements of such a part at least.
SPREAD_LEAST = 1 << 14

# ------------------------------------------------ pointwise formulas, and dropout

# Elements from which a formula is computed in chunks: one pass over fewer takes hardly longer than waking a thread.
POINTWISE_LARGE = 1 << 18
# The same of what NumPy computes one number at a time, as halves: the steps of a formula, once noted, take many at once.
POINTWISE_SLOW = 1 << 14
# Elements below which the gradient of a sum is written out, and is no view that repeats a few: then what reads it goes faster.
SPREAD_LARGE = 1 << 14
# Elements of a chunk: two megabytes of float32. With fewer, threads lose more by taking turns than the cache gives back.
POINTWISE_CHUNK = 1 << 19
# Elements of a row at least that one element of another array stands beside.
POINTWISE_ROW = 1 << 7
# Nanoseconds that an element takes in a pass.
POINTWISE_COST = 0.1
# The same of a pass over arrays that the cache does not hold.
POINTWISE_COST_READ_ONCE = 0.2
# Elements of a chunk that is passed over once: the cache is no help there, and between chunks threads wait for the interpreter.
POINTWISE_CHUNK_READ_ONCE = 1 << 20
# Elements from which choosing by bits, in several calls, is faster than ``np.where`` in one.
SELECT_BY_BITS = 1 << 10
# Random numbers that are drawn from one stream of their own, where there are two times as many or more.
RANDOM_BLOCK = 1 << 18
# Elements from which 64 random bits decide on four of them.
DROPOUT_BY_BITS = 1 << 19
# Numbers of the Mersenne Twister from which a loop that draws them outweighs handing it the state and back.
DRAWN_BY_LOOP = 1 << 15

# Elements from which a clip with one bound is sooner done than NumPy's maximum or minimum.
CLIP_LARGE = 1 << 12

# Elements of a block of remainders: a megabyte of float64.
REMAINDER_BLOCK = 1 << 17

# Elements of a row from which those that are not 0 are found without NumPy's search for all dimensions.
NONZERO_ROW = 16

# Elements from which numbers at equal distances are made on all threads.
RAMP_LARGE = 1 << 17
# Elements of a chunk of them: half a megabyte of float64.
RAMP_CHUNK = 1 << 16

# Elements of a chunk of a special function: two dozen passes; with fewer, threads lose more by taking turns at the interpreter.
SPECIAL_CHUNK = 1 << 18
# The same of one that makes float64 numbers of float32 ones: two megabytes each.
SPECIAL_BLOCK = 1 << 18
# Elements from which special functions are computed on all threads.
SPECIAL_WORTH_THREADS = 1 << 17

# ------------------------------------------------ reductions, running sums, extremes

# Elements from which an array is reduced in chunks; below, NumPy's own call is as fast.
REDUCTION_LARGE = 1 << 18
# Elements of a chunk: a megabyte of float32. With fewer, threads lose more by taking turns than the cache gives back.
REDUCTION_CHUNK = 1 << 18
# Rows that are added one after the other: rounding errors grow with their number.
REDUCTION_ROWS = 4096
# Elements of a row that a compiled loop adds up on their own: rounding errors grow with their number.
REDUCTION_STRIP = 2048
# The same where BLAS adds up, by turns in fewer sums.
SUM_STRIP = 1024
# Nanoseconds that an element of a sum takes.
SUM_COST = 0.05
# Elements from which a sum is shared out to threads.
SUM_WORTH_THREADS = 1 << 21
# The same of another pass that folds an array, and of one that multiplies the elements of rows.
PASS_COST, PRODUCT_COST = 0.08, 0.2
# Elements of a row from which its parts are multiplied with each other, many at once, rather than its elements in order.
PRODUCT_ROW = 64
# Parts of a row at the least, and elements of one at most unless it has many parts; and elements of all rows that are multiplied
# together.
PRODUCT_PARTS, PRODUCT_PART, PRODUCT_BLOCK = 4, 1 << 10, 1 << 19
# Elements of a sum, at most, that are added one after the other to all sums at once.
REDUCTION_FEW = 8
# Parts for each thread of what a compiled loop folds: a thread that is held up leaves some to the others.
REDUCTION_PARTS = 16
# Columns from which a compiled loop folds columns: rows of fewer are too short to take many at once.
REDUCTION_COLUMNS = 16
# Elements from which NumPy's sum over the first axis, one row after the other, loses digits.
SUM_LOSES_DIGITS = 1 << 14
# Columns that are searched together for their extremes: as many as a few lines of the cache hold.
EXTREMUM_COLUMNS = 64
# Elements summed by one product with a triangle of ones, about.
SCAN_STRIP = 24
# Elements of the rows that a single long one is cut into.
SCAN_ROW = 2000
# Columns from which running sums add whole rows: with fewer, each row is too short for the call that adds it.
SCAN_COLUMNS = 256
# Steps up to which rows are turned into columns for that, and bytes from which it pays for NumPy's cheaper running functions.
SCAN_TURNED, SCAN_BYTES = 1024, 1 << 22
# Rows from which a compiled loop adds up several at once.
SCAN_ROWS = 8
# Steps from which the running sums of many columns are added up in float64, for twice the time and more.
SCAN_LOSES_DIGITS = 1 << 10
# Elements of a chunk of rows whose running sums are taken: half a megabyte of float32.
SCAN_CHUNK = 1 << 17

# Elements from which an order is found by sorting keys; a few are sorted by themselves before keys are made.
SORT_LARGE = 1 << 12
# Elements of a line, at most, that are found by comparing all others with them.
SORT_FEW = 16
# Elements of a line for each that is wanted, from which those that cannot be among them are left out first; and groups for each,
# whose extremes say which those are; so many of them at least.
SORT_PROMISING, SORT_GROUPS, SORT_GROUPS_LEAST = 32, 6, 64
# Elements that tell where in a long line one with a rank is, and elements of the line for each of them at least.
SORT_SAMPLE, SORT_SAMPLED = 1 << 14, 16
# Elements of a chunk of lines that are sorted together: a megabyte of keys.
SORT_CHUNK = 1 << 17

# ------------------------------------------------ rows: softmax, layer norm

# Nanoseconds that an element of a row takes in the passes of softmax or layer norm, about.
ROWS_COST = 0.5
# The first element of a row from which softmax takes the row's maximum off at once.
EXPONENT_LARGE = 40.0
# Sums of exponentials between which softmax takes no maximum off: the smaller ones of the summands are still normal numbers.
EXPONENTIALS_LEAST, EXPONENTIALS_MOST = 1e-16, 1e30
# Elements of the largest array of exponentials that log-softmax keeps for its gradient.
EXPONENTIALS_KEPT = 1 << 22
# Nearest to 0 that a logarithm of softmax may be for it to be computed with the rounded logarithm of a sum.
LOGARITHM_ROUNDS = 1 / 64
# Elements from which rows are shared out to threads.
ROWS_WORTH_THREADS = 1 << 17
# Rows from which softmax takes no reductions of NumPy's, and columns that they count for at least.
MANY_ROWS, MANY_ROWS_COLUMNS = 256, 16
# The same of their sums alone.
ROWS_SUMS_WORTH_THREADS = 1 << 22
# Elements of an array, or of a gradient, from which gates are computed in few passes.
GATES_LARGE = 1 << 14
# Elements of a chunk: smaller ones stay in a nearer cache, but threads lose more by taking turns at the interpreter.
ROWS_CHUNK = 1 << 19
# Parts for each thread of the sums over rows that a compiled loop takes: each has sums of its own, which are added at the end.
ROWS_PARTS = 4
# Standard deviations from 0 up to which a mean may be taken off after a multiplication: few digits are lost.
NEAR_MEAN = 4.0
# Elements of a row from which NumPy reads a shorter one or a number beside it where it is: below, it is copied into a buffer first.
LONG_ROW = 1 << 13
# The same from which a compiled loop takes many elements at once.
LONG_ROW_OF_LOOPS = 1 << 9
# Elements of a row, shorter than those, from which a column beside it is read where it is if buffers are shorter than the row, and
# elements of such a buffer.
UNBUFFERED_ROW, SHORT_BUFFER = 1 << 8, 1 << 8
# Elements of the longest row whose sum BLAS's inner product may be, for its rounding errors grow with them.
ROWS_BY_BLAS = 4096
# Elements of the longest row whose mean a compiled loop may add up in turn; NumPy adds in pairs, which loses fewer digits.
ROWS_ADDED_IN_TURN = 1 << 16
# Elements of a channel from which its norm is computed row by row: for fewer, the calls for a row outweigh it.
CHANNEL_ROW = 16
# Elements from which a compiled loop is faster than NumPy's passes.
COMPILED_WORTH = 1 << 16
# The same where NumPy's pass is one of its quickest.
CHEAP_LOOP_WORTH = 1 << 17

# ------------------------------------------------ copies

# Bytes between elements of a row, from which rows that are to lie side by side are copied in strips of so many elements; bytes of
# which that is a multiple where fewer fit into the cache, and so few then.
STRIP_STEP, STRIP = 256, 64
STRIP_OF_POWERS_STEP, STRIP_OF_POWERS = 1024, 16
# Numbers from which halves become float32, or these halves, by their bits.
HALVES_WORTH = 1 << 10
# Halves of a block of them: with fewer, threads lose more by taking turns.
WIDENED_BLOCK = 1 << 19
# Bytes of a row from which a compiled loop copies them, elements of such a block, and of a row of it at most.
BLOCK_ROW_BYTES, BLOCK, BLOCK_WIDTH = 16, 1 << 13, 1 << 12
# Bytes of a row from which rows are copied from wherever they lie: for shorter ones, finding them costs as much.
ROW_BYTES = 256

# ------------------------------------------------ elements by their index

# Elements from which they are taken and added in one line, or by a compiled loop.
GATHER_LARGE = 1 << 12
# Elements of a chunk.
GATHER_CHUNK = 1 << 17
# Columns of added rows that a thread takes at least: two cache lines, so that threads do not write to the same one.
GATHER_COLUMNS = 32

# Elements of a row from which a call for it is sooner done than NumPy's for each of its elements.
COMBINED_ROW = 96
# Elements of the longest row of which many are combined at once, each with its first term, then with its second; and rows that are
# so in a turn, on the average, at the least.
COMBINED_BY_TURNS, COMBINED_IN_A_TURN = 384, 16
# Numbers from which a call for all of them in one line is.
COMBINED_LINE = 256

# Indices from which it is worth a look whether a loop should take them.
PICK_INDICES = 1 << 8
# Elements from which they are taken at numbers, in one line or by a compiled loop; an index counts as some of them.
PICK_LARGE = 1 << 17
# Elements from which those where a mask holds are found by blocks, on all threads.
MASK_LARGE = 1 << 16
# Elements of a block.
MASK_BLOCK = 1 << 13

# Numbers from which a compiled loop finds their positions among sorted ones.
SEARCH_LARGE = 1 << 12
# Numbers of a chunk of them.
SEARCH_CHUNK = 1 << 16
# Numbers for each bin, from which the bins are counted once more by another thread.
COUNTED_FOR_A_BIN = 4
# Parts of what is padded, of one row or more, from which it is not cut further.
PADDED_PARTS = 64
# Rows of a chunk of a matrix of which a triangle is kept.
TRIANGLE_ROWS = 128

# ------------------------------------------------ distances

# Multiplications of all pairs of points from which distances are computed pair by pair, or by products.
DISTANCES_LARGE = 1 << 12
# Elements from which a compiled loop makes distances of products.
DISTANCES_LOOP = 1 << 14
# Elements of a chunk.
DISTANCES_CHUNK = 1 << 16

# ------------------------------------------------ products of matrices

# Multiplications from which OpenBLAS starts threads of its own.
BLAS_STARTS_THREADS = 1 << 18
# Parts, each of fewer, that a product is done in rather than holding BLAS to one thread.
MATMUL_PARTS = 4
# Rows of such a part at the least.
MATMUL_PART = 8
# Multiplications that outweigh the handing over to threads.
MATMUL_WORTH_THREADS = 8_000_000

# Multiplications from which compiled tiles are faster than a call of BLAS's, and up to which: beyond, it puts both matrices in
# order for its caches.
TILES_WORTH = 1 << 20
TILES_MOST = 1 << 28
# Rows, columns and depth of such a product at least: a tile that is not filled costs as much as a full one.
TILES_LEAST = 32
# Multiplications from which it is shared out to threads.
TILES_WORTH_THREADS = 2_000_000
# Units for each thread that it is shared out in, about, and rows of a unit at least: each copies its panel anew.
TILES_UNITS = 4
TILES_ROWS = 64
# Rows and depth at least, and multiplications at most, of each of many matrices that are multiplied by tiles; how many they
# are, and multiplications of all, at least; and how many of these take as long as an element of a loop.
MANY_LEAST = 16
MANY_MOST = 1 << 24
MANY_MATRICES = 4
MANY_WORTH = 1 << 22
MANY_COST = 8
# Rows of a panel of a compiled product that are used for all rows of the first matrix, one after the other: they stay in the cache.
PRODUCT_DEPTH = 256
# Panels that are filled together, so that memory is read in order.
PRODUCT_PANELS = 8

# ------------------------------------------------ convolution, pooling, attention

# Elements of a tile's im2col matrix: two megabytes of float32, a little more than the second-level cache holds, for each tile
# costs four calls, at which threads wait for each other.
CONVOLUTION_TILE = 1 << 19
# Columns of an im2col matrix below which its product with the filters is too narrow to be fast.
CONVOLUTION_BROAD = 256
# Products with windows across two rows, for each row: from here on they cost more than short copies.
CONVOLUTION_ACROSS = 400
# Multiplications that outweigh the handing over to threads.
CONVOLUTION_WORTH_THREADS = 4_000_000
# Images from which the batch is the last axis in memory.
BATCH_CONVOLUTION_IMAGES = 16
# Windows of a row up to which it is: copies of longer rows are as fast.
BATCH_CONVOLUTION_ROW = 12
# Elements that a copy of columns has for each result, from which it is: turning fewer round costs more than it gives.
BATCH_CONVOLUTION_DEPTH = 4
# Images that are then worked on at a time, at the least.
BATCH_CONVOLUTION_CHUNK = 32
# Multiplications that then outweigh the handing over to threads.
BATCH_CONVOLUTION_WORTH_THREADS = 12_000_000
# Elements of images from which compiled loops convolve them: any.
CONVOLUTION_LOOPS_WORTH = 0
# Columns of results that a compiled convolution works on at a time, for all filters: they stay in the cache.
CONVOLUTION_STRIP = 1024
# Windows that it works on at a time where it holds filters in registers, and takes from several images if these are small.
CONVOLUTION_PLACES = 256
# What turning the results round costs then: as much as so many multiplications for each.
CONVOLUTION_TURNING = 40
# Channels or filters of a group from which such a convolution holds filters in registers.
CONVOLUTION_GROUP = 4
# Multiplications of a compiled convolution, with what turning its results costs, that outweigh the handing over to threads.
CONVOLUTION_LOOPS_WORTH_THREADS = 12_000_000
# Zeros, and one number, for each number of a gradient up to which the loops of a depthwise convolution go over them all.
DEPTHWISE_APART = 4
# Elements of a matrix of zeros and ones, at most, by which windows of different sizes are added up.
POOLING_MATRIX = 1 << 12
# Elements of a block of planes: smaller ones cost more in calls than the cache gives back.
POOLING_BLOCK = 1 << 18
# Elements from which a compiled loop finds the maxima, and where they stood.
POOLING_LOOPS_WORTH = 1 << 10
# Elements, each counted once for a pass over it, from which such a loop is shared out to threads.
POOLING_LOOPS_WORTH_THREADS = 1_500_000
# Elements, each counted once for a pass over it, that outweigh the handing over to threads.
POOLING_WORTH_THREADS = 4_000_000
# Pixels with a weight that results are made of, whose numbers and weights are in memory at once: 50 megabytes.
GRID_TAPS = 1 << 22
# Scores of a block: half a megabyte of float32, and as much again for their gradient.
ATTENTION_BLOCK = 1 << 17
# Parts at least that sequences are cut into, for as many threads: a number of its own, for dropout's zeros go by blocks.
ATTENTION_PARTS = 8
# Queries of a block at least, however many keys there are: with fewer, the products are too narrow to be fast.
ATTENTION_QUERIES = 16
# Multiplications that outweigh the handing over: fewer than elsewhere, as each score also takes an exponential.
ATTENTION_WORTH_THREADS = 1 << 20
# Queries whose scores compiled loops have at hand; queries of a head at least, and multiplications of all, that outweigh putting
# keys and values in order for them.
ATTENTION_LOOP_QUERIES = 64
ATTENTION_LOOP_LEAST = 32
ATTENTION_LOOP_WORTH = 1 << 22

# ------------------------------------------------ recurrent layers

# Multiplications of a layer from which each direction gets a thread.
RECURRENT_WORTH_THREADS = 20_000_000
# Multiplications of a step from which a batch is dealt out to more threads than directions: they take turns at every call.
RECURRENT_STEP_WORTH_THREADS = 300_000
# The same of a layer: in short sequences the threads are not done sooner than one.
RECURRENT_WORTH_PARTS = 30_000_000

# Multiplications of a layer on compiled loops from which a batch is dealt out to more threads than directions.
RECURRENT_LOOPS_WORTH_PARTS = 25_000_000
# Sequences of a part at least: products with fewer rows are slower.
RECURRENT_LOOPS_PART = 8

# Multiplications of a layer's direction over one sequence, on compiled loops, from which each direction gets a thread.
ONE_SEQUENCE_WORTH_THREADS = 1_500_000

# ------------------------------------------------ optimizers

# Elements of a chunk: a formula passes over its arrays a dozen times; with fewer, threads lose more by taking turns.
OPTIMIZER_CHUNK = 1 << 18
# The same where one thread does them all.
OPTIMIZER_CHUNK_ALONE = 1 << 18
# Elements from which a formula of two or three passes is shared out to threads.
OPTIMIZER_SHORT_WORTH_THREADS = 1 << 20
# Nanoseconds that an element takes in a formula of a dozen passes, and in one of two or three.
OPTIMIZER_COST, OPTIMIZER_SHORT_COST = 1.2, 0.2
# Small parameters with the same settings from which they are copied together for a step.
OPTIMIZER_MANY = 3
# The same where a compiled loop goes through the parameters anyway.
OPTIMIZER_MANY_BY_LOOP = 12
# Elements up to which a parameter counts as small.
OPTIMIZER_SMALL = 1 << 12
# Elements of a parameter from which BLAS does in one pass what NumPy does in three.
OPTIMIZER_BLAS_WORTH = 1 << 13
# Elements of all parameters from which a compiled loop is faster than a formula's calls, and worth being compiled.
OPTIMIZER_LOOP_WORTH = 1 << 12

# Elements of all gradients from which the sum of their squares is shared out to threads.
SQUARES_WORTH_THREADS = 1 << 20

# ------------------------------------------------ memory

# Bytes: a cache line, and the width of the widest vector registers.
ALIGNMENT = 64
# Bytes from which memory is lent out and used again; less than that, the C library has at hand.
LENT_FROM = 1 << 16
# Bytes asked of the system at a time: as much gets large pages, and a few of those cover it.
SLAB = 1 << 25
# Bytes of the largest block that the allocator keeps when it is freed: the most that glibc allows.
LARGEST_KEPT_BLOCK = 32 << 20
# Bytes of free memory at the end of the heap, beyond which it is returned to the system.
KEPT_HEAP = 256 << 20
