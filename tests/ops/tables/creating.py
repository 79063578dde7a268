"""Tensors from nothing, from ranges and from other memory."""

from tests.ops.rows import Dtype, call, error, row, x

NEW = dict(grad=False)

ROWS = [
    row("range", call(1, 4), call(1, 4, 0.5), call(4, 1, -1), call(1, 4, dtype=Dtype("int64")), error(TypeError, 4), error(RuntimeError, 4, 1), **NEW),
    row("arange", call(end=3), call(1, end=3), call(0.0, 2.5, dtype=Dtype("int64")), call(10, 0, -3, dtype=Dtype("uint8")), call(3.1, dtype=Dtype("uint8")), call(x()),
        error(RuntimeError, 0, float("inf")), error(RuntimeError, 3, dtype=Dtype("bool")), without=("special",), dtypes=("bool",), **NEW),
    row("linspace", call(0, 10, 4, dtype=Dtype("int64")), call(0, -10, 4, dtype=Dtype("int64")), call(0, 1j, 3), call(x(), x(), 5), call(x(), 2, steps=4),
        error(TypeError, 0, 1, 2.5), error(RuntimeError, x(1), 2, 3), without=("special",), dtypes=("float32", "float64", "int64"), **NEW),
    row("logspace", call(0, 2, 3), call(0, 2, 5, 2), call(-1, 1, 4, base=0.5), call(0, 2, 3, dtype=Dtype("int64")), call(0, 2, 1), call(0, 2, 0),
        call(x(), x(), 4), error(RuntimeError, 0, 2, -1), error(RuntimeError, x(1), 2, 3), without=("special",), dtypes=("float32", "float64", "int64"), **NEW),
    row("full", call((2,), 1j), call((2,), -1, dtype=Dtype("uint8")), call((2,), 2.7, dtype=Dtype("int8")), error(RuntimeError, (2,), 300, dtype=Dtype("uint8")),
        error(RuntimeError, (2,), 1j, dtype=Dtype("float32")), error(RuntimeError, (2,), float("nan"), dtype=Dtype("int64")), call(size=(2, 3), fill_value=2.5), error(TypeError, (2,), 1, 2), **NEW),
    row("full_like", call(x(3), -1, dtype=Dtype("uint8")), error(RuntimeError, x(3), 300, dtype=Dtype("uint8")), **NEW),
    row("new_full", call(x(3), (2,), -1, dtype=Dtype("uint8")), error(RuntimeError, x(3), (2,), 300, dtype=Dtype("uint8")), **NEW),
    row("scalar_tensor", call(-1, dtype=Dtype("uint8")), error(RuntimeError, 300, dtype=Dtype("uint8")), **NEW),
    row("zeros", call(size=(2, 3)), call([2, 3]), error(TypeError), error(TypeError, 2.5), error(TypeError, 2, foo=1), **NEW),
    row("tensor", call([[1.5, 2], [True, 4]]), call([True, 2.5, 1j]), call([x(), 2.5]), call([1, x()]), call([[x(), 1]]), call(range(3)),
        call(-1, dtype=Dtype("uint8")), call([1.5], dtype=Dtype("int64")), error(RuntimeError, 300, dtype=Dtype("uint8")),
        error(RuntimeError, {1: 2}), error(RuntimeError, None), error(ValueError, 2**63), without=("special",), **NEW),
    row("asarray", call([1, 2]), call([1.5, 2], dtype=Dtype("float64")), call(x(3, 4)), call(x(3, 4), copy=True), call(x(3, 4), dtype=Dtype("float64")),
        error(ValueError, [1, 2], copy=False), dtypes=("float32", "float64")),
]  # fmt: skip

# Memory as it was found, or other people's memory: see test_creation.py.
EXEMPT = {"empty_permuted", "empty_strided", "new_empty_strided", "new", "frombuffer"}
# Random numbers: see test_sampling.py.
EXEMPT |= {"poisson", "binomial", "cauchy_", "geometric_", "log_normal_"}
# It only raises: see test_creation.py.
EXEMPT |= {"bfloat16"}
# They take Python functions: see test_creation.py.
EXEMPT |= {"apply_", "map_", "map2_"}
