"""What a step of SGD, Adam and AdamW does to parameters and state: against PyTorch over a sweep, and by hand."""

import itertools

import numpy as np
import pytest
from tests.devices.standin import Strict

import metagrad
from metagrad import optim
from metagrad.autograd.variable import wrap
from metagrad.kernels.tuning import OPTIMIZER_CHUNK
from metagrad.optim.blocks import in_blocks

SGD_CASES = [
    ("SGD", {"lr": 0.01, "momentum": m, "dampening": d, "weight_decay": w, "nesterov": n, "maximize": up})
    for m, d, w, n, up in itertools.product([0, 0.9], [0, 0.3], [0, 0.1], [False, True], [False, True])
    if not (n and (not m or d))
]
ADAM_CASES = [
    (name, {"lr": 0.01, "betas": (0.8, 0.99), "weight_decay": w, "amsgrad": a, "maximize": up})
    for name, w, a, up in itertools.product(["Adam", "AdamW"], [0, 0.1], [False, True], [False, True])
] + [
    ("Adam", {"lr": 0.1, "betas": (0.0, 0.5), "eps": 0.1}),
    ("Adam", {"lr": 0.1, "weight_decay": 0.2, "decoupled_weight_decay": True}),
    ("Adam", {"lr": 0.1, "eps": 0.0, "fused": False, "foreach": False}),
]
ALL_KINDS = [SGD_CASES[0], ("SGD", {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.1, "nesterov": True}),
             ("SGD", {"lr": 0.01, "momentum": 0.9, "dampening": 0.5, "maximize": True}), *ADAM_CASES[5:16:5]]  # fmt: skip
START = np.random.default_rng(0).standard_normal((3, 4))


def trained(library, name, settings, dtype, reload=False, steps=30):
    """Two parameter groups after many steps; with ``reload`` a new optimizer takes over in the middle."""
    p = library.tensor(START.astype(dtype), requires_grad=True)
    q = library.tensor(START[0].astype(dtype), requires_grad=True)

    def new():
        return getattr(library.optim, name)([{"params": [p]}, {"params": [q], "lr": 0.03}], **settings)

    optimizer, rng = new(), np.random.default_rng(1)
    for step in range(steps):
        x = library.tensor(rng.standard_normal((4, 2)).astype(dtype))
        optimizer.zero_grad()
        ((p @ x).tanh().sum() + (p * p).sum() / 8 + q.sin().sum()).backward()
        optimizer.step()
        if reload and step == steps // 2:
            state, optimizer = optimizer.state_dict(), new()
            optimizer.load_state_dict(state)
    return p, q, optimizer


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "settings"), SGD_CASES + ADAM_CASES)
def test_many_steps_equal_pytorch(name, settings, dtype):
    torch = pytest.importorskip("torch")
    close = {"rtol": 2e-5, "atol": 2e-6} if dtype == "float32" else {"rtol": 1e-10, "atol": 1e-12}
    for reload in (False, True):
        *ours, optimizer = trained(metagrad, name, settings, dtype, reload)
        *theirs, reference = trained(torch, name, settings, dtype, reload)
        for a, b in zip(ours, theirs, strict=True):
            assert a.detach().numpy().dtype == b.detach().numpy().dtype
            np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), **close)
        state, expected = optimizer.state_dict(), reference.state_dict()
        assert state["param_groups"] == expected["param_groups"]
        assert list(state["state"]) == list(expected["state"])
        for number, values in state["state"].items():
            assert list(values) == list(expected["state"][number])
            for key, value in values.items():
                other = expected["state"][number][key].numpy()
                assert value.numpy().dtype == other.dtype and value.shape == other.shape
                np.testing.assert_allclose(value.numpy(), other, **close)


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "settings"), ALL_KINDS)
def test_a_run_begun_in_pytorch_goes_on_here(name, settings):
    torch = pytest.importorskip("torch")

    def continued(library):
        p, _, begun = trained(torch, name, settings, "float64", steps=7)
        p, q = (library.tensor(x.detach().numpy(), requires_grad=True) for x in (p, _))
        optimizer = getattr(library.optim, name)([{"params": [p]}, {"params": [q]}])
        optimizer.load_state_dict(begun.state_dict())
        for _ in range(5):
            optimizer.zero_grad()
            ((p**2).sum() + q.sin().sum()).backward()
            optimizer.step()
        return [x.detach().numpy() for x in (p, q)]

    for a, b in zip(continued(metagrad), continued(torch), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "settings"), ALL_KINDS)
