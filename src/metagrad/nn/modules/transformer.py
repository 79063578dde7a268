"""The Transformer: stacks of attention and feed-forward layers (Vaswani et al. 2017).

A layer adds to its input x what each of its parts f makes of it: LayerNorm(x + f(x)), or with ``norm_first``
x + f(LayerNorm(x)), which trains more easily when the stack is deep (Xiong et al. 2020).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from metagrad.autograd.mode import mode
from metagrad.base.typing import DeviceLike, DTypeLike
from metagrad.base.warning import warn
from metagrad.nn import functional as F
from metagrad.nn import init
from metagrad.nn.modules.activation import GELU, ReLU
from metagrad.nn.modules.attention import MultiheadAttention
from metagrad.nn.modules.container import ModuleList
from metagrad.nn.modules.dropout import Dropout
from metagrad.nn.modules.linear import Linear
from metagrad.nn.modules.module import Module
from metagrad.nn.modules.normalization import LayerNorm
from metagrad.ops.create.creation import full
from metagrad.ops.shape.triangular import triu
from metagrad.tensors.tensor import Tensor

__all__ = [
    "Transformer", "TransformerDecoder", "TransformerDecoderLayer", "TransformerEncoder", "TransformerEncoderLayer",
]  # fmt: skip

Activation = str | Callable[[Tensor], Tensor]
Masks = tuple[Tensor | None, Tensor | None, bool]  # of attention, of padding, whether the first is the causal one
Step = Callable[[Module, Tensor, bool], Tensor]


def _activation(given: Activation) -> Callable[[Tensor], Tensor]:
    if not isinstance(given, str):
        return given
    if given not in ("relu", "gelu"):
        raise RuntimeError(f"activation should be relu/gelu, not {given}")
    return getattr(F, given)


def _causal_mask(size: int, device: DeviceLike = None, dtype: DTypeLike = None) -> Tensor:
    return triu(full((size, size), -math.inf, device=device, dtype=dtype), diagonal=1)


def _is_causal(mask: Tensor | None, is_causal: bool | None, size: int) -> bool:
    """What the caller says of a mask, or whether it is the causal one."""
    if is_causal is not None or mask is None:
        return bool(is_causal)
    m = mask.array
    if m.shape != (size, size):
        return False
    place = np.arange(size, like=m)
    above = place > place[:, None]
    return bool((m == (above if m.dtype.kind == "b" else np.where(above, -np.inf, 0))).all())


def _batch_first(layer: Module) -> bool:
    return bool(getattr(getattr(layer, "self_attn", None), "batch_first", False))


class _Layer(Module):
    """What encoder and decoder layers share: parts, each with a norm and a dropout of its own, and how they are added up."""

    attentions: tuple[str, ...] = ("self_attn",)
    self_attn: MultiheadAttention
    norm1: LayerNorm
    norm2: LayerNorm
    dropout1: Dropout
    dropout2: Dropout
    dropout3: Dropout

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: DeviceLike = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__()
        at: dict[str, Any] = {"device": device, "dtype": dtype}
        for name in self.attentions:
            attention = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, **at)
            self.add_module(name, attention)
        self.linear1 = Linear(d_model, dim_feedforward, bias=bias, **at)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias=bias, **at)
        self.norm_first = norm_first
        parts = range(1, len(self.attentions) + 2)
        for i in parts:
            self.add_module(f"norm{i}", LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **at))
        for i in parts:
            self.add_module(f"dropout{i}", Dropout(dropout))
        self.activation = _activation(activation)

    def _added(self, x: Tensor, part: Callable[[Tensor], Tensor], norm: LayerNorm) -> Tensor:
        """LayerNorm(x + f(x)), or with ``norm_first`` x + f(LayerNorm(x)). The parts f have the names that subclasses use."""
        return x + part(norm(x)) if self.norm_first else norm(x + part(x))

    def _attended(self, attention: MultiheadAttention, x: Tensor, memory: Tensor, masks: Masks) -> Tensor:
        mask, padding, causal = masks
        return attention(
            x, memory, memory, attn_mask=mask, key_padding_mask=padding, is_causal=causal, need_weights=False
        )[0]

    def _sa_block(self, x: Tensor, mask: Tensor | None, padding: Tensor | None, is_causal: bool = False) -> Tensor:
        return self.dropout1(self._attended(self.self_attn, x, x, (mask, padding, is_causal)))

    def _ff_block(self, x: Tensor) -> Tensor:
        last = self.dropout2 if len(self.attentions) == 1 else self.dropout3
        return last(self.linear2(self.dropout(self.activation(self.linear1(x)))))


class TransformerEncoderLayer(_Layer):
    """Self-attention, then a network with one hidden layer for each position by itself.

    src (L, N, E), with N first if ``batch_first``, or (L, E). activation: "relu", "gelu" or a function.

    >>> import metagrad
    >>> from metagrad import nn
    >>> nn.TransformerEncoderLayer(8, nhead=2, dim_feedforward=16)(metagrad.zeros(5, 2, 8)).shape
    metagrad.Size([5, 2, 8])
    """

    def forward(
        self, src: Tensor, src_mask: Tensor | None = None, src_key_padding_mask: Tensor | None = None, is_causal: bool = False,
    ) -> Tensor:  # fmt: skip
        """The layer's output, of src's shape."""
        masks = src_mask, src_key_padding_mask
        x = self._added(src, lambda x: self._sa_block(x, *masks, is_causal=is_causal), self.norm1)
        return self._added(x, self._ff_block, self.norm2)


class TransformerDecoderLayer(_Layer):
    """Self-attention, attention to the encoder's output ``memory``, then a network for each position by itself.

    tgt (T, N, E), memory (S, N, E), with N first if ``batch_first``, or without N.

    >>> import metagrad
    >>> layer = metagrad.nn.TransformerDecoderLayer(8, nhead=2, dim_feedforward=16)
    >>> layer(metagrad.zeros(3, 2, 8), metagrad.zeros(5, 2, 8)).shape
    metagrad.Size([3, 2, 8])
    """

    attentions = ("self_attn", "multihead_attn")
    multihead_attn: MultiheadAttention
    norm3: LayerNorm

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """The layer's output, of tgt's shape."""
        masks, cross = (tgt_mask, tgt_key_padding_mask), (memory_mask, memory_key_padding_mask)
        x = self._added(tgt, lambda x: self._sa_block(x, *masks, tgt_is_causal), self.norm1)
        x = self._added(x, lambda x: self._mha_block(x, memory, *cross, memory_is_causal), self.norm2)
        return self._added(x, self._ff_block, self.norm3)

    def _mha_block(self, x: Tensor, mem: Tensor, mask: Any, padding: Any, is_causal: bool = False) -> Tensor:
        return self.dropout2(self._attended(self.multihead_attn, x, mem, (mask, padding, is_causal)))


class _Stack(Module):
    """Copies of a layer, one after the other, and a final norm if one is given."""

    def __init__(self, layer: Module, num_layers: int, norm: Module | None) -> None:
        super().__init__()
        self.layers = ModuleList([copy.deepcopy(layer) for _ in range(num_layers)])
        self.num_layers, self.norm = num_layers, norm

    def _through(self, x: Tensor, mask: Tensor | None, is_causal: bool | None, step: Step) -> Tensor:
        """x through all layers, each called by ``step(layer, x, is_causal)``."""
        for layer in self.layers:
            rows = x.shape[1] if x.ndim == 3 and _batch_first(layer) else x.shape[0]
            x = step(layer, x, _is_causal(mask, is_causal, rows))
        return x if self.norm is None else self.norm(x)


class TransformerEncoder(_Stack):
    """Copies of an encoder layer, one after the other, and a final norm if one is given.

    What it makes of padding is of no account, and PyTorch leaves it out where it computes without a gradient: there the
    output is 0 at padding (before the final norm), if ``enable_nested_tensor``, the layers are ``batch_first``, do not
    begin with their norm and are in eval mode, no mask is given, and padding comes last in each sequence (which
    ``mask_check=False`` takes for granted).

    >>> import metagrad
    >>> layer = metagrad.nn.TransformerEncoderLayer(8, nhead=2, dim_feedforward=16)
    >>> metagrad.nn.TransformerEncoder(layer, num_layers=3)(metagrad.zeros(5, 2, 8)).shape
    metagrad.Size([5, 2, 8])
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__(encoder_layer, num_layers, norm)
        self.enable_nested_tensor, self.mask_check = enable_nested_tensor, mask_check
        why = _why_not_nested(encoder_layer)
        if enable_nested_tensor and why:
            warn(f"enable_nested_tensor is True, but self.use_nested_tensor is False because encoder_layer{why}")

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        """The stack's output, of src's shape. is_causal=None: found out from the mask."""
        padding = src_key_padding_mask
        last = self.layers[-1] if len(self.layers) else None
        cleared = None if mask is not None or padding is None else self._left_out(src, padding)

        def step(layer: Module, x: Tensor, causal: bool) -> Tensor:
            y = layer(x, src_mask=mask, is_causal=causal, src_key_padding_mask=padding)
            return y if cleared is None or layer is not last else y.masked_fill(cleared.unsqueeze(-1), 0)

        return self._through(src, mask, is_causal, step)

    def _left_out(self, src: Tensor, padding: Tensor) -> Tensor | None:
        """What is padding, True, where PyTorch would compute with nested tensors, which have none; else None."""
        layer = self.layers[0] if len(self.layers) else None
        if not isinstance(layer, TransformerEncoderLayer) or self.training or not self.enable_nested_tensor:
            return None
        if layer.norm_first or not _batch_first(layer) or src.ndim != 3 or layer.linear1.bias is None:
            return None
        usual = _is_relu_or_gelu(layer.activation)
        if not usual or layer.self_attn.num_heads % 2:
            return None
        if mode.grad and (src.requires_grad or any(p.requires_grad for p in layer.parameters())):
            return None
        left_out: Tensor = padding != 0
        comes_last = not bool((left_out[:, :-1] > left_out[:, 1:]).any())
        if not (comes_last or not self.mask_check):
            return None
        if bool(left_out.all()):
            raise RuntimeError(
                "to_padded_tensor: at least one constituent tensor should have non-zero numel: all is padding"
            )
        return left_out


