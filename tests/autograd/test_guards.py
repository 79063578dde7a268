"""Guards: what is refused lest a gradient, or a number, be silently wrong, with PyTorch's kinds of errors."""

import numpy as np
import pytest

import metagrad


def cases(L):
    def leafx():
        return L.arange(4.0).requires_grad_()

    def split_inplace():
        a, b = (leafx() * 1).split(2)
        a.mul_(2)
        return a.tolist()

    def split_inplace_const():
        a, b = L.arange(4.0).split(2)
        a.mul_(2)
        return a.tolist()

    def split_nograd_write():
        x = leafx() * 1
        a, b = x.split(2)
        with L.no_grad():
            a.mul_(2)
        return x.tolist()

    def split_single():
        (a,) = (leafx() * 1).split(4)
        a.mul_(2)
        return 1

    def unbind_inplace():
        a = (leafx() * 1).unbind()[0]
        a.mul_(2)
        return a.tolist()

    def chunk_inplace():
        a = (leafx() * 1).chunk(2)[0]
        a.mul_(2)

    def tsplit_inplace():
        a = (leafx() * 1).tensor_split(2)[0]
        a.mul_(2)

    def unsafe_split_inplace():
        x = leafx()
        a, b = (x * 1).unsafe_split(2)
        a.mul_(2)
        (a.sum() + b.sum()).backward()
        return x.grad.tolist()

    def split_view_inplace():
        a = (leafx() * 1).split(2)[0].view(2, 1)
        a.mul_(2)

    def split_const_by_grad():
        w = L.ones(2, requires_grad=True)
        a = L.arange(4.0).split(2)[0]
        a.mul_(w)
        return a.requires_grad

    def iter_inplace():
        for r in (leafx() * 1).view(2, 2):
            r.mul_(2)

    def nograd_view():
        x = leafx() * 1
        with L.no_grad():
            v = x[:2]
        v.mul_(2)
        return v.tolist()

    def nograd_view_leaf():
        x = leafx()
        with L.no_grad():
            v = x[:2]
        v.mul_(2)
        return v.tolist()

    def nograd_view_nograd_write():
        x = leafx()
        with L.no_grad():
            v = x[:2]
            v.mul_(2)
        return x.tolist()

    def nograd_view_const():
        x = L.arange(4.0)
        with L.no_grad():
            v = x[:2]
        v.mul_(L.ones(2, requires_grad=True))
        return v.requires_grad

    def nograd_view_const2():
        x = L.arange(4.0)
        with L.no_grad():
            v = x[:2]
        v.mul_(2)
        return v.requires_grad

    def nograd_split():
        x = leafx() * 1
        with L.no_grad():
            a, b = x.split(2)
        a.mul_(2)

    def nograd_split_nograd():
        x = leafx()
        with L.no_grad():
            a, b = x.split(2)
            a.mul_(2)
        return x.tolist()

    def overlap_copy():
        x = L.arange(5.0)
        x[1:].copy_(x[:-1])
        return x.tolist()

    def overlap_copy2():
        x = L.arange(5.0)
        x[:-1].copy_(x[1:])
        return x.tolist()

    def overlap_set():
        x = L.arange(5.0)
        x[1:] = x[:-1]
        return x.tolist()

    def overlap_add():
        x = L.arange(5.0)
        x[1:].add_(x[:-1])
        return x.tolist()

    def overlap_mul():
        x = L.arange(5.0)
        x[1:] *= x[:-1]
        return x.tolist()

    def overlap_same():
        x = L.arange(5.0)
        x.add_(x)
        return x.tolist()

    def overlap_same2():
        x = L.arange(5.0)
        x[1:].add_(x[1:])
        return x.tolist()

    def overlap_T():
        x = L.arange(4.0).view(2, 2)
        x.add_(x.T)
        return x.tolist()

    def overlap_copyT():
        x = L.arange(4.0).view(2, 2)
        x.copy_(x.T)
        return x.tolist()

    def overlap_step():
        x = L.arange(6.0)
        x[::2].add_(x[1::2])
        return x.tolist()

    def overlap_out():
        x = L.arange(5.0)
        L.add(x[1:], x[:-1], out=x[1:])
        return x.tolist()

    def overlap_out2():
        x = L.arange(5.0)
        L.mul(x[:-1], 2, out=x[1:])
        return x.tolist()

    def overlap_out4():
        x = L.arange(4.0).view(2, 2)
        L.cumsum(x, 0, out=x)
        return x.tolist()

    def overlap_exp():
        x = L.arange(4.0).expand(2, 4)
        x.mul_(2)

    def overlap_exp_copy():
        x = L.arange(4.0).expand(2, 4)
        x.copy_(L.ones(4))

    def overlap_exp_set2():
        x = L.arange(4.0).expand(2, 4)
        x[:] = 1
        return x.tolist()

    def overlap_bool():
        x = L.arange(4.0)
        y = x.view(L.int32)
        y.copy_(x)
        return y.tolist()

    def overlap_clamp():
        x = L.arange(4.0)
        x[1:].clamp_(min=x[:-1])
        return x.tolist()

    def overlap_lerp():
        x = L.arange(4.0)
        x[1:].lerp_(x[:-1], 0.5)
        return x.tolist()

    def overlap_index2():
        x = L.arange(4.0)
        x[1:].index_copy_(0, L.tensor([0]), x[1:2])
        return x.tolist()

    def overlap_index_add():
        x = L.arange(4.0)
        x.index_add_(0, L.tensor([0]), x[1:2])
        return x.tolist()

    def overlap_scatter():
        x = L.arange(4.0)
        x.scatter_(0, L.tensor([0]), x[1:2])
        return x.tolist()

    def inf_1():
        with L.inference_mode():
            t = L.ones(4)
        y = leafx() * t
        y.sum().backward()

    def inf_2():
        with L.inference_mode():
            t = L.ones(4)
        y = leafx() + t
        y.sum().backward()
        return 1

    def inf_3():
        with L.inference_mode():
            t = L.ones(4)
        t.add_(1)

    def inf_4():
        with L.inference_mode():
            t = L.ones(4)
        t.requires_grad_()

    def inf_5():
        with L.inference_mode():
            t = L.ones(4)
            t.add_(1)
            t.requires_grad = False
        return t.is_inference()

    def inf_6():
        with L.inference_mode():
            t = L.ones(4)
        return t.clone().is_inference(), (t * 2).is_inference(), t[0].is_inference(), t.detach().is_inference()

    def inf_7():
        x = L.ones(4)
        with L.inference_mode():
            v = x[:2]
            w = x * 1
        return v.is_inference(), w.is_inference()

    def inf_8():
        x = leafx()
        with L.inference_mode():
            v = x[:2]
            v.mul_(2)
            x.mul_(2)
        return x.tolist()

    def inf_9():
        with L.inference_mode():
            t = L.ones(4)
        t._version

    def inf_10():
        with L.inference_mode():
            t = L.ones(4)
        L.nn.functional.linear(leafx().view(1, 4), t.view(1, 4)).sum().backward()

    def inf_11():
        with L.inference_mode():
            t = L.ones(4)
        x = leafx()
        x.data.copy_(t)
        return x.tolist()

    def view1():
        return L.arange(6, dtype=L.int8)[1:5].view(L.int32).tolist()

    def view2():
        return L.arange(8, dtype=L.int8)[4:].view(L.int32).tolist()

    def view3():
        return L.arange(8, dtype=L.int8)[2:6].view(L.int32).tolist()

    def view4():
        return L.arange(16, dtype=L.int8).view(2, 8)[:, 4:].view(L.int32).tolist()

    def view5():
        return L.arange(16, dtype=L.int8).view(2, 8)[:, 2:6].view(L.int32).tolist()

    def view6():
        return L.arange(12, dtype=L.int8).view(2, 6)[:, :4].view(L.int32).tolist()

    def view7():
        return L.arange(8.0).view(2, 4).T.view(L.float64).tolist()

    def view8():
        return L.arange(3.0).view(L.float64).tolist()

    def view9():
        return L.tensor(3.0).view(L.float64).tolist()

    def view10():
        return L.arange(3.0)[::2].view(L.int8).tolist()

    def grad1():
        x = leafx()
        x.grad = L.ones(3)

    def grad2():
        x = leafx()
        x.grad = L.ones(4, dtype=L.float64)

    def grad3():
        x = leafx()
        x.grad = 1

    def grad4():
        x = leafx()
        x.grad = x

    def grad5():
        x = L.ones(2)
        x.grad = L.ones(2)
        return x.grad.tolist()

    def grad6():
        x = leafx()
        x.grad = [1.0]

    def grad7():
        x = L.ones(2, dtype=L.int64)
        x.grad = L.ones(2, dtype=L.int64)
        return 1

    def detach1():
        x = leafx() * 1
        d = x.detach()
        d.mul_(2)
        return x._version

    def detach2():
        x = leafx()
        y = x * x
        x.detach().mul_(2)
        y.sum().backward()
        return 1

    def data2():
        x = leafx()
        y = x * x
        x.data.mul_(2)
        y.sum().backward()
        return 1

    return {n: f for n, f in locals().items() if callable(f) and n not in ("leafx", "L")}


