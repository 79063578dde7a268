"""What every optimizer shares: groups, gradients, hooks, saving and loading, and what it refuses."""

import copy
import pickle

import numpy as np
import pytest

import metagrad
from metagrad import optim
from metagrad.optim.optimizer import required


def parameter(*shape):
    return metagrad.ones(*shape or (2,), requires_grad=True)


def stepped(optimizer, steps=2):
    """The optimizer after some steps with gradients of 1."""
    for _ in range(steps):
        for group in optimizer.param_groups:
            for p in group["params"]:
                p.grad = metagrad.ones_like(p).detach()
        optimizer.step()
    return optimizer


# ------------------------------------------------ parameters in place


@pytest.mark.parametrize("make", [optim.SGD, lambda p, lr: optim.SGD(p, lr, momentum=0.9), optim.Adam, optim.AdamW])
def test_parameters_are_updated_in_place_and_their_version_is_counted(make):
    p = parameter()
    view, row, memory = p.detach(), p[0], p.array
    y = (p * p).sum()
    p.grad = metagrad.ones(2)
    make([p], lr=0.5).step()
    assert p.array is memory and view.tolist() == p.tolist() != [1.0, 1.0] and row.item() == p.tolist()[0]
    assert p.is_leaf and p.requires_grad
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_the_state_counts_its_versions_too():
    for optimizer in (optim.SGD([parameter()], momentum=0.9), optim.Adam([parameter()], amsgrad=True)):
        (state,) = stepped(optimizer, 1).state.values()
        before = {name: value._version for name, value in state.items()}
        stepped(optimizer, 1)
        assert all(value._version > before[name] for name, value in state.items())


def test_a_parameter_without_a_gradient_stays():
    p, q = parameter(), parameter()
    q.grad = metagrad.ones(2)
    optimizer = optim.AdamW([p, q], lr=0.5, weight_decay=0.5)
    optimizer.step()
    assert p.tolist() == [1.0, 1.0] != q.tolist()
    assert list(optimizer.state_dict()["state"]) == [1]


def test_zero_grad():
    p = parameter()
    optimizer = optim.SGD([p])
    p.grad = g = metagrad.ones(2)
    optimizer.zero_grad(set_to_none=False)
    assert p.grad is g and g.tolist() == [0.0, 0.0]
    optimizer.zero_grad()
    assert p.grad is None
    optimizer.zero_grad(set_to_none=False)
    assert p.grad is None


@pytest.mark.filterwarnings("ignore:Using backward.. with create_graph=True")
def test_zero_grad_cuts_a_gradient_off_from_its_graph():
    p = parameter()
    (p**3).sum().backward(create_graph=True)
    assert p.grad.grad_fn is not None
    optim.SGD([p]).zero_grad(set_to_none=False)
    assert p.grad.grad_fn is None and not p.grad.requires_grad and p.grad.tolist() == [0.0, 0.0]


