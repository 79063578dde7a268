"""Methods that multiply matrices."""

from __future__ import annotations

from metagrad.autograd.variable import Variable
from metagrad.ops import matmul as products


class Products(Variable):
    """Methods that multiply matrices."""

    __slots__ = ()

    matmul = products.matmul
    mm = products.mm
    mv = products.mv
    dot = products.dot
    bmm = products.bmm
    outer = products.outer
    addmm = products.addmm
    baddbmm = products.baddbmm
