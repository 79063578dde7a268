"""Shapes: the same elements in another shape or order, and tensors joined, split, repeated and padded.

===================  ===========================================================
``views.py``         the same memory in another shape
``permuting.py``     the same memory with its dimensions in another order
``broadcasting.py``  expand, broadcast_to: repeated without copying
``strided.py``       the same memory by any steps: as_strided, sliding windows
``resizing.py``      another shape, or other memory, in place
``copying.py``       copies, and the order of their elements in memory
``joining.py``       cat, stack, hstack, vstack, dstack, block_diag …
``splitting.py``     split, chunk, tensor_split, unbind …
``repeating.py``     repeat, tile, repeat_interleave
``flipping.py``      flip, roll, rot90
``padding.py``       elements put around a tensor, or cut off
``diagonals.py``     diagonals of matrices, and vectors as diagonals
``triangular.py``    triangles of matrices, and their indices
``properties.py``    questions about a tensor: is_complex, numel, is_same_size …
===================  ===========================================================
"""
