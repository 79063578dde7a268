"""Every op in every dtype, at ordinary, large, tiny, subnormal, infinite and nan numbers, against PyTorch.

The dtype of the result, its values and its gradients are PyTorch's, within PyTorch's own rounding; where PyTorch raises, so
does metagrad, the same kind of error. ``KNOWN`` lists what differs, and why. To add a dtype, add it to ``DTYPES``; an op is
here as soon as it has a row in the op table.
"""

import re

import numpy as np
import pytest
from tests.ops.dtype_cases import DTYPES, EXACT, KINDS, MORE, outcome, wrong
from tests.ops.known_differences import KNOWN
from tests.ops.rows import Numbers, Outcome, find, tensors_of
from tests.ops.table import ROWS

CASES = [
    pytest.param(row, call, dtype, id=f"{row.name}-{i}-{dtype}")
    for row in [*ROWS, *MORE]
    for i, call in enumerate(row.calls)
    if any(isinstance(t, Numbers) for t in tensors_of(call))
    for dtype in DTYPES
]
NO_GRADIENT = "derivative for|invalid gradient|does not support automatic|not differentiable with respect"
NO_KERNEL = "not implemented for|support bool|requires an integer input type|identity of .* on torch.bool"


def kinds_of(dtype):
    """The sizes of numbers that a dtype has; complex numbers near the ends of the range overflow in parts, in any order."""
    kind = DTYPES[dtype].kind
    return {"f": KINDS, "c": ("ordinary",), "b": ("ordinary",)}.get(kind, ("ordinary", "large"))


def expectation(torch, row, call, dtype, kind):
    """PyTorch's outcome, the one in float64 if there is one, and whether it has gradients; None where it has no kernel."""
    grad, function = True, find(torch, row.name)
    found = outcome(torch, function, call, dtype, kind, grad)
    if re.search(NO_GRADIENT, str(found.raised)):
        grad = False
        found = outcome(torch, function, call, dtype, kind, grad)
    if re.search(NO_KERNEL, str(found.raised)):
        return None
    exact = outcome(torch, function, call, dtype, kind, grad, EXACT[dtype]) if dtype in EXACT else Outcome([], [])
    return found, exact, grad


def differences(ours, theirs, exact, kind):
    """Where two lists of described results differ, in words."""
    if len(ours) != len(theirs):
        yield f"{len(ours)} of them, expected {len(theirs)}"
        return
    exact = exact if len(exact) == len(theirs) else [None] * len(theirs)
    for a, b, x in zip(ours, theirs, exact):
        if not (isinstance(b, tuple) and len(b) and isinstance(b[-1], np.ndarray)):
            if not (a == b or (a != a and b != b)):
                yield f"{a}, expected {b}"
        elif a[:2] != b[:2]:
            yield f"{a[:2]}, expected {b[:2]}"
        else:
            wide = x[-1] if isinstance(x, tuple) and isinstance(x[-1], np.ndarray) else None
            bad = wrong(a[-1], b[-1], wide if wide is not None and wide.dtype.kind in "fc" else None, kind)
            if bad.any():
                at = tuple(int(i) for i in np.argwhere(bad)[0])
                yield f"{a[-1][at]} at {at}, expected {b[-1][at]} ({bad.sum()} of {bad.size})"


@pytest.mark.oracle
@pytest.mark.parametrize(("row", "call", "dtype"), CASES)
def test_as_in_pytorch(torch, row, call, dtype):
    import metagrad

    compared = 0
    for kind in kinds_of(dtype):
        known = [k for k in KNOWN if k.covers(row.name, dtype, kind)]
        if any(k.what == "all" for k in known):
            continue
        with np.errstate(all="ignore"):
            expected = expectation(torch, row, call, dtype, kind)
            if expected is None:
                continue
            theirs, exact, grad = expected
            ours = outcome(metagrad, find(metagrad, row.name), call, dtype, kind, grad)
        compared += 1
        assert ours.error is theirs.error, f"{kind}: {ours.raised!r}, expected {theirs.raised!r}"
        found = list(differences(ours.values, theirs.values, exact.values, kind))
        assert not found, f"{kind}: value {found[0]}"
        if not any(k.what == "gradient" for k in known):
            found = list(differences(ours.gradients, theirs.gradients, exact.gradients, kind))
            assert not found, f"{kind}: gradient {found[0]}"
    if not compared:
        pytest.skip("PyTorch has no kernel, or what differs is known")


def test_the_known_are_ops():
    names = {row.name for row in [*ROWS, *MORE]}
    assert not [name for known in KNOWN for name in known.names if name not in names]
