"""Ops that a program defines by a schema: arguments by keyword alone, lists of tensors, vmap, and what opcheck finds."""

import copy
import importlib
import inspect
import itertools
import math
import threading

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


def test_the_schema_is_what_annotations_say(lib):
    def f(x, n, k=2.0, *, dims=None, d=None): ...

    tensor = lib.Tensor
    f.__annotations__ = {"x": tensor, "n": "int", "k": float, "dims": list[int] | None, "d": lib.dtype | None}
    with pytest.raises(ValueError, match="No return type annotation was provided"):
        lib.library.infer_schema(f, mutates_args=())
    f.__annotations__["return"] = tuple[tensor, tensor]
    written = "(Tensor{} x, SymInt n, float k=2.0, *, SymInt[]? dims=None, ScalarType? d=None) -> (Tensor, Tensor)"
    assert lib.library.infer_schema(f, mutates_args=()) == written.format("")
    assert lib.library.infer_schema(f, mutates_args={"x"}) == written.format("(a0!)")
    with pytest.raises(ValueError, match="{'y'} in mutates_args were not found in the custom op's signature"):
        lib.library.infer_schema(f, mutates_args={"y"})
    f.__annotations__["n"] = dict
    with pytest.raises(ValueError, match="Parameter n has unsupported type <class 'dict'>"):
        lib.library.infer_schema(f, mutates_args=())


def test_arguments_are_fitted_to_the_schema(lib):
    seen = []
    op = defined(
        lib,
        "(Tensor x, int n=1, float k=2.0, int[] dims=[0]) -> Tensor",
        lambda x, n=1, k=2.0, dims=None: seen.append((n, k, dims or [0])) or x + 1,
    )
    op(lib.ones(1), lib.tensor(3), 4, (5, 6))
    op(x=lib.ones(1), k=lib.tensor(0.5))
    assert seen == [(3, 4.0, [5, 6]), (1, 0.5, [0])]
    assert type(seen[0][1]) is float
    for args, named, words in [
        ((), {}, r"\(\) is missing value for argument 'x'\. Declaration: custom_ops_test::op"),
        (
            (3,),
            {},
            r"Expected a value of type 'Tensor' for argument 'x' but instead found type 'int'\.\nPosition: 0\nValue: 3",
        ),
        ((lib.ones(1), 2.5), {}, "Expected a value of type 'int' for argument 'n' but instead found type 'float'"),
        ((lib.ones(1),), {"dims": 3}, r"Expected a value of type 'List\[int\]' for argument 'dims'"),
        ((lib.ones(1),), {"y": 3}, "Unknown keyword argument 'y' for operator"),
        ((lib.ones(1), 1, 1, [1], 1), {}, r"expected at most 4 argument\(s\) but received 5 argument\(s\)"),
    ]:
        with pytest.raises(RuntimeError, match=words):
            op(*args, **named)


def test_results_are_new_tensors_whose_gradient_must_be_registered(lib):
    same = defined(lib, "(Tensor x) -> Tensor", lambda x: x.view(-1))
    with pytest.raises(RuntimeError, match="must not also be an input to this custom operator"):
        same(lib.ones(2, 2))
    sine = defined(lib, "(Tensor x) -> Tensor", lambda x: x.sin())
    y = sine(leaf(lib))
    assert y.requires_grad and y.grad_fn.name().startswith("GeneratedBackwardFor_custom_ops_test_op")
    with pytest.raises(
        RuntimeError, match="Trying to backward through .*default but no autograd formula was registered"
    ):
        y.sum().backward()
    with pytest.raises(RuntimeError, match="no fake impl registered"):
        sine(lib.ones(2, device="meta"))
    sine.register_fake(lambda x: x.new_empty(7))
    assert sine(lib.ones(2, device="meta")).shape == (7,)
    writing = lib.library.custom_op(
        f"custom_ops_test::op{next(numbers)}",
        lambda x: [None, x.add_(1)][0],
        mutates_args={"x"},
        schema="(Tensor(a!) x) -> ()",
    )
    x = leaf(lib)
    writing(x)
    assert x.tolist() == [2.0, 3.0] and x.grad_fn is None
    with pytest.raises(RuntimeError, match="Cannot register autograd formula for non-functional operator"):
        writing.register_autograd(lambda ctx: None)


