"""Names and positions of arguments as PyTorch's parser takes them: NumPy's names, undocumented names, flags by position."""

import numpy as np
import pytest

import metagrad


def matrix(lib):
    return lib.tensor([[4.0, 1.0], [2.0, 3.0]])


def numbers(lib):
    return lib.tensor([3, 1, 2])


FORMS = {  # what is called with which result; a result without dimensions is a number
    "add(x1, x2)": (lambda lib: lib.add(x1=matrix(lib), x2=matrix(lib)), [[8, 2], [4, 6]]),
    "mul(a, x2)": (lambda lib: lib.mul(a=matrix(lib), x2=2), [[8, 2], [4, 6]]),
    "x.sub(x2)": (lambda lib: matrix(lib).sub(x2=1), [[3, 0], [1, 2]]),
    "x.sub_(x2)": (lambda lib: matrix(lib).sub_(x2=1), [[3, 0], [1, 2]]),
    "div(x, x2)": (lambda lib: lib.div(x=matrix(lib), x2=2, rounding_mode="floor"), [[2, 0], [1, 1]]),
    "x.where(other)": (lambda lib: matrix(lib).where(matrix(lib) > 2, other=lib.zeros(2, 2)), [[4, 0], [0, 3]]),
    "exp(x)": (lambda lib: lib.exp(x=lib.zeros(2)), [1, 1]),
    "sum(axis, keepdims)": (lambda lib: lib.sum(matrix(lib), axis=0, keepdims=True), [[6, 4]]),
    "sum(a)": (lambda lib: lib.sum(a=matrix(lib)), 10),
    "cumsum_(axis)": (lambda lib: matrix(lib).cumsum_(axis=0), [[4, 1], [6, 4]]),
    "cumprod_(axis)": (lambda lib: matrix(lib).cumprod_(axis=1), [[4, 4], [2, 6]]),
    "size(axis)": (lambda lib: lib.ones(2, 3).size(axis=1), 3),
    "stride(axis)": (lambda lib: lib.ones(2, 3).stride(axis=0), 3),
    "select(axis)": (lambda lib: matrix(lib).select(axis=1, index=0), [4, 2]),
    "narrow(axis)": (lambda lib: matrix(lib).narrow(axis=1, start=1, length=1), [[1], [3]]),
    "split_with_sizes(axis)": (lambda lib: lib.split_with_sizes(matrix(lib), [1, 1], axis=1)[1], [[1], [3]]),
    "tensor_split(sections)": (lambda lib: lib.tensor_split(numbers(lib), sections=2)[1], [2]),
    "tensor_split(indices)": (lambda lib: lib.tensor_split(numbers(lib), indices=[1])[1], [1, 2]),
    "hsplit(sections)": (lambda lib: numbers(lib).hsplit(sections=3)[1], [1]),
    "hsplit(NumPy's int)": (lambda lib: numbers(lib).hsplit(np.int64(3))[1], [1]),
    "fftshift(axis)": (lambda lib: lib.fft.fftshift(matrix(lib), axis=0), [[2, 3], [4, 1]]),
    "det(input)": (lambda lib: lib.det(input=matrix(lib)).round(), 10),
    "pinv(input)": (lambda lib: (lib.linalg.pinv(input=matrix(lib)) @ matrix(lib)).round().abs(), [[1, 0], [0, 1]]),
    "matrix_norm(x)": (lambda lib: lib.linalg.matrix_norm(x=matrix(lib), ord=1), 6),
    "cholesky_solve(input2)": (
        lambda lib: lib.cholesky_solve(lib.ones(2, 1), input2=lib.diag(lib.tensor([1.0, 2.0]))), [[1], [0.25]],
    ),
    "airy_ai(x)": (lambda lib: lib.special.airy_ai(x=lib.zeros(1)).mul(1000).round(), [355]),
    "isin(test_element)": (lambda lib: lib.isin(elements=numbers(lib), test_element=1), [False, True, False]),
    "searchsorted(input)": (lambda lib: lib.searchsorted(sorted_sequence=lib.tensor([1, 2]), input=numbers(lib)), [2, 0, 1]),
    "swapaxes_(axis0)": (lambda lib: matrix(lib).swapaxes_(axis0=0, axis1=1), [[4, 2], [1, 3]]),
    "softmax(dim, dtype)": (lambda lib: lib.softmax(lib.zeros(2), 0, lib.float64), [0.5, 0.5]),
    "softmax(dim, dtype) of halves": (lambda lib: lib.zeros(2).half().softmax(0, lib.float32), [0.5, 0.5]),
    "add(number, alpha)": (lambda lib: lib.add(matrix(lib), 1, 2), [[6, 3], [4, 5]]),
    "count_nonzero(0, 1)": (lambda lib: matrix(lib).count_nonzero(0, 1), 4),
    "lerp(NumPy's float)": (lambda lib: lib.lerp(lib.zeros(2), lib.ones(2), np.float64(0.5)), [0.5, 0.5]),
    "celu(NumPy's float)": (lambda lib: lib.nn.functional.celu(lib.ones(2), np.float64(1.5)), [1, 1]),
    "add_(a tensor of one number, other)": (lambda lib: matrix(lib).add_(lib.tensor(-2.0), lib.ones(2)), [[2, -1], [0, 1]]),
    "normal(tensors of one number, size)": (lambda lib: lib.normal(lib.tensor(3.0), lib.tensor(0), (2,)), [3, 3]),
    "normal_(tensors)": (lambda lib: lib.zeros(2).normal_(lib.tensor(3.0), lib.tensor(0.0)), [3, 3]),
    "logspace(base a tensor)": (lambda lib: lib.logspace(0, 2, 3, base=lib.tensor(2.0)), [1, 2, 4]),
    "randperm(a tensor)": (lambda lib: lib.randperm(lib.tensor(3)).sort()[0], [0, 1, 2]),
    "resize_(size)": (lambda lib: numbers(lib).resize_(size=(2,)), [3, 1]),
    "sum_to_size(size)": (lambda lib: matrix(lib).sum_to_size(size=(1, 2)), [[6, 4]]),
    "isclose(x2)": (lambda lib: numbers(lib).isclose(x2=numbers(lib)), [True, True, True]),
    "equal(x2)": (lambda lib: numbers(lib).equal(x2=numbers(lib)), True),
}  # fmt: skip


def plain(result):
    return result.tolist() if hasattr(result, "tolist") else result


@pytest.mark.parametrize("form", FORMS)
def test_a_call_gives(form):
    call, expected = FORMS[form]
    assert plain(call(metagrad)) == expected


@pytest.mark.oracle
@pytest.mark.parametrize("form", FORMS)
def test_pytorch_takes_the_same_call(torch, form):
    call, expected = FORMS[form]
    ours, theirs = call(metagrad), call(torch)
    np.testing.assert_allclose(plain(theirs), expected, rtol=1e-6)
    assert str(getattr(ours, "dtype", "")).removeprefix("metagrad.") == str(getattr(theirs, "dtype", "")).removeprefix(
        "torch."
    )


@pytest.mark.parametrize("call", [
    lambda: metagrad.exp(y=metagrad.ones(1)),
    lambda: metagrad.add(metagrad.ones(1), x3=1),
    lambda: metagrad.sum(metagrad.ones(1), axes=0),
    lambda: metagrad.add(metagrad.ones(1), 1, "2"),
])  # fmt: skip
def test_another_name_is_refused(call):
    with pytest.raises(TypeError):
        call()
