"""Errors hold the words that programs look for: each line is what a test of a PyTorch program may match."""

import re

import pytest

import metagrad as mg


def cases(lib):
    F, t, ones, nn = lib.nn.functional, lib.tensor, lib.ones, lib.nn
    x, mask = ones(3, 4), lib.arange(12.0).reshape(3, 4) > 3
    rows = t([0, 2, 1])
    return {
        "a sum": (lambda: x + ones(5), r"size of tensor a \(4\) must match the size of tensor b \(5\) .* dimension 1"),
        "a product": (lambda: x * ones(2, 4), r"size of tensor a \(3\) must match .* b \(2\) at non-singleton dimension 0"),
        "a comparison": (lambda: x > ones(3, 5), r"size of tensor a \(4\) must match the size of tensor b \(5\)"),
        "a choice": (lambda: lib.where(mask, x, ones(3, 5)), r"size of tensor a \(4\) must match the size of tensor b \(5\)"),
        "a loss": (lambda: F.kl_div(x, ones(3, 5), reduction="sum"), "must match the size of tensor b"),
        "tensors of one shape": (lambda: lib.broadcast_tensors(x, ones(5)), r"size of tensor a \(4\) must match"),
        "a sum in place": (lambda: x.add_(ones(2, 3, 4)), r"output with shape \[3, 4\] doesn't match the broadcast shape \[2, 3"),
        "batches of matrices": (
            lambda: lib.matmul(ones(2, 3, 4), ones(3, 4, 4)),
            r"size of tensor a \(2\) must match the size of tensor b \(3\) at non-singleton dimension 0",
        ),
        "matrices": (lambda: x @ x, r"mat1 and mat2 shapes cannot be multiplied \(3x4 and 3x4\)"),
        "a row and a matrix": (lambda: ones(4) @ x, r"mat1 and mat2 shapes cannot be multiplied \(1x4 and 3x4\)"),
        "a batch and a matrix": (lambda: ones(2, 3, 5) @ x, r"mat1 and mat2 shapes cannot be multiplied \(6x5 and 3x4\)"),
        "a layer": (lambda: nn.Linear(4, 2)(ones(3, 5)), r"mat1 and mat2 shapes cannot be multiplied \(3x5 and 4x2\)"),
        "a layer, a batch": (lambda: nn.Linear(4, 2)(ones(2, 3, 5)), r"cannot be multiplied \(6x5 and 4x2\)"),
        "a layer, a vector": (lambda: nn.Linear(4, 2)(ones(5)), r"cannot be multiplied \(1x5 and 4x2\)"),
        "a linear map": (lambda: F.linear(ones(3, 5), ones(2, 4)), r"cannot be multiplied \(3x5 and 4x2\)"),
        "a matrix and a vector": (lambda: x @ ones(3), r"size mismatch, got input \(3\), mat \(3x4\), vec \(3\)"),
        "vectors": (lambda: lib.dot(ones(4), ones(3)), r"inconsistent tensor size, expected tensor \[4\] and src \[3\]"),
        "batches": (
            lambda: lib.bmm(ones(2, 3, 4), ones(2, 3, 4)),
            r"Expected size for first two dimensions of batch2 tensor to be: \[2, 4\] but got: \[2, 3\]",
        ),
        "batches of unlike number": (lambda: lib.bmm(ones(2, 3, 4), ones(3, 4, 3)), r"to be: \[2, 4\] but got: \[3, 4\]"),
        "what is no batch": (lambda: lib.bmm(x, x), "batch1 must be a 3D tensor"),
        "unlike dtypes in a layer": (lambda: nn.Linear(4, 2)(x.double()), "mat1 and mat2 must have the same dtype"),
        "tensors to join": (lambda: lib.cat([x, ones(3)]), "Tensors must have same number of dimensions: got 2 and 1"),
        "too few sizes": (lambda: x.expand(4), r"number of sizes provided \(1\) must be greater or equal to the number of"),
        "a part": (lambda: x.__setitem__(0, ones(3)), r"expanded size of the tensor \(4\) must match the existing size \(3\)"),
        "rows": (
            lambda: x.__setitem__(rows, ones(2, 4)),
            r"shape mismatch: value tensor of shape \[2, 4\] cannot be broadcast to indexing result of shape \[3, 4\]",
        ),
        "what a mask chooses": (
            lambda: x.__setitem__(mask, ones(7)),
            r"shape mismatch: value tensor of shape \[7\] cannot be broadcast to indexing result of shape \[8\]",
        ),
        "a mask": (lambda: x[ones(4) > 0], r"shape of the mask \[4\] at index 0 does not match the shape of the indexed tensor"),
        "an index of a number": (lambda: t(1.5)[0], "invalid index of a 0-dim tensor"),
        "an index of gather": (lambda: x.gather(0, t([[9]])), "index 9 is out of bounds for dimension 0 with size 3"),
        "an index put of another dtype": (
            lambda: x.__setitem__(rows, x.double()), "Index put requires the source and destination dtypes match"
        ),
        "nothing to choose from": (lambda: ones(0).max(), r"Expected reduction dim to be specified for input.numel\(\) == 0"),
        "nothing along it": (lambda: ones(0).max(0), "Expected reduction dim 0 to have non-zero size"),
        "uneven lists": (lambda: t([[1, 2], [3]]), r"expected sequence of length 2 at dim 1 \(got 1\)"),
        "None": (lambda: t(None), "Could not infer dtype of NoneType"),
        "strings": (lambda: t(["a"]), "too many dimensions 'str'"),
        "no square matrix": (lambda: lib.linalg.inv(x), "A must be batches of square matrices, but they are 3 by 4 matrices"),
        "a singular matrix": (lambda: lib.linalg.inv(lib.zeros(2, 2)), "diagonal element 1 is zero.* input matrix is singular"),
        "a difference of bools": (lambda: mask - mask, "Subtraction, the `-` operator, with"),
        "softmax of integers": (lambda: t([1]).softmax(0), "not implemented for 'Long'"),
        "features": (lambda: nn.BatchNorm1d(3)(x), "running_mean should contain 4 elements not 3"),
        "a state": (
            lambda: nn.LSTM(4, 2)(ones(5, 3, 4), (ones(1, 2, 2), ones(1, 2, 2))),
            re.escape("Expected hidden[0] size (1, 3, 2), got [1, 2, 2]"),
        ),
        "classes": (lambda: F.cross_entropy(x, rows[:, None]), "0D or 1D target tensor expected, multi-target not supported"),
        "fractions of tokens": (
            lambda: nn.Embedding(5, 3)(ones(2) / 2), "to have one of the following scalar types: Long, Int"
        ),
        "a class beyond": (lambda: F.one_hot(t([5]), 3), "Class values must be smaller than num_classes"),
        "a sum of integers and halves": (lambda: t([1]).add_(1.5), "result type Float can't be cast to"),
    }  # fmt: skip


def said(call):
    with pytest.raises(Exception) as found:
        call()
    return str(found.value)


@pytest.mark.parametrize("name", cases(mg))
def test_an_error_holds_the_words_that_programs_look_for(name):
    call, words = cases(mg)[name]
    assert re.search(words, said(call))


@pytest.mark.oracle
def test_the_words_are_pytorchs(torch):
    for name, (call, words) in cases(torch).items():
        assert re.search(words, said(call)), name
