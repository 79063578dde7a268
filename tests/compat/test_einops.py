"""einops on metagrad's own tensors, without the name torch: values and gradients against plain NumPy and the ops."""

import subprocess
import sys

import numpy as np
import pytest

import metagrad

einops = pytest.importorskip("einops", reason="needs the extra einops")


@pytest.fixture(autouse=True)
def backend():
    metagrad.einops_backend.install()


def image():
    return metagrad.arange(48.0).reshape(2, 3, 2, 4).requires_grad_()


@pytest.mark.parametrize(
    ("pattern", "lengths"),
    [
        ("b c h w -> b h w c", {}),
        ("b c (h h1) (w w1) -> b (c h1 w1) h w", {"h1": 2, "w1": 2}),
        ("b c ... -> (b c) ...", {}),
        ("b c h w -> b 1 c h w", {}),
    ],
)
def test_rearrange(pattern, lengths):
    x = image()
    y = einops.rearrange(x, pattern, **lengths)
    np.testing.assert_array_equal(y.detach().numpy(), einops.rearrange(x.detach().numpy(), pattern, **lengths))
    weight = metagrad.arange(48.0).reshape(y.shape)
    (y * weight).sum().backward()
    back = np.empty_like(x.detach().numpy())
    back.reshape(-1)[y.detach().numpy().astype(int).reshape(-1)] = weight.numpy().reshape(-1)
    np.testing.assert_array_equal(x.grad.numpy(), back)


@pytest.mark.parametrize("reduction", ["min", "max", "sum", "mean", "prod"])
def test_reduce(reduction):
    x = image()
    y = einops.reduce(x, "b c h (w w1) -> b c w", reduction, w1=2)
    expected = einops.reduce(x.detach().numpy(), "b c h (w w1) -> b c w", reduction, w1=2)
    np.testing.assert_allclose(y.detach().numpy(), expected, rtol=1e-6)
    y.sum().backward()
    assert x.grad.shape == x.shape and x.grad.isfinite().all()


@pytest.mark.parametrize("reduction", ["any", "all"])
def test_reduce_bools(reduction):
    x = image().detach() % 5 > 0
    expected = einops.reduce(x.numpy(), "b c h w -> b h", reduction)
    np.testing.assert_array_equal(einops.reduce(x, "b c h w -> b h", reduction).numpy(), expected)


def test_repeat_einsum_and_pack():
    x = image()
    wide = einops.repeat(x, "b c h w -> b c (2 h) (w n)", n=3)
    np.testing.assert_array_equal(
        wide.detach().numpy(), einops.repeat(x.detach().numpy(), "b c h w -> b c (2 h) (w n)", n=3)
    )
    wide.sum().backward()
    assert (x.grad == 6).all()
    product = einops.einsum(x, x, "b c h w, b c h v -> b w v")
    assert metagrad.equal(product, metagrad.einsum("bchw,bchv->bwv", x, x))
    metagrad.einops_backend.install()  # a second time changes nothing
    packed, shapes = einops.pack([x, x[:, 0]], "b * w")
    assert packed.shape == (2, 8, 4)
    assert metagrad.equal(einops.unpack(packed, shapes, "b * w")[0], x)
    assert einops.rearrange([x, x], "n b c h w -> b n c h w").shape == (2, 2, 3, 2, 4)
    assert einops.parse_shape(x, "b c h w") == {"b": 2, "c": 3, "h": 2, "w": 4}


def test_neither_library_imports_the_other_unasked():
    program = (
        "import sys, metagrad; assert 'einops' not in sys.modules; metagrad.einops_backend.install(); import einops\n"
    )
    program += "print(einops.rearrange(metagrad.ones(2, 3), 'a b -> b a').shape); assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "[3, 2]" in done.stdout


def test_without_einops_the_error_names_the_extra(monkeypatch):
    monkeypatch.setattr(metagrad.einops_backend, "_installed", [])
    monkeypatch.setitem(sys.modules, "einops._backends", None)
    with pytest.raises(ImportError, match=r"metagrad\[einops\]"):
        metagrad.einops_backend.install()
