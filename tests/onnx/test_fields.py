"""Conditional random fields: marginals and best paths, padded and packed, at other lengths."""

import pytest
from tests.onnx.running import exported

import metagrad
from metagrad import nn
from metagrad.nn.utils.rnn import pack_padded_sequence

pytest.importorskip("onnx", reason="needs the extra onnx, and onnxruntime")
pytest.importorskip("onnxruntime", reason="needs the extra onnx, and onnxruntime")


class Field(nn.Module):
    def __init__(self, answer, packed=False):
        super().__init__()
        self.crf, self.answer, self.packed = nn.CRF(5), answer, packed
        for p in self.crf.parameters():
            p.data.normal_()

    def forward(self, scores, lengths=None):
        if self.packed:
            found = getattr(self.crf, self.answer)(pack_padded_sequence(scores, lengths, True, False))
            return nn.utils.rnn.pad_packed_sequence(found, batch_first=True)[0]
        return getattr(self.crf, self.answer)(scores, lengths=lengths)


@pytest.mark.parametrize("answer", ["marginals", "decode"])
@pytest.mark.parametrize("packed", [False, True])
def test_with_lengths(answer, packed):
    metagrad.manual_seed(0)
    free = {"input_0": {0: "batch", 1: "time"}, "input_1": {0: "batch"}}
    args = metagrad.randn(3, 6, 5), metagrad.tensor([2, 6, 1])
    other = metagrad.randn(5, 9, 5), metagrad.tensor([4, 1, 8, 2, 2])
    exported(Field(answer, packed), *args, others=[other], dynamic_axes=free)


@pytest.mark.parametrize("answer", ["marginals", "decode"])
def test_without_lengths(answer):
    free = {"input_0": {0: "batch", 1: "time"}}
    exported(Field(answer), metagrad.randn(3, 6, 5), others=[[metagrad.randn(2, 4, 5)]], dynamic_axes=free)
