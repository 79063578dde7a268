"""Softmax, cross entropy and norms of rows on a GPU, and their gradients: one kernel each, a block of threads for a row.

A kernel is written down as what is summed, or the largest of what, over a row, one after the other, and then what is written for
each element; the text in CUDA C is made of that. Each reduction may use the ones before it. The memory of a GPU is read for each
of them anew, but from the second time on out of a cache. Rows may be channels of images (N, C, P): the rest of a row is then N P
elements, P of them side by side.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from metagrad.base.device import cupy
from metagrad.base.typing import Array
from metagrad.kernels.cuda_text import PHASES
from metagrad.kernels.libraries import filled, is_on_gpu, makes_kernels


class _Rows(NamedTuple):
    """A formula over rows: arrays with a number for each element, each column, each row; numbers; reductions; what is written."""

    elements: str
    columns: str
    rows: str
    numbers: str
    reductions: Sequence[tuple[str, str, str]]  # a name, "sum" or "max", of what
    written: Mapping[str, str]  # for each element
    of_rows: Mapping[str, str] = {}  # for each row
    has_label: bool = False  # whether each row has the number of a column
    are_channels: bool = False


_EXPONENTIALS = [("largest", "max", "x"), ("total", "sum", "EXP(x - largest)")]
_MOMENTS = [("total", "sum", "x"), ("squares", "sum", "(x - total / M) * (x - total / M)")]
_R = "1 / SQRT(squares / M + eps)"  # of which (x - μ) r has the variance 1
_NORMAL = f"(x - total / M) * ({_R})"

_FORMULAS = {
    "softmax": _Rows(
        "x", "", "", "",
        _EXPONENTIALS,
        {"y": "EXP(x - largest) / total"},
    ),
    "softmax_backward": _Rows(
        "grad y", "", "", "",
        [("along", "sum", "grad * y")],
        {"grad_x": "y * (grad - along)"},
    ),
    "log_softmax": _Rows(
        "x", "", "", "",
        _EXPONENTIALS,
        {"y": "x - largest - LOG(total)"},
    ),
    "log_softmax_backward": _Rows(
        "grad y", "", "", "",
        [("along", "sum", "grad")],
        {"grad_x": "grad - EXP(y) * along"},
    ),
    "layer_norm": _Rows(
        "x", "w b", "", "eps",
        _MOMENTS,
        {"y": _NORMAL, "z": f"{_NORMAL} * w + b"},
        {"r": _R},
    ),
    "layer_norm_alone": _Rows(
        "x", "w b", "", "eps",
        _MOMENTS,
        {"z": f"{_NORMAL} * w + b"},
    ),
    "layer_norm_backward": _Rows(
        "grad y", "w", "r", "",
        [("total", "sum", "grad * w"), ("along", "sum", "grad * w * y")],
        {"grad_x": "r * (grad * w - total / M - y * (along / M))"},
    ),
    "cross_entropy": _Rows(
        "x", "", "", "",
        [*_EXPONENTIALS, ("chosen", "sum", "i == label ? x : 0")],
        {},
        {"loss": "LOG(total) + (largest - chosen)", "shift": "largest", "logarithm": "LOG(total)"},
        has_label=True,
    ),
    "cross_entropy_backward": _Rows(
        "x", "", "grad shift logarithm", "",
        [],
        {"grad_x": "grad * (EXP(x - shift - logarithm) - (i == label ? 1 : 0))"},
        has_label=True,
    ),
    "channel_norm": _Rows(
        "x", "", "w b", "eps",
        _MOMENTS,
        {"z": f"{_NORMAL} * w + b"},
        {"mean": "total / M", "variance": "squares / M", "r": _R},
        are_channels=True,
    ),
    "channel_norm_backward": _Rows(
        "grad x", "", "mean r w", "",
        [("total", "sum", "grad"), ("along", "sum", "grad * ((x - mean) * r)")],
        {"grad_x": "r * w * (grad - total / M - (x - mean) * r * (along / M))"},
        {"grad_w": "along", "grad_b": "total"},
        are_channels=True,
    ),
}  # fmt: skip

_STEPS = {
    "sum": ("0", "known + value"),
    "max": ("(NUMBER)(-1.0 / 0.0)", "value > known || value != value ? value : known"),
}


def text_of(name: str, letter: str) -> str:
    """The kernel of a formula, for float32 ("f") or float64 ("d").

    >>> print(text_of("softmax_backward", "f").partition("KERNEL softmax")[2].partition("EACH")[0])
    _backward(const NUMBER *grad_, const NUMBER *y_, NUMBER *grad_x_, const long long M, const long long P) {
      SHARED
      const long long row = BLOCK_X;
    <BLANKLINE>
    """
    formula, f = _FORMULAS[name], "f" if letter == "f" else ""
    functions = "".join(f"#define {n.upper()} {n}{f}\n" for n in ("exp", "log", "sqrt"))
    given = [*formula.elements.split(), *formula.columns.split(), *formula.rows.split()]
    parameters = [f"const NUMBER *{a}_" for a in given] + [
        f"NUMBER *{a}_" for a in (*formula.written, *formula.of_rows)
    ]
    parameters += [f"const NUMBER {n}" for n in formula.numbers.split()] + ["const long long M", "const long long P"]
    if formula.has_label:
        parameters.append("const long long *labels")
    at = "(i / P * BLOCKS_X + row) * P + i % P" if formula.are_channels else "row * M + i"
    lines = [f"KERNEL {name}({', '.join(parameters)}) {{", "  SHARED", "  const long long row = BLOCK_X;"]
    of_rows = [f"const NUMBER {a} = {a}_[row];" for a in formula.rows.split()]
    of_rows += ["const long long label = labels[row];"] * formula.has_label
    loads = [f"const long long at = {at};", *[f"const NUMBER {a} = {a}_[at];" for a in formula.elements.split()]]
    loads += [f"const NUMBER {a} = {a}_[i];" for a in formula.columns.split()]
    loop = "    for (long long i = thread; i < M; i += THREADS) {"
    for count, (_, how, what) in enumerate(formula.reductions):
        begin, step = _STEPS[how]
        lines += [
            "  EACH(thread)", *_indented(2, of_rows), *_indented(2, _known(formula, count)), f"    NUMBER known = {begin};", loop,
            *_indented(3, loads), f"      const NUMBER value = {what};", f"      known = {step};", "    }",
            f"    memory[{count} * THREADS + thread] = known;", "  END",
            "  for (int half = THREADS / 2; half > 0; half /= 2) {", "    EACH(thread)",
            f"      NUMBER *own = memory + {count} * THREADS + thread;",
            f"      if (thread < half) {{ const NUMBER known = own[0], value = own[half]; own[0] = {step}; }}", "    END", "  }",
        ]  # fmt: skip
    lines += ["  EACH(thread)", *_indented(2, of_rows), *_indented(2, _known(formula, len(formula.reductions))), loop]
    lines += _indented(3, [*loads, *[f"{a}_[at] = {what};" for a, what in formula.written.items()]]) + ["    }"]
    lines += [f"    if (thread == 0) {a}_[row] = {what};" for a, what in formula.of_rows.items()] + ["  END", "}"]
    return f"#define NUMBER {'float' if f else 'double'}\n{functions}{PHASES}" + "\n".join(lines) + "\n"


def _known(formula: _Rows, count: int) -> list[str]:
    return [f"const NUMBER {name} = memory[{i} * THREADS];" for i, (name, *_) in enumerate(formula.reductions[:count])]


def _indented(depth: int, lines: Sequence[str]) -> list[str]:
    return ["  " * depth + line for line in lines]


@functools.cache
def _kernel(name: str, letter: str) -> Any:
    return cupy().RawKernel(text_of(name, letter), name)  # type: ignore[union-attr]


def serve(*arrays: Array | None) -> bool:
    """Whether these are float32 or float64 of a GPU, all of one dtype, and kernels can be made.

    >>> serve(np.zeros((2, 2)))
    False
    """
    first = arrays[0]
    if first is None or not first.size or not makes_kernels(first):
        return False
    return all(a is None or (is_on_gpu(a) and a.dtype == first.dtype) for a in arrays)


def _run(name: str, arrays: Sequence[Array], numbers: Sequence[float] = (), labels: Array | None = None) -> list[Array]:
    """The formula's new arrays: those like the first one, and then those with a number for each row, (N)."""
    x, formula = arrays[0], _FORMULAS[name]
    if formula.are_channels:
        count, beside = x.shape[1], math.prod(x.shape[2:])
        width, threads = len(x) * beside, 1024
    else:
        count, width, beside = math.prod(x.shape[:-1]), x.shape[-1], 1
        threads = min(256, max(32, 1 << (width // 2).bit_length()))
    module: Any = cupy()
    results = [module.empty(x.shape, x.dtype) for _ in formula.written]
    results += [module.empty((count,), x.dtype) for _ in formula.of_rows]
    given = [a if a.flags.c_contiguous else a.copy() for a in arrays]
    last: list[Any] = [*[x.dtype.type(n) for n in numbers], np.int64(width), np.int64(beside)]
    if labels is not None:
        last.append(labels)
    shared = max(1, len(formula.reductions)) * threads * x.itemsize
    _kernel(name, x.dtype.char)((count,), (threads,), (*given, *results, *last), shared_mem=shared)
    return results


def softmax(x: Array, logarithm: bool = False) -> Array:
    """e^x / Σ e^x of every row, or its logarithm."""
    return _run("log_softmax" if logarithm else "softmax", [x])[0]


def softmax_backward(grad: Array, y: Array, logarithm: bool = False) -> Array:
    """The gradient of x from that of y, of every row."""
    return _run("log_softmax_backward" if logarithm else "softmax_backward", [grad, y])[0]


def layer_norm(x: Array, w: Array | None, b: Array | None, eps: float, keep: bool) -> tuple[Array, tuple[Array, ...]]:
    """z = w y + b, y = (x − μ) r, r = (σ² + ε)^−½ of rows x (N, M); and (y, r) for the gradient, if ``keep``."""
    parameters = [_or_same(w, 1, x), _or_same(b, 0, x)]
    if not keep:
        return _run("layer_norm_alone", [x, *parameters], [eps])[0], ()
    y, z, r = _run("layer_norm", [x, *parameters], [eps])
    return z, (y, r)


def layer_norm_backward(
    grad: Array, w: Array | None, kept: Sequence[Array], needs: Sequence[bool]
) -> tuple[Any, Any, Any]:
    """The gradients of x, w and b from that of z."""
    y, r = kept
    (grad_x,) = _run("layer_norm_backward", [grad, y, _or_same(w, 1, grad), r])
    return grad_x, (grad * y).sum(axis=0) if needs[1] else None, grad.sum(axis=0) if needs[2] else None


def channel_norm(x: Array, w: Array | None, b: Array | None, eps: float) -> tuple[Array, Array, Array, Array]:
    """z = w (x − μ) r + b, μ and σ² those of a channel of images (N, C, *), r = (σ² + ε)^−½; and μ, σ² and r, (C)."""
    z, mean, variance, r = _run("channel_norm", [x, _or_same(w, 1, x), _or_same(b, 0, x)], [eps])
    return z, mean, variance, r


def channel_norm_backward(grad: Array, x: Array, mean: Array, r: Array, w: Array | None) -> list[Array]:
    """The gradients of x, w and b from that of z."""
    return _run("channel_norm_backward", [grad, x, mean, r, _or_same(w, 1, x)])


def cross_entropy(x: Array, classes: Array) -> list[Array]:
    """−ln softmax(x) at the class of every row of x (N, M); and, for the gradient, a shift and ln Σ exp(x − shift); all (N)."""
    return _run("cross_entropy", [x], labels=_as_labels(classes))


def cross_entropy_backward(grad: Array, x: Array, classes: Array, shift: Array, logarithm: Array) -> Array:
    """The gradient of x, (N, M), from that of the losses, (N)."""
    return _run("cross_entropy_backward", [x, grad, shift, logarithm], labels=_as_labels(classes))[0]


def _as_labels(classes: Array) -> Array:
    return classes.astype(np.int64) if classes.dtype != np.int64 or not classes.flags.c_contiguous else classes


def _or_same(parameter: Array | None, value: float, x: Array) -> Array:
    return filled(x.shape[1], value, x.dtype, x) if parameter is None else parameter
