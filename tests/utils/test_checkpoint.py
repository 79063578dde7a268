"""Checkpoints: the gradients of what was not kept. Each runs under PyTorch too."""

import importlib
import warnings

import pytest

import metagrad


@pytest.fixture(params=["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
def lib(request):
    return metagrad if request.param == "metagrad" else pytest.importorskip("torch")


@pytest.fixture
def x(lib):
    return lib.tensor([1.0, 2.0], requires_grad=True)


@pytest.fixture
def w(lib):
    return lib.tensor([3.0, 4.0], requires_grad=True)


def checkpoint(lib, *args, **kwargs):
    import importlib

    return importlib.import_module(f"{lib.__name__}.utils.checkpoint").checkpoint(*args, **kwargs)


@pytest.mark.parametrize("reentrant", [False, True])
def test_gradients_of_arguments_and_of_what_the_function_uses(lib, x, w, reentrant):
    checkpoint(lib, lambda a: (a**3 * w).sum(), x, use_reentrant=reentrant).backward()
    assert x.grad.tolist() == [9, 48] and w.grad.tolist() == [1, 8]
    x.grad = w.grad = None
    nested = checkpoint(
        lib,
        lambda a: checkpoint(lib, lambda b: b**2 * w, a, use_reentrant=reentrant).sum() * 2,
        x,
        use_reentrant=reentrant,
    )
    nested.backward()
    assert x.grad.tolist() == [12, 32] and w.grad.tolist() == [2, 8]
    with pytest.raises(RuntimeError):
        nested.backward()


def test_by_grad_and_derivatives_of_derivatives(lib, x, w):
    def function(a):
        return (a**3 * w).sum()

    first = lib.autograd.grad(checkpoint(lib, function, x, use_reentrant=False), (x, w), create_graph=True)
    assert [g.tolist() for g in first] == [[9, 48], [1, 8]]
    second = lib.autograd.grad(first[0].sum(), (x, w))
    assert [g.tolist() for g in second] == [[18, 48], [3, 12]]

    def nested(a):
        return checkpoint(lib, lambda b: b**2 * w, a, use_reentrant=False).pow(2).sum()

    (first,) = lib.autograd.grad(checkpoint(lib, nested, x, use_reentrant=False), x, create_graph=True)  # Σ x⁴ w²
    assert first.tolist() == [36, 512]
    assert [g.tolist() for g in lib.autograd.grad(first.sum(), (x, w))] == [[108, 768], [24, 256]]


def test_what_lies_between_two_captured_tensors_is_counted_once(lib, x):
    half = x / 2
    (slope,) = lib.autograd.grad(checkpoint(lib, lambda a: (a * half * x).sum(), x * 3, use_reentrant=False), x)
    assert slope.tolist() == [4.5, 18]  # of 1.5 x³


def test_the_older_form_refuses_what_it_cannot_do(lib, x):
    def function(a):
        return (a**2).sum()

    y = checkpoint(lib, function, x, use_reentrant=True)
    with pytest.raises(RuntimeError, match="incompatible with .grad"):
        lib.autograd.grad(y, x, retain_graph=True)
    with pytest.raises(RuntimeError, match="incompatible with .grad"):
        y.backward(inputs=[x])
    with pytest.raises(ValueError, match="Unexpected keyword"):
        checkpoint(lib, function, x, use_reentrant=True, scale=2)
    for option in ({"debug": True}, {"context_fn": lambda: (1, 2)}):
        with pytest.raises(ValueError, match="only supported"):
            checkpoint(lib, function, x, use_reentrant=True, **option)
    with pytest.warns(UserWarning, match="passed explicitly"):
        checkpoint(lib, function, x)
    with pytest.warns(UserWarning, match="None of the inputs"):
        assert not checkpoint(lib, lambda a: a * x, lib.ones(2), use_reentrant=True).requires_grad


def test_the_second_run_must_do_the_same(lib, x):
    runs = []

    def function(a):
        runs.append(1)
        return (a.sin() * a.cos()).sum() if len(runs) == 1 else (a * 1).sum()

    y = checkpoint(lib, function, x, use_reentrant=False)
    with pytest.raises(RuntimeError, match="different number of tensors"):
        y.backward()
    runs.clear()

    def longer(a):
        runs.append(1)
        return (a**2).sum() if len(runs) == 1 else (a.repeat(2) ** 2).sum()

    y = checkpoint(lib, longer, x, use_reentrant=False)
    with pytest.raises(RuntimeError, match="different metadata"):
        y.backward()
    with pytest.raises(ValueError, match="determinism_check"):
        checkpoint(lib, longer, x, use_reentrant=False, determinism_check="maybe").backward()


@pytest.mark.parametrize("reentrant", [False, True])
@pytest.mark.parametrize("preserve", [False, True])
def test_random_numbers_are_drawn_again(lib, x, reentrant, preserve):
    drawn = []
    lib.manual_seed(1)

    def function(a):
        drawn.append(lib.rand(2))
        return (a * drawn[-1]).sum()

    y = checkpoint(lib, function, x, use_reentrant=reentrant, preserve_rng_state=preserve)
    after = lib.rand(2)
    lib.manual_seed(0)
    y.backward()
    assert len(drawn) == 2 and bool((drawn[0] == drawn[1]).all()) is preserve
    if preserve:
        state = lib.get_rng_state()
        lib.manual_seed(0)
        assert bool((lib.get_rng_state() == state).all())
    assert after.shape == (2,)


def test_contexts_and_structures(lib, x):
    entered = []

    class Noted:
        def __init__(self, name):
            self.name = name

        def __enter__(self):
            entered.append(self.name)

        def __exit__(self, *_):
            entered.append("end")

    found = checkpoint(
        lib, lambda a, scale: {"y": a**2 * scale, "cut": a.detach(), "text": "t"}, x, scale=3,
        use_reentrant=False, context_fn=lambda: (Noted("first"), Noted("second")),
    )  # fmt: skip
    assert found["text"] == "t" and not found["cut"].requires_grad
    found["y"].sum().backward()
    assert entered == ["first", "end", "second", "end"] and x.grad.tolist() == [6, 12]


def test_a_chain_in_segments(lib, x):
    import importlib

    sequential = importlib.import_module(f"{lib.__name__}.utils.checkpoint").checkpoint_sequential
    chain = lib.nn.Sequential(lib.nn.Tanh(), lib.nn.Sigmoid(), lib.nn.Tanh())
    (expected,) = lib.autograd.grad(chain(x).sum(), x)
    for segments in (1, 2, 3):
        (found,) = lib.autograd.grad(sequential(chain, segments, x, use_reentrant=False).sum(), x)
        assert lib.allclose(found, expected)
    with pytest.raises(ValueError, match="Unexpected keyword"):
        sequential(chain, 2, x, use_reentrant=False, other=1)
    with pytest.raises(ValueError):
        sequential(chain, 4, x, use_reentrant=False)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        sequential(chain, 2, x)
    assert len(seen) == 1


def test_an_argument_that_was_overwritten_is_noticed():
    x = metagrad.tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    z = checkpoint(metagrad, lambda a: (a**2).sum(), y, use_reentrant=False)
    y.add_(1)
    with pytest.raises(RuntimeError, match="was overwritten by an in-place operation"):
        z.backward()


def test_the_graph_of_the_first_run_is_gone():
    import gc
    import weakref

    inner = []

    def function(a):
        y = a.exp()
        inner.append(weakref.ref(y.array))
        return y.sin().sum()

    x = metagrad.ones(3, requires_grad=True)
    gc.disable()
    try:
        z = checkpoint(metagrad, function, x, use_reentrant=False)
        assert inner[0]() is None and z.requires_grad
    finally:
        gc.enable()


@pytest.mark.parametrize("lib", ["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
def test_without_an_early_stop_the_second_run_may_save_no_more(lib):
    L = pytest.importorskip(lib)
    c = importlib.import_module(f"{lib}.utils.checkpoint")
    runs = []

    def function(x):
        runs.append(x)
        return x.sin() if len(runs) % 2 else x.sin().exp()

    x = L.ones(2, requires_grad=True)
    with c.set_checkpoint_early_stop(False):
        results = [c.checkpoint(function, x, use_reentrant=False)]
    runs.clear()
    results.append(c.checkpoint(function, x, use_reentrant=False, early_stop=False))
    for y in results:
        runs[:] = [x]
        with pytest.raises(c.CheckpointError, match="trying to save more tensors"):
            y.sum().backward()
    with pytest.raises(ValueError, match="incompatible with non-default context_fn"):
        c.checkpoint(L.sin, x, use_reentrant=False, debug=True, context_fn=lambda: c.noop_context_fn())


def test_nobody_sees_by_its_name_that_a_node_stands_for_more(lib, x):
    y = checkpoint(lib, lambda x: (x * 2).exp(), x, use_reentrant=False)
    assert y.grad_fn.name() == "ExpBackward0" and "grad_fn=<ExpBackward0>" in repr(y)
    a, b = checkpoint(lib, lambda x: (x.sin(), x.exp()), x, use_reentrant=False)
    assert (a.grad_fn.name(), b.grad_fn.name()) == ("SinBackward0", "ExpBackward0")
    assert checkpoint(lib, lib.exp, x, use_reentrant=True).grad_fn.name() == "CheckpointFunctionBackward"


def test_results_of_the_older_form_all_require_grad(lib, x):
    y, z = checkpoint(lib, lambda a: (a * 2, a.detach()), x, use_reentrant=True)
    assert y.requires_grad and z.requires_grad
    (y.sum() + z.sum()).backward()
    assert x.grad.tolist() == [2, 2]
    with pytest.raises(
        RuntimeError, match="none of output has requires_grad=True, this checkpoint\\(\\) is not necessary"
    ):
        checkpoint(lib, lambda a: (a.detach(), 3), x, use_reentrant=True)[0].sum().backward()
