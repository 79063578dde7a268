"""Differences that are no defects: PyTorch's own bugs and gaps, and what this library does otherwise on purpose, with the reason.

Left out of the programs altogether, for one of them makes everything after it differ: views made under ``no_grad()`` of what
requires grad (PyTorch says that they require grad, though no gradient reaches their base), ``conj()`` (lazy there, computed here),
``set_()``, and ``clamp`` between a number and a tensor (a TypeError there).
"""

from __future__ import annotations

import cmath
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.differential.program import Program
from tests.differential.running import Difference


@dataclass(frozen=True)
class Known:
    """A difference that is known: how it is told, and why it stays."""

    reason: str
    tells: Callable[[Program, Difference], bool]


_SAVE_THEIR_RESULT = "exp|exp2|expm1|tanh|sigmoid|sqrt|rsqrt|reciprocal|tan|pow|relu|div|clamp|leaky_relu|elu|hardtanh"


def _says(words: str, anything: bool = False) -> Callable[[Program, Difference], bool]:
    """Tells where PyTorch refuses in these words and metagrad does not refuse; or, with anything, whatever it does."""

    def tells(program: Program, difference: Difference) -> bool:
        if difference.kind != "error" or difference.expected[0] is None:
            return False
        return words in difference.expected[1] and (anything or difference.found[0] is None)

    return tells


def _repeated_memory(program: Program, difference: Difference) -> bool:
    return (
        difference.kind == "error"
        and difference.expected[0] is None
        and "share one place in memory (expand)" in difference.found[1]
    )


def _empty_softmax(program: Program, difference: Difference) -> bool:
    return difference.kind == "dtype" and "softmax" in difference.step.text


def _asked_late(program: Program, difference: Difference) -> bool:
    return difference.kind == "requires_grad" and ".requires_grad_()" in difference.step.text


def _numbers(values: Any) -> list[Any]:
    """The numbers of nested lists, one after the other."""
    return [n for v in values for n in _numbers(v)] if isinstance(values, list) else [values]


def _only_where_not_finite(difference: Difference) -> bool:
    """Whether numbers differ only where one of the two is infinite or nan."""
    pairs = list(zip(_numbers(difference.expected), _numbers(difference.found), strict=False))
    if difference.kind not in ("values", "gradient") or any(
        isinstance(n, (str, type(None))) for pair in pairs for n in pair
    ):
        return False
    return all(
        cmath.isclose(a, b, rel_tol=1e-3, abs_tol=1e-3) for a, b in pairs if cmath.isfinite(a) and cmath.isfinite(b)
    )


def _complex_power(program: Program, difference: Difference) -> bool:
    lines = str(program)
    powers = "complex" in lines and any(w in lines for w in ("**", "pow", "prod"))
    return powers and _only_where_not_finite(difference)


def _order_of_sorted(program: Program, difference: Difference) -> bool:
    return difference.kind == "strides" and any(f".{name}(" in difference.step.text for name in ("sort", "argsort"))


def _windows(program: Program, difference: Difference) -> bool:
    return difference.kind == "strides" and "unfold" in str(program)


def _no_complex32(program: Program, difference: Difference) -> bool:
    return difference.kind == "dtype" and difference.expected == "complex32"


def _einsum(program: Program, difference: Difference) -> bool:
    return difference.kind == "dtype" and "einsum" in difference.step.text


def _constant_gradient(program: Program, difference: Difference) -> bool:
    return difference.kind == "gradient" and str(difference.expected).startswith("requires_grad")


def _root(program: Program, difference: Difference) -> bool:
    powers = ("**" in difference.step.text or "pow" in difference.step.text) and "inf" in str(program)
    return powers and _only_where_not_finite(difference)


def _leaf_of_another(program: Program, difference: Difference) -> bool:
    text = str(program)
    behind = any(word in text for word in (".detach()", ".data", "no_grad()")) and "_(" in text.replace(
        ".requires_grad_()", ""
    )
    made_as_a_view = re.search(r"= torch\.\w+\(.*\)\.\w+.*\.requires_grad_\(\)", text) is not None
    return difference.kind == "gradient" and behind and (difference.expected is None or made_as_a_view)


