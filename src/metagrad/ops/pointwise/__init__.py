"""Functions of each element by itself, of one tensor or of several that broadcast.

======================  ====================================================
``arithmetic.py``       sums, products, powers
``integer_power.py``    cubes, roots, integers to the power of negative integers
``scaled.py``           sums with a factor
``compound.py``         addcmul, addcdiv, lerp
``division.py``         quotients, remainders, common divisors
``exponential.py``      exponentials, logarithms and roots
``trigonometric.py``    sine and its relatives, their inverses, and angles
``hyperbolic.py``       tanh, sinh, cosh, and their inverses
``activation.py``       relu, sigmoid, hardshrink, prelu
``selection.py``        what chooses: where, clamp, maximum, fmax
``signs.py``            abs, sign, copysign, heaviside
``rounding.py``         floor, ceil, round, trunc: constant between jumps
``comparison.py``       == and <, isclose, logic, isnan
``bitwise.py``          and, or, xor and shifts of the bits of integers
``floating_point.py``   mantissas and exponents, neighbours, numbers for nan
``complex_numbers.py``  parts and angles of complex numbers
``chunked.py``          large arrays chunk by chunk, on all threads
``computation.py``      a formula noted with samples, then computed on all of them
``turned.py``           large arrays in another order of dimensions
``fused.py``            arrays of a GPU by one kernel
``loops.py``            large arrays by compiled loops, in one pass
``destination.py``      where large results are written: in place, or ``out=``
======================  ====================================================
"""
