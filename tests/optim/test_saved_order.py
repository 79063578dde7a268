"""The keys of saved states stand in PyTorch's order, so that files of the two can be compared."""

import warnings

import pytest

import metagrad as mg

SCHEDULES = {
    "lambda": lambda s, o: s.LambdaLR(o, lambda epoch: 0.9**epoch),
    "multiplicative": lambda s, o: s.MultiplicativeLR(o, lambda epoch: 0.9),
    "milestones": lambda s, o: s.MultiStepLR(o, [2, 2, 4]),
    "cyclic": lambda s, o: s.CyclicLR(o, 0.1, 1.0),
    "one cycle": lambda s, o: s.OneCycleLR(o, 0.1, total_steps=9),
    "plateau": lambda s, o: s.ReduceLROnPlateau(o),
    "sequential": lambda s, o: s.SequentialLR(o, [s.ConstantLR(o), s.ExponentialLR(o, 0.9)], [2]),
    "chained": lambda s, o: s.ChainedScheduler([s.ConstantLR(o), s.ExponentialLR(o, 0.9)]),
}


def saved(lib, name):
    optimizer = lib.optim.SGD([lib.ones(2, requires_grad=True)], lr=0.5, momentum=0.9)
    scheduler = SCHEDULES[name](lib.optim.lr_scheduler, optimizer)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(3):
            optimizer.step()
            scheduler.step(*[1.0] * (name == "plateau"))
    return scheduler, scheduler.state_dict()


@pytest.mark.oracle
@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedules_keys_are_in_pytorchs_order_and_its_state_is_taken_from_there(torch, name):
    (theirs, expected), (own, found) = saved(torch, name), saved(mg, name)
    assert list(found) == list(expected)
    own.load_state_dict(expected)
    rates = []
    for scheduler in (theirs, own):
        for _ in range(3):
            scheduler.optimizer.step()
            scheduler.step(*[1.0] * (name == "plateau"))
        rates.append(scheduler.optimizer.param_groups[0]["lr"])
    assert rates[1] == pytest.approx(rates[0], rel=1e-12)


def far_off(lib, search):
    """L-BFGS on Rosenbrock's function: every loss it asked for, and its state's keys."""
    x = lib.tensor([-1.2, 1.0, 0.5, 2.0], dtype=lib.float64, requires_grad=True)
    optimizer = lib.optim.LBFGS([x], max_iter=7, line_search_fn=search)
    losses = []

    def closure():
        optimizer.zero_grad()
        loss = (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()
        loss.backward()
        losses.append(loss.item())
        return loss

    for _ in range(5):
        optimizer.step(closure)
    return losses, list(optimizer.state_dict()["state"][0])


@pytest.mark.oracle
@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_lbfgs_asks_for_the_same_losses_as_pytorch(torch, search):
    (expected, keys), (found, own_keys) = far_off(torch, search), far_off(mg, search)
    assert own_keys == keys
    assert found == pytest.approx(expected, rel=1e-6)


def test_a_group_keeps_the_order_it_was_saved_in():
    p, q = mg.ones(1, requires_grad=True), mg.ones(1, requires_grad=True)
    own = mg.optim.SGD([p], lr=1.0)
    own.load_state_dict(mg.optim.SGD([("a", q)], lr=0.5).state_dict())
    assert list(own.state_dict()["param_groups"][0])[:2] == ["param_names", "lr"]
    own.load_state_dict({"state": {}, "param_groups": [{"momentum": 0.5, "params": [0], "lr": 2.0}]})
    assert list(own.param_groups[0])[:4] == ["momentum", "params", "lr", "dampening"]


def test_what_a_program_remembers_beside_is_loaded():
    optimizer = mg.optim.Adam([mg.ones(1, requires_grad=True)])
    state = optimizer.state_dict()
    state["state"]["rounds"] = 3
    optimizer.load_state_dict(state)
    assert optimizer.state["rounds"] == 3