def test_complex_parameters_equal_pytorch(name, settings):
    torch, found = pytest.importorskip("torch"), []
    for library in (metagrad, torch):
        p = library.tensor([1 + 2j, 3 - 1j], requires_grad=True)
        optimizer, rng = getattr(library.optim, name)([p], **settings), np.random.default_rng(2)
        for _ in range(6):
            p.grad = library.tensor((rng.standard_normal(2) + 5j * rng.standard_normal(2)).astype(np.complex64))
            optimizer.step()
        found.append(p.detach().numpy())
    assert found[0].dtype == np.complex64
    np.testing.assert_allclose(*found, rtol=1e-5)


@pytest.mark.parametrize(("name", "settings"), ALL_KINDS)
def test_a_saved_state_goes_on_bit_for_bit(name, settings):
    whole, resumed = (trained(metagrad, name, settings, "float32", reload)[:2] for reload in (False, True))
    for a, b in zip(whole, resumed, strict=True):
        assert a.equal(b)


def stepped(name, settings, arrays, steps=3):
    """The arrays as parameters after some steps with seeded gradients, and the optimizer."""
    parameters = [wrap(a) for a in arrays]
    optimizer = getattr(optim, name)([p.requires_grad_() for p in parameters], **settings)
    rng = np.random.default_rng(3)
    for _ in range(steps):
        for p in parameters:
            grad = rng.standard_normal(p.array.shape).astype(p.array.dtype)
            p.grad = wrap(Strict(grad) if isinstance(p.array, Strict) else grad)
        optimizer.step()
    return parameters, optimizer


@pytest.mark.parametrize(("name", "settings"), ALL_KINDS)
@pytest.mark.parametrize("size", [OPTIMIZER_CHUNK, OPTIMIZER_CHUNK + 1, 2 * OPTIMIZER_CHUNK, 2 * OPTIMIZER_CHUNK + 3])
def test_a_large_parameter_steps_as_its_pieces_do(name, settings, size):
    values = np.random.default_rng(4).standard_normal(size).astype(np.float32)
    (whole,), _ = stepped(name, settings, [values.copy()], steps=1)
    pieces, _ = stepped(name, settings, np.split(values.copy(), range(50_000, size, 50_000)), steps=1)
    assert not np.array_equal(whole.array, values)
    assert np.array_equal(whole.array, np.concatenate([p.array for p in pieces]))


@pytest.mark.parametrize(("name", "settings"), ALL_KINDS)
@pytest.mark.parametrize("arranged", [np.asfortranarray, lambda a: np.repeat(a, 2, axis=1)[:, ::2]])
def test_arrays_that_are_not_contiguous(name, settings, arranged):
    values = np.random.default_rng(5).standard_normal((300, 250)).astype(np.float32)
    (plain,), _ = stepped(name, settings, [values.copy()])
    (other,), _ = stepped(name, settings, [arranged(values)])
    assert not other.array.flags.c_contiguous
    np.testing.assert_allclose(other.array, plain.array, rtol=1e-6, atol=1e-6)  # a compiled loop rounds less often


