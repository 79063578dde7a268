"""The ops as methods: the table of contents of what a tensor can do.

Each op is written once, as a function in ``ops/``; here it gets its name as a method. ``add_`` is the in-place ``add``.
"""

from metagrad.methods.comparison import Comparison
from metagrad.methods.conversions import Conversions
from metagrad.methods.elementwise import Elementwise
from metagrad.methods.linalg import LinearAlgebra
from metagrad.methods.memory import Memory
from metagrad.methods.operators import Operators
from metagrad.methods.parts import Parts
from metagrad.methods.products import Products
from metagrad.methods.reductions import Reductions
from metagrad.methods.shapes import Shapes


class Methods(
    Operators, Elementwise, Comparison, Reductions, Products, LinearAlgebra, Shapes, Parts, Conversions, Memory
):
    """What ``Tensor`` inherits its methods from."""

    __slots__ = ()
