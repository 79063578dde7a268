"""Passes over graphs.

===================  ==========================================
``shape_prop.py``    shapes and dtypes noted at every step
``split_module.py``  a graph cut into modules
``fusing.py``        batch norms put into convolutions
``pass_manager.py``  passes one after the other
===================  ==========================================
"""

from metagrad.compat.fx.passes import shape_prop as shape_prop
