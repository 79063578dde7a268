"""Ops that a program defines by a schema: arguments by keyword alone, lists of tensors, vmap, and what opcheck finds."""

import itertools

import pytest

numbers = itertools.count()


@pytest.fixture(params=["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
def lib(request):
    return pytest.importorskip(request.param)


def defined(lib, schema, function):
    return lib.library.custom_op(f"custom_ops_test::op{next(numbers)}", function, mutates_args=(), schema=schema)


def leaf(lib):
    return lib.tensor([1.0, 2.0], requires_grad=True)


def test_an_argument_may_be_by_keyword_alone_in_the_schema_only(lib):
    op = defined(lib, "(Tensor x, *, float k=2.0) -> Tensor", lambda x, k=2.0: x * k)

    def keep(ctx, inputs, keyword_only_inputs, output):
        ctx.k, ctx.count = keyword_only_inputs["k"], len(inputs)

    op.register_autograd(lambda ctx, grad: grad * ctx.k * ctx.count, setup_context=keep)
    x = leaf(lib)
    op(x, k=3.0).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]
    op(x).sum().backward()
    assert x.grad.tolist() == [5.0, 5.0]


def test_tensors_in_a_list_have_gradients(lib):
    needs = []
    op = defined(lib, "(Tensor[] xs, float k) -> Tensor", lambda xs, k: (xs[0] + xs[1]) * k)

    def back(ctx, grad):
        needs.append(ctx.needs_input_grad)
        return [grad * ctx.k, None], None

    op.register_autograd(back, setup_context=lambda ctx, inputs, output: setattr(ctx, "k", inputs[1]))
    x = leaf(lib)
    op([x, lib.ones(2)], 3.0).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]
    assert [list(map(bool, needs[0][0])), needs[0][1]] == [[True, False], False]


def test_a_list_may_be_the_result(lib):
    op = defined(lib, "(Tensor x) -> Tensor[]", lambda x: [x * 1, x * 2])
    op.register_autograd(lambda ctx, grads: grads[0] + 2 * grads[1])
    x = leaf(lib)
    results = op(x)
    assert isinstance(results, list)
    (results[0] + results[1]).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_vmap_goes_the_registered_way(lib):
    op = defined(lib, "(Tensor x) -> Tensor", lambda x: x * 2)
    op.register_vmap(lambda info, in_dims, x: (op(x) + info.batch_size, in_dims[0]))
    assert lib.vmap(op)(lib.ones(3, 2)).tolist() == [[5.0, 5.0]] * 3
    x = leaf(lib)
    with pytest.raises(RuntimeError, match="no autograd formula was registered"):
        op(x).sum().backward()


def test_an_argument_has_a_type(lib):
    with pytest.raises(ValueError, match="must have a type annotation"):
        lib.library.custom_op(f"custom_ops_test::op{next(numbers)}", lambda x: x, mutates_args=())


def test_opcheck_names_its_tests(lib):
    op = defined(lib, "(Tensor x) -> Tensor", lambda x: x * 2)
    op.register_fake(lambda x: lib.empty_like(x))
    op.register_autograd(lambda ctx, grad: grad * 2)
    tests = {"test_schema", "test_autograd_registration", "test_faketensor", "test_aot_dispatch_dynamic"}
    assert lib.library.opcheck(op, (leaf(lib),)) == dict.fromkeys(tests, "SUCCESS")


def test_opcheck_finds_writes_and_wrong_shapes(lib):
    writes = defined(lib, "(Tensor x) -> Tensor", lambda x: x.mul_(2).clone())
    writes.register_fake(lambda x: lib.empty(5))
    for test in ("test_schema", "test_faketensor"):
        with pytest.raises(Exception, match=f"{test} failed"):
            lib.library.opcheck(writes, (lib.ones(2),), test_utils=test)
    told = lib.library.opcheck(writes, (lib.ones(2),), test_utils="test_faketensor", raise_exception=False)
    assert isinstance(told["test_faketensor"], Exception)
