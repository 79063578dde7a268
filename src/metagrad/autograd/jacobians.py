"""Jacobians as matrices, by finite differences and by the backward pass, as ``gradcheck`` compares them.

Both are what PyTorch has beside ``gradcheck``, and warns of: ``autograd.functional.jacobian`` is the function to use.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from metagrad.autograd.engine import grad
from metagrad.autograd.mode import no_grad
from metagrad.autograd.variable import Variable, wrap
from metagrad.base.warning import warn
from metagrad.kernels.libraries import is_on_gpu


def get_numerical_jacobian(
    fn: Callable[..., Any], inputs: Any, target: Any = None, eps: float = 1e-3, grad_out: float = 1.0
) -> tuple[Any, ...]:
    """∂ of the first result of ``fn(inputs)``, by finite differences: (elements of the input, elements of the result) for each.

    inputs: a tensor or a tuple of them; target: those to differentiate by, all that require a gradient if None. Warns of
    itself. Raises ValueError for a ``grad_out`` other than 1.

    >>> import metagrad, warnings
    >>> x = metagrad.tensor([1.0, 2.0], dtype=metagrad.float64, requires_grad=True)
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     get_numerical_jacobian(lambda given: given[0] ** 2, (x,))
    (tensor([[2.0000, 0.0000],
            [0.0000, 4.0000]], dtype=metagrad.float64),)
    """
    _warn("get_numerical_jacobian", grad_out)
    chosen = _chosen(inputs if target is None else target)
    return tuple([_numerical(lambda: _first(fn(inputs)), x, eps) for x in chosen])


def get_analytical_jacobian(
    inputs: Any, output: Any, nondet_tol: float = 0.0, grad_out: float = 1.0
) -> tuple[tuple[Any, ...], bool, bool, bool]:
    """∂ output by the backward pass, a matrix for each input; whether a second pass gives it again, the sizes and types fit.

    Warns of itself. Raises ValueError for a ``grad_out`` other than 1.
    """
    _warn("get_analytical_jacobian", grad_out)
    chosen = _chosen(inputs)
    first, second = _analytical(chosen, output), _analytical(chosen, output)
    again = all(np.allclose(a, b, rtol=0, atol=nondet_tol) for a, b in zip(first, second, strict=True))
    return tuple([wrap(a) for a in first]), again, True, True


def unit(like: Any, k: int, value: complex = 1) -> Any:
    """An array of that shape and dtype with one number as element k, and zeros.

    >>> unit(np.ones((2, 2)), 1)
    array([[0., 1.],
           [0., 0.]])
    """
    found = np.zeros(like.shape, like.dtype, like=like if is_on_gpu(like) else None)
    found.reshape(-1)[k] = value
    return found


def _warn(name: str, grad_out: float) -> None:
    warn(
        f"`{name}` was part of PyTorch's private API and not meant to be exposed: use autograd.functional.jacobian",
        FutureWarning,
    )
    if grad_out != 1.0:
        raise ValueError(f"Expected grad_out to be 1.0. {name} no longer supports values of grad_out != 1.0.")


def _chosen(inputs: Any) -> list[Any]:
    given = [inputs] if isinstance(inputs, Variable) else list(inputs)
    return [x for x in given if isinstance(x, Variable) and x.requires_grad]


def _first(result: Any) -> Any:
    return result[0] if isinstance(result, tuple | list) else result


def _numerical(run: Callable[[], Any], x: Any, eps: float) -> Any:
    original, rows = x.array, []
    try:
        for k in range(original.size):
            step = unit(original, k, eps)
            with no_grad():
                x.array = original + step
                ahead = run().array.copy()
                x.array = original - step
                rows.append(((ahead - run().array) / (2 * eps)).reshape(-1))
    finally:
        x.array = original
    return wrap(np.stack(rows))


def _analytical(xs: list[Any], output: Any) -> list[Any]:
    """A column for each element of the output."""
    columns: list[list[Any]] = [[] for _ in xs]
    for k in range(output.array.size):
        found = grad(
            [output], xs, [wrap(unit(output.array, k))], retain_graph=True, allow_unused=True, materialize_grads=True
        )
        for column, g in zip(columns, found, strict=True):
            column.append(g.array.reshape(-1))
    return [np.stack(column, 1) for column in columns]