def functions(L):
    F = L.autograd.Function

    def leafx():
        return L.arange(1.0, 4.0).requires_grad_()

    class Dbl(F):
        @staticmethod
        def forward(ctx, x):
            x.mul_(2)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 2

    class DblNoRet(F):
        @staticmethod
        def forward(ctx, x):
            x.mul_(2)
            ctx.mark_dirty(x)
            return x.clone()

        @staticmethod
        def backward(ctx, g):
            return g * 2

    class Alias(F):
        @staticmethod
        def forward(ctx, x):
            return x.view(-1)

        @staticmethod
        def backward(ctx, g):
            return -g

    class Alias2(F):
        @staticmethod
        def forward(ctx, x):
            return x[:2], x[1:]

        @staticmethod
        def backward(ctx, a, b):
            return L.cat([a, b[:1]])

    class Same(F):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, g):
            return -g

    class Clone(F):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, g):
            return g * 3

    class Multi(F):
        @staticmethod
        def forward(ctx, x):
            return x.clone(), 5, "a", None

        @staticmethod
        def backward(ctx, g, *r):
            return g * 3

    class Cls(F):
        @classmethod
        def forward(cls, ctx, x):
            return x * 2

        @classmethod
        def backward(cls, ctx, g):
            return g * 3

    class ClsB(F):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @classmethod
        def backward(cls, ctx, g):
            return g * 3

    class Inp(F):
        @staticmethod
        def forward(ctx, x, k=2):
            return x * k

        @staticmethod
        def backward(ctx, g):
            return g * 2

    class NonTens(F):
        @staticmethod
        def forward(ctx, x):
            return 5

        @staticmethod
        def backward(ctx, g):
            return g

    class Lst(F):
        @staticmethod
        def forward(ctx, x):
            return [x.clone(), x.clone()]

        @staticmethod
        def backward(ctx, *g):
            return g[0]

    class DirtyOther(F):
        @staticmethod
        def forward(ctx, x):
            y = x.clone()
            ctx.mark_dirty(y)
            return y

        @staticmethod
        def backward(ctx, g):
            return g

    class DirtyView(F):
        @staticmethod
        def forward(ctx, x):
            x.mul_(2)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 2

    class BackNonTensor(F):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return 5

    class WrongShape(F):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return L.ones(7)

    class Kw(F):
        @staticmethod
        def forward(ctx, x, a, b=3):
            ctx.n = (a, b)
            return x * a * b

        @staticmethod
        def backward(ctx, g):
            return g * ctx.n[0] * ctx.n[1], None, None

    def dirty_leaf():
        return Dbl.apply(leafx()).tolist()

    def dirty_leaf_nograd():
        with L.no_grad():
            return Dbl.apply(leafx()).tolist()

    def dirty_ok():
        x = leafx()
        y = x * 1
        z = Dbl.apply(y)
        z.sum().backward()
        return x.grad.tolist(), z is y, y.tolist()

    def dirty_noret():
        x = leafx()
        y = x * 1
        z = DblNoRet.apply(y)
        z.sum().backward()
        return x.grad.tolist(), y.requires_grad

    def dirty_noret_use():
        x = leafx()
        y = x * 1
        DblNoRet.apply(y)
        y.sum().backward()
        return x.grad.tolist()

    def dirty_const():
        x = L.ones(3)
        z = Dbl.apply(x)
        return z is x, z.requires_grad

    def dirty_noret_const():
        x = L.ones(3)
        DblNoRet.apply(x)
        return x._version

    def dirty_other():
        x = leafx()
        return DirtyOther.apply(x).tolist()

    def dirty_view():
        x = leafx()
        y = x * 1
        v = y[:2]
        DirtyView.apply(v)
        y.sum().backward()
        return x.grad.tolist()

    def dirty_view_leaf():
        x = leafx()
        v = x[:2]
        DirtyView.apply(v)
        return 1

    def alias_write():
        x = leafx()
        y = x * 1
        z = Alias.apply(y)
        z.mul_(2)
        z.sum().backward()
        return x.grad.tolist()

    def alias_write_leaf():
        x = leafx()
        z = Alias.apply(x)
        z.mul_(2)
        z.sum().backward()
        return x.grad.tolist()

    def alias_read():
        x = leafx()
        z = Alias.apply(x)
        z.sum().backward()
        return x.grad.tolist(), z._is_view() if hasattr(z, "_is_view") else z._view is not None

    def alias_base_write():
        x = leafx()
        y = x * 1
        z = Alias.apply(y)
        y.mul_(2)
        z.sum().backward()
        return x.grad.tolist()

    def alias2_write():
        x = leafx()
        a, b = Alias2.apply(x * 1)
        a.mul_(2)
        return 1

    def same_write():
        x = leafx()
        y = x * 1
        z = Same.apply(y)
        z.mul_(2)
        z.sum().backward()
        return x.grad.tolist()

    def same_write_leaf():
        x = leafx()
        z = Same.apply(x)
        z.mul_(2)
        z.sum().backward()
        return x.grad.tolist()

    def same_read():
        x = leafx()
        z = Same.apply(x)
        z.sum().backward()
        return x.grad.tolist(), z is x

    def same_const():
        x = L.ones(3)
        z = Same.apply(x)
        return z is x

    def same_nograd():
        x = leafx()
        with L.no_grad():
            z = Same.apply(x)
            return z is x, z.requires_grad

    def clone_write():
        x = leafx()
        z = Clone.apply(x)
        z.mul_(2)
        z.sum().backward()
        return x.grad.tolist()

    def multi():
        x = leafx()
        z = Multi.apply(x)
        z[0].sum().backward()
        return x.grad.tolist(), z[1:]

    def cls():
        x = leafx()
        z = Cls.apply(x)
        z.sum().backward()
        return x.grad.tolist()

    def clsb():
        x = leafx()
        z = ClsB.apply(x)
        z.sum().backward()
        return x.grad.tolist()

    def inp():
        x = leafx()
        z = Inp.apply(x)
        z.sum().backward()
        return x.grad.tolist()

    def inpk():
        x = leafx()
        z = Inp.apply(x, k=3)
        z.sum().backward()
        return x.grad.tolist()

    def kwd():
        x = leafx()
        z = Kw.apply(x, 2, b=5)
        z.sum().backward()
        return x.grad.tolist()

    def kwd2():
        x = leafx()
        z = Kw.apply(x, 2, 5)
        z.sum().backward()
        return x.grad.tolist()

    def kwd3():
        x = leafx()
        z = Kw.apply(x, 2)
        z.sum().backward()
        return x.grad.tolist()

    def nontens():
        return NonTens.apply(leafx())

    def nontens2():
        with L.no_grad():
            return NonTens.apply(leafx())

    def nontens3():
        return NonTens.apply(L.ones(2))

    def lst():
        z = Lst.apply(leafx())
        return type(z).__name__

    def backnt():
        x = leafx()
        BackNonTensor.apply(x).sum().backward()
        return x.grad.tolist()

    def wrongs():
        x = leafx()
        WrongShape.apply(x).sum().backward()
        return x.grad.tolist()

    return {
        n: f for n, f in locals().items() if callable(f) and n not in ("leafx", "L", "F") and not isinstance(f, type)
    }


