"""Recurrent layers: RNN, LSTM and GRU, stacked and in both directions.

The layers here keep the parameters, check the arguments and put the directions and levels together; what one layer
does in one direction, step after step, is in ``nn/recurrence.py``.

Legend: T steps, B sequences, I input_size, H hidden_size, P proj_size or else H, L num_layers, D directions (1 or 2).
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from metagrad.autograd.composites import composite
from metagrad.autograd.mode import mode
from metagrad.autograd.node_names import named
from metagrad.base.typing import DeviceLike, DTypeLike
from metagrad.base.warning import warn
from metagrad.kernels.libraries import is_on_gpu
from metagrad.nn import init
from metagrad.nn.fast_recurrence import Layer, OneSequence, plain_layer
from metagrad.nn.functional.dropouts import dropout
from metagrad.nn.modules.module import Module
from metagrad.nn.modules.rnn_checks import RecurrentChecks, check_together, no_pair
from metagrad.nn.parameter import Parameter
from metagrad.nn.recurrence import State
from metagrad.nn.utils.rnn import PackedSequence, reordered
from metagrad.ops.create.creation import empty, zeros
from metagrad.ops.shape.joining import cat
from metagrad.tensors.tensor import Tensor

__all__ = ["GRU", "LSTM", "RNN", "RNNBase"]

_GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "LSTM": 4, "GRU": 3}


def _layer_for(
    cell: str, x: Any, sizes: Sequence[int], states: Sequence[Tensor], weights: Sequence[Any], directions: int
) -> Any:
    """What runs a layer over an array: the CPU's kernels or a GPU's, or ordinary ops, as for complex numbers."""
    if isinstance(x, np.ndarray):
        return Layer.apply_many if x.dtype.kind != "c" else plain_layer
    if is_on_gpu(x):
        from metagrad.nn.gpu_layer import GpuLayer, can_run

        if can_run(cell, x, sizes, states, weights, directions):
            return GpuLayer.apply_many
    return plain_layer


def run_layers(
    cell: str,
    x: Tensor,
    sizes: list[int],
    initial: Sequence[Tensor],
    weights: Sequence[Sequence[Tensor | None]],
    directions: int,
    p: float,
) -> tuple[Tensor, State]:
    """Layers over packed steps x (Σ Bₜ, I), with dropout p between them: the output, and the final states (L·D, B, H or P).

    initial: states (L·D, B, *). weights: for each layer those of its directions, as ``Layer`` takes them.
    """
    finals = []
    for layer, own in enumerate(weights):
        if layer and p:
            x = dropout(x, p)
        states = [s[layer * directions : (layer + 1) * directions] for s in initial]
        run = _layer_for(cell, x.array, sizes, states, own, directions)
        x, *final = run(x, *states, *own, cell=cell, sizes=sizes, directions=directions)
        finals.append(final)
    return x, tuple(cat(parts) for parts in zip(*finals, strict=True))


class RNNBase(RecurrentChecks, Module):
    """What RNN, LSTM and GRU share: their parameters, and how a stack of layers is run.

    Layer l in one direction has ``weight_ih_l{l}`` (G·H, I or D·P), ``weight_hh_l{l}`` (G·H, P), ``bias_ih_l{l}`` and
    ``bias_hh_l{l}`` (G·H), ``weight_hr_l{l}`` (P, H) with a projection, G gates in one matrix; the backward direction's
    end in ``_reverse``. All start uniform in ±1/√H. Raises TypeError or ValueError for a setting of the wrong type or
    out of range.
    """

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: DeviceLike = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__()
        if isinstance(dropout, bool) or not isinstance(dropout, numbers.Number) or not 0 <= dropout <= 1:
            raise ValueError(
                "dropout should be a number in range [0, 1] representing the probability of an element being zeroed, got "
                f"{dropout!r}"
            )
        if dropout > 0 and num_layers == 1:
            warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects num_layers "
                f"greater than 1, but got dropout={dropout} and num_layers={num_layers}",
            )
        for name, value in (("bias", bias), ("batch_first", batch_first)):
            if not isinstance(value, bool):
                raise TypeError(f"{name} should be of type bool, got: {type(value).__name__}")
        for name, size in (("input_size", input_size), ("hidden_size", hidden_size), ("num_layers", num_layers)):
            if not isinstance(size, int):
                raise TypeError(f"{name} should be of type int, got: {type(size).__name__}")
            if size <= 0:
                raise ValueError(f"{name} must be greater than zero, got {size}")
        if proj_size < 0:
            raise ValueError("proj_size should be a positive integer or zero to disable projections")
        if proj_size >= hidden_size:
            raise ValueError(f"proj_size has to be smaller than hidden_size, got {proj_size} and {hidden_size}")
        self.mode, self.input_size, self.hidden_size, self.num_layers = mode, input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, float(dropout)
        self.bidirectional, self.proj_size = bidirectional, proj_size
        if mode not in _GATES:
            raise ValueError(f"Unrecognized RNN mode: {mode}")
        directions = 2 if bidirectional else 1
        output_size, gates = proj_size or hidden_size, _GATES[mode] * hidden_size
        self._names: list[list[str]] = []  # per layer and direction, in the order of ``all_weights``
        for layer in range(num_layers):
            inputs = input_size if layer == 0 else output_size * directions
            shapes: dict[str, tuple[int, ...]] = {"weight_ih": (gates, inputs), "weight_hh": (gates, output_size)}
            if bias:
                shapes |= {"bias_ih": (gates,), "bias_hh": (gates,)}
            if proj_size:
                shapes["weight_hr"] = (proj_size, hidden_size)
            for suffix in ("", "_reverse")[:directions]:
                self._names.append([f"{kind}_l{layer}{suffix}" for kind in shapes])
                for name, shape in zip(self._names[-1], shapes.values(), strict=True):
                    self.register_parameter(name, Parameter(empty(shape, device=device, dtype=dtype)))
        self.reset_parameters()

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take back what pickle kept of a layer; PyTorch's layers call the names of their parameters ``_all_weights``."""
        super().__setstate__(state)
        if "_names" not in state:
            self._names = state["_all_weights"]
            for name in ("_all_weights", "_flat_weights_names", "_flat_weights"):  # which are computed here
                self.__dict__.pop(name, None)

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters, one list for every layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._names]

    @property
    def _all_weights(self) -> list[list[str]]:
        """The names of the parameters, one list for every layer and direction, as PyTorch calls them."""
        return self._names

    @property
    def _flat_weights_names(self) -> list[str]:
        """The names of the parameters, in one list."""
        return [name for names in self._names for name in names]

    @property
    def _flat_weights(self) -> list[Any]:
        """The parameters, in one list. Programs that compute weights anew set it; each is then an attribute by its name."""
        return [getattr(self, name, None) for name in self._flat_weights_names]

    @_flat_weights.setter
    def _flat_weights(self, weights: list[Any]) -> None:
        for name, weight in zip(self._flat_weights_names, weights, strict=True):
            if getattr(self, name, None) is not weight:
                setattr(self, name, weight)

    def flatten_parameters(self) -> None:
        """Nothing to do: parameters need not lie side by side here. Kept for programs that call it."""

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        text = f"{self.input_size}, {self.hidden_size}"
        defaults = {
            "proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0, "bidirectional": False,
        }  # fmt: skip
        for name, default in defaults.items():
            if getattr(self, name) != default:
                text += f", {name}={getattr(self, name)}"
        return text

    # ------------------------------------------------ running the stack

    def _layer_weights(self, layer: int) -> list[Any]:
        """The parameters of both directions of a layer, None where there is no bias."""
        directions = 2 if self.bidirectional else 1
        found: list[Any] = []
        parameters = self._parameters  # the shorter way; what a program put in the place of one is an attribute
        for names in self._names[layer * directions : (layer + 1) * directions]:
            weights = [parameters[name] if name in parameters else getattr(self, name) for name in names]
            found += weights if self.bias else [*weights[:2], None, None, *weights[2:]]
        return found

    def _stack(self, x: Tensor, batch_sizes: list[int], initial: State) -> tuple[Tensor, State]:
        """All layers over packed steps x (Σ Bₜ, I); initial and final states are (L·D, B, H or P)."""
        directions = 2 if self.bidirectional else 1
        if batch_sizes[0] == 1 and self._only_answers(x):
            return self._one_sequence(x, initial)
        weights = [self._layer_weights(layer) for layer in range(self.num_layers)]
        between = self.dropout if self.training else 0
        return run_layers(self.mode, x, batch_sizes, initial, weights, directions, between)

    def _only_answers(self, x: Tensor) -> bool:
        """Whether no gradient will be asked for, so that a single sequence may go through all layers in one op."""
        has_kernels = isinstance(x.array, np.ndarray) and x.array.dtype.kind != "c"
        return not mode.grad and has_kernels and not (self.dropout and self.training)

    def _one_sequence(self, x: Tensor, initial: State) -> tuple[Tensor, State]:
        """All layers over the steps of one sequence, (T, I) or with the batch's dimension; no initial states: zeros."""
        weights = [w for layer in range(self.num_layers) for w in self._layer_weights(layer)]
        directions = 2 if self.bidirectional else 1
        settings: dict[str, Any] = {"cell": self.mode, "directions": directions, "layers": self.num_layers}
        y, *final = OneSequence.apply_many(x, *initial, *weights, **settings, from_zero=not initial)
        return y, tuple(final)

    def _initial(self, given: State | None, batch: int, like: Tensor) -> State:
        """The given initial states, checked, or zeros."""
        shapes = self._state_shapes(batch)
        if given is None:
            return tuple(zeros(shape, dtype=like.dtype, device=like.device) for shape in shapes)
        for i, (name, state, shape) in enumerate(zip(("hidden", "cell"), given, shapes, strict=False)):
            what = "Expected hidden size" if len(shapes) == 1 else f"Expected hidden[{i}] size"
            self.check_hidden_size(state, shape, f"{what} {{}}, got {{}}: (num_layers * directions, batch, features)")
            check_together(like, state, "hidden")
            if state.dtype != like.dtype:
                raise RuntimeError(
                    f"the initial {name} state is {state.dtype}, the input {like.dtype}: convert one of them"
                )
        return tuple(given)

    def _check_input(self, x: Tensor) -> None:
        self._check_features(x)
        weight = self.weight_ih_l0
        if x.dtype != weight.dtype:
            raise ValueError(
                f"RNN input dtype ({x.dtype}) does not match weight dtype ({weight.dtype}). Convert input: "
                f"input.to({weight.dtype}), or convert model: model.to({x.dtype})"
            )
        check_together(x, weight, "parameter")

    def _run_packed(self, packed: PackedSequence, given: State | None) -> tuple[PackedSequence, State]:
        self._check_input(packed.data)
        sizes = packed.batch_sizes.tolist()
        initial = self._initial(given, sizes[0], packed.data)
        if given is not None and packed.sorted_indices is not None:
            initial = tuple(reordered(s, 1, packed.sorted_indices) for s in initial)
        output, final = self._stack(packed.data, sizes, initial)
        if packed.unsorted_indices is not None:
            final = tuple(reordered(s, 1, packed.unsorted_indices) for s in final)
        return PackedSequence(output, *packed[1:]), final

    @composite
    def _run(self, x: Any, given: State | None) -> tuple[Any, State]:
        """Any input the layers accept: packed, batched, or a single sequence (T, I)."""
        if isinstance(x, PackedSequence):
            return self._run_packed(x, given)
        name = type(self).__name__
        if x.ndim not in (2, 3):
            raise ValueError(f"{name}: Expected input to be 2D or 3D, got {x.ndim}D instead")
        batched = x.ndim == 3
        if given is not None and any(s.ndim != x.ndim for s in given):
            raise RuntimeError(
                f"For {'batched 3-D' if batched else 'unbatched 2-D'} input, {'hx' if len(given) == 1 else 'hx and cx'} should "
                f"also be {x.ndim}-D but got "
                + (
                    f"{given[0].ndim}-D tensor"
                    if len(given) == 1
                    else f"({', '.join(f'{s.ndim}-D' for s in given)}) tensors"
                )
            )
        self._check_input(x)
        if not batched and given is not None:
            given = tuple(s.unsqueeze(1) for s in given)
        batch_dim = 0 if self.batch_first else 1
        steps, batch = (x.array.shape[1 - batch_dim], x.array.shape[batch_dim]) if batched else (x.array.shape[0], 1)
        if steps == 0:
            raise RuntimeError(f"{name}: Expected sequence length to be larger than 0 in RNN")
        if batch == 1 and self._only_answers(x):
            output, final = self._one_sequence(x, () if given is None else self._initial(given, 1, x))
            return output, final if batched else tuple(s.squeeze(1) for s in final)
        if not batched:
            x = x.unsqueeze(batch_dim)
        if self.batch_first:
            x = x.transpose(0, 1)
        initial = self._initial(given, batch, x)
        output, final = self._stack(x.reshape(steps * batch, self.input_size), [batch] * steps, initial)
        output = named(output.reshape(steps, batch, output.array.shape[1]), "Stack")
        if self.batch_first:
            output = named(output.transpose(0, 1), "Transpose")
        if not batched:
            return output.squeeze(batch_dim), tuple(s.squeeze(1) for s in final)
        return output, final