def test_each_kind_of_device_has_its_own_function(lib):
    op = defined(lib, "(Tensor x) -> Tensor", lambda x: x * 2)
    op.register_kernel("cuda")(lambda x: x * 3)
    assert op(lib.ones(1)).item() == 2
    op.register_kernel("cpu", lambda x: x * 4)
    assert op(lib.ones(1)).item() == 4
    with op.set_kernel_enabled("cpu", False):
        assert op(lib.ones(1)).item() == 2
    elsewhere = lib.library.custom_op(
        f"custom_ops_test::op{next(numbers)}",
        lambda x: x * 2,
        mutates_args=(),
        device_types="cuda",
        schema="(Tensor x) -> Tensor",
    )
    with pytest.raises(
        NotImplementedError, match="Could not run 'custom_ops_test::op.*' with arguments from the 'CPU' backend"
    ):
        elsewhere(lib.ones(1))


def test_a_librarys_ops_live_as_long_as_it_does(lib):
    with lib.library._scoped_library("custom_ops_scoped", "FRAGMENT") as library:
        library.define("scaled(Tensor x) -> Tensor")
        library.define("many.int(Tensor x, int k) -> Tensor")
        library.define("many.plain(Tensor x) -> Tensor")
        library.impl("scaled", lambda x: x * 2, "CPU")
        library.impl("scaled", lambda x: x * 3, "CUDA")
        library.impl("scaled", lambda x: x.new_empty(5), "Meta")
        library.impl("many.int", lambda x, k: x * k, "CPU")
        library.impl("many.plain", lambda x: x * 5, "CPU")
        ops = getattr(lib.library, "ops", lib.ops).custom_ops_scoped
        assert ops.scaled(lib.ones(1)).item() == 2 and ops.scaled(lib.ones(1, device="meta")).shape == (5,)
        assert [ops.many(lib.ones(1), 4).item(), ops.many(lib.ones(1)).item(), ops.many.int(lib.ones(1), 7).item()] == [
            4,
            5,
            7,
        ]
        assert ops.many.overloads() == ["int", "plain"] and str(ops.many.int) == "custom_ops_scoped.many.int"
        assert str(ops.many.int._schema) == "custom_ops_scoped::many.int(Tensor x, int k) -> Tensor"
        with pytest.raises(RuntimeError, match="Tried to register an operator .* with the same name and overload name"):
            library.define("scaled(Tensor x) -> Tensor")
    assert not hasattr(ops, "scaled")
    with pytest.raises(ValueError, match="Unsupported kind: X"):
        lib.library.Library("custom_ops_scoped", "X")


