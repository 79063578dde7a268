"""What ``metagrad.onnx`` takes from the rest of metagrad, in one place."""

from __future__ import annotations

from metagrad.autograd import composites, function, variable
from metagrad.autograd.function import Function
from metagrad.autograd.mode import no_grad
from metagrad.autograd.variable import Variable, wrap
from metagrad.base import dtypes
from metagrad.base.files import write_atomically
from metagrad.base.optional import need
from metagrad.nn.modules.module import Module
from metagrad.nn.parameter import Parameter
from metagrad.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

__all__ = [
    "Function", "Module", "PackedSequence", "Parameter", "Variable", "composites", "dtypes", "function", "need", "no_grad",
    "pack_padded_sequence", "pad_packed_sequence", "variable", "wrap", "write_atomically",
]  # fmt: skip
