"""Steps as functions: what PyTorch's do with the same lists, and what they leave in them."""

import importlib

import pytest

import metagrad

_MOMENTS = {"beta1": 0.8, "beta2": 0.9, "lr": 0.1, "weight_decay": 0.01, "eps": 1e-6}
CALLS = {  # module and function: the lists after the gradients, by what they are full of; the settings
    "sgd sgd": (
        ["none"],
        {"weight_decay": 0.1, "momentum": 0.9, "lr": 0.1, "dampening": 0.2, "nesterov": False, "maximize": True},
    ),
    "adam adam": ([0, 0, [], "step"], dict(amsgrad=False, maximize=False, **_MOMENTS)),
    "adam adam amsgrad": ([0, 0, 0, "step"], dict(amsgrad=True, maximize=False, **_MOMENTS)),
    "adamw adamw": ([0, 0, [], "step"], dict(amsgrad=False, maximize=False, **_MOMENTS)),
    "rmsprop rmsprop": (
        [0, 0, 0, "step"],
        {"lr": 0.1, "alpha": 0.9, "eps": 1e-6, "weight_decay": 0.1, "momentum": 0.5, "centered": True},
    ),
    "adagrad adagrad": ([1, "step"], {"lr": 0.1, "weight_decay": 0.1, "lr_decay": 0.5, "eps": 1e-6, "maximize": False}),
    "adadelta adadelta": ([0, 0, "step"], {"lr": 0.1, "rho": 0.9, "eps": 1e-6, "weight_decay": 0.1, "maximize": False}),
    "adamax adamax": ([0, 0, "step"], _MOMENTS),
    "nadam nadam": ([0, 0, "one", "step"], dict(momentum_decay=4e-3, **_MOMENTS)),
    "radam radam": ([0, 0, "step"], _MOMENTS),
    "rprop rprop": ([0, 1, "step"], {"step_size_min": 1e-6, "step_size_max": 50.0, "etaminus": 0.5, "etaplus": 1.2}),
    "asgd asgd": (
        [0, "one", "tenth", "step"],
        {"lambd": 1e-4, "lr": 0.1, "t0": 1.0, "alpha": 0.75, "weight_decay": 0.1},
    ),
}


def _lists(library, kinds):
    numbers = {"step": 0.0, "one": 1.0, "tenth": 0.1}
    return [
        list(kind) if isinstance(kind, list)
        else [None, None] if kind == "none"
        else [library.tensor(numbers[kind]) for _ in range(2)] if isinstance(kind, str)
        else [library.full((2,), float(kind)), library.full((1, 3), float(kind))]
        for kind in kinds
    ]  # fmt: skip


def _after_two_steps(library, call):
    file, name = call.split()[:2]
    step = getattr(importlib.import_module(f"{library.__name__}.optim.{file}"), name)
    kinds, settings = CALLS[call]
    params = [library.tensor([1.0, 2.0]), library.tensor([[3.0, -4.0, 0.5]])]
    lists = _lists(library, kinds)
    for sign in (1.0, -0.5):
        step(params, [p * sign for p in params], *lists, **settings)
    return [t.tolist() for some in [params, *lists] for t in some]


@pytest.mark.oracle
@pytest.mark.parametrize("call", CALLS)
def test_two_steps_are_pytorchs(torch, call):
    with torch.no_grad():
        theirs = _after_two_steps(torch, call)
    for ours, expected in zip(_after_two_steps(metagrad, call), theirs, strict=True):
        assert metagrad.tensor(ours).allclose(metagrad.tensor(expected), rtol=1e-4, atol=1e-6), (ours, expected)


ADAM = {
    "amsgrad": False, "beta1": 0.5, "beta2": 0.5, "lr": 0.25, "weight_decay": 0.0, "eps": 0.0, "maximize": False,
}  # fmt: skip


def test_everything_given_changes_in_place():
    p, m, v, t = metagrad.ones(2), metagrad.zeros(2), metagrad.zeros(2), metagrad.tensor(0.0)
    metagrad.optim.adam.adam([p], [metagrad.full((2,), 2.0)], [m], [v], [], [t], **ADAM)
    assert (p.tolist(), m.tolist(), v.tolist(), t.item()) == ([0.75, 0.75], [1.0, 1.0], [2.0, 2.0], 1.0)


def test_an_infinity_that_a_scaler_found_leaves_all_as_it_was():
    p, t = metagrad.ones(1), metagrad.tensor(0.0)
    settings = {
        "has_sparse_grad": False,
        "lr": 1.0,
        "weight_decay": 0.0,
        "lr_decay": 0.0,
        "eps": 1e-8,
        "maximize": False,
    }
    scaled = {"grad_scale": metagrad.tensor(2.0), "found_inf": metagrad.tensor(1.0)}
    metagrad.optim.adagrad.adagrad([p], [metagrad.ones(1)], [metagrad.zeros(1)], [t], **scaled, **settings)
    assert (p.item(), t.item()) == (1.0, 0.0)


def test_numbers_of_steps_must_be_tensors():
    one = [metagrad.ones(1)]
    with pytest.raises(RuntimeError, match="`state_steps` argument must contain a list of singleton tensors"):
        metagrad.optim.adam.adam(one, one, one, one, [], [1], **ADAM)
