"""Sums of products over chosen dimensions, in any arrangement: einsum and what it generalizes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from metagrad.autograd.node_names import known_as, named
from metagrad.autograd.variable import Variable
from metagrad.ops.arguments import asks_for_tensors, dimension, takes_exact_out, takes_out
from metagrad.ops.dtype_checks import refuse
from metagrad.ops.linalg.matmul import bmm, dot, mm
from metagrad.ops.operands import cast_to, result_type
from metagrad.ops.pointwise.arithmetic import conj, mul
from metagrad.ops.reduce.reduction import sum as total
from metagrad.ops.shape.diagonals import diagonal
from metagrad.ops.shape.permuting import permute
from metagrad.ops.shape.views import reshape, shaped

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["einsum", "inner", "kron", "tensordot", "trace", "vdot"]

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


# ------------------------------------------------ einsum


@asks_for_tensors
def einsum(equation: str | Tensor = "", *operands: Any) -> Tensor:
    """Σ of products of elements, by a formula of dimensions: "ik,kj->ij" is a product of matrices.

    Each operand's dimensions have letters; those with the same letter run together, those that are not in the result
    are summed over, and "..." stands for the others, which broadcast. Without "->" the result has the letters that
    occur once, in the order of the alphabet. Also as ``einsum(a, [0, 1], b, [1, 2], [0, 2])``. Operands are taken up
    from the left. Raises RuntimeError for a formula that does not fit the operands.

    >>> import metagrad
    >>> a = metagrad.tensor([[1, 2], [3, 4]])
    >>> metagrad.einsum("ij,j->i", a, metagrad.tensor([1, 10]))
    tensor([21, 43])
    >>> metagrad.einsum("ii->", a)
    tensor(5)
    """
    if not operands:
        raise ValueError(
            "einsum(): must specify the equation string and at least one operand, or an operand and its subscripts"
        )
    if isinstance(equation, Variable):
        equation, operands = _from_lists((equation, *operands))
    if len(operands) == 1 and isinstance(operands[0], (tuple, list)):
        operands = tuple(operands[0])
    inputs, output = _parsed(equation, operands)
    extents = _extents(inputs, operands)
    terms = [_without_repeats(x, labels) for x, labels in zip(operands, inputs, strict=True)]
    result, labels = terms[0]
    for i, (x, other) in enumerate(terms[1:], 1):
        later = {*output, *(label for _, each in terms[i + 1 :] for label in each)}
        result, labels = _contracted(result, labels, x, other, later, output)
    gone = [label for label in labels if label not in output]
    order = tuple(labels.index(label) for label in (*[label for label in output if label in labels], *gone))
    if order != tuple(range(len(order))) or len(terms) == 1:  # the operand itself must not be returned
        result = permute(result, order)
    if gone:
        result, labels = total(result, tuple(range(-len(gone), 0))), [label for label in labels if label in output]
    if len(labels) == len(output):
        return result
    shape = [extents[label] for label in output]  # labels of extent 1 that were dropped on the way
    return reshape(result, tuple(shape))


def _from_lists(given: Sequence[Any]) -> tuple[str, tuple[Any, ...]]:
    """The formula of operands followed by their dimensions as numbers, and perhaps the result's."""

    def word(numbers: Sequence[Any], i: object) -> str:
        if list(numbers).count(Ellipsis) > 1:
            raise _second_dots(i)
        for n in numbers:
            if n is not Ellipsis and not 0 <= n < len(_LETTERS):
                raise ValueError(
                    f"einsum(): subscript in subscript list is not within the valid range [0, 52), or Ellipsis: {n}"
                )
        return "".join("..." if n is Ellipsis else _LETTERS[n] for n in numbers)

    pairs = len(given) // 2
    formula = ",".join(word(given[2 * i + 1], f"operand {i}") for i in range(pairs))
    return formula + ("->" + word(given[-1], "output") if len(given) % 2 else ""), tuple(given[: 2 * pairs : 2])


