"""Padding layers against PyTorch: every mode, widths of all signs, texts, and derivatives."""

import numpy as np
import pytest

import metagrad
from metagrad import nn
from metagrad.autograd import gradcheck, gradgradcheck
from metagrad.nn import functional as F

EXTENTS = (5, 4, 6)
KINDS = ("ReflectionPad", "ReplicationPad", "CircularPad", "ZeroPad", "ConstantPad")
WIDTHS = [1, 3, (2, 0, 1, 3, 0, 2), (-1, 2, 2, -2, 1, 0), (-1, -1, 0, -2, -2, -1), 0, (0, 0, 2, 0, 0, 0)]


def same(torch, name, arguments, inputs):
    found = []
    for library in (metagrad, torch):
        layer = getattr(library.nn, name)(*arguments)
        x = library.tensor(inputs, requires_grad=inputs.dtype.kind in "fc")
        y = layer(x)
        grads = []
        if inputs.dtype.kind in "fc":
            weights = np.random.default_rng(1).standard_normal(tuple(y.shape)).astype(inputs.dtype)
            y.backward(library.tensor(weights))
            grads = [x.grad.numpy()]
        found.append([repr(layer), y.detach().numpy(), *grads])
    assert found[0][0] == found[1][0]
    for a, b in zip(found[0][1:], found[1][1:], strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-10)


@pytest.mark.oracle
@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_layers_equal_pytorch(torch, kind, axes):
    rng = np.random.default_rng(0)
    for widths in WIDTHS:
        given = widths[: 2 * axes] if isinstance(widths, tuple) else widths
        arguments = (given, 2.5) if kind == "ConstantPad" else (given,)
        x = rng.standard_normal((2, 3, *EXTENTS[:axes]))
        same(torch, f"{kind}{axes}d", arguments, x)
        same(torch, f"{kind}{axes}d", arguments, x[0])
    same(torch, f"{kind}{axes}d", arguments, rng.integers(0, 9, (2, 3, *EXTENTS[:axes])))
    same(torch, f"{kind}{axes}d", arguments, x + 1j * x[::-1])


@pytest.mark.oracle
@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_negative_and_positive_widths_on_one_axis(torch, mode):
    x = np.arange(12.0).reshape(2, 6)
    for widths in [(-2, 3), (3, -2), (-3, 3), (4, -2), (-1, 5), (0, -3)]:
        results = []
        for library in (metagrad, torch):
            try:
                results.append(library.nn.functional.pad(library.tensor(x), widths, mode).tolist())
            except RuntimeError:
                results.append("error")
        assert results[0] == results[1], widths


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
def test_padding_passes_gradcheck_twice(mode):
    x = metagrad.randn(1, 2, 3, 4, dtype=metagrad.float64, requires_grad=True)

    def function(x):
        return F.pad(x, (2, -1, 1, 2), mode) ** 2

    assert gradcheck(function, (x,))
    assert gradgradcheck(function, (x,))


def test_the_result_is_a_tensor_of_its_own():
    for mode in ("constant", "reflect"):
        x = metagrad.zeros(1, 2, 3)
        F.pad(x, (0, 0), mode)[0, 0] = 1
        F.pad(x, (0, -1), mode)[0, 0] = 1
        assert not x.any()


@pytest.mark.oracle
def test_numbers_that_do_not_fit_the_dtype_are_refused(torch):
    for library in (metagrad, torch):
        with pytest.raises(RuntimeError, match="overflow"):
            library.nn.functional.pad(library.zeros(2, dtype=library.uint8), (1, 1), value=-1)
    assert F.pad(metagrad.zeros(1, dtype=metagrad.int64), (1, 0), value=1.5).tolist() == [1, 0]
    assert nn.ConstantPad1d(1, True)(metagrad.zeros(1, 1, dtype=metagrad.bool)).tolist() == [[True, False, True]]


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_the_gradient_lies_in_order(mode):
    x = metagrad.zeros(2, 3, 4, 5, dtype=metagrad.float16, requires_grad=True)
    (grad,) = metagrad.autograd.grad(F.pad(x, (1, 1, 1, 1), mode).sum(), x)
    assert grad.is_contiguous() and grad.view(-1).sum() == 2 * 3 * 6 * 7
