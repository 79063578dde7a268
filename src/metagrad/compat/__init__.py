"""What is there only so that a program written for PyTorch finds it. ``module_paths.py`` says under which module path it is found.

=======================  ==========================================================================
``module_paths.py``      module paths that programs import, and the modules that answer for them
``alias.py``             metagrad under the name ``torch``
``accelerator.py``       the device beside the CPU
``amp/``                 ``autocast`` and ``GradScaler``, in full precision
``backends/``            switches of libraries that metagrad does not use
``compiler.py``          ``compile``
``cuda/``                GPUs through CuPy
``foreach.py``           ``_foreach_add`` and its kind: one method of several tensors
``jit.py``               ``jit.script``, ``jit.trace``
``mps.py``               Apple's GPUs
``multiprocessing.py``   processes that pass tensors on
``start_rank.py``        the first lines of each rank of ``metagrad launch``
``switches.py``          determinism and precision
``tensor_types.py``      ``FloatTensor`` and its kind
``types.py``             names for annotations
``xpu.py``               Intel's GPUs
=======================  ==========================================================================
"""
