"""``metagrad launch``: a program on several ranks. Each rank begins with ``metagrad/compat/start_rank.py``.

====================  ==================================================================================
``launcher.py``       starts mpiexec, shows what the ranks print, ends them all when one dies
``parent.py``         a process that ends with the one that started it
``lines.py``          what the ranks tell the launcher between the lines of their output
``mpiexec.py``        where the MPI library's own starter is, and what it wants to be told
====================  ==================================================================================
"""
