"""What a node saved for its gradient, by PyTorch's names: ``y.grad_fn._saved_self``, ``_saved_result``, ``_raw_saved_self``.

Which of the arrays that a node keeps is the input, and which the result, is known from where they came (``origins``); the rules
below say where the rest is. Imported when a node is first looked at.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from metagrad.autograd.errors import FREED, freed, gone
from metagrad.autograd.hooks import Packed, packed_by, unpacked_by
from metagrad.autograd.saved_names import names_of
from metagrad.autograd.variable import Variable, unwrap, wrap

# Inputs by their numbers, results by -1, -2, …: what is a tensor there.
_TENSORS = {
    **dict.fromkeys(("self", "input", "mat1", "A", "real"), 0),
    **dict.fromkeys(("other", "mat2", "weight", "exponent", "imag", "source", "vec", "target", "tensor1"), 1),
    **dict.fromkeys(("tensor2",), 2),
    **dict.fromkeys(("result", "output", "inverse", "L", "Q", "U", "LU", "eigenvalues"), -1),
    **dict.fromkeys(("R", "S", "eigenvectors"), -2), "Vh": -3,
}  # fmt: skip
_UNSIGNED = frozenset({"index", "start", "end", "padding_idx"})  # numbers that PyTorch shows so where they are negative


def attributes(node_name: str) -> dict[str, SavedAttribute]:
    """What the class of nodes of a name has for what they saved."""
    found = [f"{raw}saved_{name}" for name in names_of(node_name) for raw in ("_", "_raw_")]
    return {name: SavedAttribute(name) for name in found}


class SavedAttribute:
    """``_saved_…`` or ``_raw_saved_…`` of the nodes of one name: found when it is asked for."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, node: Any, owner: type) -> Any:
        return self if node is None else saved_attribute(node, self.name)


class SavedTensor:
    """One of the tensors that a node saved, which ``register_hooks`` packs: the one at a position, or a mask, an index."""

    def __init__(self, node: Any, position: Any) -> None:
        self._node, self._position = node, position

    def register_hooks(self, pack_hook: Callable[[Any], Any], unpack_hook: Callable[[Any], Any]) -> None:
        """Keep what ``pack_hook`` makes of the tensor; ``unpack_hook`` makes the tensor of that again, where it is needed.

        Raises RuntimeError if hooks are there already, if the backward pass has freed the tensor, if ``pack_hook`` writes to it.
        """
        node, at = self._node, self._position
        if not (callable(pack_hook) and callable(unpack_hook)):
            raise TypeError(
                f"register_hooks(): incompatible function arguments: {pack_hook!r:.60}, {unpack_hook!r:.60}"
            )
        if node.saved is FREED:
            raise RuntimeError(
                "Calling register_hooks on a saved tensor after it has been freed. " + freed(node.op_name).args[0]
            )
        if node.unpack is not None:
            raise RuntimeError(
                "Calling register_hooks on a saved tensor whose hooks have already been set is not allowed"
            )
        tensor = _tensor(node, at).detach() if isinstance(at, int) else at
        packed = Packed(lambda x: packed_by(pack_hook, x), tensor)
        if isinstance(at, int):
            node.saved = (*node.saved[:at], packed, *node.saved[at + 1 :])
            node.origins = (*node.origins[:at], (node.origins[at][0], [0], 0), *node.origins[at + 1 :])
        else:
            node.beside = [*getattr(node, "beside", ()), packed]
        node.unpack, node.attended = functools.partial(unpacked_by, unpack_hook), True


def saved_attribute(node: Any, name: str) -> Any:
    """The value of ``node._saved_…`` or ``node._raw_saved_…``. AttributeError for what the node does not keep.

    >>> import metagrad
    >>> x = metagrad.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).grad_fn._saved_self is x, x.exp().grad_fn._saved_result
    (True, tensor([2.7183, 7.3891], grad_fn=<ExpBackward0>))
    """
    node = node.as_edge()[0]
    raw, _, wanted = name.partition("saved_")
    key = node.name()
    if wanted in _WITHIN.get(key, ()) and node.op_name in ("Mul", "Mean", "Sum"):
        node = node.edges[0]
    rule = _TENSORS.get(wanted, _RULES.get(wanted, wanted))
    rule = _RULES.get(f"{key}.{wanted}", _RULES.get(f"{node.op_name}.{wanted}", rule))
    is_raw, is_tensor = raw == "_raw_", isinstance(rule, int) or wanted in _KEPT
    if node.saved is FREED and is_tensor:
        if is_raw:
            return SavedTensor(node, 0)
        raise freed(node.op_name)
    at = _position(node, rule) if isinstance(rule, int) else None
    if at is not None:
        if is_raw and hasattr(node.saved[at], "strides") or isinstance(node.saved[at], Packed):
            return SavedTensor(node, at) if is_raw else _tensor(node, at)
        found = _tensor(node, at)
    else:
        found = _found(node, rule, name)
    if not is_raw:
        found = _shown(node, found)
        return found % 2**64 if wanted in _UNSIGNED and found.__class__ is int else found
    if isinstance(found, tuple) and is_tensor:
        return tuple([SavedTensor(node, _shown(node, a)) for a in found])
    if hasattr(found, "shape") or found is None and isinstance(rule, int):
        return SavedTensor(node, _shown(node, found) if at is None else at)
    raise AttributeError(f"{node.name()!r} object has no attribute {name!r}")


