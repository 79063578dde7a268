"""Methods that lead to other dtypes, devices and libraries, to new tensors, and to new values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from metagrad.base import dtypes
from metagrad.base.later import later_modules
from metagrad.base.typing import Operand
from metagrad.ops import inplace
from metagrad.ops.create import conversion, like
from metagrad.ops.fitting import overflow
from metagrad.tensors.methods.base import OpMethods

if not TYPE_CHECKING:
    parametric, random_fill = later_modules("metagrad.ops.create", "parametric random_fill")
else:
    from metagrad.ops.create import parametric, random_fill

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


class ConversionMethods(OpMethods):
    """Methods that lead to other dtypes, devices and libraries, to new tensors, and to new values."""

    __slots__ = ()

    # other dtypes, devices and libraries
    to = conversion.to
    type = conversion.type_
    type_as = conversion.type_as
    cpu, cuda = conversion.cpu, conversion.cuda
    to_cpu, to_gpu = conversion.cpu, conversion.cuda
    item, tolist, numpy = conversion.item, conversion.tolist, conversion.numpy
    float = conversion.converter(dtypes.float32)
    double = conversion.converter(dtypes.float64)
    half = conversion.converter(dtypes.float16)
    bfloat16 = conversion.converter(dtypes.bfloat16)
    long = conversion.converter(dtypes.int64)
    int = conversion.converter(dtypes.int32)
    short = conversion.converter(dtypes.int16)
    char = conversion.converter(dtypes.int8)
    byte = conversion.converter(dtypes.uint8)
    bool = conversion.converter(dtypes.bool_)
    cfloat = conversion.converter(dtypes.complex64)
    cdouble = conversion.converter(dtypes.complex128)

    # new tensors like this one
    new_zeros = like.new_zeros
    new_ones = like.new_ones
    new_empty = like.new_empty
    new_full = like.new_full
    new_tensor = like.new_tensor
    new_empty_strided = like.new_empty_strided
    new = like.new

    # samples with the tensor's elements as parameters
    bernoulli = parametric.bernoulli
    multinomial = parametric.multinomial

    # in place
    copy_ = inplace.copy_
    fill_ = inplace.fill_
    zero_ = inplace.zero_
    fill_diagonal_ = inplace.fill_diagonal_
    uniform_ = random_fill.uniform_
    normal_ = random_fill.normal_
    bernoulli_ = random_fill.bernoulli_
    exponential_ = random_fill.exponential_
    random_ = random_fill.random_
    cauchy_ = random_fill.cauchy_
    geometric_ = random_fill.geometric_
    log_normal_ = random_fill.log_normal_
    apply_ = inplace.apply_
    map_ = inplace.map_
    map2_ = inplace.map2_

    @property
    def real(self) -> Tensor:
        """The real part of each element; it may be set."""
        return conversion.real(self)  # type: ignore[arg-type]

    @real.setter
    def real(self, value: Operand) -> None:
        if isinstance(value, complex):
            raise overflow(self.dtype.to_real(), "it is complex")
        inplace.copy_(conversion.real(self), value)  # type: ignore[arg-type]

    @property
    def imag(self) -> Tensor:
        """The imaginary part of each element of a complex tensor; it may be set."""
        from metagrad.ops.pointwise import complex_numbers

        return complex_numbers.imag(self)  # type: ignore[arg-type]

    @imag.setter
    def imag(self, value: Operand) -> None:
        from metagrad.ops.pointwise import complex_numbers

        inplace.copy_(complex_numbers.imag(self), value)  # type: ignore[arg-type]

    def share_memory_(self) -> Self:
        """Put the numbers into memory that processes have in common which are forked from this one; gives the tensor itself.

        A view takes along what it is a view of; other views of that keep the memory that was. Processes that are not forked
        get copies.
        """
        from metagrad.tensors.sharing import share

        share(self)
        return self
