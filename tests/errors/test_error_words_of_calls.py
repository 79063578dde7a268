"""What is said of a call that no function takes: too many arguments or too few, others than tensors, dtypes that it lacks."""

import re

import numpy as np
import pytest
from tests.errors.test_error_words_of_ops import compare, said

import metagrad as mg


def assign(x, index, value):
    x[index] = value


def cases(lib):
    t, x = lib.tensor, lib.ones(2, 3)
    whole, masks = t([1, 2]), t([True, False])
    return {
        "no operand": (lambda: lib.fmod(x), r"fmod\(\) received an invalid combination of arguments - got \(Tensor\)"),
        "no operands": (lambda: lib.mul(), r'mul\(\) missing 2 required positional argument: "input", "other"'),
        "no dimension": (lambda: lib.cumsum(x), r'cumsum\(\) missing 1 required positional arguments: "dim"'),
        "one too many": (lambda: lib.abs(x, 1), r"abs\(\) takes 1 positional argument but 2 were given"),
        "one too many of a method": (lambda: x.aminmax(1), r"aminmax\(\) takes 0 positional arguments but 1 was given"),
        "an unknown name": (lambda: lib.std(x, 0, nope=1), r"std\(\) received an invalid combination of arguments - got"),
        "a flag of another function": (lambda: lib.sum(x, 0, descending=1), r"got an unexpected keyword argument 'descending'"),
        "a flag": (lambda: lib.sum(x, 0, keepdim="a"), r"sum\(\): argument 'keepdim' must be bool, not str"),
        "None to add": (lambda: lib.add(x, None), r"add\(\): argument 'other' \(position 2\) must be Tensor, not NoneType"),
        "a text in place": (lambda: x.atan2_("a"), r"atan2_\(\): argument 'other' \(position 1\) must be Tensor, not str"),
        "a list to compare": (lambda: lib.eq(x, [1.0]), r"eq\(\) received an invalid combination of arguments - got"),
        "a number": (lambda: lib.maximum(x, 1), r"maximum\(\): argument 'other' \(position 2\) must be Tensor, not int"),
        "a text divided": (lambda: x // "a", "unsupported operand type"),
        "out of a number": (lambda: lib.exp(x, out=3), r"exp\(\): argument 'out' must be Tensor, not int"),
        "out of several": (lambda: lib.sum(x, 0, out=(x, x.long())), r"sum\(\): argument 'out' must be Tensor, not tuple"),
        "out of one": (lambda: lib.mode(x, 0, out=x), r"mode\(\): argument 'out' must be tuple of Tensors, not Tensor"),
        "out of too few": (lambda: lib.sort(x, 0, out=(x,)), "expected tuple of 2 elements but got 1"),
        "a floor of masks": (lambda: lib.floor(masks), "\"floor_vml_cpu\" not implemented for 'Bool'"),
        "a remainder of masks": (lambda: masks % masks, "\"remainder_cpu\" not implemented for 'Bool'"),
        "an extreme": (lambda: lib.amax(t([1j]), 0), "\"max_values_cpu\" not implemented for 'ComplexFloat'"),
        "bits": (lambda: lib.bitwise_not(x), "\"bitwise_not_cpu\" not implemented for 'Float'"),
        "an inner product": (lambda: whole @ t([1.0, 2.0]), "dot : expected both vectors to have same dtype, but found Long"),
        "a list stored": (lambda: assign(x, 0, [1, 2, 3]), "can't assign a list to a torch.FloatTensor"),
        "an array stored": (lambda: assign(x, 0, np.ones(3)), "can't assign a numpy.ndarray to a torch.FloatTensor"),
        "nothing stored": (lambda: assign(whole, 0, None), "can't assign a NoneType to a torch.LongTensor"),
        "a list copied": (lambda: x.copy_([1.0]), r"argument 'other' \(position 1\) must be Tensor, not list"),
        "too much memory": (lambda: lib.zeros(10**13), "DefaultCPUAllocator: can't allocate memory: you tried to allocate 4000000"),
        "too much like another": (lambda: x.new_ones(10**13), "can't allocate memory: you tried to allocate 40000000000000 bytes"),
        "too large a result": (lambda: x.repeat(10**12, 1), "can't allocate memory: you tried to allocate 24000000000000 bytes"),
        "no such size": (lambda: lib.ones(2, 2**40, 2**40), "Storage size calculation overflowed"),
        "tensors in a list": (lambda: t([x, x]), "only one element tensors can be converted to Python scalars"),
        "indices in a list": (lambda: t([whole]), "only integer tensors of a single element can be converted to an index"),
        "an array seen backwards": (lambda: t(np.arange(3)[::-1]), "At least one stride in the given numpy array is negative"),
        "a number to lerp": (lambda: lib.lerp(x, 3, 0.5), r"lerp\(\) received an invalid combination of arguments - got"),
        "a number to addcmul": (lambda: lib.addcmul(x, 3, x), r"argument 'tensor1' \(position 2\) must be Tensor, not int"),
        "unlike bounds": (lambda: lib.clamp(x, x, 2.0), r"clamp\(\) received an invalid combination of arguments - got"),
        "half a chunk": (lambda: x.chunk(1.5), ""),
        "half a turn": (lambda: x.rot90(1.5), ""),
        "a text's mean": (lambda: x.normal_(0, "a"), r"normal_\(\): argument 'std' \(position 2\) must be float, not str"),
        "a part of a number": (lambda: lib.imag(3), r"imag\(\): argument 'input' \(position 1\) must be Tensor, not int"),
        "a text for an index": (lambda: x["a"], "new(): invalid data type 'str'".replace("(", r"\(").replace(")", r"\)")),
        "a text in a slice": (lambda: x["a":], "slice indices must be integers or None or have an __index__ method"),
        "an index of a number": (lambda: t(1.0)[[0, 1]], "too many indices for tensor of dimension 0"),
        "too few sizes": (lambda: x.expand(5), r"expand\(torch.FloatTensor\{\[2, 3\]\}, size=\[5\]\): the number of sizes prov"),
        "sizes of a split": (lambda: lib.split(x, [1, 2]), r"to sum exactly to 2 \(input tensor's size at dimension 0\), but"),
        "a text as size": (lambda: x.reshape("a"), "must be tuple of ints, not str"),
        "a text as dimension": (lambda: x.unsqueeze("a"), "must be int, not str"),
        "a text as shape": (lambda: x.view("a"), "received an invalid combination of arguments"),
        "a text as dtype": (lambda: lib.full((2,), 1, dtype="none"), r"argument 'dtype' must be torch.dtype, not str"),
        "a text as number": (lambda: x.fill_("a"), "received an invalid combination of arguments"),
        "copied over": (lambda: x.copy_(lib.ones(4)), r"The size of tensor a \(3\) must match the size of tensor b \(4\)"),
        "an integer mask": (lambda: x.masked_fill_(x.long(), 1), "masked_fill_ only supports boolean masks, but got mask"),
        "products of two dtypes": (lambda: lib.cdist(x, x.double()), "expected scalar type Float but found Double"),
        "sorted complex numbers": (lambda: t([1j]).sort(), "Sort does not support complex dtypes on CPU"),
        "a device": (lambda: lib.ones(2, device="abc"), "Expected one of cpu, cuda, ipu, xpu, mkldnn, opengl, opencl, ideep, hip"),
        "one of several tensors": (lambda: lib.broadcast_tensors(x, 3), "expected Tensor as element 1 in argument 0, but got int"),
        "one of a grid": (lambda: lib.meshgrid(x[0], None), "expected Tensor as element 1 in argument 0, but got NoneType"),
        "no square of integers": (lambda: lib.linalg.inv(x.long()), "A must be batches of square matrices, but they are 2 by 3"),
        "an index larger than its source": (
            lambda: x.scatter(0, lib.zeros(2, 3).long(), x[:, :0]),
            r"Expected index \[2, 3\] to be no larger than self \[2, 3\] apart from dimension 0 and to be no larger size than src",
        ),
        "an index larger than the tensor": (
            lambda: x.gather(0, lib.zeros(1, 9).long()),
            r"Size does not match at dimension 1 expected index \[1, 9\] to be no larger than self \[2, 3\] apart from dimension 0",
        ),
        "shapes before dtypes": (lambda: x @ x.long(), r"mat1 and mat2 shapes cannot be multiplied \(2x3 and 2x3\)"),
    }  # fmt: skip


@pytest.mark.parametrize("name", cases(mg))
def test_an_error_of_a_call_holds_the_words_that_programs_look_for(name):
    call, words = cases(mg)[name]
    assert re.search(words, str(said(call)))


def test_what_has_no_gradient_may_be_written_into_out():
    x, out = mg.ones(2, requires_grad=True), mg.empty(2, dtype=mg.bool)
    assert mg.eq(x, 1, out=out) is out and out.tolist() == [True, True]
    assert mg.logical_not(x, out=out).tolist() == [False, False]


@pytest.mark.oracle
def test_the_words_and_kinds_are_pytorchs(torch):
    compare(cases, torch)
