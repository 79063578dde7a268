"""The ops as methods: the table of contents of what a tensor can do.

Each op is written once, as a function in ``ops/``; here it gets its name as a method. ``add_`` is the in-place ``add``.
"""

from metagrad.tensors.methods.comparison import Comparison
from metagrad.tensors.methods.conversions import Conversions
from metagrad.tensors.methods.linalg import LinearAlgebra
from metagrad.tensors.methods.memory import Memory
from metagrad.tensors.methods.operators import Operators
from metagrad.tensors.methods.parts import Parts
from metagrad.tensors.methods.pointwise import Elementwise
from metagrad.tensors.methods.products import Products
from metagrad.tensors.methods.reductions import Reductions
from metagrad.tensors.methods.shapes import Shapes


class Methods(
    Operators, Elementwise, Comparison, Reductions, Products, LinearAlgebra, Shapes, Parts, Conversions, Memory
):
    """What ``Tensor`` inherits its methods from."""

    __slots__ = ()
