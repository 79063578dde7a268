"""Passes over graphs.

=========================  ==========================================
``shape_prop.py``          shapes and dtypes noted at every step
``split_module.py``        a graph cut into modules
``fusing.py``              batch norms put into convolutions
``pass_manager.py``        passes one after the other
``matching.py``            parts that look like a pattern
``operator_support.py``    which steps something else can do
``partitioner.py``         such steps gathered into modules
``graph_manipulation.py``  one call in the place of another
``graph_drawer.py``        a graph as a picture
=========================  ==========================================
"""

from metagrad.compat.fx.passes import shape_prop as shape_prop