def _found(node: Any, rule: Any, name: str) -> Any:
    """What a rule finds in a node; of an input that was not saved, the leaf that it was."""
    try:
        if not isinstance(rule, int):
            return rule(node) if callable(rule) else vars(node)[rule]
        if rule >= 0:
            return _leaf(node, rule)
    except (AttributeError, LookupError, TypeError, StopIteration, ValueError):
        pass
    raise AttributeError(f"{node.name()!r} object has no attribute {name!r}")


def _shown(node: Any, found: Any) -> Any:
    """What a node keeps as its user sees it: an array is a tensor, that a hook unpacks if it was packed."""
    if isinstance(found, tuple):
        return tuple([_shown(node, a) for a in found])
    if isinstance(found, Variable) or not hasattr(found, "strides"):
        return found
    packed = [p for p in getattr(node, "beside", ()) if p.source() is found]
    return node.unpack(packed[0].content) if packed else wrap(found)


def _position(node: Any, number: int) -> int | None:
    """Where among what the node saved the input (or the result, -1) of a number is."""
    for at, origin in enumerate(node.origins[: len(node.saved)]):
        if origin[0] == number:
            return at
    # the same tensor as the first input, or a number
    from_input = 0 <= number < len(node.saved) and (node.origins[number][0] or 0) >= 0
    return number if from_input and len(node.edges) > 1 else None


def _tensor(node: Any, at: int) -> Any:
    """What was saved, as a tensor with the history it had; a number as it is."""
    kept = node.saved[at]
    if node.origins[at][1][0] != node.origins[at][2]:
        raise gone(node)
    if isinstance(kept, Packed):
        return node.unpack(kept.content)
    if not hasattr(kept, "strides"):
        return wrap(np.asarray(kept)) if kept is not None and node.op_name in ("Mul", "Div") else kept
    where = node.origins[at][0]
    edge = None if where is None else node.edges[where] if where >= 0 else node.output(-1 - where)
    if isinstance(edge, Variable):
        return edge
    found: Any = wrap(kept)
    if edge is not None:
        found._grad_fn, found._requires_grad = edge, True
    return found


def _size_in(node: Any, number: int = 0) -> tuple[int, ...]:
    edge = node.edges[number]
    if edge is None:
        raise AttributeError(node)
    return tuple(unwrap(edge).shape)


def _sizes(node: Any) -> tuple[int, ...]:
    kept = vars(node)
    known = kept.get("_known_as")
    if node.op_name in ("Linear", "Matmul") and "View" in node.name():
        return tuple(node.shape) if node.op_name == "Matmul" else (math.prod(node.shape[:-1]), node.shape[-1])
    if known == "Repeat":
        return tuple(kept["old"][1::2])
    if known == "Trace":
        return _size_in(node) * 2
    return tuple(kept.get("shape_in") or kept.get("old") or _size_in(node))


def _steps(node: Any) -> tuple[int, Any]:
    """The dimension that the last step of an index is about, and the step: a number, a slice, or None."""
    index = node.index if isinstance(node.index, tuple) else (node.index,)
    if ... in index:
        at, missing = index.index(...), len(node.shape_in) - sum(i is not None for i in index) + 1
        index = (*index[:at], *[slice(None)] * missing, *index[at + 1 :])
    wanted = int if any(isinstance(i, int) for i in index) else type(None) if None in index else slice
    at = max(i for i, part in enumerate(index) if isinstance(part, wanted) and part != slice(None))
    return sum(not isinstance(i, int) for i in index[:at]), index[at]


