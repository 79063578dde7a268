"""Why a backward pass cannot go on at a node."""

from __future__ import annotations

from metagrad.autograd.function import FREED, Function


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


def miscounted(node: Function, count: int) -> RuntimeError:
    """What to raise where a backward has not one result for each input."""
    return RuntimeError(f"{node.op_name}.backward returned {count} gradients for {len(node.edges)} inputs")
