"""What everything stands on, and what needs nothing of metagrad but itself.

====================  ==============================================
``dtypes.py``         number types, and the rules for mixing them
``named_dtypes.py``   number types of which there are no tensors
``device.py``         the CPU, or a GPU through CuPy
``meta.py``           arrays without numbers, on the device meta
``layouts.py``        how elements lie in memory, and where
``result_order.py``   the order in memory of a result, by its operands
``channels_last.py``  images whose channels lie next to each other
``naming.py``         the package's name in what is printed
``size.py``           ``Size``, the shape of a tensor
``results.py``        results with several parts, which have names
``typing.py``         names for the types that annotations use
``files.py``          files written as a whole or not at all
``optional.py``       libraries that need not be installed
``operators.py``      Python's operators, and the ufuncs that compute them
``later.py``          names that are imported when they are first used
``collector.py``      the garbage collector, held off for an import
``interrupts.py``     Ctrl-C, heeded also where a library swallows it
``version.py``        the version, in one place
``warning.py``        warnings that name the line of the program, and some that are said once
====================  ==============================================
"""
