"""Why an op cannot be applied, or a backward pass cannot go on at a node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metagrad.base.warning import warn

if TYPE_CHECKING:
    from metagrad.autograd.function import Function

FREED: tuple[Any, ...] = ("freed",)  # in the place of what was saved, once it has been used


def gone(node: Function) -> RuntimeError:
    """What to raise where something that a node saved is gone, or is no longer what it was."""
    if node.saved is FREED:
        return RuntimeError(
            f"a backward pass has gone through {node.op_name} already, and what it saved for its gradient was freed: pass "
            "retain_graph=True to the first backward() or grad() if you need a second one, or compute the forward pass again"
        )
    i = next(i for i, (_, counter, version) in enumerate(node.origins) if counter[0] != version)
    counter, version = node.origins[i][1:]
    return RuntimeError(
        f"a tensor of shape {tuple(getattr(node.saved[i], 'shape', ()))} that {node.op_name} saved for its gradient was "
        f"overwritten by an in-place operation (it is at version {counter[0]}, expected version {version}): use the "
        "out-of-place form of the operation that changed it, or clone() the tensor before changing it"
    )


def warn_of_no_gradient(tensor: Any) -> None:
    """What is said where the gradient is asked for of a tensor that keeps none."""
    if not tensor.retains_grad:
        warn(
            "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed: a backward pass leaves nothing there, "
            "unless retain_grad() is called before it",
            UserWarning,
        )


def miscounted(node: Function, count: int) -> RuntimeError:
    """What to raise where a backward has not one result for each input."""
    return RuntimeError(f"{node.op_name}.backward returned {count} gradients for {len(node.edges)} inputs")


def misfit(name: str, error: Exception) -> Exception:
    """What to raise when an op failed: where NumPy says that shapes or dtypes do not fit, PyTorch's kind of error."""
    if isinstance(error, TypeError):
        of_numpy = any(word in str(error) for word in ("ufunc", "numpy boolean"))
        return NotImplementedError(f"{name} is not implemented for these dtypes: {error}") if of_numpy else error
    if "broadcast" not in str(error):
        return error
    return RuntimeError(f"{name}: {error}: from the last dimension on, extents must be equal, or 1 to be repeated")
