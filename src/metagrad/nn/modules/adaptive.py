"""A softmax over very many classes, in parts: the frequent ones at once, the rare ones in clusters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from metagrad.base.typing import DeviceLike, DTypeLike
from metagrad.kernels.libraries import is_outside
from metagrad.nn import functional as F
from metagrad.nn.modules.container import ModuleList, Sequential
from metagrad.nn.modules.linear import Linear
from metagrad.nn.modules.module import Module
from metagrad.ops.create.creation import empty
from metagrad.tensors.tensor import Tensor

__all__ = ["AdaptiveLogSoftmaxWithLoss"]


class _ASMoutput(NamedTuple):
    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """Log-softmax of n_classes that are ordered by frequency, the most frequent first (Grave et al. 2017).

    The ``head`` decides between the classes below cutoffs[0] and the clusters [cutoffs[i], cutoffs[i + 1]); cluster i
    decides between its own classes, from a projection to in_features / div_value^(i + 1). So for a frequent class only
    the head is computed: log p(class) = log p(cluster) + log p(class in its cluster).

    input (N, in_features), target (N) → (output (N), the log-probabilities of the targets; loss (), minus their mean);
    or (in_features) and (). Raises ValueError unless the cutoffs rise from 1 or more to less than n_classes.

    >>> import metagrad
    >>> from metagrad import nn
    >>> layer = nn.AdaptiveLogSoftmaxWithLoss(16, 100, cutoffs=[10, 30])
    >>> output, loss = layer(metagrad.zeros(3, 16), metagrad.tensor([2, 15, 99]))
    >>> output.exp() * metagrad.tensor([12.0, 12 * 20, 12 * 70])
    tensor([1.0000, 1.0000, 1.0000], grad_fn=<MulBackward0>)
    """

    def __init__(
        self, in_features: int, n_classes: int, cutoffs: Sequence[int], div_value: float = 4.0, head_bias: bool = False,
        device: DeviceLike = None, dtype: DTypeLike = None,
    ) -> None:  # fmt: skip
        super().__init__()
        cutoffs = list(cutoffs)
        if not cutoffs:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        if (
            cutoffs != sorted(set(cutoffs))
            or cutoffs[0] <= 0
            or cutoffs[-1] > n_classes - 1
            or any(int(c) != c for c in cutoffs)
        ):
            raise ValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where each "
                f"value is between 1 and n_classes-1: got {cutoffs} with n_classes={n_classes}"
            )
        self.in_features, self.n_classes, self.div_value, self.head_bias = in_features, n_classes, div_value, head_bias
        self.cutoffs = [*cutoffs, n_classes]
        self.shortlist_size, self.n_clusters = cutoffs[0], len(cutoffs)
        self.head_size = self.shortlist_size + self.n_clusters
        own: dict[str, Any] = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **own)
        self.tail = ModuleList()
        for i in range(self.n_clusters):
            width = int(in_features // div_value ** (i + 1))
            self.tail.append(
                Sequential(
                    Linear(in_features, width, bias=False, **own),
                    Linear(width, self.cutoffs[i + 1] - self.cutoffs[i], bias=False, **own),
                )
            )

    def reset_parameters(self) -> None:
        """Fresh weights in the head and in every cluster."""
        for layer in self.modules():
            if isinstance(layer, Linear):
                layer.reset_parameters()

    def _clusters(self) -> Any:
        """(position in the head, first class, last class + 1, layers) of each cluster."""
        for i, layers in enumerate(self.tail):
            yield self.shortlist_size + i, self.cutoffs[i], self.cutoffs[i + 1], layers

    def forward(self, input: Tensor, target: Tensor) -> _ASMoutput:
        """The log-probabilities of the targets, and the loss; only the clusters that have targets are computed.

        Raises RuntimeError for shapes that do not belong together, or a target that is no class.
        """
        if target.ndim > 1:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        if input.ndim != target.ndim + 1 or target.ndim and input.shape[0] != target.shape[0]:
            raise RuntimeError(
                "Input and target should have the same size in the batch dimension: expected input (N, in_features) and "
                f"target (N), or (in_features) and (), got {tuple(input.shape)} and {tuple(target.shape)}"
            )
        x, wanted = (input, target) if target.ndim else (input.unsqueeze(0), target.unsqueeze(0))
        if is_outside(wanted.array, 0, self.n_classes):
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range "
                f"[{wanted.min().item()}, {wanted.max().item()}] were found."
            )
        in_head = wanted.clone()
        rows, found = [], []
        for position, low, high, layers in self._clusters():
            row = ((wanted >= low) & (wanted < high)).nonzero().squeeze(1)
            if row.numel():
                in_head[row] = position
                log = F.log_softmax(layers(x.index_select(0, row)), 1)
                rows.append(row)
                found.append(log.gather(1, (wanted[row] - low).unsqueeze(1)).squeeze(1))
        output = F.log_softmax(self.head(x), 1).gather(1, in_head.unsqueeze(1)).squeeze(1)
        for row, log in zip(rows, found, strict=True):
            output = output.index_add(0, row, log)
        return _ASMoutput(output if target.ndim else output.squeeze(0), (-output).mean())

    def log_prob(self, input: Tensor) -> Tensor:
        """The log-probabilities of all classes: (N, in_features) → (N, n_classes)."""
        head = F.log_softmax(self.head(input), 1)
        out = empty((*head.shape[:1], self.n_classes), dtype=head.dtype, device=head.device)
        out[:, : self.shortlist_size] = head[:, : self.shortlist_size]
        for position, low, high, layers in self._clusters():
            out[:, low:high] = F.log_softmax(layers(input), 1) + head[:, position : position + 1]
        return out

    def predict(self, input: Tensor) -> Tensor:
        """The class with the largest probability: (N, in_features) → (N). Clusters are computed for rows that need them."""
        head = self.head(input)
        best = head.argmax(1)
        outside = best >= self.shortlist_size
        if not bool(outside.any()):
            return best
        best[outside] = self.log_prob(input[outside]).argmax(1)
        return best
