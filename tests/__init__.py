"""The tests, in rooms named after the package's, and a few that go through all of it.

==================  ========================================================================================
``autograd/``       graphs, hooks, views, forward mode
``book/``           the site, its pictures, the readability of its pages
``compat/``         programs and libraries written for PyTorch; ``same/`` holds short ones with their answers
``devices/``        every op, module and optimizer on a stand-in for a GPU's arrays
``differential/``   random programs, run here and by PyTorch, the failing ones cut down
``distributed/``    several ranks
``distributions/``  random variables
``errors/``         what is refused, in which words, and what is warned of
``gpu/``            the same as ``devices/`` where there is a GPU
``kernels/``        kernels against their twins and a plain reference
``learn/``          the book's exercises
``nn/``             layers, losses, what modules do
``onnx/``           files of ONNX, written and read
``ops/``            every op of the tables: values, gradients, dtypes
``optim/``          optimizers and schedules
``serialization/``  files, damaged ones too
``tagger/``         the application
``utils/``          data, checkpoints, summaries
==================  ========================================================================================

Tests marked ``oracle`` compare with PyTorch where it is installed; the others hold literal values.
"""