def _saved_result(program: Program, difference: Difference) -> bool:
    text = str(program)
    behind = any(word in text for word in (".detach()", ".data", "no_grad()"))
    return difference.kind == "gradient" and behind and re.search(rf"\.({_SAVE_THEIR_RESULT})_\(", text) is not None


def _stored_nowhere(program: Program, difference: Difference) -> bool:
    refused = difference.kind == "error" and difference.expected[0] is None
    return refused and "without overflow" in difference.found[1] and "torch.zeros((0" in difference.step.text


def _kron(program: Program, difference: Difference) -> bool:
    return difference.kind == "error" and difference.found[0] is not None and "torch.kron" in str(program)


def _assignment(program: Program, difference: Difference) -> bool:
    refused = difference.kind == "error" and None not in (difference.expected[0], difference.found[0])
    return refused and any(sign in difference.step.text for sign in ("] = ", "] += "))


def _infinite(program: Program, difference: Difference) -> bool:
    return "complex" in str(program) and "inf" in str(program) and _only_where_not_finite(difference)


def _ties(program: Program, difference: Difference) -> bool:
    if difference.kind != "gradient" or "topk" not in str(program):
        return False
    return sorted(map(str, _numbers(difference.expected))) == sorted(map(str, _numbers(difference.found)))


def _divided_number(program: Program, difference: Difference) -> bool:
    refused = difference.kind == "error" and difference.expected[0] is None and "that Div saved" in difference.found[1]
    return refused and re.search(r"= -?[\d.]+ / a", str(program)) is not None


def _island(program: Program, difference: Difference) -> bool:
    return difference.kind == "requires_grad" and difference.step.island


def _index_of_lists(program: Program, difference: Difference) -> bool:
    return difference.kind == "strides" and "[[" in difference.step.text


def _product_of_zeros(program: Program, difference: Difference) -> bool:
    return difference.kind == "gradient" and "prod(" in str(program) and _only_where_not_finite(difference)


def _running_sum_of_infinity(program: Program, difference: Difference) -> bool:
    infinite = difference.kind == "gradient" and "inf" in str(program) and "logcumsumexp" in str(program)
    return infinite and _only_where_not_finite(difference)


def _unwritten_median(program: Program, difference: Difference) -> bool:
    return difference.kind == "values" and "median(" in difference.step.text and "expand(" in str(program)


def _angle(program: Program, difference: Difference) -> bool:
    pairs = zip(_numbers(difference.expected), _numbers(difference.found), strict=False)
    return (
        difference.kind == "values"
        and "angle(" in difference.step.text
        and all(abs(abs(a) - abs(b)) < 1e-6 and (a == b or abs(abs(a) - cmath.pi) < 1e-6) for a, b in pairs)
    )


def _any_dimension_of_nothing(program: Program, difference: Difference) -> bool:
    refused = difference.kind == "error" and difference.expected[0] is None and difference.found[0] == "IndexError"
    return (
        refused and "Dimension out of range" in difference.found[1] and re.search(r"cum(max|min)", difference.step.text)
    )


