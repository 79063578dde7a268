"""What programs with a forward pass of their own for a recurrent layer ask of it: whether its input and states fit."""

from __future__ import annotations

from typing import Any

from metagrad.nn.utils.rnn import reordered
from metagrad.tensors.tensor import Tensor


def check_together(x: Tensor, other: Tensor, what: str) -> None:
    """Raise unless an input and what it meets are on one device: compiled loops ask arrays for their addresses."""
    if x.array.__class__ is not other.array.__class__ and x.device.type != other.device.type:
        raise RuntimeError(
            f"Input and {what} tensors are not at the same device, found input tensor at {x.device} and {what} tensor at "
            f"{other.device}"
        )


def no_pair(n: int) -> str:
    """What is said where an LSTM's state is no pair, beside an input of n dimensions."""
    batched = "unbatched" if n == 2 else "batched"
    return f"For {batched} {n}-D input, hx and cx should also be {n}-D: LSTM takes a pair (h_0, c_0)"


class RecurrentChecks:
    """The methods, for ``RNNBase``. Inputs are packed, (N, I), where ``batch_sizes`` are given, else (T, B, I) or (B, T, I)."""

    mode: str
    num_layers: int
    hidden_size: int
    proj_size: int
    input_size: int
    batch_first: bool
    bidirectional: bool

    def _state_shapes(self, batch: int) -> list[tuple[int, int, int]]:
        """The shapes of h_0, (L·D, B, P), and of an LSTM's c_0, (L·D, B, H)."""
        rows = self.num_layers * (2 if self.bidirectional else 1)
        shapes = [(rows, batch, self.proj_size or self.hidden_size)]
        return [*shapes, (rows, batch, self.hidden_size)] if self.mode == "LSTM" else shapes

    def _check_features(self, x: Tensor) -> None:
        if x.array.shape[-1] != self.input_size:
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {x.array.shape[-1]}"
            )

    def check_input(self, input: Tensor, batch_sizes: Tensor | None) -> None:
        """Raise RuntimeError unless the input has the right number of dimensions, and of features."""
        dims = 3 if batch_sizes is None else 2
        if input.dim() != dims:
            raise RuntimeError(f"input must have {dims} dimensions, got {input.dim()}")
        self._check_features(input)

    def get_expected_hidden_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int, int]:
        """The shape of h_0: (L·D, B, P)."""
        return self._state_shapes(self._sequences(input, batch_sizes))[0]

    def get_expected_cell_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int, int]:
        """The shape of an LSTM's c_0: (L·D, B, H)."""
        return self._state_shapes(self._sequences(input, batch_sizes))[-1]

    def _sequences(self, input: Tensor, batch_sizes: Tensor | None) -> int:
        return input.size(0 if self.batch_first else 1) if batch_sizes is None else int(batch_sizes[0])

    def check_hidden_size(
        self, hx: Tensor, expected_hidden_size: tuple[int, int, int], msg: str = "Expected hidden size {}, got {}"
    ) -> None:
        """Raise RuntimeError with both shapes in the message unless they are the same."""
        if tuple(hx.shape) != tuple(expected_hidden_size):
            raise RuntimeError(msg.format(expected_hidden_size, list(hx.shape)))

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:
        """Raise RuntimeError unless input and initial states, a pair for an LSTM, fit the layer.

        >>> import metagrad
        >>> from metagrad import nn
        >>> nn.GRU(3, 4).check_forward_args(metagrad.zeros(5, 2, 3), metagrad.zeros(1, 2, 4), None)
        """
        self.check_input(input, batch_sizes)
        expected = self.get_expected_hidden_size(input, batch_sizes)
        if self.mode != "LSTM":
            self.check_hidden_size(hidden, expected)
            return
        self.check_hidden_size(hidden[0], expected, "Expected hidden[0] size {}, got {}")
        cell = self.get_expected_cell_size(input, batch_sizes)
        self.check_hidden_size(hidden[1], cell, "Expected hidden[1] size {}, got {}")

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        """The states of the sequences in another order; as they are where that is None."""
        if permutation is None:
            return hx
        return tuple(reordered(s, 1, permutation) for s in hx) if self.mode == "LSTM" else reordered(hx, 1, permutation)
