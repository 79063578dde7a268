"""Anomaly mode, and what gradcheck takes and refuses. Each runs under PyTorch too."""

import warnings

import pytest

import metagrad


@pytest.fixture(params=["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
def lib(request):
    return metagrad if request.param == "metagrad" else pytest.importorskip("torch")


def root_of_nan(lib):
    x = lib.tensor([0.0, 1.0], requires_grad=True)
    return (x / x).sqrt().sum()


def caught(lib, action):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            action()
        except RuntimeError as error:
            return str(error), [str(w.message) for w in seen]
    return None, [str(w.message) for w in seen]


def test_only_a_nan_of_the_backward_pass_raises_and_a_warning_shows_where_the_op_was_applied(lib):
    def run():
        with lib.autograd.detect_anomaly():
            assert lib.is_anomaly_enabled() and lib.is_anomaly_check_nan_enabled()
            root_of_nan(lib).backward()

    error, (enabled, where) = caught(lib, run)
    assert error == "Function 'SqrtBackward0' returned nan values in its 0th output."
    assert "Anomaly Detection has been enabled" in enabled and "(x / x).sqrt()" in where
    assert not lib.is_anomaly_enabled()


def test_nan_is_let_through_where_that_is_asked_for(lib):
    def run():
        with lib.autograd.detect_anomaly(check_nan=False):
            assert not lib.is_anomaly_check_nan_enabled()
            root_of_nan(lib).backward()

    assert caught(lib, run)[0] is None and lib.is_anomaly_check_nan_enabled()


def test_without_anomaly_mode_in_the_forward_pass_the_warning_says_so(lib):
    loss = root_of_nan(lib)

    def run():
        with lib.autograd.set_detect_anomaly(True):
            loss.backward()

    error, (where,) = caught(lib, run)
    assert "SqrtBackward0" in error and "No forward pass information" in where


def test_anomaly_mode_is_switched(lib):
    lib.autograd.set_detect_anomaly(True, check_nan=False)
    assert lib.is_anomaly_enabled() and not lib.is_anomaly_check_nan_enabled()
    lib.set_anomaly_enabled(False)
    assert not lib.is_anomaly_enabled() and lib.is_anomaly_check_nan_enabled()


def functions(lib):
    class Wrong(lib.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2

        @staticmethod
        def jvp(ctx, v):
            return v * 2

        @staticmethod
        def backward(ctx, g):
            return g * 3

    class WrongForward(Wrong):
        @staticmethod
        def jvp(ctx, v):
            return v * 3

        @staticmethod
        def backward(ctx, g):
            return g * 2

    return Wrong.apply, WrongForward.apply


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("fast_mode", [False, True])
def test_gradcheck_looks_both_ways(lib, fast_mode):
    check, double = lib.autograd.gradcheck, lib.autograd.gradgradcheck
    x = lib.tensor([1.0, 2.0], dtype=lib.float64, requires_grad=True)
    z = lib.tensor([1 + 2j, 3.0], dtype=lib.complex128, requires_grad=True)
    wrong, wrong_forward = functions(lib)
    assert check(lambda a: (a**3).sum(), (x,), fast_mode=fast_mode, check_forward_ad=True, check_batched_grad=True)
    assert check(lambda a, b: (a * b, (a * a).sum()), (x, (x * 2).detach().requires_grad_()), fast_mode=fast_mode)
    assert check(lambda a: a * a.conj() * 1j, (z,), fast_mode=fast_mode, check_forward_ad=True)
    assert double(
        lambda a: a.sin() * a, (x,), fast_mode=fast_mode, check_fwd_over_rev=True, gen_non_contig_grad_outputs=True
    )
    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        check(wrong, (x,), fast_mode=fast_mode)
    assert not check(wrong, (x,), fast_mode=fast_mode, raise_exception=False)
    assert check(
        wrong, (x,), fast_mode=fast_mode, check_forward_ad=True, check_backward_ad=False, check_undefined_grad=False
    )
    assert check(wrong_forward, (x,), fast_mode=fast_mode)
    with pytest.raises(RuntimeError, match="forward mode mismatch"):
        check(wrong_forward, (x,), fast_mode=fast_mode, check_forward_ad=True)


def test_what_gradcheck_refuses(lib):
    check = lib.autograd.gradcheck
    x = lib.tensor([1.0, 2.0], dtype=lib.float64, requires_grad=True)
    with pytest.raises(ValueError, match="at least one input"):
        check(lambda a: a, (x.detach(),), raise_exception=False)
    for options in (
        {"check_backward_ad": False}, {"check_batched_forward_grad": True},
        {"check_batched_grad": True, "check_backward_ad": False, "check_forward_ad": True},
    ):  # fmt: skip
        with pytest.raises(AssertionError):
            check(lambda a: a * 2, (x,), **options)
    with pytest.raises(RuntimeError, match="stride 0"):
        check(lambda a: a * 2, (lib.ones(1, dtype=lib.float64).expand(3).requires_grad_(),))
    with pytest.raises(RuntimeError, match="expected to be zero"):
        check(lambda a: a.detach() * 2, (x,))
    with pytest.warns(UserWarning, match="double precision"):
        check(lambda a: a * 2, (x.detach().float().requires_grad_(),), atol=1)


def test_a_gradient_that_differs_from_pass_to_pass_is_found():
    passes = []

    class Unsteady(metagrad.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2

        @staticmethod
        def backward(ctx, g):
            passes.append(1)
            return g * (2 + 1e-7 * len(passes))

    x = metagrad.ones(2, dtype=metagrad.float64, requires_grad=True)
    with pytest.raises(RuntimeError, match="not reentrant"):
        metagrad.autograd.gradcheck(Unsteady.apply, (x,))
    assert metagrad.autograd.gradcheck(Unsteady.apply, (x,), nondet_tol=1e-5)


def test_any_error_of_the_backward_pass_shows_where_the_op_was_applied(lib):
    class Failing(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, grad):
            raise RuntimeError("by itself")

    def overwritten():
        with lib.autograd.detect_anomaly():
            y = lib.ones(1, requires_grad=True).exp()
            y.add_(1)
            y.backward()

    def failing():
        with lib.autograd.detect_anomaly():
            Failing.apply(lib.ones(1, requires_grad=True)).backward()

    error, (_, where) = caught(lib, overwritten)
    assert "modified by an inplace operation" in error
    assert "Error detected in ExpBackward0" in where and "requires_grad=True).exp()" in where
    error, (_, where) = caught(lib, failing)
    assert error == "by itself"
    assert "Error detected in FailingBackward" in where and "Failing.apply(" in where


def test_the_mode_is_a_bool(lib):
    with pytest.raises(TypeError, match="argument 'enabled' .position 1. must be bool, not int"):
        lib.autograd.set_detect_anomaly(3)
    assert not lib.is_anomaly_enabled()
    x = lib.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="grad can be implicitly created only for scalar outputs"):
        lib.autograd.grad(x.exp(), x, is_grads_batched=True)