@pytest.mark.parametrize(("name", "settings"), ALL_KINDS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64"])
def test_an_array_type_that_is_not_numpys(name, settings, dtype):
    shapes = [(3, 4), (), (0, 2), (OPTIMIZER_CHUNK + 5,)]
    values = [np.random.default_rng(6).standard_normal(shape).astype(dtype) for shape in shapes]
    ours, _ = stepped(name, settings, [v.copy() for v in values])
    strict, optimizer = stepped(name, settings, [Strict(v.copy()) for v in values])
    for a, b in zip(ours, strict, strict=True):
        assert type(b.array) is Strict
        np.testing.assert_allclose(b.array.get(), a.array, rtol=1e-6, atol=1e-6)
    for values_of_one in optimizer.state_dict()["state"].values():
        assert all(type(v.array) is Strict for k, v in values_of_one.items() if k != "step")


@pytest.mark.parametrize(("name", "settings"), ALL_KINDS)
def test_numpy_scalars_as_settings_change_nothing(name, settings):
    wide = {k: np.float64(v) if type(v) is float else v for k, v in settings.items()}
    if "betas" in wide:
        wide["betas"] = tuple(map(np.float64, wide["betas"]))
    (a,), _ = stepped(name, settings, [START.astype(np.float32)])
    (b,), optimizer = stepped(name, wide, [START.astype(np.float32)])
    assert b.array.dtype == np.float32 and np.array_equal(a.array, b.array)
    assert {v.array.dtype for s in optimizer.state.values() for v in s.values()} <= {np.dtype(np.float32)}


def test_betas_set_in_a_group_do_not_widen_either():
    found = []
    for kind in (float, np.float64):
        p = metagrad.tensor(START.astype(np.float32), requires_grad=True)
        optimizer = optim.Adam([p], lr=0.1)
        optimizer.param_groups[0]["betas"] = (kind(0.7), kind(0.9))
        for _ in range(5):
            p.grad = p.detach().sin()
            optimizer.step()
        found.append(p)
    assert found[0].equal(found[1])


@pytest.mark.parametrize(("kind", "is_cut"), [(np.array, True), (np.asfortranarray, False), (Strict, False)])
def test_only_plain_contiguous_arrays_are_cut_into_blocks(kind, is_cut):
    sizes, array = [], kind(np.ones((2, OPTIMIZER_CHUNK + 1), np.float32))
    in_blocks(lambda a, nothing, setting: sizes.append((a.size, nothing, setting)), (array, None), ("setting",))
    assert sum(size for size, *_ in sizes) == 2 * OPTIMIZER_CHUNK + 2
    assert max(size for size, *_ in sizes) <= OPTIMIZER_CHUNK if is_cut else len(sizes) == 1
    assert {row[1:] for row in sizes} == {(None, "setting")}


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_a_learning_rate_may_be_a_tensor(name):
    lr = metagrad.tensor(0.25)
    (a,), _ = stepped(name, {"lr": 0.25}, [START.copy()])
    (b,), optimizer = stepped(name, {"lr": lr}, [START.copy()])
    assert np.array_equal(a.array, b.array) and optimizer.param_groups[0]["lr"] is lr


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("AdamW", [0.77875, -2.0]),
        ("Adam", [0.77875, -2.0]),
        ("NAdam", [0.81323, -1.96552]),
        ("RAdam", [0.8525, -1.889375]),
    ],
)
def test_decoupled_decay_leaves_gradients_alone_also_in_a_step_of_rate_0(name, expected):
    """Schedules that warm up begin with it. The values are PyTorch's."""
    p = metagrad.tensor([1.0, -2.0], requires_grad=True)
    more = {} if name == "AdamW" else {"decoupled_weight_decay": True}
    optimizer = getattr(optim, name)([p], lr=0.1, weight_decay=0.5, **more)
    for rate in (0.0, 0.1, 0.05):
        optimizer.param_groups[0]["lr"] = rate
        p.grad = metagrad.tensor([0.5, 0.25])
        optimizer.step()
    np.testing.assert_allclose(p.tolist(), expected, rtol=0, atol=2e-6)


def test_sgd_by_hand():
    p = metagrad.tensor([1.0, -2.0], requires_grad=True)
    optimizer = optim.SGD([p], lr=0.5, momentum=0.5, weight_decay=1.0)
    for expected in ([0.0, 0.0], [-0.5, 1.0]):  # g = 2 p after decay; then g = 0, and the momentum b = 0.5 (2, -4)
        optimizer.zero_grad()
        (p * p / 2).sum().backward()
        optimizer.step()
        assert p.tolist() == expected


