"""Numbers beyond the range of a dtype: where PyTorch refuses them, and where they become infinite, so does metagrad."""

import math

import pytest

import metagrad

PLACES = {
    "full": lambda m, x, v: m.full((2,), v, dtype=x.dtype),
    "full_like": lambda m, x, v: m.full_like(x, v),
    "new_full": lambda m, x, v: x.new_full((2,), v),
    "scalar_tensor": lambda m, x, v: m.scalar_tensor(v, dtype=x.dtype),
    "tensor": lambda m, x, v: m.tensor([v], dtype=x.dtype),
    "fill_": lambda m, x, v: x.fill_(v),
    "constant_": lambda m, x, v: m.nn.init.constant_(x, v),
    "fill_diagonal_": lambda m, x, v: m.stack([x, x]).fill_diagonal_(v),
    "setitem": lambda m, x, v: (x.__setitem__(0, v), x)[1],
    "masked_fill": lambda m, x, v: x.masked_fill(m.tensor([True, False]), v),
    "masked_fill by a tensor": lambda m, x, v: x.masked_fill(m.tensor([True, False]), m.tensor(v)),
    "setitem by a mask": lambda m, x, v: (x.__setitem__(m.tensor([True, False]), m.tensor(v)), x)[1],
    "setitem by a mask, one element": lambda m, x, v: (x.__setitem__(m.tensor([True, False]), m.tensor([v])), x)[1],
    "index_fill by a tensor": lambda m, x, v: x.index_fill(0, m.tensor([0]), m.tensor(v)),
    "index_fill": lambda m, x, v: x.index_fill(0, m.tensor([0]), v),
    "scatter": lambda m, x, v: x.scatter(0, m.tensor([0]), v),
    "clamp": lambda m, x, v: m.clamp(x, -v, v),
    "clamp_min": lambda m, x, v: m.clamp_min(x, v),
    "clamp_max_": lambda m, x, v: x.clamp_max_(v),
    "hardtanh": lambda m, x, v: m.nn.functional.hardtanh(x, -abs(v), abs(v)),
    "threshold": lambda m, x, v: m.nn.functional.threshold(x, 0.1, v),
    "pad": lambda m, x, v: m.nn.functional.pad(x, (1, 1), value=v),
    "pow": lambda m, x, v: x**v,
    "add": lambda m, x, v: x + v,
    "nan_to_num": lambda m, x, v: m.nan_to_num(x, nan=v),
}
NUMBERS = {
    "float16": [65504.0, -65504.0, 65505.0, 65519.0, 65520.0, -70000, 1e39, math.inf, -math.inf, math.nan],
    "bfloat16": [3.38e38, 3.4e38, 1e39, math.inf],
    "float32": [3.4e38, 1e39, -1e39, math.inf],
    "float64": [1e39],
    "uint8": [255, 256, 300],
    "int8": [127, 128, 300],
}


def outcome(module, place, dtype, number):
    """The elements, or RuntimeError's name."""
    try:
        return PLACES[place](module, module.ones(2, dtype=getattr(module, dtype)), number).double().tolist()
    except RuntimeError:
        return "RuntimeError"


@pytest.mark.oracle
@pytest.mark.parametrize("place", PLACES)
def test_the_same_numbers_are_refused(place, torch):
    for dtype, numbers in NUMBERS.items():
        if place == "hardtanh" and dtype == "uint8":  # negative limits are refused first
            continue
        for number in numbers:
            expected, got = outcome(torch, place, dtype, number), outcome(metagrad, place, dtype, number)
            assert repr(got) == repr(expected), (dtype, number)


def test_the_message_names_the_number_and_the_dtype():
    with pytest.raises(RuntimeError, match=r"type c10::Half without overflow: 70000"):
        metagrad.zeros(2, dtype=metagrad.float16).fill_(70000)
    with pytest.raises(RuntimeError, match=r"type c10::complex<float> without overflow"):
        metagrad.full((1,), complex(0, 1e39), dtype=metagrad.complex64)
