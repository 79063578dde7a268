"""Methods that lead to other dtypes, devices and libraries, to new tensors, and to new values."""

from __future__ import annotations

from typing import Any

from metagrad import dtypes
from metagrad.autograd.variable import Variable
from metagrad.ops import conversion, creation, inplace, sampling


class Conversions(Variable):
    """Methods that lead to other dtypes, devices and libraries, to new tensors, and to new values."""

    __slots__ = ()

    # other dtypes, devices and libraries
    to = conversion.to
    type = conversion.type_
    type_as = conversion.type_as
    cpu, cuda = conversion.cpu, conversion.cuda
    item, tolist, numpy = conversion.item, conversion.tolist, conversion.numpy
    float = conversion.converter(dtypes.float32)
    double = conversion.converter(dtypes.float64)
    half = conversion.converter(dtypes.float16)
    long = conversion.converter(dtypes.int64)
    int = conversion.converter(dtypes.int32)
    short = conversion.converter(dtypes.int16)
    char = conversion.converter(dtypes.int8)
    byte = conversion.converter(dtypes.uint8)
    bool = conversion.converter(dtypes.bool_)
    cfloat = conversion.converter(dtypes.complex64)
    cdouble = conversion.converter(dtypes.complex128)

    # new tensors in this one's image
    new_zeros = creation.new_zeros
    new_ones = creation.new_ones
    new_empty = creation.new_empty
    new_full = creation.new_full
    new_tensor = creation.new_tensor

    # in place
    copy_ = inplace.copy_
    fill_ = inplace.fill_
    zero_ = inplace.zero_
    fill_diagonal_ = inplace.fill_diagonal_
    uniform_ = sampling.uniform_
    normal_ = sampling.normal_
    bernoulli_ = sampling.bernoulli_
    exponential_ = sampling.exponential_
    random_ = sampling.random_

    @property
    def real(self) -> Any:
        """The real part of each element."""
        return conversion.real(self)  # type: ignore[arg-type]