def _dim(node: Any) -> Any:
    name, kept = node.name().partition("Backward")[0], vars(node)
    if name in ("Select", "Slice"):
        return _steps(node)[0]
    if name == "Unsqueeze":
        return _steps(node)[0] if "index" in kept else _differing(node.shape, kept["old"])
    if name == "Squeeze":
        gone = _differing(kept["old"], node.shape)
        return gone if node.op_name == "SqueezeAlong" else tuple(i for i, n in enumerate(kept["old"]) if n == 1)
    if name in ("Std", "Var", "LinalgVectorNorm", "Nansum") and not node.shape:
        return None
    if "kept" in kept and "chosen" in kept:
        before = _size_in(node)
        return () if not node.shape else tuple(i for i, n in enumerate(kept["kept"]) if n != before[i])
    if "index" in kept and "axis" not in kept:
        return _along(node)[0]
    return kept["axis"]


def _differing(longer: tuple[int, ...], shorter: tuple[int, ...]) -> int:
    """Where a dimension of 1 is that the shorter of two shapes has not."""
    return next(i for i, n in enumerate(longer) if n == 1 and (*longer[:i], *longer[i + 1 :]) == tuple(shorter))


def _along(node: Any) -> tuple[int, Any]:
    """The dimension along which an index chooses, and the numbers: in the others it is a slice, or counts."""
    index = node.index if isinstance(node.index, tuple) else (node.index,)
    found = [i for i, part in enumerate(index) if not isinstance(part, slice) and not _counts(part)]
    at = found[0] if found else len(index) - 1
    return at, index[at]


def _counts(part: Any) -> bool:
    return part.ndim > 1 and np.array_equal(part.ravel(), np.arange(part.size, like=part))


def _indices(node: Any) -> Any:
    if "axis" in vars(node):
        return node.index.reshape(node.shape)
    index = node.index if isinstance(node.index, tuple) else (node.index,)
    return tuple([None if isinstance(i, slice) else i for i in index])