def _parsed(equation: str, operands: Sequence[Any]) -> tuple[list[list[Any]], list[Any]]:
    """The labels of each operand's dimensions, and the result's: letters, and for "..." numbers counted from the back."""
    if not operands:
        raise ValueError(
            "einsum(): must specify the equation string and at least one operand, or at least one operand and its subscripts list"
        )
    left, arrow, right = equation.replace(" ", "").partition("->")
    words = left.split(",")
    if len(words) != len(operands):
        given = "fewer" if len(operands) < len(words) else "more"
        raise RuntimeError(f"einsum(): {given} operands were provided than specified in the equation {equation!r}")
    for i, word in enumerate(words):
        _check_word(word, f"operand {i}")
    inputs = [_labels(i, word, x.array.ndim) for i, (word, x) in enumerate(zip(words, operands, strict=True))]
    dots = sorted({label for labels in inputs for label in labels if isinstance(label, int)})
    if not arrow:
        every = [label for labels in inputs for label in labels if isinstance(label, str)]
        return inputs, [*dots, *sorted(label for label in set(every) if every.count(label) == 1)]
    _check_word(right, "output")
    output: list[Any] = []
    for part in right.replace("...", "."):
        output.extend(dots if part == "." else [part])
    for label in output:
        if output.count(label) > 1:
            raise RuntimeError(f"einsum(): output subscript {label} appears more than once in the output")
        if isinstance(label, str) and not any(label in labels for labels in inputs):
            raise RuntimeError(
                f"einsum(): output subscript {label} does not appear in the equation for any input operand"
            )
    return inputs, output


def _check_word(word: str, of: str) -> None:
    """Raise RuntimeError unless a part of the formula is letters and at most one "..."."""
    if word.count("...") > 1:
        raise _second_dots(of)
    letters = word.replace("...", "")
    if "." in letters:
        raise RuntimeError(f"einsum(): found '.' for {of} that is not part of any ellipsis, in {word!r}")
    wrong = next((i for i, letter in enumerate(word) if letter not in _LETTERS and letter != "."), None)
    if wrong is not None:
        raise RuntimeError(
            f"einsum(): invalid subscript given at index {wrong} in the equation string, subscripts must be in [a-zA-Z]: {word!r}"
        )


def _second_dots(of: object) -> RuntimeError:
    return RuntimeError(f"einsum(): found '.' for {of} for which an ellipsis was already found")


def _labels(i: int, word: str, ndim: int) -> list[Any]:
    given = len(word.replace("...", ""))
    rest = ndim - given
    if rest < 0 or (rest and "..." not in word):
        raise RuntimeError(
            f"einsum(): the number of subscripts in the equation ({given}) "
            + (
                f"is more than the number of dimensions ({ndim}) for operand {i}"
                if "..." in word
                else f"does not match the number of dimensions ({ndim}) for operand {i} and no ellipsis was given"
            )
        )
    before, _, after = word.partition("...")
    return [*before, *(range(-rest, 0) if "..." in word else ()), *after]


def _extents(inputs: Sequence[Sequence[Any]], operands: Sequence[Any]) -> dict[Any, int]:
    found: dict[Any, int] = {}
    for i, (labels, x) in enumerate(zip(inputs, operands, strict=True)):
        own: dict[Any, int] = {}
        for label, n in zip(labels, x.array.shape, strict=True):
            if own.setdefault(label, n) != n:
                raise RuntimeError(
                    f"einsum(): subscript {label} is repeated for operand {i} but the sizes don't match, {n} != {own[label]}"
                )
            if found.setdefault(label, n) != n and 1 not in (n, found[label]):
                raise RuntimeError(
                    f"einsum(): operands do not broadcast with remapped shapes: subscript {label!r} has size {n} which does "
                    f"not broadcast with previously seen size {found[label]}"
                )
            found[label] = n if found[label] == 1 else found[label]
    return found


def _without_repeats(x: Tensor, labels: Sequence[Any]) -> tuple[Tensor, list[Any]]:
    """The diagonal of dimensions with the same label."""
    left = list(labels)
    for label in dict.fromkeys(labels):
        while left.count(label) > 1:
            i = left.index(label)
            j = left.index(label, i + 1)
            x = diagonal(x, 0, i, j)
            left = [each for d, each in enumerate(left) if d not in (i, j)] + [label]
    return x, left


