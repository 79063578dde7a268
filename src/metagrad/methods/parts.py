"""Methods that take parts, put parts together, and put elements in order."""

from __future__ import annotations

from metagrad.autograd.variable import Variable
from metagrad.ops import gathering, indexing, joining, sorting
from metagrad.ops.inplace import in_place


class Parts(Variable):
    """Methods that take parts, put parts together, and put elements in order."""

    __slots__ = ()

    select = indexing.select
    narrow = indexing.narrow
    index_put = indexing.index_put
    index_put_ = indexing.index_put_
    split = joining.split
    chunk = joining.chunk
    unbind = joining.unbind
    flip = joining.flip
    roll = joining.roll
    repeat = joining.repeat
    tile = joining.tile
    clone = joining.clone
    contiguous = joining.contiguous
    gather = gathering.gather
    scatter = gathering.scatter
    scatter_add = gathering.scatter_add
    index_select = gathering.index_select
    masked_fill = gathering.masked_fill
    masked_select = gathering.masked_select
    nonzero = gathering.nonzero
    argwhere = gathering.argwhere
    sort = sorting.sort
    argsort = sorting.argsort
    topk = sorting.topk
    unique = sorting.unique

    # in place
    masked_fill_ = in_place(gathering.masked_fill)
    scatter_ = in_place(gathering.scatter)
    scatter_add_ = in_place(gathering.scatter_add)
