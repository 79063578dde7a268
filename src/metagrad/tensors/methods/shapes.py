"""Methods that show the same elements in another shape, split them, turn them around, or repeat them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metagrad.base.later import later_modules
from metagrad.base.warning import warn_once
from metagrad.ops.shape import permuting, splitting, strided, views
from metagrad.tensors.methods.base import OpMethods, in_place

if not TYPE_CHECKING:
    broadcasting, diagonals, flipping, repeating, resizing, triangular = later_modules(
        "metagrad.ops.shape", "broadcasting diagonals flipping repeating resizing triangular"
    )
else:
    from metagrad.ops.shape import broadcasting, diagonals, flipping, repeating, resizing, triangular

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


class ShapeMethods(OpMethods):
    """Methods that show the same elements in another shape, split them, turn them around, or repeat them."""

    __slots__ = ()

    view = views.view
    view_as = views.view_as
    reshape = views.reshape
    reshape_as = views.reshape_as
    flatten = views.flatten
    unflatten = views.unflatten
    ravel = views.ravel
    permute = permuting.permute
    transpose = swapdims = permuting.transpose
    swapaxes = permuting.swapaxes
    t = permuting.t
    movedim = moveaxis = permuting.movedim
    squeeze = views.squeeze
    unsqueeze = views.unsqueeze
    expand = broadcasting.expand
    expand_as = broadcasting.expand_as
    broadcast_to = broadcasting.broadcast_to
    diagonal = diagonals.diagonal
    detach = views.detach
    adjoint = permuting.adjoint
    tril = triangular.tril
    triu = triangular.triu
    diag = diagonals.diag
    diag_embed = diagonals.diag_embed
    diagflat = diagonals.diagflat
    as_strided = strided.as_strided
    unfold = strided.unfold

    # split, in another order, repeated
    split = splitting.split
    chunk = splitting.chunk
    unsafe_split, unsafe_chunk = splitting.unsafe_split, splitting.unsafe_chunk
    split_with_sizes = splitting.split_with_sizes
    unsafe_split_with_sizes = splitting.unsafe_split_with_sizes
    tensor_split = splitting.tensor_split
    hsplit, vsplit, dsplit = splitting.hsplit, splitting.vsplit, splitting.dsplit
    unbind = splitting.unbind
    flip = flipping.flip
    fliplr, flipud, rot90 = flipping.fliplr, flipping.flipud, flipping.rot90
    roll = flipping.roll
    repeat = repeating.repeat
    tile = repeating.tile
    repeat_interleave = repeating.repeat_interleave

    # in place
    tril_, triu_ = in_place(triangular.tril, repeats=True), in_place(triangular.triu, repeats=True)
    squeeze_ = resizing.squeeze_
    unsqueeze_ = resizing.unsqueeze_
    transpose_ = swapaxes_ = swapdims_ = resizing.transpose_
    t_ = resizing.t_
    as_strided_ = resizing.as_strided_
    resize_ = resizing.resize_
    resize_as_ = resizing.resize_as_
    set_ = resizing.set_

    @property
    def T(self) -> Tensor:
        """All dimensions in reverse order. A view. Of other tensors than matrices it is deprecated: they warn."""
        if self.array.ndim != 2:
            warn_once(
                "Tensor.T is deprecated on 0-D tensors. This function is the identity in these cases."
                if not self.array.ndim
                else f"The use of `x.T` on tensors of dimension other than 2 to reverse their shape is deprecated, and this one "
                f"has {self.array.ndim}. Consider `x.mT` to transpose batches of matrices, or `x.permute(*range(x.ndim)[::-1])`",
                UserWarning,
            )
        return permuting.Permute.apply(self, dims=tuple(range(self.array.ndim))[::-1])

    @property
    def mT(self) -> Tensor:
        """The last two dimensions swapped. A view."""
        return permuting.matrices_transposed(self, "mT")  # type: ignore[arg-type]

    @property
    def H(self) -> Tensor:
        """The conjugate transpose of a matrix."""
        if self.array.ndim not in (0, 2):
            hint = "" if self.array.ndim < 2 else " For batches of matrices, consider using tensor.mH"
            raise RuntimeError(
                f"tensor.H is only supported on matrices (2-D tensors). Got {self.array.ndim}-D tensor.{hint}"
            )
        return permuting.adjoint(self)  # type: ignore[arg-type]

    @property
    def mH(self) -> Tensor:
        """The conjugate transpose of each matrix: the last two dimensions."""
        return permuting.adjoint(self)  # type: ignore[arg-type]
