"""Ten steps of every optimizer over its options: parameters, state, and state_dict both ways, against PyTorch."""

import copy
import itertools

import numpy as np
import pytest
from tests.devices.standin import Strict

import metagrad
from metagrad import optim
from metagrad.autograd.variable import wrap
from metagrad.kernels.tuning import OPTIMIZER_CHUNK


def over(name, **options):
    """Every combination of the options' values."""
    return [(name, dict(zip(options, values, strict=True))) for values in itertools.product(*options.values())]


UP, DECAY = [False, True], [0, 0.1]
CASES = [
    *over("SGD", lr=[0.05], momentum=[0, 0.9], weight_decay=DECAY, maximize=UP),
    *over("SGD", lr=[0.05], momentum=[0.9], nesterov=[True], weight_decay=DECAY, maximize=UP),
    *over("Adam", lr=[0.05], amsgrad=[False, True], weight_decay=DECAY, decoupled_weight_decay=[False, True], maximize=UP),
    *over("AdamW", lr=[0.05], amsgrad=[False, True], maximize=UP),
    *over("Adamax", lr=[0.05], betas=[(0.9, 0.999), (0.5, 0.6)], eps=[1e-8, 0.1], weight_decay=DECAY, maximize=UP),
    *over("NAdam", lr=[0.05], momentum_decay=[4e-3, 0.5], weight_decay=DECAY, decoupled_weight_decay=[False, True], maximize=UP),
    *over("RAdam", lr=[0.05], betas=[(0.9, 0.999), (0.8, 0.9)], weight_decay=DECAY, decoupled_weight_decay=UP, maximize=UP),
    *over("Adagrad", lr=[0.05], lr_decay=[0, 0.1], weight_decay=DECAY, initial_accumulator_value=[0, 0.5], maximize=UP),
    *over("Adadelta", lr=[1.0, 0.1], rho=[0.9, 0.5], eps=[1e-6, 1e-2], weight_decay=DECAY, maximize=UP),
    *over("RMSprop", lr=[0.05], alpha=[0.99, 0.5], weight_decay=DECAY, momentum=[0, 0.9], centered=[False, True], maximize=UP),
    *over("Rprop", lr=[0.05], etas=[(0.5, 1.2), (0.3, 2.0)], step_sizes=[(1e-6, 50), (0.04, 0.07)], maximize=UP),
    *over("ASGD", lr=[0.05], lambd=[1e-4, 0.1], alpha=[0.75, 2.0], t0=[1e6, 3.0], weight_decay=DECAY, maximize=UP),
    *over("Adafactor", lr=[0.05, 0.3], beta2_decay=[-0.8, -0.3], eps=[(None, 1e-3), (0.1, 2.0)], d=[1.0, 2.0],
          weight_decay=DECAY, maximize=UP),
]  # fmt: skip
ONE_OF_EACH = list({name: (name, settings) for name, settings in CASES}.values())  # the last one, with most options set
REAL_ONLY = ("Adafactor",)
START = np.random.default_rng(0).standard_normal((3, 4))


def begin(library, name, settings, dtype):
    p = library.tensor(START.astype(dtype), requires_grad=True)
    q = library.tensor(START[0].astype(dtype), requires_grad=True)
    s = library.tensor(START[0, 0].astype(dtype), requires_grad=True)
    return [p, q, s], getattr(library.optim, name)([{"params": [p]}, {"params": [q, s], "lr": 0.03}], **settings)


def run(library, parameters, optimizer, steps, seed=1):
    """Steps with noisy gradients, so that signs change and averages matter."""
    rng, path = np.random.default_rng(seed), []
    for _ in range(steps):
        for p in parameters:
            value = p.detach().numpy()
            noise = np.asarray(rng.standard_normal(value.shape))
            if value.dtype.kind == "c":
                noise = noise + 2j * rng.standard_normal(value.shape)
            p.grad = library.tensor(np.asarray((value / (1 + np.abs(value)) + noise).astype(value.dtype)))
        optimizer.step()
        path += [p.detach().numpy().copy() for p in parameters]
    return path


def equal_states(ours, theirs, **close):
    assert ours["param_groups"] == theirs["param_groups"]
    assert list(ours["state"]) == list(theirs["state"])
    for number, values in ours["state"].items():
        assert list(values) == list(theirs["state"][number])
        for key, value in values.items():
            other = theirs["state"][number][key]
            assert value.numpy().dtype == other.numpy().dtype and tuple(value.shape) == tuple(other.shape)
            np.testing.assert_allclose(value.numpy(), other.numpy(), **close)


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "settings"), CASES)
def test_ten_steps_equal_pytorch(name, settings, dtype):
    torch = pytest.importorskip("torch")
    close = {"rtol": 1e-4, "atol": 2e-5} if dtype == "float32" else {"rtol": 1e-6, "atol": 1e-9}
    sides = [begin(library, name, settings, dtype) for library in (metagrad, torch)]
    paths = [run(library, *side, 10) for library, side in zip((metagrad, torch), sides, strict=True)]
    for a, b in zip(*paths, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, **close)
    equal_states(sides[0][1].state_dict(), sides[1][1].state_dict(), **close)


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "settings"), [case for case in ONE_OF_EACH if case[0] not in REAL_ONLY])
def test_complex_parameters_equal_pytorch(name, settings):
    torch = pytest.importorskip("torch")
    found = []
    for library in (metagrad, torch):
        p = library.tensor((START + 1j * START[::-1]).astype(np.complex128), requires_grad=True)
        found.append(run(library, [p], getattr(library.optim, name)([p], **settings), 6)[-1])
    np.testing.assert_allclose(*found, rtol=1e-6)


