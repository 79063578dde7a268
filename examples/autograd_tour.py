"""A tour of automatic differentiation: run it, change it, run it again.

python examples/autograd_tour.py
"""

import metagrad
from metagrad.autograd import Function, gradcheck

print("1. A result remembers how it was computed.")
x = metagrad.tensor([1.0, 2.0, 3.0], requires_grad=True)
y = (x.sin() * x).sum()
print(f"   y = {y}")
node = y.grad_fn
while node is not None and hasattr(node, "edges"):
    print(f"   {node}")
    node = node.edges[0]

print("\n2. backward() walks that memory from the end to the start, by the chain rule.")
y.backward()
print(f"   x.grad     = {x.grad}")
print(f"   by formula = {(x.cos() * x + x.sin()).detach()}")

print("\n3. A gradient can be a computation of its own, and be differentiated again.")
x = metagrad.tensor(2.0, requires_grad=True)
derivative = x**4
for order in range(1, 5):
    (derivative,) = metagrad.autograd.grad(derivative, x, create_graph=True)
    print(f"   derivative {order} of x⁴ at 2: {derivative.item()}")

print("\n4. Newton's method needs first and second derivatives: the root of the slope of cosh(x - 1) + x.")
x = metagrad.tensor(0.0, dtype=metagrad.float64, requires_grad=True)
for step in range(5):
    value = ((x - 1).exp() + (1 - x).exp()) / 2 + x
    (slope,) = metagrad.autograd.grad(value, x, create_graph=True)
    (curvature,) = metagrad.autograd.grad(slope, x)
    with metagrad.no_grad():
        x -= slope / curvature
    print(f"   step {step + 1}: x = {x.item():.12f}")

print("\n5. What is overwritten cannot be differentiated, and metagrad says so rather than be wrong.")
x = metagrad.ones(2, requires_grad=True)
y = x.exp()
z = (y * y).sum()
y.add_(1)
try:
    z.backward()
except RuntimeError as error:
    print(f"   RuntimeError: {error}")


print("\n6. An op of your own is a formula and its derivative; gradcheck compares them.")


class Cube(Function):
    """y = x³,   ∂L/∂x = ∂L/∂y · 3x²."""

    def forward(self, x):
        self.save(x)
        return x**3

    def backward(self, grad):
        (x,) = self.saved
        return grad * (3 * x * x)


x = metagrad.randn(4, dtype=metagrad.float64, requires_grad=True)
print(f"   gradcheck: {gradcheck(Cube.apply, (x,))}")

print("\n7. debug_mode shows every op with its shapes and times.")
w = metagrad.randn(3, 2, requires_grad=True)
with metagrad.debug_mode():
    (metagrad.randn(4, 3) @ w).tanh().sum().backward()