KNOWN = [
    Known("PyTorch's gradient of a product with two zeros is 0, whatever else is in it: infinity times 0 is nan",
          _product_of_zeros),
    Known("whether the gradient of a running log-sum with an infinity is nan from there on or everywhere",
          _running_sum_of_infinity),
    Known("PyTorch leaves a part of the medians of an expanded tensor unwritten", _unwritten_median),
    Known("PyTorch's vectorised loop takes the angle of -1 - 0j for π, its loop over single numbers for -π", _angle),
    Known("PyTorch takes any dimension for the running extremes of nothing", _any_dimension_of_nothing),
    Known("PyTorch cannot bring back the gradient of the parts of no complex numbers",
          _says("Tensor must have a last dimension with stride 1")),
    Known("a leaf that is itself a view, and is written to behind the graph: PyTorch makes its views anew from the base, and the "
          "leaf gets no gradient", _leaf_of_another),
    Known("what an op in place saved for its gradient, and a write behind the graph then changed: here the op saved a copy",
          _saved_result),
    Known("a number that the dtype does not hold, to be stored nowhere: refused here all the same", _stored_nowhere),
    Known("PyTorch multiplies what it subtracts by alpha, a complex 1: infinite - 0j · inf is nan", _infinite),
    Known("which of several equal elements topk takes, and so gives the gradient to", _ties),
    Known("PyTorch divides a number by a tensor as number · 1/tensor, of which only the quotient is kept: the divisor may be "
          "written to", _divided_number),
    Known("a view made under no_grad: PyTorch says that it requires grad", _island),
    Known("which dimension comes first in memory after an index of lists", _index_of_lists),
    Known("an assignment that is wrong in two ways: another error comes first", _assignment),
    Known("kron saves views of its operands, where PyTorch saves copies it had to make: written to, they are refused", _kron),
    Known("an assertion of PyTorch's own", _says("INTERNAL ASSERT FAILED", anything=True)),
    Known("PyTorch says of an empty dimension that it should be positive", _says("should be positive", anything=True)),
    Known("(-inf) ** 0.5: NumPy takes the root, nan, for an exponent without dimensions, PyTorch for a number only", _root),
    Known("PyTorch cannot bring the gradient of a complex result back to a real operand of where()",
          _says("isFloatingType(grad.scalar_type())")),
    Known("PyTorch has no derivative of a number's remainder", _says("aten::remainder is not implemented")),
    Known("PyTorch's order of what it computes from windows (unfold)", _windows),
    Known("there is no complex32 here: complex64 takes its place", _no_complex32),
    Known("PyTorch's einsum of nothing takes the dtype of one operand", _einsum),
    Known("whether a recorded gradient that is constant says that it requires grad", _constant_gradient),
    Known("0 to a complex power is nan in PyTorch's vectorised loop, and 1 or 0 in its loop over single numbers", _complex_power),
    Known("PyTorch gives sort's result of a tensor with gaps the order of its strides", _order_of_sorted),
    Known("einsum of two dtypes is refused by PyTorch's product; here it promotes", _says("expected scalar type")),
    Known("PyTorch has no kernel for the dtype on the CPU and says so; another answer, or another error, is as good",
          _says("not implemented for", anything=True)),
    Known("the same, in other words", _says("not support", anything=True)),
    Known("PyTorch saved what an op in place had written, and finds it overwritten; here the op saves a result of its own",
          _says("modified by an inplace operation")),
    Known("PyTorch frees what every node saved; an op that saved no tensor can be differentiated again here",
          _says("backward through the graph a second time")),
    Known("PyTorch has no derivative of floor division; it is 0 almost everywhere, as that of floor()",
          _says("aten::floor_divide is not implemented")),
    Known("an index of lists converts the value to the tensor's dtype, as an index of slices does in PyTorch, too",
          _says("source and destination dtypes match")),
    Known("NumPy copies first what an index of lists reads and writes at once",
          _says("the written-to tensor refer to a single memory location")),
    Known("PyTorch's kron cannot view what it made from operands that are not contiguous", _says("view size is not compatible")),
    Known("an index out of bounds of an empty tensor shows in PyTorch when the storage is too small",
          _says("setStorage", anything=True)),
    Known("PyTorch fills a tensor whose elements share memory (expand), deprecated but for zero_ and fill_; refused here",
          _repeated_memory),
    Known("PyTorch says that a view requires grad once its base was asked to, though it was made before", _asked_late),
    Known("PyTorch's softmax of no integers at all keeps their dtype, where it refuses integers otherwise", _empty_softmax),
]  # fmt: skip


def reason(program: Program, difference: Difference) -> str | None:
    """Why a difference is no defect, or None."""
    return next((known.reason for known in KNOWN if known.tells(program, difference)), None)