def test_an_op_is_one_step_to_modes_and_graphs(lib):
    name = f"op{next(numbers)}"
    op = lib.library.custom_op(
        f"custom_ops_test::{name}", lambda x, k: x * k, mutates_args=(), schema="(Tensor x, float k) -> Tensor"
    )
    ops = getattr(lib.library, "ops", lib.ops).custom_ops_test
    seen = []

    class Listening(lib.overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            seen.append(str(func))
            return func(*args, **(kwargs or {}))

    x = lib.ones(1)
    with Listening():
        op(x, 2.0)
        getattr(ops, name)(x, 2.0)
    assert seen == [f"custom_ops_test.{name}.default", f"custom_ops_test.{name}"]
    traced = lib.fx.symbolic_trace(lambda x: op(getattr(ops, name)(x, 2.0), 3.0))
    steps = [node for node in traced.graph.nodes if node.op == "call_function"]
    assert [(node.name, str(node.target)) for node in steps] == [(name, seen[1]), (f"{name}_default", seen[0])]
    assert traced(x).item() == 6


def test_an_op_is_not_copied_with_what_holds_it(lib):
    name = f"op{next(numbers)}"
    lib.library.custom_op(f"custom_ops_test::{name}", lambda x: x * 2, mutates_args=(), schema="(Tensor x) -> Tensor")
    packet = getattr(getattr(lib.library, "ops", lib.ops).custom_ops_test, name)
    module = lib.nn.Module()
    module.held = [packet, packet.default]
    assert all(a is b for a, b in zip(copy.deepcopy(module).held, module.held, strict=True))
    assert copy.copy(packet.default)(lib.ones(1)).item() == 2
    assert not hasattr(packet, "__deepcopy_of_nothing__")


def test_a_namespace_and_a_definition_are_copied():
    lib = pytest.importorskip("metagrad")
    ops = lib.library.ops
    assert copy.copy(ops.custom_ops_test).name == copy.deepcopy(ops.custom_ops_test).name == "custom_ops_test"
    op = defined(lib, "(Tensor x) -> Tensor", lambda x: x * 2)
    assert copy.copy(op) is copy.deepcopy(op) is op


def test_the_kernel_above_others_is_so_in_every_thread():
    lib = pytest.importorskip("metagrad")
    library = lib.library.Library("custom_ops_threads", "DEF")
    library.define("f(Tensor x) -> Tensor")
    found = []

    def above(x):
        if x.item() == 1:  # the first: while it is in here, another thread calls
            other = threading.Thread(target=lambda: found.append(op(lib.tensor(2.0)).item()))
            other.start()
            other.join()
        return op(x) + 100

    library.impl("f", lambda x: x * 2, "CPU")
    library.impl("f", above, "Autograd")
    op = lib.library.ops.custom_ops_threads.f
    assert op(lib.tensor(1.0)).item() == 102 and found == [104]
    assert op(lib.tensor(1.0)).item() == 102


def test_what_a_library_gave_to_others_ops_ends_with_it(lib):
    name = f"ended{next(numbers)}"
    keeping = lib.library.Library("custom_ops_test", "FRAGMENT")
    keeping.define(f"{name}(Tensor x) -> Tensor")
    op = getattr(getattr(lib.library, "ops", lib.ops).custom_ops_test, name)
    with lib.library._scoped_library("custom_ops_test", "IMPL") as library:
        library.impl(name, lambda x: x * 2, "CPU")
        library.impl(name, lambda x: x.new_empty(5), "Meta")
        assert op(lib.ones(1)).item() == 2 and op(lib.ones(1, device="meta")).shape == (5,)
    for device in ("cpu", "meta"):
        with pytest.raises(NotImplementedError, match="Could not run|no fake impl"):
            op(lib.ones(1, device=device))
    keeping.impl(name, lambda x: x * 3, "CPU")
    assert op(lib.ones(1)).item() == 3


def test_a_library_that_ends_leaves_what_came_after_and_brings_back_what_was_before():
    lib = pytest.importorskip("metagrad")
    keeping = lib.library.Library("custom_ops_before", "DEF")
    keeping.define("f(Tensor x) -> Tensor")
    keeping.impl("f", lambda x: x * 2, "CPU")
    op = lib.library.ops.custom_ops_before.f
    with lib.library._scoped_library("custom_ops_before", "IMPL") as library:
        library.impl("f", lambda x: x * 3, "CPU")
        library.impl("f", lambda x: x * 4, "CPU")
        library.impl("f", lambda x: op(x) + 100, "Autograd")
        assert op(lib.ones(1)).item() == 104
    assert op(lib.ones(1)).item() == 2
    with lib.library._scoped_library("custom_ops_before", "IMPL") as library:
        library.impl("f", lambda x: x * 5, "CPU")
        keeping.impl("f", lambda x: x * 6, "CPU")
    assert op(lib.ones(1)).item() == 6


class Anything:
    def __init__(self, lib):
        self.lib = lib
        self.seen = []

    def default(self, kind, value):
        """What an op made from a function finds where it is not given an argument."""

        def f(x, d=value):
            self.seen.append(d)
            return x * 1

        f.__annotations__ = {"x": self.lib.Tensor, "d": kind, "return": self.lib.Tensor}
        self.lib.library.custom_op(f"custom_ops_test::op{next(numbers)}", f, mutates_args=())(self.lib.ones(1))
        return self.seen[-1]


def test_a_functions_defaults_are_its_own(lib):
    default = Anything(lib).default
    for kind, value in [
        (lib.dtype, lib.float64), (lib.dtype | None, lib.int64), (lib.device, lib.device("cpu")),
        (lib.device, lib.device("cuda:0")), (str, ", "), (str, "a'b"), (str, "a\\b"), (str, "é"), (str, ")->("), (str, "None"),
        (str | None, None), (int, True), (float, 1), (str, 3), (int, 1.5),
    ]:  # fmt: skip
        found = default(kind, value)
        assert found == value and type(found) is type(value)


def test_defaults_that_pytorch_cannot_write_are_a_functions_own_too():
    default = Anything(pytest.importorskip("metagrad")).default
    assert default(float, float("inf")) == float("inf") and default(float, -float("inf")) == -float("inf")
    assert math.isnan(default(float, float("nan")))
    assert default(str, 'a"b\n') == 'a"b\n'


def test_the_schema_of_a_function_quotes_text_and_devices(lib):
    cpu = lib.device("cpu")

    def f(x, s="a, 'b'", d=cpu): ...

    f.__annotations__ = {"x": lib.Tensor, "s": str, "d": lib.device, "return": lib.Tensor}
    written = '(Tensor x, str s="a, \'b\'", Device d="cpu") -> Tensor'
    assert lib.library.infer_schema(f, mutates_args=()) == written


def test_defaults_of_a_schema_are_of_their_types(lib):
    with lib.library._scoped_library("custom_ops_defaults", "DEF") as library:

        def default(written):
            name = library.define(f"f{next(numbers)}(Tensor x, {written}) -> Tensor")
            op = getattr(getattr(lib.library, "ops", lib.ops).custom_ops_defaults, name)
            return op.default._schema.arguments[1].default_value

        for written, value in [
            ('str s="a,b"', "a,b"), ('str s=", "', ", "), ("str s='a'", "a"), (r'str s="a\"b"', 'a"b'), ('str s="a=b"', "a=b"),
            ('str s=") -> ("', ") -> ("), (r'str s="a\nb"', "a\nb"), ('Device d="cpu"', lib.device("cpu")), ("int[2] k=1", [1, 1]),
            ("int[2] k=[1,2]", [1, 2]), ("float[2] k=1.0", [1.0, 1.0]), ("int[2]? k=None", None), ("int[] k=[]", []),
            ("float k=1", 1.0), ("float k=1e-5", 1e-5), ("bool b=True", True),
        ]:  # fmt: skip
            found = default(written)
            assert found == value and type(found) is type(value), written
        for written in ("int k=1 2", "int k=foo", "str s=foo", 'str s="a', "int[] k=[1"):
            with pytest.raises(RuntimeError):
                default(written)


def test_a_dtype_is_the_default_of_a_schema():
    lib = pytest.importorskip("metagrad")
    with lib.library._scoped_library("custom_ops_dtypes", "DEF") as library:
        library.define("f(Tensor x, ScalarType d=float64, *, ScalarType? e=long, float k=inf) -> Tensor")
        _, *found = lib.library.ops.custom_ops_dtypes.f.default._schema.arguments
    assert [a.default_value for a in found] == [lib.float64, lib.int64, float("inf")]


def test_one_int_stands_for_all_of_a_list_of_known_length(lib):
    seen = []
    op = defined(
        lib,
        "(Tensor x, int[2] k, int[3]? m=None, int[]? n=None, float[2]? f=None) -> Tensor",
        lambda x, k, m=None, n=None, f=None: seen.append((k, m)) or x + 1,
    )
    op(lib.ones(1), 3)
    op(lib.ones(1), [4, 5, 6], 7)
    op(lib.ones(1), k=3, m=[1])
    assert seen == [([3, 3], None), ([4, 5, 6], [7, 7, 7]), ([3, 3], [1])]
    for named in ({"n": 3}, {"f": 3}):
        with pytest.raises(RuntimeError, match="but instead found type 'int'"):
            op(lib.ones(1), 3, **named)


def test_a_bool_is_what_has_a_truth_of_its_own(lib):
    seen = []
    op = defined(lib, "(Tensor x, bool b) -> Tensor", lambda x, b: seen.append(b) or x + 1)
    for value in (True, 0, 2, 1.5, None, lib.tensor(0), lib.tensor([[1.5]])):
        op(lib.ones(1), value)
    assert seen == [True, False, True, True, False, False, True]
    for value in ("a", [1], lib.ones(2)):
        with pytest.raises(
            RuntimeError, match="Expected a value of type 'bool' for argument 'b' but instead found type"
        ):
            op(lib.ones(1), value)


def test_a_call_by_place_and_one_by_name_are_the_same(lib):
    seen = []
    op = defined(
        lib,
        "(Tensor x, int n=1, *, float k=2.0, bool b=True) -> Tensor",
        lambda x, n=1, *, k=2.0, b=True: seen.append((n, k, b)) or x + 1,
    )
    x = lib.ones(1)
    op(x)
    op(x, lib.tensor(3))
    op(x=x, n=4)
    op(x, 5, b=False, k=1)
    assert seen == [(1, 2.0, True), (3, 2.0, True), (4, 2.0, True), (5, 1.0, False)]
    needing = defined(lib, "(Tensor x, *, float k) -> Tensor", lambda x, *, k: x * k)
    assert needing(x, k=3).item() == 3
    with pytest.raises(RuntimeError, match="is missing value for argument 'k'"):
        needing(x)


@pytest.mark.filterwarnings("ignore:.*an autograd kernel was not registered")
def test_what_is_registered_for_a_library_ends_with_it(lib):
    library, name = lib.library, f"lent{next(numbers)}"
    keeping = library.Library("custom_ops_test", "FRAGMENT")
    keeping.define(f"{name}(Tensor x) -> Tensor")
    keeping.define(f"{name}_doubled(Tensor x) -> Tensor")
    keeping.impl(f"{name}_doubled", lambda x: x * 2, "CPU")
    ops = getattr(library, "ops", lib.ops).custom_ops_test
    op, doubled = getattr(ops, name), getattr(ops, f"{name}_doubled")

    def gradient():
        x = lib.ones(1, requires_grad=True)
        doubled(x).backward()
        return x.grad.item()

    with library._scoped_library("custom_ops_test", "FRAGMENT") as scoped:
        library.define(f"custom_ops_test::{name}_new", "(Tensor x) -> Tensor", lib=scoped)
        library.impl(f"custom_ops_test::{name}", "CPU", lib=scoped)(lambda x: x * 3)
        library.register_fake(f"custom_ops_test::{name}", lambda x: x.new_empty(5), lib=scoped)
        library.register_autograd(f"custom_ops_test::{name}_doubled", lambda ctx, grad: grad * 7, lib=scoped)
        assert op(lib.ones(1)).item() == 3 and op(lib.ones(1, device="meta")).shape == (5,)
        assert gradient() == 7 and hasattr(ops, f"{name}_new")
    for device in ("cpu", "meta"):
        with pytest.raises(NotImplementedError, match="Could not run|no fake impl"):
            op(lib.ones(1, device=device))
    assert gradient() == 2
    assert not hasattr(ops, f"{name}_new")


def test_what_is_built_in_has_no_signature_and_may_be_an_op():
    lib = pytest.importorskip("metagrad")

    def f(x, k):
        return x * k

    f.__signature__ = "none"  # asking for it raises, as of max
    with pytest.raises(TypeError):
        inspect.signature(f)
    assert defined(lib, "(Tensor x, float k=2.0) -> Tensor", f)(lib.ones(1)).item() == 2


def test_a_schema_says_what_its_arguments_are(lib):
    library = lib.library.Library("custom_ops_told", "DEF")
    assert library.define("f.over(Tensor(a!) x, int[] k=[1,2], Scalar? s=None, *, ScalarType? d=None) -> Tensor") == "f"
    with pytest.raises(TypeError, match="required to be a callable"):
        library.impl("f.over", 3)
    told = getattr(lib.library, "ops", lib.ops).custom_ops_told.f.over._schema
    assert str(told) == repr(told)
    assert str(told) == (
        "custom_ops_told::f.over(Tensor(a!) x, int[] k=[1, 2], Scalar? s=None, *, ScalarType? d=None) -> Tensor"
    )
    found = [(a.name, str(a.type), a.kwarg_only) for a in told.arguments]
    assert found == [
        ("x", "Tensor", False), ("k", "List[int]", False), ("s", "Optional[number]", False), ("d", "Optional[int]", True),
    ]  # fmt: skip


def test_a_graph_names_its_parts_for_the_profiler(lib):
    ops = getattr(lib.library, "ops", lib.ops).profiler

    def f(x):
        handle = ops._record_function_enter("a part")
        y = x.relu()
        ops._record_function_exit(handle)
        return y

    fx = importlib.import_module("torch.fx" if lib.__name__ == "torch" else "metagrad.compat.fx")
    with lib.autograd.profiler.profile() as recorded:
        f(lib.ones(2))
        traced = fx.symbolic_trace(lambda x: ops._record_function_exit(x))
    assert [e.count for e in recorded.key_averages() if e.key == "a part"] == [1]
    assert "_record_function_exit(x)" in traced.code
    assert not hasattr(ops, "another")
