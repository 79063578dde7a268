"""What errors say of a value, a dtype or a shape that an op does not take: words that tests of PyTorch programs match."""

import re

import pytest
from tests.errors.test_error_words_of_ops import compare, said

import metagrad as mg


def cases(lib):
    t, ones, x = lib.tensor, lib.ones, lib.ones(3, 4)
    mask, whole, i, half = x > 0, x.long(), t([1j, 2]), lib.float16
    lines, edges = t([[1.0, 3.0], [2.0, 4.0]]), t([1.0, 3.0])
    return {
        "the largest of complex numbers": (lambda: i.max(0), r"max\(\): does not support complex input"),
        "the median of complex numbers": (lambda: i.median(), "not implemented for 'ComplexFloat'"),
        "where a mask is largest": (lambda: mask.argmax(), r"argmax\(\): does not support bool input"),
        "where nothing is largest": (lambda: ones(0).argmax(), r"argmax\(\): Expected reduction dim to be specified for input"),
        "the largest of nothing": (lambda: ones(0).amax(), "Specify the reduction dim with the 'dim' argument."),
        "a whole maximum": (lambda: lib.maximum(i, i), "maximum not implemented for complex tensors"),
        "a quantile of halves": (lambda: lib.quantile(x.half(), 0.5), "input tensor must be either float or double dtype"),
        "quantiles": (lambda: lib.quantile(x, ones(1, 1)), r"quantile\(\) q must be a scalar or 1D tensor"),
        "a quantile of another dtype": (lambda: lib.quantile(x, t(0.5).double()), "q tensor must be same dtype as the input"),
        "a quantile beyond 1": (lambda: lib.quantile(x, 2.0), r"q must be in the range \[0, 1\] but got 2"),
        "quantiles beyond 1": (lambda: lib.quantile(x, t([2.0])), r"q values must be in the range \[0, 1\]"),
        "between values": (
            lambda: lib.quantile(x, 0.5, interpolation="x"),
            "interpolation must be one of linear, lower, higher, midpoint or nearest, but got x",
        ),
        "a dimension": (lambda: x.argmax(dim="a"), r"argmax\(\): argument 'dim' must be int, not str"),
        "a dimension by place": (lambda: x.argmax("a"), r"argmax\(\): argument 'dim' \(position 1\) must be int, not str"),
        "dimensions": (lambda: lib.amax(x, "a"), r"amax\(\): argument 'dim' \(position 2\) must be tuple of ints, not str"),
        "what no overload takes": (lambda: x.sum("a"), r"sum\(\) received an invalid combination of arguments"),
        "extents": (lambda: lib.zeros("a"), "must be tuple of ints, not str"),
        "a difference of masks": (
            lambda: mask - mask,
            r"with two bool tensors is not supported. Use the `\^` or `logical_xor\(\)` operator instead",
        ),
        "a mask turned round": (lambda: 1 - mask, "with a bool tensor is not supported. If you are trying to invert a mask, use"),
        "a mask and a text": (lambda: mask - "a", r"unsupported operand type\(s\) for -: 'Tensor' and 'str'"),
        "plus a mask": (lambda: +mask, r"The `\+` operator, on a bool tensor is not supported."),
        "a factor": (lambda: lib.add(whole, whole, alpha=1.5), "For integral input tensors, argument alpha must not be a flo"),
        "a complex factor": (lambda: lib.add(x, x, alpha=1j), "For non-complex input tensors, argument alpha must not be a com"),
        "bits": (lambda: x & x, "\"bitwise_and_cpu\" not implemented for 'Float'"),
        "shifts": (lambda: x << x, "\"lshift_cpu\" not implemented for 'Float'"),
        "a common divisor": (lambda: lib.gcd(x, x), "\"gcd_cpu\" not implemented for 'Float'"),
        "the other bits": (lambda: ~x, r"~ \(operator.invert\) is only implemented on integer and Boolean-type tensors"),
        "a step of two dtypes": (lambda: lib.heaviside(x, whole), "not yet implemented for tensors with different dtypes"),
        "a power in place": (lambda: x.float_power_(2), "the base given to float_power_ has dtype Float but the operation's res"),
        "a quotient of integers": (lambda: lib.addcdiv(whole, whole, whole), "Integer division with addcdiv is no longer supp"),
        "between two dtypes": (lambda: lib.lerp(x, x.double(), 0.5), "expected dtype float for `end` but got dtype double"),
        "a condition": (lambda: lib.where(x, 1, 2), "boolean tensor, but got a tensor with dtype Float"),
        "a sign": (lambda: i.sign(), "Unlike NumPy, torch.sign is not intended to support complex numbers."),
        "rounding": (lambda: i.floor(), "floor is not supported for complex inputs"),
        "degrees": (lambda: lib.deg2rad(i), "deg2rad is not supported for complex tensors."),
        "sizes to join": (
            lambda: lib.cat([x, ones(2, 3)]),
            "must match except in dimension 0. Expected size 4 but got size 3 for tensor number 1 in the list.",
        ),
        "sizes to stack": (lambda: lib.stack([x, ones(2)]), r"equal size, but got \[3, 4\] at entry 0 and \[2\] at entry 1"),
        "numbers to join": (lambda: lib.cat([ones(1), t(1.0)]), r"zero-dimensional tensor \(at position 1\) cannot be concat"),
        "blocks": (lambda: lib.block_diag(ones(1, 1, 1)), "torch.block_diag: Input tensors must have 2 or fewer dimensions. Inp"),
        "an order of dimensions": (lambda: x.permute(0), "does not match the length of the desired ordering of dimensions"),
        "a dimension twice": (lambda: x.permute(0, 0), "duplicate dims are not allowed"),
        "a view": (lambda: x.T.view(12), r"at least one dimension spans across two contiguous subspaces\). Use .reshape"),
        "bytes of a number": (lambda: t(1.0).view(half), r"self.dim\(\) cannot be 0 to view Float as Half \(different elem"),
        "bytes of columns": (lambda: x.T.view(half), r"self.stride\(-1\) must be 1 to view Float as Half"),
        "too few bytes": (lambda: x.byte()[:, :3].clone().view(half), r"self.size\(-1\) must be divisible by 2 to view Byte"),
        "bytes in between": (lambda: x.byte()[:, 1:3].view(half), r"self.storage_offset\(\) must be divisible by 2 to view"),
        "another dtype's memory": (lambda: x.set_(x.double()), "Could not set tensor of type double to a tensor of type float"),
        "a fill": (lambda: x.fill_(edges), "fill_ only supports 0-dimension value tensor but got tensor with 1 dimensions"),
        "a diagonal of a vector": (lambda: edges.fill_diagonal_(1), "dimensions must larger than 1"),
        "a diagonal": (lambda: ones(2, 3, 4).fill_diagonal_(1), "all dimensions of input must be of equal length"),
        "data": (lambda: setattr(x, "data", 1), "Variable data has to be a tensor, but got int"),
        "no bytes": (lambda: lib.frombuffer(bytearray(), dtype=half), r"both buffer length \(0\) and count \(-1\) must not be 0"),
        "bytes afterwards": (lambda: lib.frombuffer(bytearray(4), dtype=half, offset=4), r"offset \(4 bytes\) must be non-neg"),
        "odd bytes": (lambda: lib.frombuffer(bytearray(3), dtype=half), r"buffer length \(3 bytes\) after offset \(0 bytes\) must"),
        "more bytes": (lambda: lib.frombuffer(bytearray(2), dtype=half, count=2), r"requested buffer length \(2 \* 2 bytes\) aft"),
        "memory of a list": (lambda: lib.asarray([1], copy=False), "can't alias arbitrary sequence into a tensor."),
        "memory": (lambda: lib.asarray(whole, dtype=half, copy=False), "can't alias tensor with dtype 'Long' into dtype 'Half'."),
        "standard deviations": (lambda: lib.normal(ones(2), -ones(2)), "normal expects all elements of std >= 0.0"),
        "a probability": (lambda: lib.bernoulli(x, 2.0), r"bernoulli_ expects p to be in \[0, 1\], but got p=2"),
        "draws by negative weights": (lambda: lib.multinomial(-edges, 1), "tensor contains either `inf`, `nan` or element < 0"),
        "a range": (lambda: x.uniform_(-3.4e38, 3.4e38), r"uniform_ expects to-from <= std::numeric_limits<Float>::max\(\)"),
        "whole normal numbers": (lambda: whole.normal_(), "\"normal_kernel_cpu\" not implemented for 'Long'"),
        "a default dtype": (lambda: lib.set_default_dtype(lib.int64), "only floating-point types are supported as the default ty"),
        "limits of integers": (lambda: lib.finfo(lib.int64), r"torch.finfo\(\) requires a floating point input type."),
        "limits of fractions": (lambda: lib.iinfo(half), r"torch.iinfo\(\) requires an integer input type."),
        "limits of a bool": (lambda: lib.iinfo(lib.bool), "torch.bool is not supported by torch.iinfo"),
        "a device": (lambda: lib.device("x"), "Expected one of cpu, cuda, .* device type at start of device string: x"),
        "a device's number": (lambda: lib.device("cuda:-1"), "Invalid device string: 'cuda:-1'"),
        "no device": (lambda: lib.device(""), "Device string must not be empty"),
        "a state": (lambda: lib.set_rng_state(x), "RNG state must be a torch.ByteTensor"),
        "a reduction": (lambda: lib.index_reduce(x, 0, t([0]), x[:1], "x"), "Expected reduce to be one of prod, mean, amax or"),
        "a scattered one": (lambda: lib.scatter_reduce(x, 0, whole, x, "x"), "reduce argument must be either sum, prod, mean, ama"),
        "take": (lambda: lib.take(x, t([1.0])), r"take\(\): Expected a long tensor for index, but got Float"),
        "taking from nothing": (lambda: lib.take(ones(0), t([0])), r"take\(\): tried to take from an empty tensor"),
        "taking beyond the end": (lambda: lib.take(x, t([0, 12])), "tried to access index 12 on a tensor of 12 elements"),
        "too few for a mask": (lambda: x.masked_scatter(mask, edges), "Number of elements of source < number of ones in mask"),
        "a side": (lambda: lib.searchsorted(edges, edges, side="x"), "side can only be 'left' or 'right' but got x"),
        "a number in rows": (lambda: lib.searchsorted(lines, 1.0), "input value can be a scalar only when boundaries tensor dimen"),
        "rows": (lambda: lib.searchsorted(lines, edges), "boundaries tensor should be 1 dimension or the first N-1 dimensions of"),
        "a sorter": (lambda: lib.searchsorted(edges, edges, sorter=t([0])), "boundary and sorter must have the same size, but got"),
        "a sorter's dtype": (lambda: lib.searchsorted(edges, edges, sorter=edges), "sorter must be a tensor of long dtype but got"),
        "a gradient of bytes": (lambda: lib.gradient(x.byte()), "torch.gradient does not support uint8 input."),
        "no sizes": (lambda: t([1]).unflatten(0, []), "sizes must be non-empty"),
        "values of another dtype": (lambda: lib.max(x, 0, out=(ones(4).double(), whole[0])), "Expected out tensor to have dtype"),
        "a median's values": (lambda: lib.median(x, 0, out=(ones(4).double(), whole[0])), "values|dtype"),
        "a transform's scale": (lambda: lib.fft.fft(x, norm="x"), 'Invalid normalization mode: "x"'),
        "a transform of halves": (lambda: lib.fft.fft(x.half()), "Unsupported dtype Half"),
        "powers of a matrix": (lambda: lib.vander(x), "x must be a one-dimensional tensor."),
        "no powers": (lambda: lib.vander(edges, -1), "N must be non-negative."),
    }  # fmt: skip


@pytest.mark.parametrize("name", cases(mg))
def test_an_error_holds_the_words_that_programs_look_for(name):
    call, words = cases(mg)[name]
    assert re.search(words, str(said(call)))


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
def test_the_words_and_kinds_are_pytorchs(torch):
    compare(cases, torch)


@pytest.mark.oracle
def test_quantiles_of_wide_numbers_are_as_wide(torch):
    values = [0.25, 1.75, 2.5, 4.0]
    ours, theirs = (float(lib.quantile(lib.tensor(values, dtype=lib.float64), 0.3)) for lib in (mg, torch))
    assert ours == theirs


def test_a_quantile_is_not_cut_to_single_precision():
    assert float(mg.quantile(mg.tensor([0.0, 1.0], dtype=mg.float64), 0.3)) == 0.3
