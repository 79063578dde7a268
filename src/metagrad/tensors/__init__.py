"""The tensor: an array, a node of the graph, and the ops as its methods.

=====================  =================================================
``tensor.py``          ``Tensor`` itself
``copies.py``          deep copies, in which shared memory stays shared
``methods/``           the ops as methods, one file per family
``printing.py``        how a tensor prints
``storage.py``         the memory beneath it
``sharing.py``         memory that forked processes have in common
``numpy_protocol.py``  NumPy's functions on tensors: ``np.tanh(tensor)``
=====================  =================================================
"""
