"""Linear regression: a line, or a plane, through points (Legendre 1805, Gauss 1809), by descent along the gradient.

python examples/series/linear_regression.py

The weights that make Σ (xw + b − y)² least can be computed at once, from the normal equations. Descent gets to the same ones
step by step, and goes on working where no such formula is known, which is everywhere else in these programs.
"""

import metagrad
from metagrad import nn

metagrad.manual_seed(0)
N, NOISE = 500, 0.3
true_weights, true_bias = [2.0, -3.4, 0.5], 4.2
x = metagrad.randn(N, 3) * metagrad.tensor([1.0, 2.0, 0.5])
y = x @ metagrad.tensor(true_weights) + true_bias + NOISE * metagrad.randn(N)

model = nn.Linear(3, 1)
criterion = nn.MSELoss()
optimizer = metagrad.optim.SGD(model.parameters(), lr=0.1)
for step in range(200):
    loss = criterion(model(x).squeeze(1), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 40 == 0:
        print(f"step {step}: loss {loss.item():.4f}")

with_ones = metagrad.cat([x, metagrad.ones(N, 1)], 1)
exact = metagrad.linalg.lstsq(with_ones, y.unsqueeze(1)).solution.squeeze(1)
found = metagrad.cat([model.weight.detach()[0], model.bias.detach()])
variance_left = (model(x).squeeze(1) - y).var() / y.var()
print(f"found {[round(w, 3) for w in found.tolist()]}, drawn from {[*true_weights, true_bias]}")
print(f"residual deviation: {loss.item() ** 0.5:.3f} where the noise was {NOISE}")
print(f"distance from least squares: {(found - exact).norm().item():.2e}")
print(f"share of variance explained: {1 - variance_left.item():.4f}")