class RNN(RNNBase):
    """The plain recurrent network: hₜ = tanh(W_ih xₜ + b_ih + W_hh hₜ₋₁ + b_hh), or relu (Elman 1990).

    ``RNN(input_size, hidden_size, num_layers=1, nonlinearity="tanh", bias=True, batch_first=False, dropout=0.0,
    bidirectional=False)``. Input (T, B, I), or (B, T, I) with batch_first, or one sequence (T, I), or a
    PackedSequence; h_0 (L·D, B, H), zeros if not given. Returns the output (T, B, D·H) of the last layer, and h_n
    (L·D, B, H). With ``bidirectional`` every layer reads its input in both directions, and both outputs feed the next;
    ``dropout`` acts between layers. Raises ValueError for another nonlinearity than "tanh" and "relu", or a proj_size.

    >>> import metagrad
    >>> from metagrad import nn
    >>> output, h_n = nn.RNN(10, 20, num_layers=2, bidirectional=True)(metagrad.zeros(5, 3, 10))
    >>> output.shape, h_n.shape
    (metagrad.Size([5, 3, 40]), metagrad.Size([4, 3, 20]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        *args: Any,
        **kwargs: Any,
    ) -> None:
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__(f"RNN_{nonlinearity.upper()}", input_size, hidden_size, num_layers, *args, **kwargs)
        self.nonlinearity = nonlinearity

    def forward(self, input: Any, hx: Tensor | None = None) -> tuple[Any, Tensor]:
        """(output, h_n)."""
        output, (h,) = self._run(input, None if hx is None else (hx,))
        return output, h


class LSTM(RNNBase):
    """Long short-term memory (Hochreiter and Schmidhuber 1997), with an optional projection (Sak et al. 2014).

    i, f, o = σ(…), g = tanh(…) of W_ih xₜ + b_ih + W_hh hₜ₋₁ + b_hh;   cₜ = f cₜ₋₁ + i g;   hₜ = o tanh cₜ.
    The gates stand in the order i, f, g, o in each matrix. ``LSTM(input_size, hidden_size, num_layers=1, bias=True,
    batch_first=False, dropout=0.0, bidirectional=False, proj_size=0)``. Input as for ``RNN``; the initial state is a pair
    h_0 (L·D, B, P), c_0 (L·D, B, H). Returns the output (T, B, D·P) and (h_n, c_n).

    >>> import metagrad
    >>> from metagrad import nn
    >>> output, (h_n, c_n) = nn.LSTM(10, 20, batch_first=True)(metagrad.zeros(3, 5, 10))
    >>> output.shape, c_n.shape
    (metagrad.Size([3, 5, 20]), metagrad.Size([1, 3, 20]))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)

    def forward(self, input: Any, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Any, tuple[Tensor, Tensor]]:
        """(output, (h_n, c_n)). Raises RuntimeError for an initial state that is no pair."""
        if hx is not None and (isinstance(hx, Tensor) or len(hx) != 2):
            raise RuntimeError(no_pair(input.data.ndim + 1 if isinstance(input, PackedSequence) else input.ndim))
        output, (h, c) = self._run(input, hx)
        return output, (h, c)


class GRU(RNNBase):
    """Gated recurrent unit (Cho et al. 2014), with the reset gate after the product.

    r, z = σ(W_i xₜ + b_i + W_h hₜ₋₁ + b_h);   n = tanh(W_in xₜ + b_in + r (W_hn hₜ₋₁ + b_hn));
    hₜ = (1 − z) n + z hₜ₋₁. The gates stand in the order r, z, n in each matrix. ``GRU(input_size, hidden_size,
    num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False)``. Input and results as for ``RNN``.
    Raises ValueError for a proj_size.

    >>> import metagrad
    >>> from metagrad import nn
    >>> output, h_n = nn.GRU(10, 20)(metagrad.zeros(5, 10))
    >>> output.shape, h_n.shape
    (metagrad.Size([5, 20]), metagrad.Size([1, 20]))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        super().__init__("GRU", *args, **kwargs)

    forward: Callable[..., Any] = RNN.forward
