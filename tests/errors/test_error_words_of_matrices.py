"""What errors of linear algebra say: words that tests of PyTorch programs match."""

import re

import pytest
from tests.errors.test_error_words_of_ops import said

import metagrad as mg


def cases(lib):
    L, t, ones, eye, zeros = lib.linalg, lib.tensor, lib.ones, lib.eye, lib.zeros
    A, bad = ones(3, 4), eye(3).repeat(5, 1, 1)
    bad[2, 1, 1] = 0
    bad[4, 0, 0] = 0
    swaps = t([1, 2, 3], dtype=lib.int32)
    return {
        "a vector": (lambda: L.inv(ones(3)), "linalg.inv: The input tensor A must have at least 2 dimensions."),
        "a right side": (lambda: L.solve_triangular(eye(3), ones(3), upper=True), "The input tensor B must have at least 2 dime"),
        "reflections of a vector": (lambda: lib.geqrf(ones(3)), "input must have at least 2 dimensions."),
        "integers": (lambda: L.det(eye(2).long()), "linalg.det: Expected a floating point or complex tensor as input. Got Long"),
        "halves": (lambda: L.inv(eye(2).half()), "linalg.inv: Low precision dtypes not supported. Got Half"),
        "not square": (lambda: L.matrix_power(A, 2), "matrix_power: A must be batches of square matrices, but they are 3 by 4"),
        "Cholesky": (
            lambda: L.cholesky(bad),
            r"linalg.cholesky: \(Batch element 2\): The factorization could not be completed because the input is not "
            r"positive-definite \(the leading minor of order 2 is not positive-definite\)",
        ),
        "Cholesky, one": (lambda: L.cholesky(zeros(2, 2)), "cholesky: The factorization could not .* minor of order 1 is not"),
        "an inverse": (
            lambda: L.inv(bad),
            r"linalg.inv: \(Batch element 2\): The diagonal element 2 is zero, the inversion could not be completed because the "
            "input matrix is singular",
        ),
        "a solution": (lambda: L.solve(bad, ones(5, 3)), r"linalg.solve: \(Batch element 2\): The solver failed because the inp"),
        "an inverse of a factor": (lambda: lib.cholesky_inverse(zeros(2, 2)), "The diagonal element 1 is zero, the inversion"),
        "an elimination": (lambda: L.lu_factor(bad), r"lu_factor: \(Batch element 2\): U\[2,2\] is zero and using it on lu_solve"),
        "no decomposition": (lambda: L.svdvals(t([[float("nan")]])), "algorithm failed to converge because the input matrix con"),
        "no eigenvalues": (lambda: L.eig(t([[float("nan")]])), "linalg.eig: input tensor should not contain infs or NaNs."),
        "a system": (lambda: L.solve(eye(3), ones(2, 4)), r"Incompatible shapes of A and B for the equation AX = B \(3x3 and 2x4"),
        "the other way round": (lambda: L.solve(eye(3), A, left=False), r"for the equation XA = B \(3x3 and 3x4\)"),
        "a triangular system": (lambda: L.solve_triangular(eye(3), ones(2, 4), upper=True), "AX = B .3x3 and 2x4"),
        "an eliminated system": (lambda: L.lu_solve(eye(3), swaps, ones(2, 4)), "AX = B .3x3 and 2x4"),
        "a factored system": (lambda: lib.cholesky_solve(ones(3, 2), eye(4)), "each A matrix is 4 by 4 but each b matrix is 3 b"),
        "systems of two dtypes": (lambda: L.solve(eye(2), ones(2).double()), "found A of type Float and B of type Double instead"),
        "b of another dtype": (lambda: lib.cholesky_solve(ones(2, 2), eye(2).double()), "found b of type Float and A of type D"),
        "swaps": (lambda: lib.lu_unpack(eye(3), swaps.long()), "LU_pivots is expected to be a contiguous tensor of torch.int32"),
        "swaps beyond the matrix": (lambda: lib.lu_unpack(eye(3), swaps + 1), r"must be between 1 and LU.size\(-2\) inclusive"),
        "swaps of a vector": (lambda: lib.lu_unpack(ones(3), swaps), r"with 2 or more dimensions. Got size: \[3\] instead"),
        "swaps to solve by": (lambda: L.lu_solve(eye(3), swaps.long(), A), "pivots should be a Tensor of scalar type torch.int32"),
        "too few swaps": (lambda: L.lu_solve(eye(3), swaps[:2], A), "Number of pivots per batch should be same as the dimension"),
        "tensorinv": (lambda: L.tensorinv(eye(2), ind=0), "Expected a strictly positive integer for 'ind', but got 0"),
        "tensorinv's extents": (lambda: L.tensorinv(ones(2, 3, 4, 5)), r"prod\(self.shape\[:ind\]\), but got 20 != 6"),
        "tensorsolve": (lambda: L.tensorsolve(ones(2, 3, 5), ones(2, 3)), r"prod\(self.shape\[:other.ndim\]\), but got 5 != 6"),
        "a driver": (lambda: L.lstsq(A, A, driver="x"), r"parameter `driver` should be one of \(gels, gelsy, gelsd, gelss\)"),
        "a driver for GPUs": (lambda: L.svd(A, driver="gesvd"), "keyword argument `driver=` is only supported on CUDA inputs"),
        "a mode": (lambda: L.qr(A, mode="x"), "qr received unrecognized mode 'x' but expected one of 'reduced'"),
        "a gradient without Q": (
            lambda: L.qr(ones(2, 2, requires_grad=True), mode="r").R.sum().backward(),
            "The derivative of linalg.qr depends on Q, which is not computed when mode='r'.",
        ),
        "a gradient of all of Q": (
            lambda: L.qr(ones(3, 2, requires_grad=True), mode="complete").R.sum().backward(),
            "The QR decomposition is not differentiable when mode='complete' and nrows > ncols.",
        ),
        "a triangle": (lambda: L.eigvalsh(eye(2), UPLO="x"), "Expected UPLO argument to be 'L' or 'U', but got x"),
        "a rank": (lambda: lib.pca_lowrank(A, q=5), r"q\(=5\) must be non-negative integer and not greater than min\(m, n\)=3"),
        "an order": (lambda: L.matrix_norm(A, 3), "linalg.matrix_norm: Order 3 not supported."),
        "an order of a vector": (lambda: L.norm(ones(3), "bad"), "linalg.matrix_norm: Order bad not supported."),
        "one dimension": (lambda: L.matrix_norm(A, dim=(0,)), "dim must be a 2-tuple. Got 0"),
        "a dimension twice": (lambda: L.matrix_norm(A, dim=(0, -2)), r"dims must be different. Got \(0, 0\)"),
        "dimensions of a norm": (lambda: L.norm(ones(2, 2, 2), 2, dim=(0, 1, 2)), r"length 1 or 2. Got \[0, 1, 2\]"),
        "no dimensions": (lambda: L.norm(ones(2, 2, 2), 2), "If dim is not specified but ord is, the input must be 1D or 2D. Got"),
        "the largest of nothing": (lambda: L.vector_norm(ones(0), float("inf")), "cannot compute the inf norm on an empty tensor"),
        "along no elements": (lambda: L.vector_norm(ones(0, 2), -1, dim=0), "cannot compute the -1 norm on the dimension 0"),
        "a narrower dtype": (lambda: L.vector_norm(A, dtype=lib.float16), r"of the input \(Float\) should be convertible without"),
        "a real norm": (lambda: L.matrix_norm(A, dtype=lib.complex64), "dtype should be real for real inputs, but got Complex"),
        "a whole norm": (lambda: L.norm(A, dtype=lib.int64), "dtype should be floating point or complex, but got Long"),
        "a condition": (lambda: L.cond(A, 3), "linalg.cond got an invalid norm type: 3"),
        "a condition of rows": (lambda: L.cond(A, 1), r"linalg.cond\(ord=1\): A must be batches of square matrices"),
        "reflections": (lambda: L.householder_product(A, ones(2)), r"input.shape\[-2\] must be greater than or equal to input.sh"),
        "too many reflections": (lambda: L.householder_product(eye(3), ones(4)), r"input.shape\[-1\] must be greater than or eq"),
        "batches of reflections": (lambda: L.householder_product(ones(2, 3, 3), ones(3)), "got tau.ndim equal to 1 and input.nd"),
        "tau": (lambda: L.householder_product(eye(3), ones(2).double()), "tau dtype Double does not match input dtype Float"),
        "what is reflected": (lambda: lib.ormqr(ones(3, 2), ones(2), ones(4, 2)), r"other.shape\[-2\] must be equal to input.sh"),
        "one factor": (lambda: L.multi_dot([A]), r"multi_dot\(\): expected at least 2 tensors but got 1"),
        "a factor in between": (lambda: L.multi_dot([A, ones(4), A]), r"multi_dot\(\): tensor 1 must be 2D but got 1D"),
        "the last factor": (lambda: L.multi_dot([A, ones(2, 2, 2)]), "the last tensor must be 1D or 2D but got 3D"),
        "factors": (lambda: L.multi_dot([A, A]), r"tensors 0 and 1 with shapes \[3, 4\] and \[3, 4\] cannot be multiplied"),
        "mm": (lambda: lib.mm(ones(2, 3, 1), A), "must be a matrix"),
        "mm's second": (lambda: lib.mm(A, ones(4)), "mat2 must be a matrix"),
        "mm of two dtypes": (lambda: lib.mm(A, A.T.double()), "expected m1 and m2 to have the same dtype, but got: float != doub"),
        "mv": (lambda: lib.mv(ones(3), ones(3)), r"vector \+ matrix @ vector expected, got 1, 1, 1"),
        "outer": (lambda: lib.outer(A, ones(2)), "outer: Expected 1-D argument self, but got 2-D"),
        "addr": (lambda: lib.addr(A, ones(3), A), "addr: Expected 1-D argument vec2, but got 2-D"),
        "a fraction of integers": (lambda: lib.addr(eye(2).long(), t([1, 2]), t([1, 2]), beta=1.5), "argument beta must not be"),
        "half a bool": (lambda: lib.addr(eye(2), ones(2), ones(2), alpha=True), "Boolean alpha only supported for Boolean res"),
        "dot": (lambda: lib.dot(ones(2), ones(2).double()), "to have same dtype, but found Float and Double"),
        "a cross product": (lambda: L.cross(A, A), "inputs dimension -1 must have length 3. Got 4 and 4"),
        "dimensions to sum over": (lambda: lib.tensordot(A, A, 3), "tensordot expects dims < ndim_a or ndim_b, but got dims=3"),
        "operands": (lambda: lib.einsum("a,b", ones(2)), "fewer operands were provided than specified in the equation"),
        "too many operands": (lambda: lib.einsum("a", ones(2), ones(2)), "more operands were provided than specified in the equa"),
        "a dot": (lambda: lib.einsum("a.", A), "found '.' for operand 0 that is not part of any ellipsis"),
        "dots": (lambda: lib.einsum("......", A), "found '.' for operand 0 for which an ellipsis was already found"),
        "dots in the result": (lambda: lib.einsum("a->..", ones(2)), "found '.' for output that is not part of any ellipsis"),
        "dots in lists": (lambda: lib.einsum(A, [..., ...]), "found '.' for operand 0 for which an ellipsis was already found"),
        "subscripts": (lambda: lib.einsum("1", ones(2)), r"invalid subscript given .*, subscripts must be in \[a-zA-Z\]"),
        "too few": (lambda: lib.einsum("a", A), r"in the equation \(1\) does not match the number of dimensions \(2\) for oper"),
        "too many": (lambda: lib.einsum("a...", t(1.0)), r"\(1\) is more than the number of dimensions \(0\) for operand 0"),
        "unlike extents": (lambda: lib.einsum("ab,bc", A, A), "has size 3 .*which does not broadcast with previously seen size 4"),
        "out of another category": (lambda: L.pinv(A, out=ones(1).long()), "but got result with dtype Long"),
    }  # fmt: skip


@pytest.mark.parametrize("name", cases(mg))
def test_an_error_holds_the_words_that_programs_look_for(name):
    call, words = cases(mg)[name]
    assert re.search(words, str(said(call)))


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
def test_the_words_and_kinds_are_pytorchs(torch):
    for name, (call, words) in cases(torch).items():
        error, ours = said(call), said(cases(mg)[name][0])
        assert re.search(words, str(error)), f"{name}: {error}"
        kinds = {"_LinAlgError": mg.linalg.LinAlgError, "TypeError": TypeError, "ValueError": ValueError}
        assert isinstance(ours, kinds.get(type(error).__name__, RuntimeError)), f"{name}: {type(ours).__name__}"


def test_a_layer_of_one_number_is_refused():
    with pytest.raises(RuntimeError, match="both arguments to linear need to be at least 1D, but they are 0D and 2D"):
        mg.nn.functional.linear(mg.tensor(1.0), mg.ones(3, 1))
