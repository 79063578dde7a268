"""Creation: new tensors from data, from nothing and at random, and tensors in other dtypes and on other devices.

========================  =============================================================
``creation.py``           zeros, ones, full, eye …: from nothing
``from_data.py``          tensor, as_tensor: from numbers, lists and arrays
``shared.py``             asarray, from_numpy, frombuffer: memory that is there already
``like.py``               zeros_like, new_zeros …: like another tensor
``ranges.py``             arange, linspace, logspace
``grids.py``              meshgrid, products and combinations of vectors
``random.py``             the generators, and seeds
``streams.py``            where random numbers come from on the CPU
``draws.py``              what those draw in the plain way
``mersenne.py``           PyTorch's numbers of a seed
``rejection.py``          of them what is drawn until it is accepted: gamma, Poisson
``device_stream.py``      random numbers drawn on a GPU
``random_arrays.py``      uniform and normal numbers as arrays
``sampling.py``           rand, randn, randint, rand_like …
``parametric.py``         normal, bernoulli, poisson, multinomial: with parameters in tensors
``random_fill.py``        random numbers in place: uniform_, normal_ …
``sobol.py``              Sobol sequences: more even than random points
``direction_numbers.py``  of Sobol sequences
``conversion.py``         other dtypes and devices, NumPy arrays, Python numbers
========================  =============================================================
"""
