"""One step of a recurrent layer: RNNCell, LSTMCell, GRUCell.

Legend: B sequences, I input_size, H hidden_size. Parameters ``weight_ih`` (G·H, I), ``weight_hh`` (G·H, H), ``bias_ih`` and
``bias_hh`` (G·H), G gates in one matrix; all start uniform in ±1/√H.
"""

from __future__ import annotations

import math

from metagrad.base.typing import DeviceLike, DTypeLike
from metagrad.nn import init, recurrence
from metagrad.nn.modules.module import Module
from metagrad.nn.parameter import Parameter
from metagrad.nn.recurrence import State
from metagrad.ops.create.creation import empty, zeros
from metagrad.ops.linalg.matmul import linear
from metagrad.tensors.tensor import Tensor

__all__ = ["GRUCell", "LSTMCell", "RNNCell", "RNNCellBase"]


class RNNCellBase(Module):
    """What the cells share: parameters, checks, and input without a batch dimension."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: DeviceLike = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        gates = num_chunks * hidden_size
        shapes: dict[str, tuple[int, ...]] = {
            "weight_ih": (gates, input_size), "weight_hh": (gates, hidden_size), "bias_ih": (gates,), "bias_hh": (gates,),
        }  # fmt: skip
        for name, shape in shapes.items():
            wanted = bias or name.startswith("weight")
            self.register_parameter(name, Parameter(empty(shape, device=device, dtype=dtype)) if wanted else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        text = f"{self.input_size}, {self.hidden_size}" + ("" if self.bias is True else f", bias={self.bias}")
        nonlinearity = getattr(self, "nonlinearity", "tanh")
        return text if nonlinearity == "tanh" else f"{text}, nonlinearity={nonlinearity}"

    def _step(self, step: recurrence.Step, x: Tensor, given: State | None, states: int) -> State:
        """One step on input (B, I) or (I), from the given states or from zeros."""
        name = type(self).__name__
        names = ("hidden",) if states == 1 else ("hx[0]", "hx[1]")
        for what, value in (("input", x), *zip(names, given or (), strict=False)):
            if value.ndim not in (1, 2):
                raise ValueError(f"{name}: Expected {what} to be 1D or 2D, got {value.ndim}D instead")
        batched = x.ndim == 2
        x = x if batched else x.unsqueeze(0)
        if x.array.shape[1] != self.input_size:
            raise RuntimeError(f"input has inconsistent input_size: got {x.array.shape[1]} expected {self.input_size}")
        shape = (x.array.shape[0], self.hidden_size)
        if given is None:
            state: State = tuple(zeros(shape, dtype=x.dtype, device=x.device) for _ in range(states))
        else:
            state = tuple(s if batched else s.unsqueeze(0) for s in given)
            for i, s in enumerate(state):
                if s.array.shape[0] != shape[0]:
                    raise RuntimeError(
                        f"Input batch size {shape[0]} doesn't match hidden{i} batch size {s.array.shape[0]}"
                    )
                if s.array.shape[1] != shape[1]:
                    raise RuntimeError(
                        f"hidden{i} has inconsistent hidden_size: got {s.array.shape[1]}, expected {shape[1]}"
                    )
        result = step(linear(x, self.weight_ih, self.bias_ih), state)
        return result if batched else tuple(s.squeeze(0) for s in result)


class RNNCell(RNNCellBase):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu (Elman 1990).

    x (B, I) or (I), h (B, H) or (H), zeros if not given; h' like h.

    >>> import metagrad
    >>> from metagrad import nn
    >>> nn.RNNCell(10, 20)(metagrad.zeros(3, 10)).shape
    metagrad.Size([3, 20])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: DeviceLike = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """h'. Raises RuntimeError for an unknown nonlinearity."""
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        step = recurrence.rnn_step(self.nonlinearity, self.weight_hh, self.bias_hh)
        return self._step(step, input, None if hx is None else (hx,), 1)[0]


class LSTMCell(RNNCellBase):
    """i, f, o = σ(…), g = tanh(…) of W_ih x + b_ih + W_hh h + b_hh;   c' = f c + i g;   h' = o tanh c'.

    x (B, I) or (I); the state is a pair (h, c) of (B, H) or (H), zeros if not given; returns (h', c').

    >>> import metagrad
    >>> from metagrad import nn
    >>> h, c = nn.LSTMCell(10, 20)(metagrad.zeros(3, 10))
    >>> h.shape, c.shape
    (metagrad.Size([3, 20]), metagrad.Size([3, 20]))
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: DeviceLike = None, dtype: DTypeLike = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """(h', c')."""
        if isinstance(hx, Tensor):
            raise TypeError("lstm_cell(): argument 'hx' (position 2) must be tuple of Tensors, not Tensor")
        if hx is not None and len(hx) != 2:
            raise RuntimeError("lstm_cell expects two hidden states")
        h, c = self._step(recurrence.lstm_step(self.weight_hh, self.bias_hh), input, hx, 2)
        return h, c


class GRUCell(RNNCellBase):
    """r, z = σ(W_i x + b_i + W_h h + b_h);   n = tanh(W_in x + b_in + r (W_hn h + b_hn));   h' = (1 − z) n + z h.

    x (B, I) or (I), h (B, H) or (H), zeros if not given; h' like h.

    >>> import metagrad
    >>> from metagrad import nn
    >>> nn.GRUCell(10, 20)(metagrad.zeros(10)).shape
    metagrad.Size([20])
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: DeviceLike = None, dtype: DTypeLike = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """h'."""
        return self._step(recurrence.gru_step(self.weight_hh, self.bias_hh), input, None if hx is None else (hx,), 1)[0]
