"""Methods that take and replace elements by index or mask, put them in order, and look them up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metagrad.base.later import later_modules
from metagrad.base.typing import Operand
from metagrad.ops.index import indexing
from metagrad.ops.pointwise import selection
from metagrad.tensors.methods.base import OpMethods, in_place

if not TYPE_CHECKING:
    gathering, masking, scattering, searching, sorting, taking, reducing = later_modules(
        "metagrad.ops.index", "gathering masking scattering searching sorting taking scatter_reduce"
    )
else:
    from metagrad.ops.index import gathering, masking, scattering, searching, sorting, taking
    from metagrad.ops.index import scatter_reduce as reducing

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


_PUTS = (indexing.Put, indexing.PutAdd)


class IndexingMethods(OpMethods):
    """Methods that take and replace elements by index or mask, put them in order, and look them up."""

    __slots__ = ()

    select = indexing.select
    narrow = indexing.narrow
    index_put = indexing.index_put
    index_put_ = indexing.index_put_
    gather = gathering.gather
    scatter = gathering.scatter
    scatter_add = gathering.scatter_add
    scatter_reduce = reducing.scatter_reduce
    index_reduce = reducing.index_reduce
    index_select = gathering.index_select
    masked_fill = masking.masked_fill
    masked_select = masking.masked_select
    nonzero = masking.nonzero
    argwhere = masking.argwhere
    narrow_copy = indexing.narrow_copy
    take = taking.take
    take_along_dim = taking.take_along_dim
    nonzero_static = taking.nonzero_static
    index_add = scattering.index_add
    index_copy = scattering.index_copy
    index_fill = scattering.index_fill
    put = scattering.put
    masked_scatter = masking.masked_scatter
    select_scatter = scattering.select_scatter
    slice_scatter = scattering.slice_scatter
    diagonal_scatter = scattering.diagonal_scatter
    as_strided_scatter = scattering.as_strided_scatter
    sort = sorting.sort
    argsort = sorting.argsort
    topk = sorting.topk
    unique = sorting.unique
    msort = sorting.msort
    unique_consecutive = sorting.unique_consecutive
    bucketize = searching.bucketize
    isin = searching.isin
    searchsorted = searching.searchsorted

    def where(self, condition: Tensor, other: Operand) -> Tensor:
        """This tensor's elements where the condition holds, those of ``other`` elsewhere."""
        return selection.where(condition, self, other)

    # in place
    masked_fill_ = in_place(masking.masked_fill, repeats=True)
    scatter_ = in_place(gathering.scatter, nodes=_PUTS)
    scatter_add_ = in_place(gathering.scatter_add, nodes=_PUTS)
    scatter_reduce_ = in_place(reducing.scatter_reduce, keeps=True)
    index_reduce_ = in_place(reducing.index_reduce, keeps=True)
    index_add_ = in_place(scattering.index_add, nodes=_PUTS)
    index_copy_ = in_place(scattering.index_copy, nodes=_PUTS)
    index_fill_ = in_place(scattering.index_fill, repeats=True, nodes=_PUTS)
    put_ = in_place(scattering.put)
    masked_scatter_ = in_place(masking.masked_scatter)