def given(parameter, optimizer, gradients):
    """The parameter's values after a step with each of the gradients."""
    found = []
    for g in gradients:
        parameter.grad = metagrad.tensor([g])
        optimizer.step()
        found.append(parameter.item())
    return found


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [-1.0, -3.0]),
        ({"maximize": True}, [1.0, 3.0]),
        ({"momentum": 0.5}, [-1.0, -3.5]),  # b = 1, then 0.5 + 2
        ({"momentum": 0.5, "dampening": 0.5}, [-1.0, -2.5]),  # b = 1, then 0.5 + 1: the first g is not dampened
        ({"momentum": 0.5, "nesterov": True}, [-1.5, -4.75]),  # d = 1 + 0.5, then 2 + 0.5 · 2.5
        ({"weight_decay": 0.5}, [-1.0, -2.5]),
        ({"weight_decay": 0.5, "maximize": True}, [1.0, 2.5]),  # decay pulls to 0 also on the way up
    ],
)
def test_two_steps_of_sgd_from_0_with_gradients_1_and_2(settings, expected):
    p = metagrad.zeros(1, requires_grad=True)
    assert given(p, optim.SGD([p], lr=1.0, **settings), [1.0, 2.0]) == expected


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        # With β₁ = β₂ = ½: m = ½, v = ½ give m̂ = v̂ = 1, a step of 1; then m = ¼ + 1, v = ¼ + 2, m̂ = 5/3, v̂ = 3.
        (lambda p, **k: optim.Adam(p, eps=0.0, **k), [-1.0, -1 - 5 / 3 / 3**0.5]),
        (lambda p, **k: optim.Adam(p, eps=1.0, **k), [-0.5, -0.5 - 5 / 3 / (3**0.5 + 1)]),
        (lambda p, **k: optim.Adam(p, eps=0.0, maximize=True, **k), [1.0, 1 + 5 / 3 / 3**0.5]),
        # -1 is halved first, and then makes its step.
        (lambda p, **k: optim.AdamW(p, eps=0.0, weight_decay=0.5, **k), [-1.0, -0.5 - 5 / 3 / 3**0.5]),
        # g = 1, then 2 + ½ · -1: m = ¼ + ¾, v = ¼ + 9/8, m̂ = 4/3, v̂ = 11/6.
        (lambda p, **k: optim.Adam(p, eps=0.0, weight_decay=0.5, **k), [-1.0, -1 - 4 / 3 / (11 / 6) ** 0.5]),
    ],
)
def test_two_steps_of_adam_from_0_with_gradients_1_and_2(make, expected):
    p = metagrad.zeros(1, dtype=metagrad.float64, requires_grad=True)
    optimizer, found = make([p], lr=1.0, betas=(0.5, 0.5)), []
    for g in (1.0, 2.0):
        p.grad = metagrad.tensor([g], dtype=metagrad.float64)
        optimizer.step()
        found.append(p.item())
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_amsgrad_remembers_the_largest_average():
    steps = {}
    for amsgrad in (False, True):
        p = metagrad.zeros(1, requires_grad=True)
        path = given(p, optim.Adam([p], lr=1.0, betas=(0.0, 0.5), amsgrad=amsgrad), [100.0, 1.0, 1.0, 1.0, 1.0])
        steps[amsgrad] = path[-2] - path[-1]
    # At the last step v = ½ + ¼ + ⅛ + 1/16 + 10⁴/2⁵, at the first one 10⁴/2; √v̂ divides by 1 − 2⁻⁵.
    c = 1 - 2**-5
    assert steps[False] == pytest.approx((c / (15 / 16 + 10_000 / 32)) ** 0.5, rel=1e-5)
    assert steps[True] == pytest.approx((c / 5_000) ** 0.5, rel=1e-4)


def test_overflow_is_as_quiet_as_pytorchs():  # warnings are errors in these tests
    p = metagrad.ones(2, requires_grad=True)
    p.grad = metagrad.full((2,), 1e30)
    optim.Adam([p]).step()  # the square is inf
    assert p.tolist() == [1.0, 1.0]


def test_rprop_leaves_an_element_whose_gradient_is_no_number():
    p = metagrad.ones(2, requires_grad=True)
    p.grad = metagrad.tensor([float("nan"), 2.0])
    metagrad.optim.Rprop([p], lr=0.5).step()
    assert p.tolist() == [1.0, 0.5]