def _contracted(
    a: Tensor, a_labels: list[Any], b: Tensor, b_labels: list[Any], later: set[Any], output: list[Any]
) -> tuple[Tensor, list[Any]]:
    """The product of two operands, summed over the labels that nobody needs later, as one product of batches of matrices.

    The dimensions of the product come as near to their order in the output as a product of matrices allows.
    """
    sizes = {**dict(zip(a_labels, a.array.shape, strict=True))}
    for label, n in zip(b_labels, b.array.shape, strict=True):
        sizes[label] = n if sizes.get(label, 1) == 1 else sizes[label]
    a, a_labels = _reduced(a, a_labels, {*later, *b_labels}, sizes)
    b, b_labels = _reduced(b, b_labels, {*later, *a_labels}, sizes)
    if not [label for label in a_labels if label in b_labels and label not in later]:
        return _multiplied(a, a_labels, b, b_labels, output)

    def ordered(labels: list[Any]) -> list[Any]:
        return sorted(labels, key=lambda label: output.index(label) if label in output else len(output))

    both = [label for label in a_labels if label in b_labels]
    batch = ordered([label for label in both if label in later])
    inner = [label for label in both if label not in later]
    mine = ordered([label for label in a_labels if label not in both])
    others = ordered([label for label in b_labels if label not in both])
    if mine and others and ordered([*mine, *others])[0] == others[0]:
        a, a_labels, mine, b, b_labels, others = b, b_labels, others, a, a_labels, mine
    left = _as_matrices(a, a_labels, batch, mine, inner)
    right = _as_matrices(b, b_labels, batch, inner, others)
    labels = [*batch, *mine, *others]
    summed = any(sizes[label] != 1 for label in inner)
    if not (summed and left.array.size and right.array.size):  # only sums of something need one dtype
        left, right = (cast_to(x, result_type(a, b)) for x in (left, right))
    product = (bmm if batch else mm) if summed or a.array.dtype.kind != "b" else mul  # bools have no sums
    return shaped(product(left, right), tuple([sizes[label] for label in labels])), labels


def _multiplied(
    a: Tensor, a_labels: list[Any], b: Tensor, b_labels: list[Any], output: list[Any]
) -> tuple[Tensor, list[Any]]:
    """The product of two operands where nothing is summed, element by element; the dtypes may differ."""
    every = list(dict.fromkeys([*a_labels, *b_labels]))
    labels = [*[label for label in output if label in every], *[label for label in every if label not in output]]
    return mul(_with_all(a, a_labels, labels), _with_all(b, b_labels, labels)), labels


def _with_all(x: Tensor, own: list[Any], labels: list[Any]) -> Tensor:
    """x with its dimensions in the order of the labels, and one of extent 1 for each that it has not."""
    x = permute(x, tuple(own.index(label) for label in labels if label in own))
    return x[tuple(slice(None) if label in own else None for label in labels)] if len(own) != len(labels) else x


def _reduced(x: Tensor, labels: list[Any], needed: set[Any], sizes: dict[Any, int]) -> tuple[Tensor, list[Any]]:
    """x summed over labels that only it has, and without those it has with extent 1 where the other has more."""
    gone = tuple(
        d
        for d, (label, n) in enumerate(zip(labels, x.array.shape, strict=True))
        if label not in needed or (n == 1 and sizes[label] != 1)
    )
    return (
        (total(x, gone, dtype=x.dtype), [label for d, label in enumerate(labels) if d not in gone])
        if gone
        else (x, labels)
    )


def _as_matrices(x: Tensor, labels: list[Any], batch: list[Any], rows: list[Any], columns: list[Any]) -> Tensor:
    """x as (batch, rows, columns), or where there is no batch as (rows, columns)."""
    wanted = [*batch, *rows, *columns]
    if labels != wanted:
        x = permute(x, tuple(labels.index(label) for label in wanted))
    shape = x.array.shape
    i, j = len(batch), len(batch) + len(rows)
    matrix = math.prod(shape[i:j]), math.prod(shape[j:])
    return shaped(x, (math.prod(shape[:i]), *matrix) if batch else matrix)


# ------------------------------------------------ what it generalizes


