"""Activation functions as modules; the formulas are in ``metagrad.nn.functional``."""

from __future__ import annotations

from metagrad.base.typing import DeviceLike, DTypeLike
from metagrad.base.warning import warn
from metagrad.nn import functional as F
from metagrad.nn.modules.attention import MultiheadAttention as MultiheadAttention  # PyTorch has it here
from metagrad.nn.modules.module import Module
from metagrad.nn.parameter import Parameter
from metagrad.ops.create.creation import empty
from metagrad.ops.pointwise.activation import sigmoid  # not of nn.functional: those are a method's call in a graph
from metagrad.ops.pointwise.hyperbolic import tanh
from metagrad.tensors.tensor import Tensor

__all__ = [
    "CELU", "ELU", "GELU", "GLU", "Hardshrink", "Hardsigmoid", "Hardswish", "Hardtanh", "LeakyReLU", "LogSigmoid",
    "Mish", "PReLU", "RReLU", "ReLU", "ReLU6", "SELU", "SiLU", "Sigmoid", "Softplus", "Softshrink", "Softsign",
    "Tanh", "Tanhshrink", "Threshold",
]  # fmt: skip


class Elementwise(Module):
    """A function of one tensor, with settings that are printed."""

    _settings: tuple[str, ...] = ()

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        shown = [f"{name}={getattr(self, name)}" for name in self._settings]
        return ", ".join(shown + (["inplace=True"] if getattr(self, "inplace", False) else []))


class Sigmoid(Elementwise):
    """σ(x) = 1 / (1 + e⁻ˣ)."""

    def forward(self, input: Tensor) -> Tensor:
        """σ(x)."""
        return sigmoid(input)


class Tanh(Elementwise):
    """tanh x."""

    def forward(self, input: Tensor) -> Tensor:
        """Hyperbolic tangent."""
        return tanh(input)


class _InPlace(Elementwise):
    """An activation that may overwrite its input."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace


class ReLU(_InPlace):
    """max(x, 0).

    >>> import metagrad
    >>> metagrad.nn.ReLU()(metagrad.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """max(x, 0)."""
        return F.relu(input, self.inplace)


class Hardtanh(Elementwise):
    """x limited to [min_val, max_val]. Raises AssertionError unless min_val is less than max_val."""

    _settings: tuple[str, ...] = ("min_val", "max_val")

    def __init__(
        self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False,
        min_value: float | None = None, max_value: float | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        for old, new, given in (("min_value", "min_val", min_value), ("max_value", "max_val", max_value)):
            if given is not None:
                warn(f"keyword argument `{old}` is deprecated and renamed to `{new}`", FutureWarning)
        min_val, max_val = min_val if min_value is None else min_value, max_val if max_value is None else max_value
        if not max_val > min_val:
            raise AssertionError(f"max_val ({max_val}) must be greater than min_val ({min_val})")
        self.min_val, self.max_val, self.inplace = min_val, max_val, inplace

    def forward(self, input: Tensor) -> Tensor:
        """x within its limits."""
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)


class ReLU6(Hardtanh):
    """min(max(x, 0), 6)."""

    _settings = ()

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0, inplace)


class LeakyReLU(Elementwise):
    """x where x > 0, else negative_slope · x (Maas et al. 2013)."""

    _settings = ("negative_slope",)

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope, self.inplace = negative_slope, inplace

    def forward(self, input: Tensor) -> Tensor:
        """The leaky maximum."""
        return F.leaky_relu(input, self.negative_slope, self.inplace)


class ELU(Elementwise):
    """x where x > 0, else α (eˣ − 1) (Clevert et al. 2016)."""

    _settings = ("alpha",)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha, self.inplace = alpha, inplace

    def forward(self, input: Tensor) -> Tensor:
        """The exponential linear unit."""
        return F.elu(input, self.alpha, self.inplace)


class SELU(_InPlace):
    """The scaled ELU that keeps mean 0 and variance 1 (Klambauer et al. 2017)."""

    def forward(self, input: Tensor) -> Tensor:
        """The scaled exponential linear unit."""
        return F.selu(input, self.inplace)


class SiLU(_InPlace):
    """x σ(x) (Elfwing et al. 2018)."""

    def forward(self, input: Tensor) -> Tensor:
        """x σ(x)."""
        return F.silu(input, self.inplace)


class Softplus(Elementwise):
    """ln(1 + e^βx) / β, and x itself where βx > threshold."""

    _settings = ("beta", "threshold")

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta, self.threshold = beta, threshold

    def forward(self, input: Tensor) -> Tensor:
        """The soft maximum of x and 0."""
        return F.softplus(input, self.beta, self.threshold)


