"""Parts of layers that subclasses replace, or call with weights of their own."""

import metagrad as mg
from metagrad import nn


def test_a_convolution_with_weights_that_are_computed():
    class Centred(nn.Conv2d):
        def forward(self, x):
            return self._conv_forward(x, self.weight - self.weight.mean(), self.bias)

    layer = Centred(1, 1, 3, padding=1, padding_mode="circular", bias=False)
    assert layer(mg.ones(1, 1, 5, 5)).abs().max() < 1e-6


def test_a_norm_for_any_number_of_dimensions():
    class Norm(nn.modules.batchnorm._BatchNorm):
        def _check_input_dim(self, input):
            pass

    assert Norm(2)(mg.randn(3, 2, 1, 1, 4, 2)).mean().abs() < 1e-6


def test_starting_values_of_a_subclass():
    class Steep(nn.PReLU):
        def reset_parameters(self):
            nn.init.ones_(self.weight)

    assert Steep().weight.tolist() == [1.0]


def test_the_blocks_of_a_transformers_layers():
    seen = []

    class Encoder(nn.TransformerEncoderLayer):
        def _sa_block(self, x, attn_mask, key_padding_mask, is_causal=False):
            seen.append("attention")
            return super()._sa_block(x, attn_mask, key_padding_mask, is_causal=is_causal)

        def _ff_block(self, x):
            seen.append("network")
            return super()._ff_block(x)

    class Decoder(nn.TransformerDecoderLayer):
        def _mha_block(self, x, mem, attn_mask, key_padding_mask, is_causal=False):
            seen.append("memory")
            return super()._mha_block(x, mem, attn_mask, key_padding_mask)

    x = mg.randn(3, 1, 4)
    assert Decoder(4, 2, 8)(x, Encoder(4, 2, 8)(x)).shape == (3, 1, 4)
    assert seen == ["attention", "network", "memory"]


def test_a_stack_names_what_it_gives_a_layer_of_ones_own():
    class Layer(nn.Module):
        def forward(self, src, *, src_mask, src_key_padding_mask, is_causal):
            return src + 1

    assert nn.TransformerEncoder(Layer(), 2, enable_nested_tensor=False)(mg.zeros(2, 1, 4)).sum() == 16
