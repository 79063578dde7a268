"""Polynomial regression: how complicated may a curve be? (The choice by data kept apart: Stone 1974.)

python examples/series/polynomial_regression.py

A polynomial is linear in its weights, so it is learned as a line is. With each degree the error on the points that were learned
from falls; the error on other points falls, and then rises. Forty validation points choose the degree, and others judge the
choice.
"""

import metagrad
from metagrad import nn

metagrad.manual_seed(0)
NOISE, DEGREES = 0.2, (0, 1, 2, 3, 5, 9, 15)


def points(n):
    """x (n) in [−1, 1], and y = 1 + x − 2x² + 3x³ and noise."""
    x = 2 * metagrad.rand(n, dtype=metagrad.float64) - 1
    return x, 1 + x - 2 * x**2 + 3 * x**3 + NOISE * metagrad.randn(n, dtype=metagrad.float64)


def features(x, degree):
    """Legendre's polynomials of x (N), orders 1 to degree: (N, degree). Powers of x would be all but parallel."""
    columns = [metagrad.ones_like(x), x]
    for n in range(1, degree):
        columns.append(((2 * n + 1) * x * columns[n] - n * columns[n - 1]) / (n + 1))
    return metagrad.stack(columns[1 : degree + 1], 1) if degree else x.new_empty(len(x), 0)


def fitted(x, y, degree):
    """The polynomial learned from the points, as a function; L-BFGS (Liu and Nocedal 1989) is quick where the loss is a bowl."""
    model = nn.Linear(max(degree, 1), 1, dtype=metagrad.float64)
    inputs = features(x, degree) if degree else metagrad.zeros(len(x), 1, dtype=metagrad.float64)
    optimizer = metagrad.optim.LBFGS(
        model.parameters(), max_iter=500, tolerance_grad=1e-10, line_search_fn="strong_wolfe"
    )

    def closure():
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(inputs).squeeze(1), y)
        loss.backward()
        return loss

    optimizer.step(closure)
    return lambda x: model(features(x, degree) if degree else metagrad.zeros_like(x).unsqueeze(1)).squeeze(1).detach()


def error(function, x, y):
    """The root of the mean square."""
    return (function(x) - y).square().mean().sqrt().item()


learn, validate, judge = points(20), points(40), points(1000)
rows = []
for degree in DEGREES:
    function = fitted(*learn, degree)
    rows.append((error(function, *validate), degree, function))
    print(
        f"degree {degree:2}: error {error(function, *learn):.3f} on what was learned, {rows[-1][0]:.3f} on validation points"
    )

_, degree, function = min(rows, key=lambda row: row[0])
print(f"degree chosen: {degree}")
print(f"error on other points: {error(function, *judge):.3f} where the noise is {NOISE}")
print(f"error of degree {DEGREES[-1]} on them: {error(rows[-1][2], *judge):.3f}")
