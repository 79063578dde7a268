"""metagrad.autograd.functional and metagrad.func against PyTorch's."""

import numpy as np
import pytest

import metagrad

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

A, B = np.array([0.5, -1.0, 2.0]), np.array([[1.0, 2.0, 3.0], [0.5, -0.5, 1.5]])


def tensors(library, *arrays):
    return tuple(library.tensor(a) for a in arrays)


def as_arrays(x):
    return [b for a in x for b in as_arrays(a)] if isinstance(x, (tuple, list)) else [x.detach().numpy()]


def same(found, expected):
    found, expected = as_arrays(found), as_arrays(expected)
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def several(x, y):
    return (x * y).sum(1), (x**3).exp().sum() + y.mean()


def single(x, y):
    return ((x * y) ** 2).sum() + x.sin().prod()


@pytest.mark.parametrize("create_graph", [False, True])
def test_products_and_matrices(create_graph):
    found = []
    for library in (metagrad, torch):
        f = library.autograd.functional
        x, y = tensors(library, A, B)
        u, w = tensors(library, np.array([1.0, -2.0]), np.array(0.5))
        options = {"create_graph": create_graph}
        found.append([
            f.jacobian(several, (x, y), **options), f.jacobian(lambda t: t * t.sum(), x, **options),
            f.vjp(several, (x, y), (u, w), **options), f.jvp(several, (x, y), tensors(library, A * 2, B - 1), **options),
            f.hessian(single, (x, y), **options), f.hessian(lambda t: (t**3).prod(), x, **options),
            f.hvp(single, (x, y), tensors(library, A + 1, B * B), **options),
            f.vhp(single, (x, y), tensors(library, A + 1, B), **options),
        ])  # fmt: skip
    same(*found)


def test_what_does_not_depend_is_zero_or_an_error():
    x = metagrad.tensor([1.0, 2.0])
    f = metagrad.autograd.functional
    assert f.jacobian(lambda t: metagrad.ones(2), x).tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert f.hessian(lambda t: t.sum(), x).tolist() == [[0.0, 0.0], [0.0, 0.0]]
    with pytest.raises(RuntimeError, match="does not require gradients"):
        f.jacobian(lambda t: metagrad.ones(2), x, strict=True)
    with pytest.raises(RuntimeError, match="can only be None"):
        f.vjp(lambda t: t * 2, x)
    with pytest.raises(RuntimeError, match="invalid size"):
        f.jvp(lambda t: t * 2, x, metagrad.ones(3))
    with pytest.raises(RuntimeError, match="single element"):
        f.hessian(lambda t: t * 2, x)
    with pytest.raises(TypeError, match="must be either a Tensor"):
        f.jacobian(lambda t: t, [1.0])


def test_a_derivative_that_is_differentiated_again():
    grads = []
    for library in (metagrad, torch):
        x = library.tensor(A, requires_grad=True)
        library.autograd.functional.jacobian(lambda t: t**3, x, create_graph=True).sum().backward()
        grads.append(x.grad)
    same(*grads)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_functions_of_functions():
    found = []
    for library in (metagrad, torch):
        f = library.func
        x, y = tensors(library, A, B)
        out, pull = f.vjp(several, x, y)
        found.append([
            f.grad(single)(x, y), f.grad(single, argnums=(0, 1))(x, y), f.grad_and_value(single, argnums=1)(x, y),
            f.grad(f.grad(lambda t: (t**4).sum()))(library.tensor(2.0, dtype=library.float64)),
            f.grad(lambda t: (t.sum(), t * 2), has_aux=True)(x),
            f.jacrev(lambda t, s: t * s, argnums=1)(x, y), f.jacfwd(lambda t: t**2)(x), f.hessian(single)(x, y),
            out, pull(tensors(library, np.array([1.0, 2.0]), np.array(3.0))),
            f.jvp(lambda t: t.exp(), (x,), (y[0],)),
        ])  # fmt: skip
    same(*found)


