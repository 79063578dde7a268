"""Datasets made of datasets, step by step: ``IterableWrapper(range(9)).map(f).filter(g).batch(3)``.

================  ==========================================================================
``datapipe.py``   what all pipes have in common: steps as methods, one iterator at a time
``iter.py``       steps of streams
``branches.py``   streams that are split and joined
``files.py``      streams of files
``map.py``        steps of what is read by index
``graph.py``      which pipes a pipe is made of, and what a loader sets in them
================  ==========================================================================
"""

from metagrad.utils.data.datapipes import graph, iter, map

__all__ = ["graph", "iter", "map"]
