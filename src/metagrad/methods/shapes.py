"""Methods that show the same elements in another shape."""

from __future__ import annotations

from typing import Any

from metagrad.autograd.variable import Variable
from metagrad.ops import creation, views
from metagrad.ops.inplace import in_place


class Shapes(Variable):
    """Methods that show the same elements in another shape."""

    __slots__ = ()

    view = views.view
    view_as = views.view_as
    reshape = views.reshape
    reshape_as = views.reshape_as
    flatten = views.flatten
    unflatten = views.unflatten
    ravel = views.ravel
    permute = views.permute
    transpose = swapaxes = swapdims = views.transpose
    t = views.t
    movedim = moveaxis = views.movedim
    squeeze = views.squeeze
    unsqueeze = views.unsqueeze
    expand = views.expand
    expand_as = views.expand_as
    broadcast_to = views.broadcast_to
    diagonal = views.diagonal
    detach = views.detach
    tril = creation.tril
    triu = creation.triu

    # in place
    tril_, triu_ = in_place(creation.tril), in_place(creation.triu)

    @property
    def T(self) -> Any:
        """All dimensions in reverse order. A view."""
        return views.Permute.apply(self, dims=tuple(range(self.array.ndim))[::-1])

    @property
    def mT(self) -> Any:
        """The last two dimensions swapped. A view."""
        return views.transpose(self, -2, -1)  # type: ignore[arg-type]
