"""What a program finds under the name ``torch``, and in the modules that are there for such programs only."""

import importlib
import subprocess
import sys
from collections import namedtuple

import numpy as np
import pytest

import metagrad as mg


def under_alias(*lines):
    """What a program prints that runs under the alias."""
    program = "\n".join(["from metagrad import alias", "alias.install()", *lines])
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": ":".join(sys.path)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:-1]


def test_torch_has_pytorchs_name_and_version():
    found = under_alias(
        "import importlib.metadata, importlib.util, torch",
        "print(torch.__name__, torch.__version__, torch.version.__version__, torch.version.cuda)",
        "print(importlib.metadata.version('torch'), torch.__version__ >= (2, 9), torch.__version__ < '2.100')",
        "print(torch.float32, torch.zeros(2, dtype=torch.float64), torch.Size([2]), torch.zeros(1).type())",
        "print([importlib.util.find_spec(m) is not None for m in ('torch.nn', 'torch.nowhere', 'torch.cuda.nowhere')])",
        "from torch.autograd.gradcheck import gradcheck; print(torch.autograd.gradcheck is gradcheck)",
        "import torch.nn.utils.weight_norm, torch.nn.utils.spectral_norm; print(torch.nn.utils.weight_norm.__name__)",
        "torch.ops.aten.add.Tensor(torch.torch.ones(1), 1); import metagrad; print(metagrad.__name__, metagrad.__version__ < '2')",
    )
    assert found == [
        "torch 2.13.0 2.13.0 None",
        "2.13.0 True True",
        "torch.float32 tensor([0., 0.], dtype=torch.float64) torch.Size([2]) torch.FloatTensor",
        "[True, False, False]",
        "True",
        "weight_norm",
        "metagrad True",
    ]


def test_modules_and_names_that_few_programs_use():
    found = under_alias(
        "import torch, functools; from torch.utils import checkpoint as c, swap_tensors",
        "print(torch.functional.einsum is torch.einsum, torch.distributions.kl.kl_divergence.__name__)",
        "print(torch.utils.deterministic.fill_uninitialized_memory, 'NumPy' in torch.__config__.show())",
        "from functorch import make_functional_with_buffers, combine_state_for_ensemble; from torch._vmap_internals import vmap",
        "f, p, b = make_functional_with_buffers(torch.nn.BatchNorm1d(2)); print(f(p, b, torch.tensor([[1., 2], [3, 2]])))",
        "f, p, b = combine_state_for_ensemble([torch.nn.Linear(2, 3) for _ in range(4)])",
        "print(vmap(f, (0, 0, None))(p, b, torch.ones(5, 2)).shape, p[0].requires_grad)",
        "a, b = torch.ones(2, requires_grad=True), torch.zeros(3); swap_tensors(a, b); print(a, b)",
        "policy = functools.partial(c.create_selective_checkpoint_contexts, lambda *a, **k: c.CheckpointPolicy.MUST_SAVE)",
        "y = c.checkpoint(torch.square, b, use_reentrant=False, context_fn=policy).sum(); y.backward(); print(b.grad)",
        "print([getattr(torch, 'sparse_coo_tensor', 0), torch.cond(y > 1, torch.neg, torch.abs, (y,)).item()])",
        "from torch.autograd.function import InplaceFunction; print(issubclass(InplaceFunction, torch.autograd.Function))",
        "try: torch.sparse_coo_tensor",
        "except AttributeError as error: print(error)",
        "try: torch.optim.SparseAdam([b])",
        "except NotImplementedError as error: print(error)",
    )
    assert found == [
        "True kl_divergence",
        "True True",
        "tensor([[-1.0000,  0.0000],",
        "        [ 1.0000,  0.0000]], grad_fn=<NativeBatchNormBackward0>)",
        "torch.Size([4, 5, 3]) False",
        "tensor([0., 0., 0.]) tensor([1., 1.], requires_grad=True)",
        "tensor([2., 2.])",
        "[0, -2.0]",
        "True",
        "module 'torch' has no attribute 'sparse_coo_tensor': sparse tensors are left out",
        "SparseAdam: sparse gradients are left out; Adam takes the dense ones that there are",
    ]


