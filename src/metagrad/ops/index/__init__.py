"""Indexing: elements taken, replaced or added to where an index, a mask or a vector of numbers says.

=====================  ========================================================================
``misfits.py``         what to raise where an index or a value does not fit
``at.py``              taken, put and added at an index, by the kernel that fits
``forms.py``           what an index says, in NumPy's terms
``indexing.py``        x[index], x[index] = v, select, narrow
``gathering.py``       gather, scatter, index_select: along a dimension, by a tensor of indices
``taking.py``          take, take_along_dim: elements by their number
``masking.py``         masked_fill, masked_select, nonzero: elements by a mask
``scattering.py``      copies of which a part is replaced: index_add, put, select_scatter …
``scatter_reduce.py``  scatter_reduce, index_reduce: by product, mean or extreme
``segments.py``         segment_reduce: runs of rows, each reduced to one
``embedding.py``       rows of a table, and one-hot vectors
``sorting.py``         sort, topk, unique
``searching.py``       searchsorted, bucketize, isin
=====================  ========================================================================
"""
