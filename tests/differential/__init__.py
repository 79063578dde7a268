"""Random programs, run in PyTorch and in metagrad, that must do the same.

===================  ==========================================================================
``program.py``       a program: steps that are lines of Python
``generator.py``     makes a program from a seed
``values.py``        the tensors that programs start from
``operations.py``    what a program may do next, given the tensors it has
``running.py``       runs a program in both libraries, and says what differs first
``shrinking.py``     cuts a program that shows a difference down to its smallest form
``known.py``         differences that are PyTorch's own bugs, or written down as intended, each with its reason
===================  ==========================================================================

``python -m tests.differential --programs 5000 --seed 1`` runs programs and prints those that differ, as programs.
"""
