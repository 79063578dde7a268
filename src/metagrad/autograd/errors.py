"""Why an op cannot be applied, or a backward pass cannot go on at a node."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from metagrad.base import dtypes
from metagrad.base.naming import public
from metagrad.base.warning import warn

if TYPE_CHECKING:
    from metagrad.autograd.function import Function

FREED: tuple[Any, ...] = ("freed",)  # in the place of what was saved, once it has been used


def gone(node: Function) -> RuntimeError:
    """What to raise where something that a node saved is gone, or is no longer what it was."""
    if node.saved is FREED:
        return freed(node.op_name)
    i = next(i for i, (_, counter, version) in enumerate(node.origins) if counter[0] != version)
    counter, version = node.origins[i][1:]
    saved = node.saved[i] if i < len(node.saved) else None
    return overwritten(node.op_name, getattr(saved, "shape", None), counter[0], version)


def freed(name: str) -> RuntimeError:
    """What to raise where a node, or a program, asks for what a backward pass has freed."""
    return RuntimeError(
        "Trying to backward through the graph a second time (or directly access saved tensors after they have already been "
        f"freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(): what {name} "
        "saved for its gradient is gone. Specify retain_graph=True in the first backward() or grad() if you need a second one, "
        "or compute the forward pass again"
    )


def overwritten(name: str, shape: tuple[int, ...] | None, version: int, expected: int) -> RuntimeError:
    """What to raise where a tensor that a node saved was written to."""
    of_shape = "" if shape is None else f" of shape {list(shape)}"
    return RuntimeError(
        f"one of the variables needed for gradient computation has been modified by an inplace operation: a tensor{of_shape} "
        f"that {name} saved for its gradient is at version {version}; expected version {expected} instead. Use "
        "the out-of-place form of the operation that changed it, or clone() the tensor before changing it"
    )


def nothing_to_differentiate(i: int) -> RuntimeError:
    """What to raise where a backward pass is to start from a tensor that has no graph."""
    return RuntimeError(
        f"element {i} of tensors does not require grad and does not have a grad_fn: there is nothing to differentiate. Set "
        "requires_grad=True on the inputs, and look for no_grad() or detach() on the way"
    )


def not_a_scalar(x: Any) -> RuntimeError:
    """What to raise where a backward pass starts from a tensor that is no real number, and no gradient is given."""
    what = f"scalar outputs, got a tensor of shape {tuple(x.array.shape)}"
    if x.array.dtype.kind == "c":
        what = f"real scalar outputs but got {x.dtype}"
    return RuntimeError(
        f"grad can be implicitly created only for {what}: reduce it first (.sum() or .mean()), or pass the gradient of the loss "
        "with respect to it"
    )


def unused(i: int, shape: tuple[int, ...]) -> RuntimeError:
    """What to raise where a gradient is asked for that does not exist."""
    return RuntimeError(
        f"The differentiated Tensor at index {i} appears to not have been used in the graph. Set allow_unused=True if this is "
        f"the desired behavior, for None in its place, or materialize_grads=True for zeros; its shape is {shape}"
    )


def wrong_gradient(i: int, given: Any, x: Any) -> Exception:
    """What to raise where a gradient is given to start from that is not the tensor's."""
    if not hasattr(given, "shape"):
        return TypeError(f"gradients can be either Tensors or None, but got {type(given).__name__}")
    if tuple(given.shape) == tuple(x.array.shape):
        return RuntimeError(
            f"For complex Tensors, both grad_output and output are required to have the same dtype. Mismatch in dtype: "
            f"grad_output[{i}] has a dtype of {given.dtype} and output[{i}] has a dtype of {x.dtype}"
        )
    shapes = (list(given.shape), list(x.array.shape))
    return RuntimeError(
        f"Mismatch in shape: grad_output[{i}] has a shape of torch.Size({shapes[0]}) and output[{i}] has a shape of "
        f"torch.Size({shapes[1]}): a gradient has the shape of its tensor"
    )


def warn_of_no_gradient(tensor: Any) -> None:
    """What is said where the gradient is asked for of a tensor that keeps none."""
    if not tensor.retains_grad:
        warn(
            "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute won't be populated "
            "during autograd.backward(), unless retain_grad() is called before it",
            UserWarning,
        )


def miscounted(node: Function, count: int) -> RuntimeError:
    """What to raise where a backward has not one result for each input."""
    return RuntimeError(
        f"function {node.name()} returned an incorrect number of gradients (expected {len(node.edges)}, got {count}): one for "
        "each input"
    )


def misfit(name: str, error: Exception, arrays: Sequence[Any] = ()) -> Exception:
    """What to raise when an op failed on arrays: where NumPy says that shapes or dtypes do not fit, PyTorch's kind of error."""
    if isinstance(error, IndexError):
        return misindexed(error)
    if isinstance(error, TypeError):
        of_numpy = any(word in str(error) for word in ("ufunc", "numpy boolean"))
        return (
            NotImplementedError(f"{_kernel(name)} not implemented for {_kinds(arrays)}: {error}") if of_numpy else error
        )
    if "broadcast" not in str(error):
        return error
    return unbroadcastable(name, _shapes_in(str(error)))