def test_a_closure_is_called_with_gradients_on():
    p = parameter(1)
    optimizer = optim.SGD([p], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with metagrad.no_grad():
        assert optimizer.step(closure).item() == 1.0
    np.testing.assert_allclose(p.item(), 0.8, rtol=1e-6)
    assert optimizer.step() is None


@pytest.mark.parametrize("grad", [metagrad.ones(3), metagrad.ones(2, 1), metagrad.ones(2, 3, dtype=metagrad.float64)])
def test_a_gradient_that_does_not_fit_is_refused_before_anything_changes(grad):
    p, q = parameter(2, 3), parameter(2, 3)
    p.grad, q._grad = metagrad.ones(2, 3), grad  # past the check of the attribute itself
    with pytest.raises(RuntimeError, match=r"shape \(2, 3\) and dtype float32 has a gradient of shape"):
        optim.SGD([p, q]).step()
    assert p.tolist() == q.tolist() == [[1.0] * 3] * 2


@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable")
def test_a_read_only_parameter_is_refused_before_anything_changes():
    memory = np.ones(2, np.float32)
    memory.flags.writeable = False
    p = parameter()
    q = metagrad.from_numpy(memory).requires_grad_()
    p.grad = q.grad = metagrad.ones(2)
    with pytest.raises(RuntimeError, match="cannot be written to"):
        optim.Adam([p, q]).step()
    assert p.tolist() == [1.0, 1.0]


# ------------------------------------------------ arguments


BAD = [
    (lambda p: optim.SGD([p], lr=-1), ValueError, "learning rate: -1"),
    (lambda p: optim.SGD([p], lr=float("nan")), ValueError, "learning rate: nan"),
    (lambda p: optim.SGD([p], lr=metagrad.ones(2)), ValueError, "1-element"),
    (lambda p: optim.SGD([p], momentum=-1), ValueError, "momentum value: -1"),
    (lambda p: optim.SGD([p], weight_decay=-1), ValueError, "weight_decay value: -1"),
    (lambda p: optim.SGD([p], nesterov=True), ValueError, "Nesterov momentum requires"),
    (lambda p: optim.SGD([p], momentum=0.9, dampening=0.1, nesterov=True), ValueError, "Nesterov momentum requires"),
    (lambda p: optim.SGD([p], foreach=True, fused=True), RuntimeError, "cannot be `True` together"),
    (lambda p: optim.SGD([]), ValueError, "empty parameter list"),
    (lambda p: optim.SGD(p), TypeError, "iterable of Tensors or dicts"),
    (lambda p: optim.SGD([{"params": [p]}, {"params": [p]}]), ValueError, "more than one parameter group"),
    (lambda p: optim.SGD([{"params": [p]}, [p]]), TypeError, "must be a dict"),
    (lambda p: optim.SGD([{"lr": 1.0}]), KeyError, "needs 'params'"),
    (lambda p: optim.SGD([p * 2]), ValueError, "non-leaf"),
    (lambda p: optim.SGD(["p"]), TypeError, "one of the params is str"),
    (lambda p: optim.SGD([{"params": {p}}]), TypeError, "ordered collections"),
    (lambda p: optim.SGD([("p", p), parameter()]), ValueError, "1 of 2"),
    (lambda p: optim.SGD([{"params": [("p", p)]}, {"params": [parameter()]}]), ValueError, "without names"),
    (lambda p: optim.Adam([p], lr=-1), ValueError, "learning rate: -1"),
    (lambda p: optim.Adam([p], betas=(1.0, 0.9)), ValueError, "index 0: 1.0"),
    (lambda p: optim.Adam([p], betas=(0.9, -0.1)), ValueError, "index 1: -0.1"),
    (lambda p: optim.Adam([p], betas=(0, 0.9)), ValueError, "both floats or both Tensors"),
    (lambda p: optim.Adam([p], betas=(0.9,)), ValueError, "two numbers"),
    (lambda p: optim.Adam([p], eps=-1), ValueError, "epsilon value: -1"),
    (lambda p: optim.AdamW([p], weight_decay=-1), ValueError, "weight_decay value: -1"),
    (lambda p: optim.Optimizer([p], {"rate": required}), ValueError, "required optimization parameter rate"),
]


@pytest.mark.parametrize(("make", "error", "message"), BAD, ids=[message for *_, message in BAD])
def test_bad_arguments_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make(parameter())


def test_a_parameter_given_twice_is_warned_of_and_stepped_twice():
    p = parameter()
    with pytest.warns(UserWarning, match="duplicate parameters"):
        optimizer = optim.SGD([p, p], lr=0.25)
    stepped(optimizer, 1)
    assert p.tolist() == [0.5, 0.5] and optimizer.state_dict()["param_groups"][0]["params"] == [0, 0]


def test_groups_have_settings_of_their_own():
    p, q, r = parameter(), parameter(), parameter()
    given = {"params": q, "lr": 0.25}
    optimizer = optim.SGD([{"params": iter([p])}, given], lr=0.5)
    optimizer.add_param_group({"params": [r], "weight_decay": 1.0})
    assert given == {"params": q, "lr": 0.25}  # the caller's dictionary is the caller's
    stepped(optimizer, 1)
    assert [p.tolist()[0], q.tolist()[0], r.tolist()[0]] == [0.5, 0.75, 0.0]


def test_a_setting_that_an_optimizer_does_not_have_changes_nothing():
    p, q = parameter(), parameter()
    stepped(optim.Rprop([{"params": [p], "weight_decay": 3.0}, {"params": [q]}]))
    assert p.equal(q)


def test_foreach_and_fused_change_nothing():
    plain, other = parameter(), parameter()
    stepped(optim.Adam([plain]))
    stepped(optim.Adam([other], fused=True))
    assert plain.equal(other)


def test_names_are_kept():
    model = metagrad.nn.Linear(2, 3)
    optimizer = optim.SGD(model.named_parameters(), lr=0.1)
    names = optimizer.state_dict()["param_groups"][0]["param_names"]
    assert names == ["weight", "bias"] and optimizer.param_groups[0]["params"][0] is model.weight
    optimizer.load_state_dict(optim.SGD(list(model.parameters()), lr=0.2).state_dict())
    assert optimizer.param_groups[0]["param_names"] == names and optimizer.param_groups[0]["lr"] == 0.2
    with pytest.raises(ValueError, match="cannot add param group without names"):
        optimizer.add_param_group({"params": [parameter()]})


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_repr_equals_pytorchs(name):
    torch = pytest.importorskip("torch")
    ours, theirs = (
        repr(getattr(library.optim, name)([{"params": [library.ones(1)]}, {"params": [library.ones(1)], "lr": 1.0}]))
        for library in (metagrad, torch)
    )
    assert ours == theirs


# ------------------------------------------------ hooks, and optimizers of one's own


def test_hooks_are_called_around_a_step_until_they_are_removed():
    p, calls = parameter(), []
    optimizer = optim.SGD([p], lr=0.5)
    before = optimizer.register_step_pre_hook(
        lambda o, args, kwargs: calls.append(("before", o is args[0], p.tolist()))
    )
    after = optimizer.register_step_post_hook(lambda o, args, kwargs: calls.append(("after", o is args[0], p.tolist())))
    stepped(optimizer, 1)
    assert calls == [("before", True, [1.0, 1.0]), ("after", True, [0.5, 0.5])]
    assert len(optimizer._optimizer_step_pre_hooks) == len(optimizer._optimizer_step_post_hooks) == 1
    before.remove()
    after.remove()
    stepped(optimizer, 1)
    assert len(calls) == 2


def test_a_hook_may_replace_the_arguments():
    optimizer = optim.SGD([parameter()])
    with optimizer.register_step_pre_hook(lambda o, args, kwargs: ((o, lambda: "given by the hook"), {})):
        assert optimizer.step(closure=lambda: "given by the caller") == "given by the hook"
    with (
        optimizer.register_step_pre_hook(lambda *_: "neither"),
        pytest.raises(RuntimeError, match="new_args, new_kwargs"),
    ):
        optimizer.step()


def test_hooks_of_all_optimizers():
    from metagrad.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

    seen, optimizers = [], [optim.SGD([parameter(1)]), optim.Adam([parameter(1)])]
    optimizers[0].register_step_pre_hook(lambda o, args, kwargs: seen.append("its own"))
    with (
        register_optimizer_step_pre_hook(lambda o, args, kwargs: seen.append(("before", type(o).__name__))),
        register_optimizer_step_post_hook(lambda o, args, kwargs: seen.append(("after", type(o).__name__))),
    ):
        for optimizer in optimizers:
            optimizer.step()
    optimizers[1].step()
    assert seen == [("before", "SGD"), "its own", ("after", "SGD"), ("before", "Adam"), ("after", "Adam")]


def test_hooks_around_saving_and_loading():
    optimizer, seen = optim.SGD([parameter(1)], lr=0.5), []
    handles = [
        optimizer.register_state_dict_pre_hook(lambda o: seen.append("saving")),
        optimizer.register_state_dict_post_hook(lambda o, state: {**state, "more": 1}),
        optimizer.register_state_dict_post_hook(lambda o, state: seen.append(sorted(state)), prepend=True),
        optimizer.register_load_state_dict_pre_hook(lambda o, state: seen.append(state.pop("more"))),
        optimizer.register_load_state_dict_post_hook(lambda o: seen.append("loaded")),
    ]
    state = optimizer.state_dict()
    assert state["more"] == 1
    optimizer.load_state_dict(state)
    assert state["more"] == 1  # the hook saw a copy
    assert seen == ["saving", ["param_groups", "state"], 1, "loaded"]
    optimizer.register_load_state_dict_pre_hook(
        lambda o, state: {**state, "param_groups": [{**state["param_groups"][0], "lr": 2.0}]}
    )
    for handle in handles:
        handle.remove()
    optimizer.load_state_dict(optimizer.state_dict())
    assert optimizer.param_groups[0]["lr"] == 2.0 and len(seen) == 4


def test_an_optimizer_in_pytorchs_style_has_hooks_and_schedules():
    class Signs(optim.Optimizer):
        def __init__(self, params, lr):
            super().__init__(params, {"lr": lr})

        @metagrad.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    p.add_(p.grad.sign(), alpha=-group["lr"])
                    self.state[p]["steps"] = self.state[p].get("steps", 0) + 1

    p, calls = parameter(), []
    optimizer = Signs([p], lr=0.5)
    optimizer.register_step_post_hook(lambda *_: calls.append(p.tolist()))
    scheduler = optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    stepped(optimizer, 1)
    scheduler.step()
    stepped(optimizer, 1)
    assert calls == [[0.5, 0.5], [0.25, 0.25]]
    optimizer.state["all"] = {"seen": 3}  # what belongs to no parameter
    again = Signs([parameter()], lr=1.0)
    again.load_state_dict(optimizer.state_dict())
    assert again.state_dict() == optimizer.state_dict()


def test_without_an_update_a_step_says_so():
    with pytest.raises(NotImplementedError, match="Optimizer has no update"):
        stepped(optim.Optimizer([parameter()], {}))


# ------------------------------------------------ saving


def test_the_layout_of_a_state():
    p, q = parameter(), parameter(3)
    optimizer = stepped(optim.Adam([{"params": [p]}, {"params": [q], "lr": 0.5}]), 3)
    state = optimizer.state_dict()
    assert list(state) == ["state", "param_groups"] and list(state["state"]) == [0, 1]
    assert [g["params"] for g in state["param_groups"]] == [[0], [1]]
    assert [g["lr"] for g in state["param_groups"]] == [1e-3, 0.5]
    assert list(state["state"][1]) == ["step", "exp_avg", "exp_avg_sq"]
    assert state["state"][1]["step"].item() == 3.0 and state["state"][1]["exp_avg"].shape == (3,)


def test_a_loaded_state_shares_no_memory_with_the_saved_one():
    saved = stepped(optim.SGD([parameter()], momentum=0.5)).state_dict()
    before = saved["state"][0]["momentum_buffer"].tolist()
    optimizer = optim.SGD([parameter()])
    optimizer.load_state_dict(saved)
    stepped(optimizer, 1)
    optimizer.param_groups[0]["lr"] = 7.0
    assert saved["state"][0]["momentum_buffer"].tolist() == before and saved["param_groups"][0]["lr"] == 1e-3


def test_loading_casts_and_fills_in():
    saved = stepped(optim.Adam([parameter()], lr=0.5)).state_dict()
    del saved["param_groups"][0]["amsgrad"]  # as if an older version had saved it
    saved["state"][0]["step"] = 2
    p = metagrad.ones(2, dtype=metagrad.float64, requires_grad=True)
    optimizer = optim.Adam([p])
    optimizer.load_state_dict(saved)
    state = optimizer.state[p]
    assert state["exp_avg"].dtype is metagrad.float64 and state["step"].dtype is metagrad.float32
    assert optimizer.param_groups[0]["amsgrad"] is False and optimizer.param_groups[0]["lr"] == 0.5
    stepped(optimizer, 1)
    assert state["step"].item() == 3.0


def test_arrays_of_numpy_are_taken_as_a_state():
    optimizer = stepped(optim.SGD([parameter()], lr=0.5, momentum=0.5))
    saved = optimizer.state_dict()
    saved["state"][0] = {name: value.numpy() for name, value in saved["state"][0].items()}
    p = parameter()
    again = optim.SGD([p])
    again.load_state_dict(saved)
    assert again.state[p]["momentum_buffer"].tolist() == [1.5, 1.5]


def test_adamw_stays_adamw():
    p = parameter()
    optimizer = optim.AdamW([p])
    optimizer.load_state_dict(optim.Adam([parameter()]).state_dict())
    assert optimizer.param_groups[0]["decoupled_weight_decay"] is True


def of_shape(*shape):
    return stepped(optim.Adam([parameter(*shape)])).state_dict()


FOREIGN = [
    (lambda: optim.SGD([parameter(), parameter()]).state_dict(), "2 parameters there, 1 here"),
    (lambda: optim.SGD([{"params": [parameter()]}, {"params": [parameter()]}]).state_dict(), "2 there, 1 here"),
    (lambda: stepped(optim.SGD([parameter()], momentum=0.9)).state_dict(), "not Adam's state: it has"),
    (lambda: of_shape(3), r"exp_avg of parameter 0 has shape \(3,\), the parameter has \(2,\)"),
    (lambda: of_shape(2) | {"state": {5: {"step": 1}}}, "parameter 5, which is in none"),
    (lambda: metagrad.nn.Linear(1, 1).state_dict(), "param_groups"),
]


@pytest.mark.parametrize(("foreign", "message"), FOREIGN, ids=[message for _, message in FOREIGN])
def test_a_foreign_state_is_refused_before_anything_changes(foreign, message):
    p = parameter()
    optimizer = stepped(optim.Adam([p], lr=0.25))
    before, momentum = repr(optimizer.state_dict()), optimizer.state[p]["exp_avg"]
    with pytest.raises((ValueError, KeyError), match=message):
        optimizer.load_state_dict(foreign())
    assert repr(optimizer.state_dict()) == before and optimizer.state[p]["exp_avg"] is momentum


@pytest.mark.parametrize("again", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))])
def test_copies_go_on_by_themselves(again):
    optimizer = stepped(optim.Adam([parameter()], lr=0.25))
    optimizer.register_step_post_hook(lambda *_: None)  # a lambda, which no pickle can carry
    copied = again(optimizer)
    (p,), (q,) = optimizer.param_groups[0]["params"], copied.param_groups[0]["params"]
    assert q is not p and q.equal(p)
    stepped(copied, 1)
    assert not q.equal(p)
    stepped(optimizer, 1)
    assert q.equal(p)


def test_an_optimizer_around_another_may_skip_the_beginning_of_its_own():
    class Around(optim.Optimizer):
        def __init__(self, inner):
            self.inner, self.defaults = inner, inner.defaults
            self._patch_step_function()

        def step(self, closure=None):
            return self.inner.step(closure)

    p = parameter(1)
    around, seen = Around(optim.SGD([p], lr=0.5)), []
    around.register_step_pre_hook(lambda *_: seen.append("before"))
    around.register_step_post_hook(lambda *_: seen.append("after"))
    p.sum().backward()
    around.step()
    assert p.item() == 0.5 and seen == ["before", "after"]