@pytest.mark.oracle
@pytest.mark.parametrize("way", ["here", "there"])
@pytest.mark.parametrize(("name", "settings"), ONE_OF_EACH)
def test_a_run_begun_in_one_library_goes_on_in_the_other(name, settings, way):
    """Through a file, since PyTorch's optimizer takes PyTorch's tensors only."""
    torch = pytest.importorskip("torch")
    first, then = (torch, metagrad) if way == "here" else (metagrad, torch)
    parameters, optimizer = begin(first, name, settings, "float64")
    run(first, parameters, optimizer, 5)
    saved = copy.deepcopy(optimizer.state_dict())
    if way == "there":
        saved = {**saved, "state": {n: {k: torch.from_numpy(np.asarray(v.numpy())) for k, v in values.items()}
                                    for n, values in saved["state"].items()}}  # fmt: skip
    expected = run(first, parameters, optimizer, 5, seed=2)
    again, resumed = begin(then, name, {}, "float64")
    start = begin(first, name, settings, "float64")
    run(first, *start, 5)
    with then.no_grad():
        for p, value in zip(again, start[0], strict=True):
            p.copy_(then.tensor(value.detach().numpy()))
    resumed.load_state_dict(saved)
    for a, b in zip(expected, run(then, again, resumed, 5, seed=2), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "settings"), ONE_OF_EACH)
def test_repr_and_signature_equal_pytorch(name, settings):
    import inspect

    torch = pytest.importorskip("torch")
    ours, theirs = (getattr(library.optim, name) for library in (metagrad, torch))
    assert repr(begin(metagrad, name, settings, "float32")[1]) == repr(begin(torch, name, settings, "float32")[1])
    a, b = (
        [(p.name, p.kind, p.default) for p in inspect.signature(kind.__init__).parameters.values()]
        for kind in (ours, theirs)
    )
    assert a == b


@pytest.mark.parametrize(("name", "settings"), ONE_OF_EACH)
def test_a_large_parameter_steps_as_its_pieces_do(name, settings):
    if name == "Adafactor":
        pytest.skip("its step looks at the whole parameter")
    values = np.random.default_rng(4).standard_normal(5 * OPTIMIZER_CHUNK + 3).astype(np.float32)
    grad = np.random.default_rng(5).standard_normal(values.size).astype(np.float32)
    whole = wrap(values.copy()).requires_grad_()
    pieces = [wrap(part.copy()).requires_grad_() for part in np.split(values, range(50_000, values.size, 50_000))]
    parts = np.split(grad, range(50_000, values.size, 50_000))
    for params, grads in (([whole], [grad]), (pieces, parts)):
        optimizer = getattr(optim, name)(params, **settings)
        for _ in range(2):
            for p, g in zip(params, grads, strict=True):
                p.grad = wrap(g.copy())
            optimizer.step()
    assert not np.array_equal(whole.array, values)
    assert np.array_equal(whole.array, np.concatenate([p.array for p in pieces]))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(("name", "settings"), ONE_OF_EACH)
def test_an_array_type_that_is_not_numpys(name, settings, dtype):
    found = []
    for kind in (np.array, Strict):
        params = [wrap(kind(np.ones(shape, dtype))).requires_grad_() for shape in ((3, 4), (), (5,))]
        optimizer = getattr(optim, name)(params, **settings)
        for step in range(3):
            for p in params:
                p.grad = wrap(kind(np.full(p.array.shape, 0.5 - step, dtype)))
            optimizer.step()
        found.append(params)
    for a, b in zip(*found, strict=True):
        assert type(b.array) is Strict and b.array.dtype == dtype and np.array_equal(a.array, b.array.get())


@pytest.mark.parametrize(("name", "settings"), ONE_OF_EACH)
def test_a_learning_rate_may_be_a_tensor_and_arrays_any_order(name, settings):
    found = []
    for lr, order in ((0.25, "C"), (metagrad.tensor(0.25, dtype=metagrad.float64), "F")):
        p = wrap(np.array(START, order=order)).requires_grad_()
        found.append(run(metagrad, [p], getattr(optim, name)([p], **{**settings, "lr": lr}), 4)[-1])
    assert np.array_equal(*found)