def _kernel(name: str) -> str:
    """What PyTorch calls the loop of an op.

    >>> _kernel("Atan2"), _kernel("FloorDivide")
    ('"atan2_cpu"', '"div_floor_cpu"')
    """
    words = [word.lower() for word in re.findall("[A-Z][^A-Z]*", name)] or [name]
    return f'"{"_".join(["div", words[0]] if words[1:] == ["divide"] else words)}_cpu"'


def _kinds(arrays: Sequence[Any]) -> str:
    """The dtype that ranks highest among arrays, as errors name it."""
    kinds = [dtypes.of(x.dtype) for x in arrays if hasattr(x, "dtype")]
    return repr(dtypes.scalar_name(max(kinds, key=lambda d: d.category))) if kinds else "these dtypes"


def misindexed(error: IndexError) -> IndexError:
    """NumPy's error in PyTorch's words.

    >>> misindexed(IndexError("index 2 is out of bounds for axis 0 with size 2")).args[0]
    'index 2 is out of bounds for dimension 0 with size 2'
    """
    said, found, _ = str(error).partition("indexing arrays")
    if found:
        shapes = ", ".join(str(list(shape)) for shape in _shapes_in(str(error)))
        return IndexError(f"{said}indexing tensors could not be broadcast together with shapes {shapes}")
    said = re.sub("for array: array is ([0-9]+)-dimensional", r"for tensor of dimension \1", said)
    return IndexError(said.replace("for axis", "for dimension"))


def unbroadcastable(name: str, shapes: Sequence[tuple[int, ...]]) -> RuntimeError:
    """What to raise where tensors of these shapes do not broadcast to one.

    >>> unbroadcastable("add", [(3, 4), (5,)]).args[0]  # doctest: +ELLIPSIS
    'The size of tensor a (4) must match the size of tensor b (5) at non-singleton dimension 1: add got shapes (3, 4) and (5,)...'
    """
    said = (
        f"{name} got shapes {' and '.join(map(str, shapes))}: from the last dimension on, extents must be equal, or 1"
    )
    shapes = shapes[::-1] if name in ("Clamp", "Overwrite") else shapes  # in the order of PyTorch's operands
    ndim, seen = max(map(len, shapes), default=0), [1] * max(map(len, shapes), default=0)
    for shape in shapes:
        for i in range(1, len(shape) + 1):
            if shape[-i] != 1 and seen[-i] not in (1, shape[-i]):
                return RuntimeError(
                    f"The size of tensor a ({seen[-i]}) must match the size of tensor b ({shape[-i]}) at non-singleton dimension "
                    f"{ndim - i}: {said}"
                )
        seen = [n if n != 1 else m for m, n in zip(seen, (1,) * (ndim - len(shape)) + shape, strict=True)]
    return RuntimeError(f"shape mismatch: {said}")


def _shapes_in(text: str) -> list[tuple[int, ...]]:
    """The shapes that NumPy's error names; of matrices that it maps, those of their batches."""
    shapes = [
        tuple(int(n) for n in found.split(",") if n.strip()) for found in re.findall(r"\(((?:\d+, ?)*\d*)\)", text)
    ]
    return [shape[:-2] for shape in shapes[:2]] if "remapped" in text else shapes


def check_gradient(x: Any, value: Any, kind: Any) -> None:
    """Raise unless a value may be the gradient of a tensor: a tensor of its shape and dtype, where it is, and not itself."""
    if not isinstance(value, kind):
        raise TypeError(f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}")
    if value is x:
        raise RuntimeError("can't assign Variable as its own grad: clone() or detach() it")
    if value.array.shape != x.array.shape:
        raise RuntimeError(
            f"attempting to assign a gradient of size '{list(value.array.shape)}' to a tensor of size "
            f"'{list(x.array.shape)}'. Please ensure that the gradient and the tensor are the same size"
        )
    if x._hooks is None and value.array.__class__ is x.array.__class__ and value.array.dtype == x.array.dtype:
        return
    if value.array.__class__ is not x.array.__class__ and value.device != x.device:
        raise RuntimeError(
            f"attempting to assign a gradient with device type '{value.device.type}' to a tensor with device type "
            f"'{x.device.type}'. Please ensure that the gradient and the tensor are on the same device"
        )
    wanted = x.dtype if x._hooks is None or x._hooks.dtype is False else x._hooks.dtype
    if wanted is not None and value.dtype != wanted:
        raise RuntimeError(
            f"attempting to assign a gradient with dtype '{dtypes.cpp_name(value.dtype)}' to a tensor with grad_dtype "
            f"'{dtypes.scalar_name(wanted)}'. The gradient must match the tensor's grad_dtype (defaults to the tensor's dtype); "
            "grad_dtype = None allows any"
        )


def check_gradient_dtype(x: Any, value: Any) -> None:
    """Raise unless a value may be the dtype of a tensor's gradients."""
    if x._node is not None:
        raise RuntimeError("grad_dtype can only be set on leaf tensors.")
    if value is not None and not isinstance(value, dtypes.dtype):
        raise RuntimeError(f"grad_dtype must be a {public('dtype')} or None, but got {type(value).__name__}")
    if value is not None and x._grad is not None and x._grad.dtype != value:
        raise RuntimeError(
            f"Cannot set grad_dtype to '{dtypes.scalar_name(value)}' because there is already a gradient with dtype "
            f"'{dtypes.cpp_name(x._grad.dtype)}'. Please clear the gradient (.grad = None) before changing grad_dtype."
        )