@takes_exact_out
def tensordot(
    a: Tensor, b: Tensor, dims: Tensor | int | Sequence[int | Sequence[int]] = 2, out: Tensor | None = None
) -> Tensor:
    """Σ of products over pairs of dimensions; the result has the other dimensions of a, then those of b.

    dims: how many (the last of a with the first of b), or two lists of dimensions. Raises RuntimeError unless the
    dimensions match.

    >>> import metagrad
    >>> metagrad.tensordot(metagrad.ones(2, 3, 4), metagrad.ones(3, 4, 5)).shape
    metagrad.Size([2, 5])
    """
    if isinstance(dims, Variable):
        dims = dims.array.tolist() if dims.array.ndim else int(dims.array)
    if isinstance(dims, int):
        if dims < 0 or dims > min(a.array.ndim, b.array.ndim):
            limit = "dims >= 0" if dims < 0 else "dims < ndim_a or ndim_b"
            raise RuntimeError(f"tensordot expects {limit}, but got dims={dims}")
        dims = (range(a.array.ndim - dims, a.array.ndim), range(dims))
    first, second = ([each] if isinstance(each, int) else list(each) for each in dims)
    x = [dimension(d, a.array.ndim) for d in first]
    y = [dimension(d, b.array.ndim) for d in second]
    if len(x) != len(y):
        raise RuntimeError(f"both dimension lists should have same length, got {first} and {second}")
    for i, j in zip(x, y, strict=True):
        m, n = a.array.shape[i], b.array.shape[j]
        if m != n and n == 1:
            a = total(a, i, True, dtype=a.dtype)
        elif m != n and m == 1:
            b = total(b, j, True, dtype=b.dtype)
        elif m != n:
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {m} in dim {i} and second has size {n} in dim {j}"
            )
    mine = [d for d in range(a.array.ndim) if d not in x]
    others = [d for d in range(b.array.ndim) if d not in y]
    summed = math.prod(a.array.shape[i] for i in x)
    shape_a, shape_b = [a.array.shape[d] for d in mine], [b.array.shape[d] for d in others]
    left = reshape(permute(a, (*mine, *x)), (math.prod(shape_a), summed))
    right = reshape(permute(b, (*y, *others)), (summed, math.prod(shape_b)))
    return reshape(mm(left, right), (*shape_a, *shape_b))


@takes_exact_out
def inner(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Σ of products over the last dimension of both; of a number and anything, their product.

    Raises RuntimeError unless the last extents match.

    >>> import metagrad
    >>> metagrad.inner(metagrad.tensor([[1, 2], [3, 4]]), metagrad.tensor([1, 1]))
    tensor([3, 7])
    """
    if not input.array.ndim or not other.array.ndim:
        return mul(input, other)
    if input.array.shape[-1] != other.array.shape[-1]:
        raise RuntimeError(
            "inner() the last dimension must match on both input tensors but got shapes "
            f"{list(input.shape)} and {list(other.shape)}"
        )
    return tensordot(input, other, ([-1], [-1]))


@takes_out
def kron(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Each element of the first times all of the second, as blocks: z[i·q + k, j·r + l] = x[i, j] y[k, l].

    >>> import metagrad
    >>> metagrad.kron(metagrad.tensor([1, 10]), metagrad.tensor([1, 2]))
    tensor([ 1,  2, 10, 20])
    """
    ndim = max(input.array.ndim, other.array.ndim)
    m = (1,) * (ndim - input.array.ndim) + tuple(input.array.shape)
    n = (1,) * (ndim - other.array.ndim) + tuple(other.array.shape)
    x = reshape(input, tuple(k for extent in m for k in (extent, 1)))
    y = reshape(other, tuple(k for extent in n for k in (1, extent)))
    return named(reshape(mul(x, y), tuple(a * b for a, b in zip(m, n, strict=True))), "UnsafeView")


@takes_exact_out
@known_as("Vdot")
def vdot(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Σ x* y of two vectors, x conjugated.

    Raises RuntimeError unless both are vectors of one length.

    >>> import metagrad
    >>> metagrad.vdot(metagrad.tensor([1j, 2]), metagrad.tensor([1j, 1]))
    tensor(3.+0.j)
    """
    return dot(conj(input), other)


@asks_for_tensors
def trace(input: Tensor) -> Tensor:
    """The sum of a matrix's diagonal.

    (n, m) becomes (). Raises RuntimeError unless it is a matrix.

    >>> import metagrad
    >>> metagrad.trace(metagrad.tensor([[1, 2], [3, 4]]))
    tensor(5)
    """
    if input.array.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {input.array.ndim}")
    refuse("trace", input, "b")
    return named(total(diagonal(input)), "Trace")
