"""What a program may do next, given the tensors it has: each function returns the text of an expression or of a statement.

Most of what they make is valid; what is not must be refused in both libraries, with the same kind of error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

Tensors = Mapping[str, Any]
Operation = Callable[[Random, str, Tensors], str]

UNARY = """exp sin cos tanh sigmoid abs neg square sqrt rsqrt log log1p expm1 reciprocal relu sign floor ceil round trunc frac erf
    isnan isinf isfinite logical_not real imag angle nan_to_num positive sinh cosh atan deg2rad""".split()
BINARY = (
    "add sub mul div maximum minimum fmax fmin pow fmod remainder atan2 floor_divide hypot copysign logical_and".split()
)
ORDERING = (
    "amax amin argmax argmin max min sort argsort topk median cummax nansum".split()
)  # refused for complex numbers
COMPARED = "eq ne lt le gt ge".split()
REDUCED = "sum mean prod amax amin var std logsumexp any all argmax argmin norm nansum count_nonzero".split()
SYMBOLS = ["+", "-", "*", "/", "//", "%", "**"]


def scalar(r: Random) -> str:
    """A number as a program writes it."""
    return r.choice(["2", "-1", "0.5", "3", "1.5", "0", "True", "-2.5"])


def dim(r: Random, x: Any) -> int:
    """A dimension, now and then one that is not there."""
    n = max(x.ndim, 1)
    return r.randint(-n, n - 1) if r.random() < 0.97 else n


def index(r: Random, x: Any) -> str:
    """An index: slices, numbers, lists with repeats, masks, None, Ellipsis."""
    if r.random() < 0.15 and x.ndim:
        return r.choice(
            [f"{'abs' if x.dtype.is_complex else ''}(NAME) > 0", "torch.tensor([0, 0])", "[0, -1, 0]", "..., None"]
        )
    parts: list[str] = []
    for n in x.shape:
        kind = r.random()
        if kind < 0.3:
            parts.append(r.choice([":", "1:", "::2", ":-1", "-2:", "0:1", "2:1"]))
        elif kind < 0.55:
            parts.append(str(r.randint(-n, n - 1)) if n and r.random() < 0.97 else str(n))
        elif kind < 0.65 and n:
            parts.append(str([r.randint(-n, n - 1) for _ in range(r.randint(1, 3))]))
        elif kind < 0.72:
            parts.append("None")
            parts.append(":")
        elif kind < 0.78:
            parts.append("...")
            break
        else:
            break
    return ", ".join(parts) or "..."


def unary(r: Random, a: str, tensors: Tensors) -> str:
    return f"{a}.{r.choice(UNARY)}()" if r.random() < 0.7 else f"torch.{r.choice(UNARY)}({a})"


def binary(r: Random, a: str, tensors: Tensors) -> str:
    b = r.choice([*tensors, scalar(r)])
    kind = r.random()
    if kind < 0.5:
        return f"{a} {r.choice(SYMBOLS)} {b}" if r.random() < 0.8 else f"{scalar(r)} {r.choice(SYMBOLS)} {a}"
    if kind < 0.6:
        return f"torch.where({a} == {b}, {a}, {r.choice([*tensors, scalar(r)])})"
    if kind < 0.7:
        return f"torch.{r.choice(COMPARED)}({a}, {b})"
    if kind < 0.75:
        return f"torch.add({a}, {b}, alpha={scalar(r)})"
    return f"torch.{r.choice(BINARY)}({a}, {b})"


def clamped(r: Random, a: str, tensors: Tensors) -> str:
    return f"{a}.clamp({r.choice(['-1', 'None', '0.5'])}, {r.choice(['1', 'None', '2'])})"


def reduced(r: Random, a: str, tensors: Tensors) -> str:
    x = tensors[a]
    name = r.choice([n for n in REDUCED if n not in ORDERING] if x.is_complex() else REDUCED)
    given = [] if r.random() < 0.3 or name == "norm" else [f"dim={dim(r, x)}"]
    if given and r.random() < 0.4 and name != "count_nonzero":
        given.append("keepdim=True")
    if name == "logsumexp" and not given:
        given = ["dim=0"]
    if name in ("sum", "mean", "prod") and r.random() < 0.15:
        given.append(f"dtype=torch.{r.choice(['float64', 'float32', 'int64', 'float16'])}")
    return f"{a}.{name}({', '.join(given)})"


ALONG = """A.cumsum(D) | A.cumprod(D) | A.softmax(D) | A.log_softmax(D) | A.max(D).values | A.min(D).values | A.max(D).indices
    | A.sort(D).values | A.sort(D, descending=True).values | A.argsort(dim=D, stable=True) | A.topk(1, D).values | A.flip(D)
    | A.roll(1, D) | A.median(D).values | A.cummax(D).values | A.diff(dim=D) | A.logcumsumexp(D)"""


def along(r: Random, a: str, tensors: Tensors) -> str:
    x = tensors[a]
    left_out = (ORDERING if x.is_complex() else []) + ([] if x.numel() else ["diff"])  # of nothing, diff is an alias
    left_out = left_out if x.is_floating_point() or x.is_complex() else [*left_out, "logcumsumexp"]
    ways = [way for way in templates(ALONG) if not any(f".{name}(" in way for name in left_out)]
    return filled(r, r.choice(ways), a, tensors)


VIEWS = """A.unsqueeze(D) | A.squeeze() | A.squeeze(D) | A.transpose(D, E) | A.flatten() | A.reshape(-1) | A.view(-1) | A.view_as(A)
    | A.narrow(D, 0, 1) | A.select(D, 0) | A.movedim(D, E) | A.expand(GROWN) | A.detach() | A.data | A.split(1, D)[0]
    | A.chunk(2, D)[-1] | A.unbind(D)[0] | A.unfold(D, 2, 1) | A.swapaxes(D, E) | A[INDEX] | A[INDEX] | A[INDEX] | A.view(COUNT)
    | A.reshape(TURNED) | A.view(ROW) | A.T | A.mT"""
VIEWS_OF_MATRICES = "A.diagonal() | A.diagonal(1, D, E) | A.permute(ORDER)"
VIEWS_OF_COMPLEX = "torch.view_as_real(A) | A.real | A.imag | torch.view_as_real(A) | A.real | A.imag"
COPIES = """A.clone() | A.contiguous() | torch.cat([A, B], D) | torch.stack([A, A], D) | A.repeat(TWICE) | A.float() | A.double()
    | A.index_select(D, torch.tensor(ROWS)) | A.to(torch.DTYPE) | torch.zeros_like(A) | torch.ones_like(A) | torch.full_like(A, 2)
    | A.new_zeros((2, 3)) | torch.empty_like(A).fill_(1) | A.masked_fill(A == 1, 2) | torch.tril(A) | torch.outer(A, B) | A @ B
    | torch.einsum('...i,...i->...', A, B).contiguous() | A.repeat_interleave(2, D) | torch.gather(A, D, ZEROS) | A.type_as(B)
    | torch.broadcast_tensors(A, B)[0] | A.clone(memory_format=torch.contiguous_format)
    | torch.nn.functional.pad(A, (1, 1)).contiguous()
    | A.masked_select(A != 1)
    | A.take(torch.tensor([0, 0])) | torch.kron(A, B).contiguous() | torch.addcmul(A, A, A, value=2)
    | torch.lerp(A, A, 0.5) | torch.vstack([A, B]).contiguous() | A.tile((2,))"""
WRITES = """A.add_(V) | A.mul_(V) | A.sub_(V) | A.div_(V) | A.zero_() | A.fill_(S) | A.copy_(B) | A += V | A *= V | A[INDEX] = V
    | A[INDEX] = S | A[INDEX] += V | A.exp_() | A.relu_() | A.clamp_(-1, 1) | A.neg_() | A.sigmoid_() | A.masked_fill_(A == 1, S)
    | A.t_() | A.unsqueeze_(D) | A.squeeze_() | A.transpose_(0, D) | A.index_add_(0, torch.tensor([0]), A[:1].clone())
    | A.index_fill_(D, torch.tensor([0, 0]), S) | A.data.mul_(2) | A.detach().add_(1) | A.scatter_(D, ZEROS, S)
    | A.index_put_((torch.tensor([0, 0]),), torch.tensor(1, dtype=A.dtype), accumulate=True) | A.fill_diagonal_(1)
    | A.addcmul_(B, B) | A.pow_(V) | A.sqrt_() | A.abs_()"""
ASKED = """LOSS.backward(retain_graph=True) | LOSS.backward() | A.backward(torch.ones_like(A), retain_graph=True) | A.retain_grad()
    | A.register_hook(lambda g: g * 2) | A.requires_grad_() | (LOSS * 2).backward(create_graph=True) | A.grad.zero_()
    | A.grad = None"""
WORD = re.compile(r"\b(?:A|B|D|E|S|V|INDEX|GROWN|COUNT|TURNED|ROW|ROWS|ORDER|TWICE|ZEROS|DTYPE|LOSS)\b")


def templates(text: str) -> list[str]:
    """The alternatives in a text."""
    return [" ".join(part.split()) for part in text.split("|")]


def filled(r: Random, template: str, a: str, tensors: Tensors) -> str:
    """A template with names and numbers for its capital words."""
    x, d = tensors[a], dim(r, tensors[a])
    extent = x.shape[d] if x.ndim and -x.ndim <= d < x.ndim else 1
    words: dict[str, Callable[[], object]] = {
        "A": lambda: a, "B": lambda: b, "D": lambda: d, "E": lambda: dim(r, x), "S": lambda: scalar(r),
        "V": lambda: r.choice([*tensors, scalar(r)]), "INDEX": lambda: index(r, x).replace("NAME", a), "COUNT": x.numel,
        "GROWN": lambda: ", ".join(["2", *["-1"] * x.ndim]), "ROW": lambda: (1, *x.shape),
        "TURNED": lambda: tuple(reversed(x.shape)),
        "ROWS": lambda: [r.randint(0, max(0, extent - 1)) for _ in range(3)], "TWICE": lambda: ", ".join(["2", *["1"] * x.ndim]),
        "ORDER": lambda: ", ".join(map(str, r.sample(range(x.ndim), x.ndim))),
        "ZEROS": lambda: f"torch.zeros({tuple(x.shape)}, dtype=torch.int64)",
        "DTYPE": lambda: r.choice(["float32", "float64", "int64", "float16", "complex64", "bool"]),
        "LOSS": lambda: f"{a}.sum().abs()" if x.is_complex() else f"{a}.sum()",
    }  # fmt: skip
    b = r.choice(list(tensors))
    return WORD.sub(lambda found: str(words[found[0]]()), template)


def viewed(r: Random, a: str, tensors: Tensors) -> str:
    x = tensors[a]
    ways = templates(VIEWS) + (templates(VIEWS_OF_MATRICES) if x.ndim >= 2 else [])
    ways += templates(VIEWS_OF_COMPLEX) if x.is_complex() else []
    ways += [f"A.as_strided((2,), (1,), {r.choice([0, 0, 1])})"] if x.numel() > 1 else []
    return filled(r, r.choice(ways), a, tensors)


def copied(r: Random, a: str, tensors: Tensors) -> str:
    return filled(r, r.choice(templates(COPIES)), a, tensors)


def written(r: Random, a: str, tensors: Tensors) -> str:
    """A statement that writes to a tensor in place."""
    return filled(r, r.choice(templates(WRITES)), a, tensors)


def asked(r: Random, a: str, tensors: Tensors) -> str:
    """A statement about gradients."""
    return filled(r, r.choice(templates(ASKED)), a, tensors)


def derived(r: Random, a: str, tensors: Tensors) -> str:
    """A gradient as a tensor that can be differentiated again; how PyTorch lays it out is a matter of how it was computed."""
    loss = "A.sum().abs()" if tensors[a].is_complex() else "(A * A).sum()"
    recorded = r.choice(["True", "True", "False"])
    text = f"torch.autograd.grad({loss}, B, create_graph={recorded}, retain_graph=True)[0]"
    return filled(r, f"{text}.clone(memory_format=torch.contiguous_format)", a, tensors)


EXPRESSIONS: list[tuple[Operation, int]] = [
    (unary, 12), (binary, 20), (clamped, 2), (reduced, 10), (along, 10), (viewed, 28), (copied, 16), (derived, 5),
]  # fmt: skip
STATEMENTS: list[tuple[Operation, int]] = [(written, 20), (asked, 10)]