def outcome(case):
    try:
        return case()
    except Exception as error:  # what it is, is the point
        return type(error).__name__


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", cases(metagrad))
def test_as_in_pytorch(torch, name):
    assert outcome(cases(metagrad)[name]) == outcome(cases(torch)[name])


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", functions(metagrad))
def test_custom_functions_as_in_pytorch(torch, name):
    assert outcome(functions(metagrad)[name]) == outcome(functions(torch)[name])


REFUSED = [
    "split_inplace", "unbind_inplace", "chunk_inplace", "iter_inplace", "nograd_view", "overlap_copy", "overlap_add", "overlap_set",
    "overlap_out", "overlap_clamp", "inf_1", "inf_3", "inf_4", "view1", "view6", "grad1", "grad2", "grad4",
]  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    assert outcome(cases(metagrad)[name]) == "RuntimeError"


@pytest.mark.parametrize(
    "name", ["dirty_leaf", "dirty_noret", "dirty_view_leaf", "alias_base_write", "same_write", "backnt"]
)
def test_custom_functions_refused(name):
    assert outcome(functions(metagrad)[name]) == "RuntimeError"


def test_what_stays_allowed():
    found = cases(metagrad)
    assert outcome(found["split_inplace_const"]) == [0.0, 2.0]
    assert outcome(found["unsafe_split_inplace"]) == [2.0, 2.0, 1.0, 1.0]
    assert outcome(found["split_nograd_write"]) == [0.0, 2.0, 2.0, 3.0]
    assert outcome(found["nograd_view_nograd_write"]) == [0.0, 2.0, 2.0, 3.0]
    assert outcome(found["overlap_same2"]) == [0.0, 2.0, 4.0, 6.0, 8.0]
    assert outcome(found["overlap_step"]) == [1.0, 1.0, 5.0, 3.0, 9.0, 5.0]
    assert outcome(found["inf_6"]) == (False, False, True, True)
    assert outcome(functions(metagrad)["kwd"]) == [10.0, 10.0, 10.0]


