"""Single ops, reductions, optimizers and a chain of small ops as cases for ``benchmarks.work``, in PyTorch's API and in JAX's."""

import numpy as np

from benchmarks import elementwise, optimizers, reductions

CHAIN = 4  # times matmul, tanh, multiply, add


def build(library, case):
    """A step of the case; its ``check`` is a number that must be the same in every library."""
    if case["table"] == "optimizer":
        settings = (
            {"fused": True} if library.__name__ == "torch" and case["optimizer"] in ("Adam", "AdamW", "SGD") else {}
        )
        step, total = optimizers.build(library, case, **settings)
        return with_check(step, lambda: (step(), total())[1])
    if case["table"] == "chain":
        return chain(library, case["side"])
    ops = elementwise.large_ops(library) if case["table"] == "large" else reductions.reductions(library)
    step = ops[case["op"] if case["table"] == "large" else (case["op"], case["place"])]
    return with_check(step, lambda: as_number(step()))


def with_check(step, check):
    """The step, with what gives its number."""

    def run():
        return step()  # returned, or a compiler would leave the work out

    run.check = check
    return run


def as_number(result):
    """One number of a result: the mean of its elements, of its values where there are indices too."""
    result = result[0] if isinstance(result, tuple) else result
    return float(result.detach().double().mean())


def chain(library, side):
    """y ← tanh(y w) · ½ + x, four times, summed, and the gradient of x."""
    rng = np.random.default_rng(0)
    x, w = (library.from_numpy((rng.standard_normal((side, side)) / side).astype(np.float32)) for _ in range(2))
    x.requires_grad_()

    def step():
        y = x
        for _ in range(CHAIN):
            y = (y @ w).tanh() * 0.5 + x
        y.sum().backward()
        gradient, x.grad = x.grad, None
        return gradient

    return with_check(step, lambda: as_number(step()))


def build_jax(case):
    """The same in JAX, compiled; KeyError for what is not written here."""
    import jax
    from jax import numpy as jnp

    rng = np.random.default_rng(0)
    if case["table"] == "chain":
        side = case["side"]
        x, w = (jnp.asarray((rng.standard_normal((side, side)) / side).astype(np.float32)) for _ in range(2))

        def total(x):
            y = x
            for _ in range(CHAIN):
                y = jnp.tanh(y @ w) * 0.5 + x
            return y.sum()

        return compiled(jax.jit(jax.grad(total)), x)
    if case["table"] != "large":
        raise KeyError(case["table"])
    a = jnp.asarray(rng.random(elementwise.SHAPE, np.float32) + np.float32(0.5))
    b, row = a * 0.5, jnp.asarray(rng.random(elementwise.SHAPE[1], np.float32))
    functions = {
        "add": lambda a: a + b, "multiply": lambda a: a * b, "divide": lambda a: a / b, "add a row": lambda a: a + row,
        "multiply by a number": lambda a: a * 2.5, "pow 2": lambda a: a**2, "exp": jnp.exp, "log": jnp.log, "tanh": jnp.tanh,
        "sigmoid": jax.nn.sigmoid, "sin": jnp.sin, "sqrt": jnp.sqrt, "abs": jnp.abs, "relu": jax.nn.relu,
        "clamp": lambda a: jnp.clip(a, 0.6, 0.9), "where": lambda a: jnp.where(a > 1, a, b), "greater": lambda a: a > b,
        "maximum": lambda a: jnp.maximum(a, b), "sum": jnp.sum, "sum of columns": lambda a: a.sum(0),
        "sum of rows": lambda a: a.sum(1), "mean": jnp.mean, "max": jnp.max, "max of rows": lambda a: a.max(1),
        "max of columns": lambda a: a.max(0), "argmax of rows": lambda a: a.argmax(1), "var": lambda a: a.var(ddof=1),
        "std of rows": lambda a: a.std(1, ddof=1), "norm": jnp.linalg.norm, "prod of rows": lambda a: a.prod(1),
        "cumsum of rows": lambda a: a.cumsum(1), "logsumexp of rows": lambda a: jax.nn.logsumexp(a, 1),
        "any": lambda a: (a > 9).any(),
    }  # fmt: skip
    return compiled(jax.jit(functions[case["op"]]), a)


def compiled(function, x):
    """A step that waits for the result, and its number."""

    def step():
        function(x).block_until_ready()

    return with_check(step, lambda: float(np.asarray(function(x), np.float64).mean()))
