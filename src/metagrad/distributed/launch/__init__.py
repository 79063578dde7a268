"""``metagrad launch``: a program on several ranks.

====================  ==================================================================================
``launcher.py``       starts mpiexec, shows what the ranks print, ends them all when one dies
``start.py``          the first lines of each rank: its environment, its errors
``lines.py``          what the ranks tell the launcher between the lines of their output
``mpiexec.py``        where the MPI library's own starter is, and what it wants to be told
====================  ==================================================================================
"""