def test_causal_masks_start_from_a_corner():
    from metagrad.nn.attention.bias import CausalBias, CausalVariant, causal_lower_right, causal_upper_left

    q, k = mg.rand(1, 2, 4), mg.rand(1, 3, 4)
    lower = causal_lower_right(2, 3)
    assert isinstance(lower, mg.Tensor) and lower.variant is CausalVariant.LOWER_RIGHT and type(~lower) is mg.Tensor
    attend = mg.nn.functional.scaled_dot_product_attention
    assert mg.allclose(attend(q, k, k, lower)[:, 1], attend(q[:, 1:], k, k)[:, 0])
    assert mg.allclose(attend(q, k, k, causal_upper_left(2, 3)), attend(q, k, k, is_causal=True))
    with pytest.raises(ValueError, match="got 3"):
        causal_upper_left(1, 2, 3)
    with pytest.raises(ValueError, match="got 0 queries"):
        CausalBias(CausalVariant.UPPER_LEFT, 0, 1)


@pytest.mark.parametrize("window", [(-1, -1), (-1, 0), (2, 0), (1, 1)])
def test_attention_over_sequences_one_after_the_other(window):
    from metagrad.nn.attention.varlen import AuxRequest, varlen_attn

    q, k, v = mg.rand(7, 4, 8), mg.rand(9, 2, 8), mg.rand(9, 2, 8)
    starts_q, starts_k = mg.tensor([0, 3, 7]), mg.tensor([0, 4, 9])
    settings = {"window_size": window, "enable_gqa": True, "return_aux": AuxRequest(lse=True)}
    out, sums = varlen_attn(q, k, v, starts_q, starts_k, 4, 5, **settings)
    for head in range(4):
        for i in range(7):
            first, last, end = (0, 4, 3) if i < 3 else (4, 9, 7)
            place = last - (end - i)  # of the key that lies where the query does
            seen = [
                j
                for j in range(first, last)
                if (window[0] < 0 or j >= place - window[0]) and (window[1] < 0 or j <= place + window[1])
            ]
            scores = k[seen, head // 2] @ q[i, head] / 8**0.5
            assert mg.allclose(out[i, head], scores.softmax(0) @ v[seen, head // 2], atol=1e-6)
            assert mg.allclose(sums[i, head], scores.logsumexp(0), atol=1e-6)
    with pytest.raises(NotImplementedError, match="pages"):
        varlen_attn(q, k, v, starts_q, starts_k, 4, 5, block_table=starts_q)


def test_a_tracker_knows_the_modules_that_run():
    from metagrad.utils.module_tracker import ModuleTracker

    model, seen = mg.nn.Sequential(mg.nn.Linear(2, 2), mg.nn.Sequential(mg.nn.ReLU())), []
    model[1][0].register_forward_hook(lambda *_: seen.append((set(tracker.parents), tracker.is_bw)))
    model[1][0].register_full_backward_hook(lambda *_: seen.append((set(tracker.parents), tracker.is_bw)))
    with ModuleTracker() as tracker:
        model(mg.rand(3, 2)).sum().backward()
    names = {"Global", "Sequential", "Sequential.1", "Sequential.1.0"}
    assert seen == [(names - {"Sequential.1.0"}, False), (names, True)]


def test_what_is_left_out_says_why():
    with pytest.raises(ModuleNotFoundError, match="'metagrad.ao.nn': quantization is left out"):
        importlib.import_module("metagrad.ao.nn")
    with pytest.raises(ModuleNotFoundError, match="No module named 'metagrad.nowhere'"):
        importlib.import_module("metagrad.nowhere")


def test_switches_of_cudnn_are_given_back():
    cudnn = mg.backends.cudnn
    with cudnn.flags(enabled=True, benchmark=True):
        assert (cudnn.enabled, cudnn.benchmark, cudnn.allow_tf32) == (True, True, True)
    assert (cudnn.enabled, cudnn.benchmark, cudnn.allow_tf32) == (False, False, False)


def test_switches_of_a_library_that_is_not_there_come_back():
    mkldnn = mg.backends.mkldnn
    before = mkldnn.enabled
    with mkldnn.flags(enabled=not before, deterministic=True):
        assert mkldnn.enabled != before and mkldnn.deterministic
    assert mkldnn.enabled == before and not mkldnn.deterministic


def test_futures():
    first, second = mg.futures.Future(), mg.futures.Future()
    both = mg.futures.collect_all([first, second]).then(lambda f: [x.value() for x in f.value()])
    first.set_result(1)
    assert not both.done()
    second.set_result(2)
    assert both.wait() == [1, 2]
    failed = mg.futures.Future()
    failed.set_exception(KeyError("x"))
    with pytest.raises(KeyError):
        failed.wait()
    with pytest.raises(RuntimeError, match="no result yet"):
        mg.futures.Future().value()


def test_statements_are_timed():
    from metagrad.utils.benchmark import Compare, Timer

    calls = []
    timer = Timer("f()", globals={"f": lambda: calls.append(1)}, label="append", description="list")
    once = timer.timeit(300)
    assert once.number_per_run == 300 and len(once.times) == 1 and 0 < once.median == once.mean and len(calls) >= 300
    many = timer.blocked_autorange(min_run_time=0.01)
    assert sum(many.raw_times) >= 0.01 and len(calls) >= 300 + many.number_per_run * len(many.raw_times)
    assert "append" in str(Compare([once, many])) and "list" in str(Compare([once, many]))


def test_an_op_of_ones_own_has_its_gradient():
    from metagrad.library import Library, custom_op, ops

    @custom_op("test_alias::cube", mutates_args=())
    def cube(x: mg.Tensor) -> mg.Tensor:
        return x**3

    cube.register_autograd(
        lambda ctx, grad: grad * 3 * ctx.saved_tensors[0] ** 2,
        setup_context=lambda ctx, inputs, output: ctx.save_for_backward(inputs[0]),
    )
    x = mg.tensor([1.0, 2.0], dtype=mg.float64, requires_grad=True)
    assert mg.autograd.gradcheck(ops.test_alias.cube, (x,))
    cube(x).sum().backward()
    assert x.grad.tolist() == [3.0, 12.0]
    library = Library("test_alias", "FRAGMENT")
    library.define("double(Tensor x) -> Tensor")
    with pytest.raises(
        NotImplementedError, match="Could not run 'test_alias::double' with arguments from the 'CPU' backend"
    ):
        ops.test_alias.double(x)
    library.impl("double", lambda x: 2 * x, "CPU")
    assert ops.test_alias.double.default(x.detach()).tolist() == [2.0, 4.0]
    with pytest.raises(AttributeError, match="'_OpNamespace' 'test_alias' object has no attribute 'triple'"):
        ops.test_alias.triple


def test_shapes_of_an_op_of_a_compiled_library_are_accepted():
    def shape(x):
        return x

    assert (
        mg.library.register_fake("compiled::elsewhere")(shape) is mg.library.register_fake("other::op", shape) is shape
    )
    with pytest.raises(AttributeError, match="'_OpNamespace' 'compiled' object has no attribute 'elsewhere'"):
        mg.compat.library.ops.compiled.elsewhere


def test_the_hub_loads_from_a_directory_and_downloads_nothing(tmp_path):
    (tmp_path / "hubconf.py").write_text("def model(n, scale=1):\n    'n times scale'\n    return n * scale\n")
    hub = mg.hub
    assert hub.load(tmp_path, "model", 3, source="local", scale=4) == 12
    assert (
        hub.list(tmp_path, source="local") == ["model"]
        and hub.help(tmp_path, "model", source="local") == "n times scale"
    )
    with pytest.raises(RuntimeError, match="downloads no code"):
        hub.load("pytorch/vision", "resnet18")
    address = "https://example.org/weights.pt"
    with pytest.raises(RuntimeError, match="get https://example.org/weights.pt yourself"):
        hub.load_state_dict_from_url(address, model_dir=str(tmp_path))
    mg.save({"w": mg.ones(2)}, tmp_path / "weights.pt")
    assert hub.load_state_dict_from_url(address, model_dir=str(tmp_path))["w"].tolist() == [1.0, 1.0]


def test_dictionaries_by_identity():
    from metagrad.utils.weak import WeakIdKeyDictionary

    a, b, names = mg.ones(2), mg.ones(2), WeakIdKeyDictionary()
    names[a], names[b] = "a", "b"
    assert [names[k] for k in names] == ["a", "b"] and names.pop(b) == "b" and b not in names
    del a
    assert len(names) == 0


@pytest.mark.oracle
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_gradients_of_convolutions(torch, dims):
    rng = np.random.default_rng(dims)
    x, w = rng.normal(size=(2, 4, *[7, 6, 5][:dims])), rng.normal(size=(6, 2, *[3, 2, 3][:dims]))
    options = {"stride": 2, "padding": 1, "groups": 2}
    y = getattr(torch.nn.functional, f"conv{dims}d")(torch.tensor(x), torch.tensor(w), None, 2, 1, 1, 2)
    g = rng.normal(size=tuple(y.shape))
    found = {}
    for lib in (torch, mg):
        t = lib.tensor
        found[lib] = [
            getattr(lib.nn.grad, f"conv{dims}d_input")(x.shape, t(w), t(g), **options),
            getattr(lib.nn.grad, f"conv{dims}d_weight")(t(x), w.shape, t(g), **options),
        ]
    for ours, theirs in zip(found[mg], found[torch]):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-12)


def test_gradients_of_convolutions_have_gradients():
    x, w = mg.ones(1, 1, 3), mg.ones(1, 1, 2, requires_grad=True)
    g = mg.tensor([[[1.0, 2.0]]])
    mg.nn.grad.conv1d_input(x.shape, w, g)[0, 0, 0].backward()
    assert w.grad.tolist() == [[[1.0, 0.0]]] and not mg.nn.grad.conv1d_weight(x, w.shape, g).requires_grad


Point = namedtuple("Point", "x y")


@pytest.mark.oracle
def test_trees_are_taken_apart_as_in_pytorch(torch):
    from collections import OrderedDict, defaultdict, deque

    import torch.utils._pytree as theirs

    import metagrad.utils._pytree as ours

    class Pair:
        def __init__(self, a, b):
            self.a, self.b = a, b

    for library in (theirs, ours):
        library.register_pytree_node(Pair, lambda p: ([p.a, p.b], None), lambda parts, _: Pair(*parts))
        with pytest.raises(ValueError, match="already registered"):
            library.register_pytree_node(Pair, lambda p: ([p.a, p.b], None), lambda parts, _: Pair(*parts))
    many, results = defaultdict(list, k=[7]), []
    tree = {
        "b": [1, (2, Point(3, 4))],
        "a": OrderedDict(z=5, y=None),
        "d": many,
        "e": deque([8], maxlen=3),
        "p": Pair(9, []),
    }
    for library in (theirs, ours):
        leaves, spec = library.tree_flatten(tree)
        paths = [library.keystr(path) for path, _ in library.tree_flatten_with_path({"a": [1, Point(2, 3)]})[0]]
        doubled = library.tree_map(lambda x: None if x is None else 2 * x, tree)
        again = library.tree_leaves(doubled)
        only = library.tree_map_only(int, lambda x: -x, [1, "a", (2.0,)])
        results.append((
            leaves, paths, again, type(doubled["d"]), doubled["d"].default_factory, doubled["e"].maxlen, only,
            library.tree_unflatten(range(spec.num_leaves), spec)["b"], library.tree_any_only(int, lambda x: x > 8, tree),
            library.tree_all(lambda x: x is None, [None]), library.tree_map(lambda x, y: (x, y), [1, 2], [{"k": 1}, [2]]),
            library.tree_leaves(tree, is_leaf=lambda x: isinstance(x, dict) and "z" in x)[4],
        ))  # fmt: skip
    assert results[0] == results[1]
    with pytest.raises(ValueError):
        ours.tree_map(lambda x, y: x, [1, 2], [1])


@pytest.mark.oracle
def test_utilities_of_distributions(torch):
    import torch.distributions.utils as theirs

    import metagrad.distributions.utils as ours

    p = np.array([[0.0, 0.2, 1.0], [0.5, 0.1, 0.4]], np.float32)
    found = {}
    for lib, utils in ((torch, theirs), (mg, ours)):
        t = lib.tensor(p)
        found[lib] = [
            utils.probs_to_logits(t), utils.probs_to_logits(t, is_binary=True), utils.logits_to_probs(t),
            utils.logits_to_probs(t, is_binary=True), utils.clamp_probs(t), *utils.broadcast_all(t[0], 2, t[1:].double()),
            utils.tril_matrix_to_vec(lib.tensor(np.arange(9.0).reshape(3, 3)), -1),
            utils.vec_to_tril_matrix(lib.tensor(np.arange(12.0).reshape(2, 6))),
            utils.vec_to_tril_matrix(lib.tensor(np.arange(3.0)), -1),
        ]  # fmt: skip
    for mine, right in zip(found[mg], found[torch]):
        assert str(mine.dtype).split(".")[1] == str(right.dtype).split(".")[1]
        np.testing.assert_allclose(mine.numpy(), right.numpy(), rtol=2e-6, atol=1e-7)
    with pytest.raises(ValueError, match="must all be instances of Number"):
        ours.broadcast_all("a", 1.0)
    with pytest.raises(ValueError, match="lower triang"):
        ours.vec_to_tril_matrix(mg.zeros(4))


@pytest.mark.oracle
def test_a_bias_of_one_row_is_broadcast(torch):
    rng = np.random.default_rng(0)
    x, w, b = rng.normal(size=(4, 3)), rng.normal(size=(2, 3)), rng.normal(size=(1, 2))
    for lib in (mg, torch):
        leaves = [lib.tensor(a, requires_grad=True) for a in (x, w, b)]
        (lib.nn.functional.linear(*leaves) ** 2).sum().backward()
        if lib is mg:
            found = [leaf.grad.numpy() for leaf in leaves]
    for ours, theirs in zip(found, leaves):
        np.testing.assert_allclose(ours, theirs.grad.numpy(), rtol=1e-12)


def test_number_types_that_are_only_named():
    assert repr(mg.float8_e5m2) == "metagrad.float8_e5m2" and mg.float8_e5m2 != mg.float8_e4m3fn
    assert mg.finfo(mg.float8_e4m3fn).max == 448.0 and mg.finfo(mg.float8_e5m2).eps == 0.25
    assert (mg.quint8.itemsize, mg.chalf.is_complex, mg.uint4.is_signed) == (1, True, False)
    with pytest.raises(NotImplementedError, match="no tensors of float8_e5m2"):
        mg.zeros(2, dtype=mg.float8_e5m2)


def test_only_numbers_may_be_in_a_tensor():
    x = mg.tensor([1.0, 2.0])
    assert 1 in x and mg.tensor(2) in x and 3.0 not in x
    with pytest.raises(RuntimeError, match="only supports Tensor or scalar, but you passed in a <class 'str'>"):
        "a" in x  # noqa: B015


def test_bytes_of_a_file_are_read_as_they_are_used(tmp_path):
    file = tmp_path / "numbers"
    np.arange(4, dtype=np.float32).tofile(file)
    storage = mg.UntypedStorage.from_file(str(file), shared=False, nbytes=16)
    x = mg.asarray(storage, dtype=mg.uint8).view(mg.float32)
    assert x.tolist() == [0.0, 1.0, 2.0, 3.0] and storage.nbytes() == 16 and sys.getsizeof(storage) > 16
    x[0] = 7.0
    assert np.fromfile(file, np.float32)[0] == 0.0
    shared = mg.asarray(mg.UntypedStorage.from_file(str(file), shared=True, nbytes=16)).view(mg.float32)
    shared[0] = 7.0
    assert np.fromfile(file, np.float32)[0] == 7.0


def test_a_shared_file_is_made_where_there_is_none(tmp_path):
    file = tmp_path / "numbers"
    with pytest.raises(RuntimeError, match="unable to open file"):
        mg.from_file(str(file), size=4)
    mg.from_file(str(file), shared=True, size=4)[1] = 5.0
    assert np.fromfile(file, np.float32).tolist() == [0.0, 5.0, 0.0, 0.0]


def test_what_would_split_a_model_says_so():
    from metagrad.distributed.fsdp import FullyShardedDataParallel
    from metagrad.distributed.tensor import DTensor, Shard, distribute_tensor

    assert not isinstance(mg.ones(1), DTensor) and Shard(0).args == (0,)
    for make in (lambda: FullyShardedDataParallel(mg.nn.Identity()), lambda: distribute_tensor(mg.ones(1))):
        with pytest.raises(NotImplementedError, match="DistributedDataParallel"):
            make()


def test_hooks_of_a_module_are_counted_by_pytorchs_names():
    layer = mg.nn.Linear(1, 1)
    assert len(layer._forward_hooks) == len(layer._backward_hooks) == 0
    handle = layer.register_forward_hook(lambda module, args, output: output + 1)
    assert len(layer._forward_hooks) == 1 and layer(mg.zeros(1)).item() == layer.bias.item() + 1
    handle.remove()
    assert len(layer._forward_hooks) == 0


def _functions_of(lib, x, w, b):
    """What functions that PyTorch does not document give."""
    t = lib.tensor
    h, c = t(x[:2] * 0.5)[:, :2], t(x[:2] * 0.25)[:, :2]
    step = (t(x[:2]), t(w), t(w[:, :2]), t(b), t(b * 0.5))
    return [
        lib.rnn_tanh_cell(step[0], h, *[s[:2] for s in step[1:]]), lib.rnn_relu_cell(step[0], h, *[s[:2] for s in step[1:]]),
        lib.gru_cell(step[0], h, *[s[:6] for s in step[1:]]), *lib.lstm_cell(step[0], (h, c), *step[1:]),
        lib.embedding(t(x), t([2, 0, 2])), lib.fill(t(x), 3), lib.norm_except_dim(t(x), 2, 1), lib.norm_except_dim(t(x), 2, -1),
        lib.grid_sampler(t(x).reshape(1, 1, 4, 3), t(x[:2, :2]).reshape(1, 1, 2, 2), 0, 1, True),
        lib.permute_copy(t(x), (1, 0)), lib.expand_copy(t(x[:1]), (2, 3)), lib.select_copy(t(x), 0, 1), *lib.unbind_copy(t(x)),
        lib.diagonal_copy(t(x)), lib.view_copy(t(x), (3, 4)), lib.unsqueeze_copy(t(x), 0), lib.alias_copy(t(x)),
    ]  # fmt: skip


@pytest.mark.oracle
def test_functions_that_pytorch_does_not_document(torch):
    rng = np.random.default_rng(3)
    x, w, b = rng.normal(size=(4, 3)), rng.normal(size=(8, 3)), rng.normal(size=8)
    ours, theirs = _functions_of(mg, x, w, b), _functions_of(torch, x, w, b)
    assert len(ours) == len(theirs) == 21
    for found, right in zip(ours, theirs):
        assert tuple(found.shape) == tuple(right.shape)
        np.testing.assert_allclose(found.numpy(), right.numpy(), rtol=1e-9, atol=1e-12)
    for error, check in ((RuntimeError, mg._check), (ValueError, mg._check_value), (IndexError, mg._check_index)):
        with pytest.raises(error, match="no"):
            check(False, lambda: "no")
    copied = mg.tensor(x)
    mg.view_copy(copied, (12,))[0] = 100.0
    assert copied[0, 0].item() == x[0, 0]


def test_conditions_on_all_elements_are_checked():
    mg._check_tensor_all(mg.tensor([True, True]))
    mg._check_tensor_all_with(ValueError, mg.zeros(0, dtype=mg.bool), lambda: "no")
    with pytest.raises(RuntimeError, match="Expected cond to be True"):
        mg._check_tensor_all(mg.tensor([True, False]))
    with pytest.raises(ValueError, match="^no$"):
        mg._check_tensor_all_with(ValueError, mg.tensor(False), lambda: "no")
    with pytest.raises(TypeError, match="cond tensor must have dtype torch.bool"):
        mg._check_tensor_all(mg.ones(2))
    with pytest.raises(TypeError, match="cond must be a tensor, but got <class 'bool'>"):
        mg._check_tensor_all(True)


def test_marks_for_a_compiler_are_taken_as_pytorch_takes_them():
    from metagrad import _dynamo

    x = mg.ones(2)
    assert _dynamo.mark_static(x) is _dynamo.mark_static(x, 0) is _dynamo.mark_static_address(x, guard=True) is None
    assert _dynamo.mark_dynamic(x, 0, min=2, hint_override=3) is _dynamo.maybe_mark_dynamic(x, [0]) is None


def test_settings_of_compilers_are_kept_and_given_back():
    import metagrad._dynamo.config as tracing
    import metagrad._inductor.config as config

    assert tracing is mg._dynamo.config and tracing.cache_size_limit == 8 and not tracing.suppress_errors
    assert config is mg._inductor.config and not hasattr(config, "no_such_setting")
    with config.patch({"max_autotune": True, "triton.cudagraphs": True}), tracing.patch(suppress_errors=True):
        assert config.max_autotune and config.triton.cudagraphs and tracing.suppress_errors
    assert not (config.max_autotune or config.triton.cudagraphs or tracing.suppress_errors)
    assert config.patch("freezing", True)(lambda: config.freezing)() and not config.freezing
    with pytest.raises(AttributeError), config.patch(no_such_setting=1):
        pass


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
def test_attention_with_scores_and_masks_that_are_functions(torch):
    import torch.nn.attention.flex_attention as theirs

    from metagrad.compat import flex_attention as ours

    rng = np.random.default_rng(5)
    q, k, v = rng.normal(size=(2, 4, 5, 8)), rng.normal(size=(2, 2, 6, 8)), rng.normal(size=(2, 2, 6, 3))

    def attention(lib, flex, slopes, *inputs):
        window = flex.and_masks(lambda b, h, i, j: i >= j, lambda b, h, i, j: i - j < 3)
        mask = flex.create_block_mask(window, None, None, 5, 6, device="cpu")
        bias = lambda s, b, h, i, j: s + slopes[h] * (j - i)  # noqa: E731
        more = flex.AuxRequest(lse=True)
        out, aux = flex.flex_attention(*inputs, score_mod=bias, block_mask=mask, enable_gqa=True, return_aux=more)
        return out, aux.lse

    inputs = [np.array([0.5, 0.25, 0.125, 0.0625]), q, k, v]
    found = attention(mg, ours, *map(mg.tensor, inputs))
    with torch.no_grad():
        right = attention(torch, theirs, *map(torch.tensor, inputs))
    for mine, other in zip(found, right):
        np.testing.assert_allclose(mine.numpy(), other.numpy(), rtol=1e-7, atol=1e-9)
    leaves = [mg.tensor(a, requires_grad=True) for a in inputs]
    assert mg.autograd.gradcheck(lambda *given: attention(mg, ours, *given), leaves)


def test_pickles_name_public_paths_only():
    import pickle
    import pickletools

    def paths(obj):
        return {arg.split()[0] for op, arg, _ in pickletools.genops(pickle.dumps(obj, 2)) if op.name == "GLOBAL"}

    model = mg.nn.Sequential(mg.nn.Linear(2, 2), mg.nn.LSTM(2, 2))
    own = {
        path for path in paths([mg.ones(2), model, mg.optim.Adam(model.parameters())]) if path.startswith("metagrad")
    }
    assert own == {
        "metagrad._utils", "metagrad.nn.modules.container", "metagrad.nn.modules.linear", "metagrad.nn.modules.rnn",
        "metagrad.nn.parameter", "metagrad.optim.adam",
    }  # fmt: skip
    again = pickle.loads(pickle.dumps(model))
    assert again[0].weight.equal(model[0].weight) and isinstance(again[0].weight, mg.nn.Parameter)
    assert repr(mg.FloatTensor) == "<class 'metagrad.FloatTensor'>"


@pytest.mark.oracle
def test_weights_of_a_recurrent_layer_are_dropped(torch):
    """What programs with weight dropout do: the weight is computed anew from another parameter before each forward."""
    rng = np.random.default_rng(0)
    x, found = rng.normal(size=(4, 2, 3)), {}
    values = {name: rng.normal(size=shape) for name, shape in
              {"weight_ih_l0": (8, 3), "weight_hh_l0": (8, 2), "bias_ih_l0": (8,), "bias_hh_l0": (8,)}.items()}  # fmt: skip
    for lib in (mg, torch):
        layer = lib.nn.LSTM(3, 2).double()
        layer.load_state_dict({name: lib.tensor(value) for name, value in values.items()})
        assert layer._flat_weights_names == list(values) and layer._all_weights == [list(values)]
        raw = lib.nn.Parameter(layer.weight_hh_l0.detach())
        del layer._parameters["weight_hh_l0"]
        layer.register_parameter("weight_hh_l0_raw", raw)
        layer.weight_hh_l0 = raw * lib.tensor([[1.0, 0.0]], dtype=lib.float64)
        layer._flat_weights = [getattr(layer, name) for name in layer._flat_weights_names]
        out, _ = layer(lib.tensor(x))
        (out**2).sum().backward()
        found[lib] = [out.detach().numpy(), raw.grad.numpy()]
    for ours, theirs in zip(found[mg], found[torch]):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)
    assert (found[mg][1][:, 1] == 0).all()


def test_what_lies_beside_the_loader_is_found_where_programs_look():
    found = under_alias(
        "from torch.utils.data import _DatasetKind\n"
        "from torch.utils.data._utils.collate import collate, default_collate_fn_map\n"
        "from torch.utils.data._utils.fetch import _MapDatasetFetcher\n"
        "from torch.utils.data._utils.pin_memory import pin_memory\n"
        "from torch.utils.data._utils.worker import get_worker_info\n"
        "print(int(_DatasetKind.Iterable), _MapDatasetFetcher('abc', True, list, False).fetch([2, 0]), pin_memory(3))\n"
        "default_collate_fn_map[complex] = lambda batch, *, collate_fn_map=None: sum(batch)\n"  # the one that collate reads
        "from torch.utils.data import default_collate\n"
        "print(default_collate([1j, 2j]))"
    )
    assert found == ["1 ['c', 'a'] 3", "3j"]


def test_each_path_of_a_module_adds_its_names():
    found = under_alias(
        "from torch.nn.parallel.comm import gather\n"  # the same module under another path
        "from torch.nn.parallel.scatter_gather import is_namedtuple, scatter\n"
        "from torch.cuda.amp.grad_scaler import OptState\n"
        "from torch.nn.modules.activation import NonDynamicallyQuantizableLinear\n"
        "from torch.nn.modules.conv import _ConvTransposeNd\n"
        "from torch.nn.modules.transformer import _get_activation_fn, _get_clones\n"
        "from torch.serialization import _is_zipfile\n"
        "import io, torch\n"
        "print(len(_get_clones(torch.nn.ReLU(), 2)), isinstance(torch.nn.ConvTranspose1d(1, 1, 1), _ConvTransposeNd))\n"
        "print(_is_zipfile(io.BytesIO(b'PK\\x03\\x04')), is_namedtuple((1, 2)))"
    )
    assert found == ["2 True", "True False"]


def test_events_of_the_profiler_have_pytorchs_names():
    program = """
from metagrad import alias
alias.install()
import torch
with torch.profiler.profile() as p:
    (torch.ones(3, requires_grad=True) * 2 + 4).sum().backward()
print(*sorted({event.name for event in p.events()}))
"""
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert found == ["AddBackward0", "MulBackward0", "SumBackward0", "aten::add", "aten::mul", "aten::sum"]


def test_the_class_of_tensors_is_shown_under_the_name_that_programs_know():
    home = mg.Tensor.__module__
    program = """
from metagrad import alias
alias.install()
import copy, pickle, torch
x = pickle.loads(pickle.dumps([torch.ones(1), torch.nn.Parameter(torch.ones(1)), torch.Tensor]))
print(type(x[0]), x[2] is torch.Tensor, type(copy.deepcopy(x[1])) is torch.nn.Parameter)
alias.uninstall()
print(torch.Tensor.__module__)
"""
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert found.split("\n")[:2] == ["<class 'torch.Tensor'> True True", home]


def test_handles_and_futures_are_told_by_pytorchs_names():
    found = under_alias(
        "import torch, pickle\n"
        "from torch.utils.hooks import RemovableHandle, unserializable_hook\n"
        "hooks, number = {}, RemovableHandle.next_id\n"
        "handle = torch.nn.Linear(1, 1).register_forward_hook(print)\n"
        "print(type(handle).__module__, handle.id - number, RemovableHandle.next_id - number)\n"
        "print(unserializable_hook(lambda g: g).__torch_unserializable__)\n"
        "g = torch.Generator().manual_seed(3)\n"
        "torch.rand(2, generator=g)\n"
        "print(torch.equal(torch.rand(2, generator=pickle.loads(pickle.dumps(g))), torch.rand(2, generator=g)))\n"
        "print(torch.jit.fork(lambda a: a + 1, 2).wait(), torch.jit.Attribute(1, int).value)\n"
        "with torch.jit.fuser('fuser1'):\n"
        "    print(torch.nuclear_norm(torch.eye(2)).item(), torch.frobenius_norm(torch.ones(2, 2), (0, 1)).item())"
    )
    assert found == ["torch.utils.hooks 0 1", "True", "True", "3 1", "2.0 2.0"]
