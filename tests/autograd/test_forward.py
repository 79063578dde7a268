"""Forward mode: tangents against finite differences, against the backward pass, and against PyTorch's."""

import numpy as np
import pytest

import metagrad
from metagrad.autograd import forward_ad as fw

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning"
)  # PyTorch compiles some of its own with jit.script


@pytest.fixture(params=["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
def lib(request):
    return metagrad if request.param == "metagrad" else pytest.importorskip("torch")


X = np.array([[0.7, -1.2, 2.0], [0.3, 1.5, -0.4]])
V = np.array([[1.0, 0.5, -2.0], [0.25, -1.0, 3.0]])

FUNCTIONS = {
    "products": lambda lib, x: (x @ x.T).tanh() * x.sum(),
    "views": lambda lib, x: x.T[1:].reshape(-1) * x.unsqueeze(0).transpose(1, 2).flatten()[:4],
    "writes": lambda lib, x: _written(lib, x),
    "splits": lambda lib, x: lib.cat([a.exp() * b for a, b in zip(x.unbind(1), x.flip(1).unbind(1), strict=True)]),
    "choices": lambda lib, x: lib.where(x > 0.5, x**3, x.abs().sqrt()).cumsum(1).amax(0),
    "rows": lambda lib, x: lib.nn.functional.layer_norm(x, (3,)).softmax(0).log(),
    "attention": lambda lib, x: lib.nn.functional.scaled_dot_product_attention(x[None], x[None] * 2, x[None]),
    "convolution": lambda lib, x: lib.nn.functional.conv1d(x[None], x[:, None, :2].expand(2, 2, 2)),
    "decompositions": lambda lib, x: lib.linalg.eigvalsh(x @ x.T) + lib.linalg.svdvals(x) + lib.linalg.slogdet(x @ x.T)[1],
    "indices": lambda lib, x: x[[0, 1, 1], [2, 0, 0]] * lib.gather(x, 1, lib.tensor([[2], [0]])).sum(),
    "complex": lambda lib, x: _complex(lib, x),
    "sorted": lambda lib, x: x.sort(1).values * x.topk(2).values.sum() + x.median(),
}  # fmt: skip


def _written(lib, x):
    y = lib.zeros(3, 3, dtype=lib.float64)
    rows = y[1:]
    rows.copy_(x)
    y[:, 0].mul_(y[:, 1])
    y[0] = x[1] * 2
    y.t_()
    rows[0, 1:].add_(x[0, :2])
    return y * rows.sum()


def _complex(lib, x):
    z = lib.complex(x, x.sin())
    return lib.view_as_real(z.conj() * z**2).sum(0) * z.abs().mean() + lib.fft.fft(z).real.prod()


def tangent_of(lib, function, x=X, v=V):
    with lib.autograd.forward_ad.dual_level():
        dual = lib.autograd.forward_ad.make_dual(lib.tensor(x), lib.tensor(v))
        return lib.autograd.forward_ad.unpack_dual(function(lib, dual))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_tangents_are_what_finite_differences_say(name):
    function, step = FUNCTIONS[name], 1e-6
    value, tangent = tangent_of(metagrad, function)
    ahead, behind = (function(metagrad, metagrad.tensor(X + s * V)).numpy() for s in (step, -step))
    np.testing.assert_allclose(tangent.numpy(), (ahead - behind) / (2 * step), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(value.numpy(), function(metagrad, metagrad.tensor(X)).numpy(), rtol=1e-14)
    assert not value.requires_grad and not tangent.requires_grad


@pytest.mark.oracle
@pytest.mark.parametrize("name", FUNCTIONS)
def test_tangents_are_pytorchs(name, torch):
    for found, expected in zip(tangent_of(metagrad, FUNCTIONS[name]), tangent_of(torch, FUNCTIONS[name]), strict=True):
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-9, atol=1e-11)


def test_a_dual_tensor_is_an_ordinary_one_but_for_its_tangent(lib):
    fw = lib.autograd.forward_ad
    x, v = lib.tensor([1.0, 2.0]), lib.tensor([3.0, 4.0])
    assert fw.unpack_dual(x).tangent is None
    with fw.dual_level():
        dual = fw.make_dual(x, v)
        assert not dual.requires_grad and dual.is_leaf and fw.unpack_dual(dual).tangent.data_ptr() == v.data_ptr()
        for cut in (x, dual.detach(), dual.data, dual.argmax(), dual > 1, fw.unpack_dual(dual).primal):
            assert fw.unpack_dual(cut).tangent is None
        with lib.no_grad():
            assert fw.unpack_dual(dual * 2).tangent.tolist() == [6, 8]
        assert "tangent=tensor([3., 4.])" in repr(dual)
        dual.mul_(2)
        assert x.tolist() == [2, 4] and fw.unpack_dual(dual).tangent.tolist() == [6, 8]
        zeros = lib.zeros(2)
        zeros[1:].copy_(dual[:1])
        assert fw.unpack_dual(zeros).tangent.tolist() == [0, 6] and fw.unpack_dual(zeros[1:]).tangent.tolist() == [6]
    assert fw.unpack_dual(dual).tangent is None
    assert fw.enter_dual_level() == 0
    fw.exit_dual_level()


def test_what_no_dual_can_be_made_of(lib):
    fw = lib.autograd.forward_ad
    x, v = lib.ones(2), lib.ones(2)
    with pytest.raises(RuntimeError, match="no level exists"):
        fw.make_dual(x, v)
    with pytest.raises(RuntimeError):
        fw.exit_dual_level()
    with fw.dual_level():
        dual = fw.make_dual(x, v)
        for primal, tangent, error, words in (
            (x, lib.ones(3), RuntimeError, "different size"), (lib.tensor([1, 2]), v, ValueError, "Expected primal"),
            (x, lib.tensor([1, 2]), ValueError, "Expected tangent"), (dual, v, RuntimeError, "already has a forward"),
            (x, dual, RuntimeError, "itself has a forward"),
        ):  # fmt: skip
            with pytest.raises(error, match=words):
                fw.make_dual(primal, tangent)
        with pytest.raises(RuntimeError, match="level"):
            fw.make_dual(x, v, level=1)
        with pytest.raises(RuntimeError, match="Nested"), fw.dual_level():
            pass
        with pytest.raises(NotImplementedError, match="out="):
            lib.mul(dual, dual, out=lib.zeros(2))
        with pytest.raises(RuntimeError, match="not the last"):
            fw.exit_dual_level(level=5)


def test_forward_over_reverse_and_reverse_over_forward(lib):
    fw = lib.autograd.forward_ad
    p = lib.tensor([2.0, 3.0], requires_grad=True)
    with fw.dual_level():
        dual = fw.make_dual(p, lib.tensor([1.0, 10.0]))
        (slope,) = lib.autograd.grad((dual**3).sum(), p)
        assert slope.tolist() == [12, 27] and not slope.requires_grad
        assert fw.unpack_dual(slope).tangent.tolist() == [12, 180]  # 6 p v
        tangent = fw.unpack_dual((dual**3).sum()).tangent
        tangent.backward()
    assert tangent.item() == 12 + 270 and p.grad.tolist() == [12, 180]


def test_a_custom_function_says_what_its_tangents_are(lib):
    fw = lib.autograd.forward_ad

    class Scaled(lib.autograd.Function):
        @staticmethod
        def forward(ctx, a, b, c):
            ctx.save_for_forward(a, b)
            index = a.argmax()
            ctx.mark_non_differentiable(index)
            return a * b * c, index, 7

        @staticmethod
        def jvp(ctx, a, b, c):
            assert c is None and b.tolist() == [0, 0]
            return a * ctx.saved_tensors[1] * 100, None, None

    class Silent(lib.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2

    class Wrong(Silent):
        @staticmethod
        def jvp(ctx, a):
            return a, a

    class Short(Silent):
        @staticmethod
        def jvp(ctx, a):
            return a[:1]

    with fw.dual_level():
        dual = fw.make_dual(lib.tensor([1.0, 2.0]), lib.tensor([3.0, 4.0]))
        result, index, number = Scaled.apply(dual, lib.tensor([5.0, 6.0]), 2)
        assert number == 7 and index == 1 and fw.unpack_dual(index).tangent is None
        assert fw.unpack_dual(result).primal.tolist() == [10, 24]
        assert fw.unpack_dual(result).tangent.tolist() == [1500, 2400]
        with pytest.raises(NotImplementedError, match="jvp"):
            Silent.apply(dual)
        with pytest.raises(RuntimeError, match="expected 1 but got 2"):
            Wrong.apply(dual)
        with pytest.raises(RuntimeError, match="different size"):
            Short.apply(dual)


def test_tangents_die_with_their_tensors():
    with fw.dual_level():
        dual = fw.make_dual(metagrad.ones(3), metagrad.ones(3))
        (level,) = metagrad.autograd.mode.mode.levels
        for _ in range(20):
            last = dual * 2
        assert len(level._tangents) <= 6
        assert fw.unpack_dual(last).tangent.tolist() == [2, 2, 2]


def test_nothing_is_left_once_the_level_is_closed():
    with pytest.raises(ZeroDivisionError), fw.dual_level():
        raise ZeroDivisionError
    assert metagrad.autograd.mode.mode.levels == ()


def test_levels_nest(lib):
    x, v = lib.tensor([1.0, 2.0]), lib.tensor([3.0, 4.0])
    f = lib.func
    value, slope = f.jvp(lambda a: f.jvp(lambda b: b**3 * a, (a,), (v,))[1], (x,), (v,))
    assert value.tolist() == [9, 96] and slope.tolist() == [81, 576]  # ∂(3 b² v a) with b = a: 9 a² v · v
    assert f.grad(lambda a: f.jvp(lambda b: b**3 * a, (a,), (v,))[1].sum())(x).tolist() == [27, 144]
    assert [t.tolist() for t in f.jvp(f.grad(lambda b: (b**3).sum()), (x,), (v,))] == [[3, 12], [18, 48]]
    assert f.jacfwd(f.jacfwd(lambda b: (b**3).sum()))(x).tolist() == [[6, 0], [0, 12]]
    assert f.jacfwd(f.jacrev(lambda b: (b**3).sum()))(x).tolist() == [[6, 0], [0, 12]]
    assert f.jacrev(f.jacfwd(lambda b: (b**3).sum()))(x).tolist() == [[6, 0], [0, 12]]
    assert f.vmap(f.jacfwd(lambda b: b**2))(lib.ones(2, 1)).tolist() == [[[2]], [[2]]]


def test_tangents_may_be_switched_off():
    from metagrad.autograd import forward_ad

    with forward_ad.dual_level():
        before = forward_ad.make_dual(metagrad.ones(2), metagrad.ones(2))
        with forward_ad._set_fwd_grad_enabled(False):
            assert not forward_ad._is_fwd_grad_enabled()
            within = forward_ad.make_dual(metagrad.ones(2), metagrad.ones(2)) * 2, before * 2
        assert [forward_ad.unpack_dual(x).tangent for x in within] == [None, None]
        assert forward_ad.unpack_dual(before * 2).tangent.tolist() == [2.0, 2.0]


RELAID = {  # ops whose results are brought into another order of memory after they are computed
    "cholesky": lambda x, y: metagrad.linalg.cholesky(x @ x.mT + metagrad.eye(3, dtype=metagrad.float64), upper=True),
    "householder_product": lambda x, y: metagrad.linalg.householder_product(x, y[0]),
    "lstsq": lambda x, y: metagrad.linalg.lstsq(x + 3 * metagrad.eye(3, dtype=metagrad.float64), y).solution,
    "solve_triangular": lambda x, y: metagrad.linalg.solve_triangular(
        x.triu() + metagrad.eye(3), y, upper=True, left=False
    ),
    "sort": lambda x, y: x.mT.sort(0).values * y,
    "index_put": lambda x, y: x.mT.index_put((metagrad.tensor([1]),), y[:1]),
    "index_fill": lambda x, y: x.mT.index_fill(0, metagrad.tensor([1]), 2.0) * y,
    "put": lambda x, y: x.mT.put(metagrad.tensor([0, 4]), y[0, :2]),
}


@pytest.mark.parametrize("name", RELAID)
def test_results_in_another_order_of_memory_keep_their_tangents(name):
    r = np.random.RandomState(0)
    x, y = (metagrad.tensor(r.randn(3, 3), requires_grad=True) for _ in range(2))
    options = {"check_forward_ad": True, "check_backward_ad": False}
    assert metagrad.autograd.gradcheck(RELAID[name], (x, y), **options)