class Softsign(Elementwise):
    """x / (1 + |x|)."""

    def forward(self, input: Tensor) -> Tensor:
        """x / (1 + |x|)."""
        return F.softsign(input)


class LogSigmoid(Elementwise):
    """ln σ(x)."""

    def forward(self, input: Tensor) -> Tensor:
        """ln σ(x)."""
        return F.logsigmoid(input)


class CELU(Module):
    """max(0, x) + min(0, α (exp(x/α) − 1)) (Barron 2017)."""

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha, self.inplace = alpha, inplace

    def forward(self, input: Tensor) -> Tensor:
        """The continuously differentiable ELU."""
        return F.celu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class GELU(Module):
    """x Φ(x), Φ the standard normal distribution function (Hendrycks & Gimpel 2016)."""

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        """x Φ(x)."""
        return F.gelu(input, approximate=self.approximate)

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        return f"approximate={self.approximate!r}"


class GLU(Module):
    """a σ(b), a and b the halves of the input along ``dim`` (Dauphin et al. 2017).

    >>> import metagrad
    >>> metagrad.nn.GLU()(metagrad.ones(2, 6)).shape
    metagrad.Size([2, 3])
    """

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """The gated half."""
        return F.glu(input, self.dim)

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        return f"dim={self.dim}"


class _Overwriting(Module):
    """A function of one tensor that may write into it."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace


class Hardsigmoid(_Overwriting):
    """min(max(x + 3, 0), 6) / 6."""

    def forward(self, input: Tensor) -> Tensor:
        """The piecewise linear sigmoid."""
        return F.hardsigmoid(input, self.inplace)


class Hardswish(_Overwriting):
    """x · min(max(x + 3, 0), 6) / 6 (Howard et al. 2019)."""

    def forward(self, input: Tensor) -> Tensor:
        """x times its piecewise linear sigmoid."""
        return F.hardswish(input, self.inplace)


class Mish(_Overwriting):
    """x tanh(softplus(x)) (Misra 2019)."""

    def forward(self, input: Tensor) -> Tensor:
        """x tanh(softplus(x))."""
        return F.mish(input, self.inplace)

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        return "inplace=True" if self.inplace else ""


class _Shrink(Module):
    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        return str(self.lambd)


class Hardshrink(_Shrink):
    """x where |x| > λ, else 0."""

    def forward(self, input: Tensor) -> Tensor:
        """The input without its small elements."""
        return F.hardshrink(input, self.lambd)


class Softshrink(_Shrink):
    """x brought nearer to 0 by λ."""

    def forward(self, input: Tensor) -> Tensor:
        """The shrunken input."""
        return F.softshrink(input, self.lambd)


class Tanhshrink(Module):
    """x − tanh x."""

    def forward(self, input: Tensor) -> Tensor:
        """x − tanh x."""
        return F.tanhshrink(input)


class Threshold(Module):
    """x where x > threshold, else value."""

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__()
        self.threshold, self.value, self.inplace = threshold, value, inplace

    def forward(self, input: Tensor) -> Tensor:
        """The input, with ``value`` for what is not above the threshold."""
        return F.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        return f"threshold={self.threshold}, value={self.value}" + (", inplace=True" if self.inplace else "")


class PReLU(Module):
    """x where x > 0, else a x, a learned: ``weight`` (num_parameters), one number or one for each channel (He et al. 2015).

    >>> import metagrad
    >>> metagrad.nn.PReLU()(metagrad.tensor([-4.0, 2.0])).tolist()
    [-1.0, 2.0]
    """

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: DeviceLike = None, dtype: DTypeLike = None
    ) -> None:
        super().__init__()
        self.num_parameters, self.init = num_parameters, init
        self.weight = Parameter(empty(num_parameters, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set every slope to its initial value."""
        self.weight.data.fill_(self.init)

    def forward(self, input: Tensor) -> Tensor:
        """The leaky maximum with learned slopes."""
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        return f"num_parameters={self.num_parameters}"


class RReLU(Module):
    """x where x > 0, else a x, a drawn from [lower, upper] while training, else its mean (Xu et al. 2015)."""

    def __init__(self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False) -> None:
        super().__init__()
        self.lower, self.upper, self.inplace = lower, upper, inplace

    def forward(self, input: Tensor) -> Tensor:
        """The leaky maximum with random slopes."""
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        return f"lower={self.lower}, upper={self.upper}" + (", inplace=True" if self.inplace else "")
