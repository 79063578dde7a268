"""What errors say of how a tensor is made, seen and shared: words that tests of PyTorch programs match."""

import re

import numpy as np
import pytest
from tests.errors.test_error_words_of_ops import compare, said

import metagrad as mg


def cases(lib):
    t, ones, x, i = lib.tensor, lib.ones, lib.ones(3, 4), lib.tensor([1j, 2])
    fields = np.zeros(3, dtype=[("a", "i4"), ("b", "i2")])
    return {
        "an endless range": (lambda: lib.arange(-1.7e308, 1.7e308, 1e307), "invalid size, possible overflow?"),
        "a range that is too long": (lambda: lib.arange(1e30), "invalid size, possible overflow?"),
        "a field of an array": (lambda: lib.from_numpy(fields["a"]), "strides not a multiple of the element byte size"),
        "more elements than there are": (lambda: t([5, 6]) in t([5, 6, 7]), "must match the size of tensor"),
        "weights of another dtype": (
            lambda: lib.histogram(ones(2), 2, weight=ones(2).double()),
            r"should have the same dtype, but got input\(float\), and weight\(double\)",
        ),
        "segments along": (
            lambda: lib.segment_reduce(ones(3), "sum", lengths=t([3]), axis=1),
            r"Dimension out of range \(expected to be in range of \[-1, 0\], but got 1\)",
        ),
        "the largest of complex numbers in order": (lambda: i < i, "lt_cpu\" not implemented for 'ComplexFloat'"),
        "greater or equal": (lambda: i >= i, "ge_cpu\" not implemented for 'ComplexFloat'"),
        "a remainder of complex numbers": (lambda: i % i, "remainder_cpu\" not implemented for 'ComplexFloat'"),
        "a floor of complex numbers": (lambda: lib.floor_divide(i, i), "div_floor_cpu\" not implemented for 'ComplexFloat'"),
        "an angle of complex numbers": (lambda: lib.atan2(i, i), "atan2_cpu\" not implemented for 'ComplexFloat'"),
        "a sign of complex numbers": (lambda: lib.copysign(i.cdouble(), i), "copysign_cpu\" not implemented for 'ComplexDouble'"),
        "close in two dtypes": (lambda: lib.isclose(x, x.double()), "Float did not match Double"),
        "pieces of no size": (lambda: x.split(0), "split_size can only be 0 if dimension size is 0, but got dimension size of 3"),
        "pieces of negative size": (lambda: x.split(-1), "split expects split_size be non-negative, but got split_size=-1"),
        "sizes of pieces": (lambda: x.split([4, -1]), r"have only non-negative entries, but got split_sizes=\[4, -1\]"),
        "windows that are too large": (lambda: x.unfold(0, 4, 1), "maximum size for tensor at dimension 0 is 3 but size is 4"),
        "windows of negative size": (lambda: x.unfold(0, -1, 1), "size is -1 but must be >= 0"),
        "negative strides": (
            lambda: x.as_strided((2,), (-1,)),
            r"Negative strides are not supported at the moment, got strides: \[-1\]",
        ),
        "a negative offset": (lambda: x.as_strided((2,), (1,), -1), "invalid storage offset -1"),
        "repeats that are negative": (lambda: x.repeat_interleave(t([-1, 1, 1]), 0), "repeats can not be negative"),
        "repeats by halves": (lambda: x.repeat_interleave(t([0.5]), 0), "\"repeat_interleave_cpu\" not implemented for 'Float'"),
        "repeats of two dimensions": (lambda: x.repeat_interleave(t([[1]]), 0), "repeats must be 0-dim or 1-dim tensor"),
        "repeats of too few": (
            lambda: x.repeat_interleave(t([1, 2]), 0),
            "repeats must have the same size as input along dim, but got repeats.size",
        ),
        "a size of repeats": (
            lambda: lib.repeat_interleave(t([0, 2]), output_size=3),
            "allocated size does not match required size",
        ),
        "a number indexed": (lambda: t(1)[0], r"invalid index of a 0-dim tensor. Use `tensor.item\(\)` in Python or"),
        "a number sliced": (lambda: t(1)[:], r"slice\(\) cannot be applied to a 0-dim tensor."),
        "an index that is a fraction": (
            lambda: x[1.5],
            r"only integers, slices \(`:`\), ellipsis \(`...`\), None and long or byte Variables are valid",
        ),
        "a step of none": (lambda: x[::0], "slice step cannot be zero"),
        "a format": (lambda: f"{x:d}", "unsupported format string passed to Tensor.__format__"),
        "areas of a mask": (lambda: lib.trapezoid(x > 0), "trapezoid: received a bool input for `y`, but bool is not supported"),
        "what is put before": (
            lambda: lib.diff(x, prepend=ones(2, 1)),
            r"except along the differencing dimension; input.size\(0\) = 3, but got tensor.size\(0\) = 2",
        ),
        "a mean of integers": (
            lambda: lib.nanmean(x.long()),
            "expected input to have floating point or complex dtype but got Long",
        ),
        "relu of a mask": (lambda: lib.relu(x > 0), "Boolean inputs not supported for relu"),
        "relu of complex numbers": (lambda: lib.relu(i), "clamp is not supported for complex types"),
        "a letter": (
            lambda: lib.einsum("i1", x),
            "invalid subscript given at index 1 in the equation string, subscripts must be in",
        ),
        "rows without elements": (
            lambda: lib.unique(ones(2, 0), dim=0),
            "There are 0 sized dimensions, and they aren't selected, so unique cannot",
        ),
        "a shape": (lambda: x.view(-2, 6), r"invalid shape dimension -2 at index 0 of shape \[-2, 6\]"),
        "extents of a dimension": (
            lambda: x.unflatten(1, (3, 2)),
            r"Provided sizes \[3, 2\] don't multiply up to the size of dim 1 \(4\) in the input",
        ),
        "bits of a conjugate": (
            lambda: i.conj().view(lib.float32),
            "not supported for conjugate view tensors when converting to a different dtype",
        ),
        "integers as complex numbers": (lambda: lib.view_as_complex(x.long()), "but got a tensor of scalar type: Long"),
        "a number as a complex one": (lambda: lib.view_as_complex(t(1.0)), "Input tensor must have one or more dimensions"),
        "places of another dtype": (lambda: lib.take_along_dim(x, x, 0), "dtype of indices should be Long but got Float"),
        "places of other dimensions": (
            lambda: lib.take_along_dim(x, t([0]), 0),
            "should have the same number of dimensions, but got 2 dimensions for input",
        ),
        "a half that is too large": (
            lambda: lib.full((2,), 1e6, dtype=lib.float16),
            "value cannot be converted to type c10::Half without overflow",
        ),
        "an integer of none": (
            lambda: lib.full((2,), float("nan"), dtype=lib.int64),
            "value cannot be converted to type int64_t without overflow",
        ),
        "a complex element": (lambda: x.__setitem__(0, 1j), "value cannot be converted to type float without overflow"),
        "a complex fill": (lambda: x.index_fill(0, t([0]), 1j), "Converting complex Scalar to non-complex type is not supported"),
        "no bins": (lambda: lib.histc(x, 0), "bins must be > 0, but got 0"),
        "bins without an end": (lambda: lib.histc(x, 3, 0, float("inf")), r"range of \[0, inf\] is not finite"),
        "cells without an end": (
            lambda: lib.histogram(x, 3, range=(0.0, float("inf"))),
            r"dimension 0's range \[0, inf\] is not finite",
        ),
        "edges of two dimensions": (
            lambda: lib.histogram(x, ones(2, 2)),
            "bins tensor should have one dimension, but got 2 dimensions in the bins tensor",
        ),
        "edges of another dtype": (
            lambda: lib.histogram(x, ones(2).double()),
            "with dtype float and bins for dimension 0 with dtype double",
        ),
        "a way to reduce": (
            lambda: lib.segment_reduce(ones(3), "x", lengths=t([3])),
            "reduce argument must be either sum, prod, mean, amax or amin, got x",
        ),
        "an extent": (lambda: x.size(2), r"Dimension out of range \(expected to be in range of \[-2, 1\], but got 2\)"),
        "a stride of none": (lambda: t(1).stride(0), "Dimension specified as 0 but tensor has no dimensions"),
        "a list that holds a number": (lambda: lib.cat([x, 5]), "expected Tensor as element 1 in argument 0, but got int"),
        "a pile that holds a text": (lambda: lib.stack([x, "a"]), "expected Tensor as element 1 in argument 0, but got str"),
        "a mode of debugging": (
            lambda: lib.set_deterministic_debug_mode("x"),
            "expected one of `default`, `warn`, `error`, but got x",
        ),
        "no sizes to expand to": (lambda: x.expand(), 'missing 1 required positional arguments: "size"'),
        "no order of dimensions": (lambda: x.permute(), 'missing 1 required positional arguments: "dims"'),
        "no counts": (lambda: x.repeat(), 'missing 1 required positional arguments: "repeats"'),
        "nothing to turn round": (lambda: x.flip(), r'flip\(\) missing 1 required positional arguments: "dims"'),
        "softmax along nothing": (
            lambda: lib.softmax(x, dtype=lib.float64),
            r'softmax\(\) missing 1 required positional arguments: "dim"',
        ),
        "softmax of integers": (lambda: x.long().softmax(0), "\"softmax_kernel_impl\" not implemented for 'Long'"),
        "a mean of masks": (lambda: (x > 0).scatter_reduce(0, x.long(), x > 0, "mean"), "not implemented for 'Bool'"),
        "uniform integers": (lambda: lib.rand(2, dtype=lib.int32), "\"check_uniform_bounds\" not implemented for 'Int'"),
        "exponential integers": (
            lambda: x.long().exponential_(),
            "Exponential distribution is a continuous probability distribution. dtype must be",
        ),
        "integers of Cauchy": (
            lambda: x.long().cauchy_(),
            "Cauchy distribution is a continuous probability distribution. dtype must be a floating",
        ),
        "an offset": (lambda: lib.Generator().get_offset(), "CPU Generator does not use offset"),
        "a tensor of a fraction": (lambda: lib.Tensor(2.5), r"new\(\): data must be a sequence \(got float\)"),
        "a tensor of nothing": (lambda: lib.Tensor(None), r"new\(\): data must be a sequence \(got NoneType\)"),
        "a byte below zero": (
            lambda: lib.linspace(-256, 0, 2, dtype=lib.uint8),
            "value cannot be converted to type uint8_t without overflow",
        ),
        "an array of texts": (
            lambda: t(np.array(["a"])),
            r"can't convert np.ndarray of type numpy.str_. The only supported types are: float64, float32",
        ),
        "a letter of two extents": (
            lambda: lib.einsum("ii", x),
            "subscript i is repeated for operand 0 but the sizes don't match, 4 != 3",
        ),
        "a sum in another dtype": (
            lambda: x.index_add(0, t([0]), x[:1].double()),
            r"self \(Float\) and source \(Double\) must have the same scalar type",
        ),
        "rows of a matrix": (
            lambda: x.index_add(0, t([[0]]), x[:1]),
            r"Index is supposed to be a vector, but got dim: 2 with type: Long and size: \[1, 1\]",
        ),
        "places that are not long": (lambda: x.index_copy(0, t([0]).int(), x[:1]), "Expected a long tensor for index, but got Int"),
        "fills that are not long": (lambda: x.index_fill(0, t([0.0]), 1), r"index_fill_\(\): Expected dtype int64 for index."),
        "a mask's source": (
            lambda: x.masked_scatter(x > 0, x.double()),
            "masked_scatter: expected self and source to have same dtypes but gotFloat and Double",
        ),
        "the real part": (lambda: setattr(i, "real", 1j), "value cannot be converted to type float without overflow"),
        "a shared conjugate": (lambda: i.conj().__dlpack__(), "Can't export tensors with the conjugate bit set"),
        "nothing to share": (lambda: x.to("meta").__dlpack__(), "Cannot pack tensors on meta"),
        "an offset that is set": (lambda: lib.Generator().set_offset(1), "CPU Generator does not use offset"),
        "a correction twice": (lambda: x.std(unbiased=True, correction=1), r"std\(\) received an invalid combination of arguments"),
        "a fill of one dimension": (
            lambda: lib.full((2,), t([3])),
            r"full\(\): argument 'fill_value' \(position 2\) must be Number, not Tensor",
        ),
        "complex numbers sought": (lambda: lib.searchsorted(x[0], i), "not implemented for 'ComplexFloat'"),
        "integers behind a mask": (
            lambda: lib.masked.softmax(x.long(), 0, mask=x > 0),
            "\"softmax_kernel_impl\" not implemented for 'Long'",
        ),
        "slices that are copied": (
            lambda: x.index_copy(0, t([0]), ones(1, 5)),
            "Destination slice shape: 4 at dimension 0 and source slice shape: 5 at dimension 0",
        ),
        "indices that are copied": (
            lambda: x.index_copy(0, t([0, 1]), x[:1]),
            r"Number of indices \(2\) should be equal to source.size\(dim\) \(1\)",
        ),
        "a copy of fewer dimensions": (
            lambda: x.index_copy(0, t(1), ones(4)),
            r"Source dimensionality \(1\), destination dimensionality \(2\)",
        ),
        "a copied number": (
            lambda: x.index_copy(0, t([0, 1]), t(1.0)),
            r"When source is scalar, index should have one element \(got 2\)",
        ),
        "half a diagonal": (lambda: x.tril(1.5), "must be int, not float|cannot be interpreted as an integer"),
        "a grid of a number": (
            lambda: lib.meshgrid(x[0], 5, indexing="ij"),
            "expected Tensor as element 1 in argument 0, but got int",
        ),
        "absolute values elsewhere": (lambda: lib.abs(x, out=x.double()), "Found dtype Double but expected Float"),
        "rounded elsewhere": (lambda: lib.floor(x, out=x.long()), "Found dtype Long but expected Float"),
        "what is infinite, as numbers": (lambda: lib.isneginf(x, out=x.clone()), "isneginf does not support non-boolean outputs."),
        "signs as numbers": (lambda: lib.signbit(x, out=x.clone()), "signbit does not support non-boolean outputs."),
        "numbers for nan elsewhere": (
            lambda: lib.nan_to_num(x, out=x.double()),
            "nan_to_num: dtype of out: Double should be same as input: Float",
        ),
        "places as fractions": (
            lambda: lib.nonzero(x, out=ones(0)),
            "nonzero: Expected out tensor to have scalar type Long but got scalar typeFloat",
        ),
        "selected elsewhere": (
            lambda: lib.masked_select(x, x > 0, out=x.long()),
            r"masked_select\(\): self and result must have the same scalar type",
        ),
        "a quantile elsewhere": (
            lambda: lib.quantile(x, 0.5, out=ones(0).double()),
            r"quantile\(\) out tensor must be same dtype as the input tensor",
        ),
        "chosen elsewhere": (lambda: lib.where(x > 0, x, x.double(), out=ones(0)), "Expected out type to be Double but got Float"),
    }  # fmt: skip


@pytest.mark.parametrize("name", cases(mg))
def test_an_error_holds_the_words_that_programs_look_for(name):
    call, words = cases(mg)[name]
    assert re.search(words, str(said(call)))


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
def test_the_words_and_kinds_are_pytorchs(torch):
    compare(cases, torch)