def _is_relu_or_gelu(activation: Callable[[Tensor], Tensor]) -> bool:
    name = getattr(activation, "__name__", None)  # a function may have been wrapped since
    return name in ("relu", "gelu") or isinstance(activation, ReLU | GELU)


def _why_not_nested(layer: Module) -> str:
    """What keeps PyTorch from leaving padding out of a stack of such layers; a program may look for its warning."""
    if not isinstance(layer, TransformerEncoderLayer):
        return " was not TransformerEncoderLayer"
    attention = layer.self_attn
    reasons = {
        ".norm_first was True": layer.norm_first,
        ".self_attn.batch_first was not True(use batch_first for better inference performance)": not attention.batch_first,
        ".self_attn was passed bias=False": attention.in_proj_bias is None,
        ".activation was neither relu nor gelu": not _is_relu_or_gelu(layer.activation),
        ".self_attn.num_heads is odd": attention.num_heads % 2,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


class TransformerDecoder(_Stack):
    """Copies of a decoder layer, one after the other, and a final norm if one is given."""

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__(decoder_layer, num_layers, norm)

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """The stack's output, of tgt's shape. tgt_is_causal=None: found out from tgt_mask."""

        def step(layer: Module, x: Tensor, causal: bool) -> Tensor:
            return layer(
                x, memory, tgt_mask=tgt_mask, memory_mask=memory_mask, tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask, tgt_is_causal=causal, memory_is_causal=memory_is_causal,
            )  # fmt: skip

        return self._through(tgt, tgt_mask, tgt_is_causal, step)


class Transformer(Module):
    """An encoder for the source, and a decoder that reads its output while it writes the target.

    src (S, N, E), tgt (T, N, E), with N first if ``batch_first``, or without N; the result has tgt's shape.

    >>> import metagrad
    >>> from metagrad import nn
    >>> model = nn.Transformer(8, nhead=2, num_encoder_layers=1, num_decoder_layers=1, dim_feedforward=16)
    >>> model(metagrad.zeros(5, 2, 8), metagrad.zeros(3, 2, 8), tgt_mask=model.generate_square_subsequent_mask(3)).shape
    metagrad.Size([3, 2, 8])
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        custom_encoder: Module | None = None,
        custom_decoder: Module | None = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: DeviceLike = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__()
        at: dict[str, Any] = {"device": device, "dtype": dtype}
        settings = d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias
        if custom_encoder is not None:
            self.encoder = custom_encoder
        else:
            encoder_layer = TransformerEncoderLayer(*settings, **at)
            norm = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **at)
            self.encoder = TransformerEncoder(encoder_layer, num_encoder_layers, norm)
        if custom_decoder is not None:
            self.decoder = custom_decoder
        else:
            decoder_layer = TransformerDecoderLayer(*settings, **at)
            norm = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **at)
            self.decoder = TransformerDecoder(decoder_layer, num_decoder_layers, norm)
        self._reset_parameters()
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first

    def _reset_parameters(self) -> None:
        """Draw new initial values for all matrices."""
        for p in self.parameters():
            if p.ndim > 1:
                init.xavier_uniform_(p)

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: DeviceLike = None, dtype: DTypeLike = None) -> Tensor:
        """A mask (sz, sz) to add: −∞ above the diagonal, 0 elsewhere, so that nobody sees what comes later."""
        return _causal_mask(sz, device, dtype)

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """The decoder's output. Raises RuntimeError for batches or features of different sizes."""
        batch = 0 if self.batch_first else 1
        if src.ndim == 3 and src.shape[batch] != tgt.shape[batch]:
            raise RuntimeError(
                f"the batch number of src and tgt must be equal, got {src.shape[batch]} and {tgt.shape[batch]}"
            )
        if src.shape[-1] != self.d_model or tgt.shape[-1] != self.d_model:
            raise RuntimeError(
                f"the feature number of src and tgt must be equal to d_model={self.d_model}, got {src.shape[-1]} "
                f"and {tgt.shape[-1]}"
            )
        memory = self.encoder(src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal)
        return self.decoder(
            tgt, memory, tgt_mask=tgt_mask, memory_mask=memory_mask, tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask, tgt_is_causal=tgt_is_causal, memory_is_causal=memory_is_causal,
        )  # fmt: skip
