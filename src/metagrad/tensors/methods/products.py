"""Methods that multiply matrices."""

from __future__ import annotations

from metagrad.ops.inplace import in_place
from metagrad.ops.linalg import contraction
from metagrad.ops.linalg import matmul as products
from metagrad.ops.signal import spectrograms
from metagrad.tensors.methods.base import OpMethods


class Products(OpMethods):
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
    addbmm = products.addbmm
    addmv = products.addmv
    addr = products.addr
    ger = products.ger
    inner = contraction.inner
    kron = contraction.kron
    trace = contraction.trace
    vdot = contraction.vdot
    stft = spectrograms.stft
    istft = spectrograms.istft
    addmm_ = in_place(products.addmm)
    baddbmm_ = in_place(products.baddbmm)
    addbmm_ = in_place(products.addbmm)
    addmv_ = in_place(products.addmv)
    addr_ = in_place(products.addr)