@pytest.mark.parametrize("library", ["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
@pytest.mark.parametrize("mode", ["no_grad", "inference_mode"])
def test_a_view_that_was_not_recorded_is_out_of_date_after_a_write(library, mode):
    lib = pytest.importorskip(library)
    x = lib.ones(3, requires_grad=True).clone()
    with getattr(lib, mode)():
        view = x[:2]
    assert not (view.detach() * 2).requires_grad
    x.mul_(2)
    for use in (lambda: view * 2, lambda: view.grad_fn, lambda: view[0]):
        with pytest.raises(RuntimeError, match="its base or another view of its base has been modified inplace"):
            use()
    assert view.requires_grad
    with lib.no_grad():
        assert (view * 2).tolist() == [4, 4]


@pytest.mark.parametrize("library", ["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
def test_what_is_made_in_inference_mode(library):
    lib = pytest.importorskip(library)
    with lib.inference_mode():
        made = [lib.from_numpy(np.ones(2)), lib.nn.Linear(1, 1).weight, lib.frombuffer(bytearray(8), dtype=lib.float32)]
        x = lib.ones(2)
    assert all(t.is_inference() for t in made)
    with pytest.raises(RuntimeError, match="Setting requires_grad=True on inference tensor outside InferenceMode"):
        lib.nn.Parameter(x)
    with pytest.raises(RuntimeError, match="Inplace update to inference tensor outside InferenceMode"):
        x.set_(lib.ones(1))