def test_a_model_as_a_function_of_its_parameters():
    layer, x = metagrad.nn.Linear(3, 2), metagrad.randn(4, 3)
    parameters = {k: v.detach() for k, v in layer.named_parameters()}
    grads = metagrad.func.grad(lambda p: metagrad.func.functional_call(layer, p, (x,)).square().sum())(parameters)
    layer(x).square().sum().backward()
    for name, p in layer.named_parameters():
        np.testing.assert_allclose(grads[name].numpy(), p.grad.numpy(), rtol=1e-5)
    with pytest.raises(RuntimeError, match="scalar Tensor"):
        metagrad.func.grad(lambda t: t)(x)
    with pytest.raises(RuntimeError, match="argnum"):
        metagrad.func.grad(lambda t: t.sum(), argnums=3)(x)


def test_functional_call_gives_everything_back():
    layer = metagrad.nn.Linear(3, 2)
    before = layer.weight
    with pytest.raises(RuntimeError):
        metagrad.func.functional_call(layer, {"weight": metagrad.ones(2, 5)}, (metagrad.ones(1, 3),))
    assert layer.weight is before
    passed_over = metagrad.func.functional_call(layer, {"nothing": metagrad.ones(1)}, (metagrad.ones(1, 3),))
    assert metagrad.equal(passed_over, layer(metagrad.ones(1, 3)))
    with pytest.raises(RuntimeError, match="Missing key"):
        metagrad.func.functional_call(layer, {"bias": metagrad.ones(2)}, (metagrad.ones(1, 3),), strict=True)
    with pytest.raises(ValueError, match="multiple"):
        metagrad.func.functional_call(
            layer, ({"bias": metagrad.ones(2)}, {"bias": metagrad.ones(2)}), (metagrad.ones(1, 3),)
        )


def test_tied_weights_are_replaced_together():
    model = metagrad.nn.Sequential(metagrad.nn.Linear(2, 2, bias=False), metagrad.nn.Linear(2, 2, bias=False))
    model[1].weight = model[0].weight
    x = metagrad.ones(1, 2)
    assert metagrad.func.functional_call(model, {"0.weight": metagrad.eye(2) * 2}, (x,)).tolist() == [[4.0, 4.0]]


def test_vmap_maps_slice_by_slice():
    x, y = (np.random.default_rng(i).standard_normal((4, 3)) for i in range(2))
    for function, settings in (
        (lambda a, b: (a * b).sum(), {}),
        (lambda a, b: (a + b, a.dot(b)), {"in_dims": (0, 0), "out_dims": (1, 0)}),
        (lambda a, b: [a.sum(0)], {"in_dims": (1, None)}),
    ):
        same(*(library.func.vmap(function, **settings)(*tensors(library, x, y)) for library in (metagrad, torch)))


