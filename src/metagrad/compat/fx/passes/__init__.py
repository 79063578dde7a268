"""Passes over graphs.

=================  ==========================================
``shape_prop.py``  shapes and dtypes noted at every step
=================  ==========================================
"""

from metagrad.compat.fx.passes import shape_prop as shape_prop