@pytest.mark.parametrize(("name", "settings"), ONE_OF_EACH)
def test_a_foreign_state_is_refused(name, settings):
    if name in ("SGD", "Adafactor"):
        pytest.skip("any state will do")
    optimizer = begin(metagrad, name, settings, "float32")[1]
    state = {
        "state": {0: {"step": metagrad.tensor(1.0), "other": metagrad.zeros(3, 4)}},
        "param_groups": optimizer.state_dict()["param_groups"],
    }
    with pytest.raises(ValueError, match=f"not {name}'s state.*no \\["):
        optimizer.load_state_dict(state)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: optim.Adamax(p, lr=-1), "Invalid learning rate: -1"),
        (lambda p: optim.Adamax(p, betas=(0.9, 1.0)), "Invalid beta parameter at index 1"),
        (lambda p: optim.NAdam(p, momentum_decay=-1), "Invalid momentum_decay value"),
        (lambda p: optim.RAdam(p, eps=-1), "Invalid epsilon value"),
        (lambda p: optim.Adagrad(p, lr_decay=-1), "Invalid lr_decay value"),
        (lambda p: optim.Adagrad(p, initial_accumulator_value=-1), "Invalid initial_accumulator_value value"),
        (lambda p: optim.Adadelta(p, rho=1.5), "Invalid rho value: 1.5"),
        (lambda p: optim.RMSprop(p, alpha=-1), "Invalid alpha value"),
        (lambda p: optim.RMSprop(p, momentum=-1), "Invalid momentum value"),
        (lambda p: optim.Rprop(p, etas=(1.5, 1.2)), "Invalid eta values: 1.5, 1.2"),
        (lambda p: optim.ASGD(p, weight_decay=-1), "Invalid weight_decay value"),
        (lambda p: optim.Adafactor(p, d=0.5), "d should be >= 1"),
        (lambda p: optim.Adafactor(p, beta2_decay=1), "beta2_decay should be <= 0"),
        (lambda p: optim.Adafactor(p, eps=(-1, 1)), "epsilon1"),
        (lambda p: optim.LBFGS(p, lr=metagrad.ones(2)), "1-element"),
        (lambda p: optim.LBFGS([{"params": p}, {"params": [metagrad.ones(1)]}]), "per-parameter options"),
        (lambda p: optim.Muon(p), "only supports 2D parameters.*Size\\(\\[2\\]\\)"),
        (lambda p: optim.Muon(p, adjust_lr_fn="other"), "other is not supported"),
    ],
)  # fmt: skip
def test_bad_settings_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make([metagrad.zeros(2, requires_grad=True)])


@pytest.mark.oracle
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"nesterov": False},
        {"weight_decay": 0.0},
        {"adjust_lr_fn": "match_rms_adamw"},
        {"momentum": 0.5, "ns_steps": 3},
    ],
)
@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5)])
def test_muon_equals_pytorch(settings, shape):
    torch = pytest.importorskip("torch")
    found = []
    for library in (metagrad, torch):
        p = library.tensor(np.random.default_rng(3).standard_normal(shape).astype(np.float32), requires_grad=True)
        optimizer = library.optim.Muon([p], **{"lr": 1e-3, **settings})
        path = run(library, [p], optimizer, 10)
        found.append((path[-1], path[-1] - path[0], optimizer.state_dict()))
    np.testing.assert_allclose(found[0][0], found[1][0], atol=2e-6)
    np.testing.assert_allclose(found[0][1], found[1][1], atol=1e-3 * np.abs(found[1][1]).max())
    equal_states(found[0][2], found[1][2], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"ns_steps": 100}, "less than 100"), ({"ns_coefficients": (1.0, 2.0)}, "exactly 3 values")],
)
def test_muon_refuses_an_iteration_that_is_none(settings, message):
    p = metagrad.ones(2, 2, requires_grad=True)
    p.grad = metagrad.ones(2, 2)
    with pytest.raises(ValueError, match=message):
        optim.Muon([p], **settings).step()


def test_tensors_as_settings_are_refused_for_several_parameters_at_once():
    p = [metagrad.ones(2, requires_grad=True)]
    for settings in ({"lr": metagrad.tensor(0.1)}, {"betas": (metagrad.tensor(0.9), metagrad.tensor(0.99))}):
        with pytest.raises(ValueError, match="as a Tensor is not supported for capturable=False and foreach=True"):
            optim.Adam(p, foreach=True, **settings)
        optim.Adam(p, foreach=True, capturable=True, **settings)


def test_muon_brings_singular_values_near_one():
    p = metagrad.zeros(6, 4, requires_grad=True)
    p.grad = metagrad.tensor(np.random.default_rng(1).standard_normal((6, 4)).astype(np.float32))
    optim.Muon([p], lr=1.0).step()
    singular = np.linalg.svd(p.array, compute_uv=False) / (6 / 4) ** 0.5
    assert 0.6 < singular.min() and singular.max() < 1.3