@pytest.fixture(params=["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
def lib(request):
    return metagrad if request.param == "metagrad" else pytest.importorskip("torch")


def test_an_ensemble_by_vmap(lib):
    models = [lib.nn.Linear(3, 2) for _ in range(4)]
    parameters, buffers = lib.func.stack_module_state(models)
    assert buffers == {} and parameters["weight"].shape == (4, 2, 3) and parameters["weight"].requires_grad
    x = lib.ones(5, 3)

    def call(p, b, x):
        return lib.func.functional_call(models[0], (p, b), (x,))

    one_input = lib.vmap(call, in_dims=(0, 0, None), randomness="different")(parameters, buffers, x)
    expected = lib.stack([m(x) for m in models])
    assert one_input.shape == (4, 5, 2) and lib.allclose(one_input, expected)
    many_inputs = lib.vmap(call)(parameters, buffers, x.expand(4, 5, 3))
    assert lib.allclose(many_inputs, expected)


def test_vmap_over_containers(lib):
    tree = {"a": lib.arange(3.0), "b": (lib.ones(2, 3), lib.tensor(2.0))}
    f = lib.vmap(
        lambda t, k: {"sum": t["a"] + t["b"][0].sum() * t["b"][1] * k}, in_dims=({"a": 0, "b": (1, None)}, None)
    )
    assert f(tree, 10)["sum"].tolist() == [40.0, 41.0, 42.0]
    with pytest.raises(ValueError, match="Got in_dim=0 for"):
        lib.vmap(lambda x, k: x * k)(lib.ones(2), 3)
    with pytest.raises(ValueError, match="Got in_dim=1 for"):
        lib.vmap(lambda x: x, in_dims=1)(lib.ones(2))
    same = lib.vmap(lambda x: x + lib.rand(()), randomness="same")(lib.zeros(3))
    assert same[0] == same[1] == same[2]


def test_what_comes_beside_the_value(lib):
    x = lib.tensor([1.0, 2.0])
    for jacobian in (lib.func.jacrev, lib.func.jacfwd):
        found, beside = jacobian(lambda x: (x**2, x.sum()), has_aux=True)(x)
        assert found.tolist() == [[2.0, 0.0], [0.0, 4.0]] and beside == 3
    value, slope, beside = lib.func.jvp(lambda x: (x**2, x.sum()), (x,), (lib.ones(2),), has_aux=True)
    assert value.tolist() == [1.0, 4.0] and slope.tolist() == [2.0, 4.0] and beside == 3


def test_jvp_of_containers(lib):
    p, t = {"w": lib.tensor([1.0, 2.0])}, {"w": lib.tensor([1.0, 0.5])}
    value, slope = lib.func.jvp(lambda p: {"y": p["w"] ** 2}, (p,), (t,))
    assert value["y"].tolist() == [1.0, 4.0] and slope["y"].tolist() == [2.0, 2.0]


def test_linearize():
    value, push = metagrad.func.linearize(lambda x: x**3, metagrad.tensor(2.0))
    assert value == 8 and push(metagrad.tensor(1.0)) == 12


def test_only_inputs_is_accepted(lib):
    x = lib.tensor(3.0, requires_grad=True)
    (found,) = lib.autograd.grad(outputs=x**2, inputs=x, create_graph=True, retain_graph=True, only_inputs=True)
    assert found == 6


def test_hooks_on_several_gradients(lib):
    a, b, seen = lib.ones(2, requires_grad=True), lib.ones(2, requires_grad=True), []
    handle = lib.autograd.graph.register_multi_grad_hook([a, b], lambda grads: seen.append([g.tolist() for g in grads]))
    (a * 2 + b * 3).sum().backward()
    handle.remove()
    (a * 2 + b * 3).sum().backward()
    assert seen == [[[2.0, 2.0], [3.0, 3.0]]]
    assert lib.autograd.graph.get_gradient_edge(a * 2).output_nr == 0


def refused(lib, call):
    """What calling it raises, and the beginning of what it says, or None."""
    try:
        call()
    except Exception as error:
        return type(error).__name__
    return None


def test_what_functional_refuses(lib):
    f, x, v = lib.autograd.functional, lib.tensor([1.0, 2.0]), lib.tensor([3.0, 4.0])
    for expected, call in (
        ("TypeError", lambda: f.jacobian(lambda a: a, [x])), ("TypeError", lambda: f.jacobian(lambda a: 1.0, x)),
        ("RuntimeError", lambda: f.jacobian(lambda a, b: a * 2, (x, v), strict=True)),
        ("RuntimeError", lambda: f.jacobian(lambda a: a * 2, x, strict=True, create_graph=True)),
        ("RuntimeError", lambda: f.jacobian(lambda a: a * 2, x, strict=True, vectorize=True)),
        ("NotImplementedError", lambda: f.jacobian(lambda a: a, x, strategy="forward-mode")),
        ("NotImplementedError", lambda: f.jacobian(lambda a: a, x, True, vectorize=True, strategy="forward-mode")),
        ("AssertionError", lambda: f.jacobian(lambda a: a, x, strategy="sideways")),
        ("AssertionError", lambda: f.hessian(lambda a: a.sum(), x, outer_jacobian_strategy="sideways")),
        ("RuntimeError", lambda: f.hessian(lambda a: a.sum(), x, strict=True)),
        ("RuntimeError", lambda: f.hessian(lambda a: (a.sum(), a.sum()), x)),
        ("RuntimeError", lambda: f.vjp(lambda a: a * 2, x, (v, v))), ("TypeError", lambda: f.vjp(lambda a: a * 2, x, [v])),
        ("RuntimeError", lambda: f.jvp(lambda a: a.detach(), x, v, strict=True)),
        ("RuntimeError", lambda: f.hvp(lambda a: a.sum(), x, v, strict=True)),
        ("RuntimeError", lambda: f.vhp(lambda a, b: (a**2).sum(), (x, v), (x, v), strict=True)),
        (None, lambda: f.jacobian(lambda a: a * a, x, strict=True, create_graph=True)),
    ):  # fmt: skip
        assert refused(lib, call) == expected


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_jacobians_by_forward_mode(lib):
    f, x, v = lib.autograd.functional, lib.tensor([1.0, 2.0]), lib.tensor([3.0, 4.0])
    found = f.jacobian(lambda a, b: (a * b, b.sum()), (x, v), vectorize=True, strategy="forward-mode")
    assert [[part.tolist() for part in row] for row in found] == [
        [[[3, 0], [0, 4]], [[1, 0], [0, 2]]], [[0, 0], [1, 1]]
    ]  # fmt: skip
    cube = f.hessian(lambda a: (a**3).sum(), x, vectorize=True, outer_jacobian_strategy="forward-mode")
    assert cube.tolist() == [[6, 0], [0, 12]]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_derivatives_of_trees(lib):
    f, x, tree = lib.func, lib.tensor([1.0, 2.0]), {"k": lib.tensor([3.0, 4.0])}

    def function(a, b):
        return {"product": a * b["k"].sum(), "same": [b["k"]]}

    for jacobian in (f.jacrev, f.jacfwd):
        found = jacobian(function, argnums=(0, 1))(x, tree)
        assert found["product"][0].tolist() == [[7, 0], [0, 7]] and found["product"][1]["k"].tolist() == [
            [1, 1],
            [2, 2],
        ]
        assert found["same"][0][0].tolist() == [[0, 0], [0, 0]] and found["same"][0][1]["k"].tolist() == [
            [1, 0],
            [0, 1],
        ]
    (slope, beside), (value, _) = (
        f.grad_and_value(lambda t: ((t["k"] ** 2).sum(), t["k"]), has_aux=True)(tree),
        (25, None),
    )
    assert slope["k"].tolist() == [6, 8] and beside[0] == value and not beside[1].requires_grad
    out, pull = f.vjp(lambda a, b: (a * b["k"], a), x, tree)
    assert [g.tolist() if i == 0 else g["k"].tolist() for i, g in enumerate(pull((lib.ones(2), x)))] == [[4, 6], [1, 2]]
    p = lib.tensor([2.0, 3.0], requires_grad=True)
    assert f.grad(lambda a: (a * p).sum())(x).requires_grad and not f.grad(lambda a: (a * a).sum())(x).requires_grad


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_what_transforms_refuse(lib):
    f, x, v = lib.func, lib.tensor([1.0, 2.0]), lib.tensor([3.0, 4.0])
    whole = lib.tensor([1, 2])
    for expected, call in (
        ("RuntimeError", lambda: f.jvp(lib.sin, x, v)), ("RuntimeError", lambda: f.jvp(lib.sin, (x,), (v, v))),
        ("RuntimeError", lambda: f.jvp(lib.sin, (), ())), ("RuntimeError", lambda: f.jvp(lambda a: 1.0, (x,), (v,))),
        ("RuntimeError", lambda: f.jvp(lambda a: lib.ones(2), (x,), (v,), strict=True)),
        ("RuntimeError", lambda: f.jvp(lambda a: a, (x,), (v,), has_aux=True)),
        ("ValueError", lambda: f.jacrev(lambda a: a, chunk_size=0)(x)), ("RuntimeError", lambda: f.jacrev(lambda a: a)(whole)),
        ("ValueError", lambda: f.jacfwd(lambda a: a)(whole)), ("RuntimeError", lambda: f.grad(lambda a: a.sum(), argnums=())(x)),
        ("RuntimeError", lambda: f.grad(lambda a, b: a.sum(), argnums=(0, -2))(x, x)),
        ("RuntimeError", lambda: f.grad(lambda a: 1.0)(x)), ("RuntimeError", lambda: f.grad(lambda a: (a.sum(), 1))(x)),
        ("ValueError", lambda: f.grad(lambda a: lib.tensor(1.0))(1.0)),
        ("RuntimeError", lambda: f.vjp(lambda a: (a, a), x)[1](v)), ("RuntimeError", lambda: f.linearize(lambda a: a, x)[1](v, v)),
    ):  # fmt: skip
        assert refused(lib, call) == expected


def test_what_vmap_refuses(lib):
    x, vmap = lib.arange(6.0).reshape(2, 3), lib.vmap
    for expected, call in (
        ("RuntimeError", lambda: vmap(lambda a: a + lib.rand(3))(x)), ("RuntimeError", lambda: vmap(lambda a: lib.randperm(3))(x)),
        ("RuntimeError", lambda: vmap(lambda a: lib.nn.functional.dropout(a))(x)),
        (None, lambda: vmap(lambda a: a + lib.rand(3), randomness="different")(x)),
        ("ValueError", lambda: vmap(lambda: lib.ones(2))()), ("ValueError", lambda: vmap(lib.add, in_dims=[0, 0])(x, x)),
        ("ValueError", lambda: vmap(abs, in_dims=(0, 0))(x)), ("ValueError", lambda: vmap(lib.add, in_dims=(0, 1))(x, x)),
        ("ValueError", lambda: vmap(abs, in_dims=None)(x)), ("ValueError", lambda: vmap(abs, out_dims="x")(x)),
        ("ValueError", lambda: vmap(lambda a: a[0], in_dims=([0],))((x, x))), ("ValueError", lambda: vmap(lambda a: None)(x)),
        ("ValueError", lambda: vmap(lambda a: (a, a), out_dims=(0,))(x)), ("ValueError", lambda: vmap(abs, out_dims=None)(x)),
        ("IndexError", lambda: vmap(abs, out_dims=3)(x)), ("ValueError", lambda: vmap(abs, chunk_size=0)(x)),
    ):  # fmt: skip
        assert refused(lib, call) == expected


def test_where_vmap_puts_the_results(lib):
    x = lib.arange(6.0).reshape(2, 3)
    assert [o.shape for o in lib.vmap(lambda a: (a, a), out_dims=(0, 1))(x)] == [(2, 3), (3, 2)]
    assert lib.vmap(lambda a: {"y": a}, out_dims={"y": -1})(x)["y"].shape == (3, 2)
    same = lib.ones(3)
    assert lib.vmap(lambda a: (a, same), out_dims=(0, None))(x)[1].tolist() == [1, 1, 1]
    assert lib.vmap(lambda a: a * 2, in_dims=-1, out_dims=1)(x).tolist() == (x * 2).tolist()
    assert lib.vmap(lambda a: a[None] * 2)(lib.ones(0, 3)).shape == (0, 1, 3)
    assert lib.vmap(lib.vmap(lib.add, in_dims=(0, None)), in_dims=(None, 0))(x[0], x[1]).tolist() == [
        [3, 4, 5],
        [4, 5, 6],
        [5, 6, 7],
    ]