def _windows(of: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A rule that asks each of the windows of a convolution or a pooling."""

    def ask(node: Any) -> tuple[Any, ...]:
        kept = vars(node)
        return tuple([of(w) for w in kept.get("axes") or kept.get("windows") or kept["setting"]["windows"]])

    return ask


def _beyond(window: Any) -> int:
    """How much longer a transposed convolution's result is than its last window reaches."""
    reach = (window.count - 1) * window.stride + window.dilation * (window.size - 1) + 1
    return int(window.extent - reach + window.low + window.high)


def _padded(node: Any) -> tuple[int, ...]:
    widths = [n for pair in reversed(node.widths) for n in pair]
    while widths[-2:] == [0, 0]:
        del widths[-2:]
    return tuple(widths)


def _moved(node: Any) -> tuple[int, int]:
    moved = [i for i, d in enumerate(node.dims) if i != d]
    return (moved[0], moved[1]) if moved else (0, 0)


def _reduction(node: Any) -> int:
    """0 for none, 1 for the mean, 2 for the sum: of an op that has both, the sum's terms are divided by 1."""
    return 2 if node.op_name == "Sum" else 0 if "count" not in vars(node) else 2 if node.count == 1 else 1


def _bound(node: Any, number: int, name: str) -> Any:
    """A bound of ``clamp``: a number, a leaf, or None where there is none."""
    if any(origin[0] == number for origin in node.origins) or node.edges[number] is not None:
        return _leaf(node, number)
    return vars(node).get(name)


def _leaf(node: Any, number: int) -> Any:
    if not isinstance(node.edges[number], Variable):
        raise AttributeError(number)
    return node.edges[number]


def _end(node: Any) -> int:
    stop = _steps(node)[1].stop
    return 2**63 - 1 if stop is None else stop


def _exponent(node: Any) -> Any:
    """The number that a tensor was raised to; a square is a product here."""
    kept: Any = 2 if node.op_name == "Mul" else node.saved[1]
    return kept.item() if hasattr(kept, "strides") else kept


def _correction(node: Any) -> int | None:
    found = math.prod(_size_in(node)) // math.prod(node.shape) - int(node.freedom)
    return None if found == 1 and not node.shape else found


_KEPT = frozenset({"condition", "mask", "index", "indices", "min", "max", "pivots"})  # tensors, or numbers
_WITHIN = {
    "EluBackward0": ("self", "alpha"),
    **dict.fromkeys(("MseLossBackward0", "BinaryCrossEntropyWithLogitsBackward0"), ("self", "target")),
}  # what the node before has, where they are two here

# Where the rest is, unless in the attribute of its name: in another one, the number of a tensor, or a function of the node.
# PyTorch's name of a node, or that of the op here, stands in front where a rule is for it alone.
_RULES: dict[str, Any] = {
    "dim": _dim, "Flip.dims": "axis", "Roll.dims": "axis", "repeats": lambda n: n.old[::2],
    "keepdim": lambda n: len(_size_in(n)) == len(n.shape), "self_sym_sizes": _sizes,
    "self_sym_numel": lambda n: math.prod(_sizes(n)), "Linear.mat1_sym_sizes": _sizes,
    "Matmul.mat2_sym_sizes": lambda n: _size_in(n, 1), "Linear.mat2_sym_sizes": lambda n: _size_in(n, 1)[::-1],
    "Linear.mat2": lambda n: _tensor(n, 1).t(), "AddBackward0.alpha": lambda n: vars(n).get("alpha", 1),
    "SubBackward0.alpha": lambda n: -vars(n).get("alpha", -1), "negative_slope": "slope", "min_val": "low", "max_val": "high",
    "ord": "p", "SharedByNan.ord": lambda n: math.inf, "Mul.scale": lambda n: n.saved[1].item(),
    "approximate": lambda n: "tanh" if n.op_name == "GeluTanh" else "none", "Quotient.other": lambda n: np.array(n.saved[0]),
    "Dropout.other": lambda n: n.saved[0] * np.float32(n.scale), "PowBackward0.exponent": _exponent, "LerpBackward1.end": 1,
    "Lerp.weight": 2, "correction": _correction, "reduction": _reduction, "offset": lambda n: n.at[0], "dim1": lambda n: n.at[1],
    "dim2": lambda n: n.at[2], "dim0": lambda n: _moved(n)[0], "Transpose.dim1": lambda n: _moved(n)[1],
    "split_size": lambda n: n.results[0][0][n.axis], "split_sizes": lambda n: tuple([shape[n.axis] for shape, _ in n.results]),
    "SelectBackward0.index": lambda n: _steps(n)[1], "start": lambda n: _steps(n)[1].start or 0, "end": _end,
    "SliceBackward0.step": lambda n: _steps(n)[1].step or 1, "size": lambda n: n.there[0], "stride": lambda n: n.there[1],
    "storage_offset": lambda n: n.there[2] or None, "dimension": lambda n: n.window[0], "Unfold.size": lambda n: n.window[1],
    "step": lambda n: n.window[2], "mask": lambda n: vars(n).get("condition", vars(n).get("index")),
    "index": lambda n: _along(n)[1], "indices": _indices, "Lookup.indices": "tokens", "source_dim": lambda n: len(_size_in(n, 1)),
    "accumulate": lambda n: n.op_name == "PutAdd", "min": lambda n: _bound(n, 1, "low"), "max": lambda n: _bound(n, 2, "high"),
    "upper": lambda n: vars(n).get("upper", False), "unitriangular": "unit",
    "rounding_mode": lambda n: n.op_name.removesuffix("Divide").lower(), "kernel_size": _windows(lambda w: w.size),
    "dilation": _windows(lambda w: w.dilation), "padding": _windows(lambda w: w.low),
    **{f"{name}.stride": _windows(lambda w: w.stride) for name in ("Convolve", "Im2ColBackward0", "Fold", "MaxPool")},
    "groups": lambda n: n.setting["groups"], "bias_sym_sizes_opt": lambda n: (0,) if n.edges[2] is None else _size_in(n, 2),
    "output_padding": lambda n: (0,) * len(n.setting["windows"]), "pad": _padded,
    "padding_idx": lambda n: -1 if n.padding_idx is None else n.padding_idx, "weight_sym_argsize_0": "rows",
    **dict.fromkeys(("sparse_grad", "scale_grad_by_freq", "sparse"), lambda n: False),
    "transposed": lambda n: n.op_name == "InputGradient", "InputGradient.output_padding": _windows(_beyond),
    **dict.fromkeys(("scale", "input_scale", "Linear.beta", "Linear.alpha"), lambda n: 1),
    **dict.fromkeys(("pivot", "left"), lambda n: True), **dict.fromkeys(("Quotient.self", "Dropout.self"), lambda n: None),
    **dict.fromkeys(("CummaxBackward0.indices", "CumminBackward0.indices"), lambda n: _along(n)[1]),
}  # fmt: skip
