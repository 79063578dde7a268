"""Names and module paths that programs for PyTorch use."""

import collections
import importlib
import json
import math
import pkgutil
import subprocess
import sys

import pytest

import metagrad as mg

PATHS = [
    "nn.functional", "nn.utils.rnn", "nn.modules.loss", "nn.modules.linear", "nn.modules.conv", "nn.modules.rnn",
    "nn.modules.module",
    "nn.parameter", "nn.init", "utils.data.dataloader", "utils.data.dataset", "utils.data.sampler", "utils.data.distributed",
    "optim.lr_scheduler", "optim.optimizer", "cuda.amp", "amp.autocast_mode", "amp.grad_scaler", "backends.cudnn",
    "backends.mps",
    "jit", "compiler", "version", "distributions.normal", "distributions.categorical", "distributions.kl", "random",
    "multiprocessing",
    "types", "accelerator", "mps", "xpu", "distributed", "nn.parallel", "nn.attention", "nn.common_types", "nn.modules.utils",
    "nn.modules.adaptive", "utils._pytree", "utils.dlpack", "utils.hooks", "backends.cuda", "backends.mkl", "backends.mkldnn",
    "backends.openmp",
    "testing", "utils.checkpoint", "profiler", "linalg", "fft", "special",
    "autograd.anomaly_mode", "autograd.grad_mode", "autograd.profiler", "autograd.gradcheck", "autograd.function",
    "backends.cpu", "backends.mha", "backends.nnpack", "backends.opt_einsum", "cpu", "cpu.amp", "cpu.amp.autocast_mode",
    "cuda.amp.autocast_mode", "cuda.amp.grad_scaler", "cuda.memory", "cuda.nvtx", "cuda.random", "cuda.streams", "functional",
    "futures", "fx", "hub", "library", "multiprocessing.spawn", "nn.grad", "nn.modules.linear_cross_entropy",
    "nn.parallel.comm", "nn.parallel.data_parallel", "nn.parallel.parallel_apply", "nn.parallel.replicate",
    "nn.parallel.scatter_gather", "nn.utils.clip_grad", "nn.utils.init", "nn.utils.memory_format", "nn.utils.parametrizations",
    "nn.utils.spectral_norm", "nn.utils.stateless", "nn.utils.weight_norm", "return_types",
    "storage", "torch_version", "utils.benchmark", "utils.collect_env", "utils.data._utils", "utils.model_zoo",
    "utils.weak", "_C", "_dynamo", "_dynamo.config", "_inductor", "_inductor.config", "_tensor", "_utils", "xpu.random",
]  # fmt: skip


LEFT_OUT = {  # names that nobody should need, or that docs/reference.md gives a reason for
    "BackwardHookFunction", "Container", "MixtureSameFamilyConstraint", "SparseAdam", "SpectralNorm",
    "SpectralNormLoadStateDictPreHook", "SpectralNormStateDictHook", "WeightNorm",
}  # fmt: skip


@pytest.mark.oracle
def test_each_file_of_pytorchs_packages_is_found_with_its_classes(torch):
    wanted = {}
    for package in ("distributions", "optim", "nn.modules", "nn.utils"):
        for file in pkgutil.iter_modules(importlib.import_module(f"torch.{package}").__path__):
            if not file.name.startswith("_") and file.name != "sparse_adam":
                path = f"torch.{package}.{file.name}"
                theirs = importlib.import_module(path)
                names = getattr(theirs, "__all__", [])
                wanted[path] = [n for n in names if isinstance(getattr(theirs, n), type) and n not in LEFT_OUT]
    assert sum(map(len, wanted.values())) > 250
    program = (
        "import importlib, json, sys\nfrom metagrad import alias\nalias.install()\n"
        "for path, names in json.load(sys.stdin).items():\n"
        "    module = importlib.import_module(path)\n"
        "    print(*[f'{path}.{name}' for name in names if not isinstance(getattr(module, name, None), type)])\n"
    )
    environment = {"PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", program], input=json.dumps(wanted), env=environment, capture_output=True, text=True
    )
    assert (done.stdout.split(), done.stderr) == ([], "")


@pytest.mark.oracle
@pytest.mark.parametrize("path", PATHS)
def test_paths_are_there_in_both(torch, path):
    importlib.import_module(f"torch.{path}")
    importlib.import_module(f"metagrad.{path}")


def test_the_namespaces_are_imported_when_they_are_used():
    names = [
        "amp",
        "compiler",
        "distributions",
        "jit",
        "profiler",
        "testing",
        "multiprocessing",
        "inspection",
        "alias",
        "utils.checkpoint",
    ]
    code = (
        f"import sys, metagrad\nnames = {names}\nassert not [n for n in names if 'metagrad.' + n in sys.modules]\n"
        "metagrad.distributions.Normal, metagrad.jit.script, metagrad.cuda.amp.GradScaler, metagrad.utils.checkpoint.checkpoint\n"
        "metagrad.autocast, metagrad.compile, metagrad.summary, metagrad.nn.modules.Linear\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_mixed_precision_of_a_gpu_that_is_not_there_is_full_precision():
    model = mg.nn.Linear(3, 1)
    with pytest.warns(UserWarning, match="CUDA is not available.  Disabling"):
        scaler = mg.cuda.amp.GradScaler()
    optimizer = mg.optim.SGD(model.parameters(), lr=0.1)
    before = model.weight.detach().clone()
    with pytest.warns(UserWarning, match="Disabling autocast"):
        older = mg.cuda.amp.autocast()
    with pytest.warns(UserWarning, match="Disabling autocast"), mg.autocast("cuda", dtype=mg.float16), older:
        loss = model(mg.ones(2, 3)).sum()
    assert loss.dtype is mg.float32 and scaler.scale(loss) is loss
    loss.backward()
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    mg.testing.assert_close(model.weight.detach(), before - 0.2)


def test_compiling_returns_what_was_given():
    model = mg.nn.Linear(2, 2)
    assert mg.compile(model) is model and mg.jit.script(model) is model and mg.jit.trace(model, mg.zeros(1, 2)) is model

    @mg.compile(mode="reduce-overhead")
    def f(x):
        return x + 1

    @mg.jit.ignore
    def g(x):
        return x + 2

    assert (f(1), g(1), mg.jit.wait(mg.jit.fork(f, 2))) == (2, 3, 3)


def test_no_gpu_is_said_quietly():
    cuda = mg.cuda
    if cuda.is_available():
        pytest.skip("there is a GPU")
    cuda.manual_seed_all(0)
    cuda.empty_cache()
    assert (cuda.device_count(), cuda.is_initialized(), cuda.memory_allocated(), cuda.max_memory_allocated()) == (
        0,
        False,
        0,
        0,
    )


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpoints_have_the_same_gradients(reentrant):
    from metagrad.utils.checkpoint import checkpoint, checkpoint_sequential

    model = mg.nn.Sequential(mg.nn.Linear(4, 8), mg.nn.Dropout(0.5), mg.nn.Tanh(), mg.nn.Linear(8, 2))
    results = []
    for run in (
        model,
        lambda x: checkpoint(model, x, use_reentrant=reentrant),
        lambda x: checkpoint_sequential(model, 2, x, use_reentrant=reentrant),
    ):
        mg.manual_seed(0)
        model.zero_grad()
        x = mg.arange(8.0).reshape(2, 4).requires_grad_()
        y = run(x)
        (y**2).sum().backward()
        results.append([y.detach(), x.grad, *(p.grad for p in model.parameters())])
    mg.testing.assert_close(results[1], results[0])
    mg.testing.assert_close(results[2], results[0])


@pytest.mark.oracle
def test_the_distributed_sampler_deals_out_as_pytorchs(torch):
    for n, ranks, drop in ((10, 3, False), (10, 3, True), (2, 5, False), (9, 3, True)):
        for rank in range(ranks):
            settings = {"num_replicas": ranks, "rank": rank, "shuffle": False, "drop_last": drop}
            expected = torch.utils.data.distributed.DistributedSampler(range(n), **settings)
            found = mg.utils.data.distributed.DistributedSampler(range(n), **settings)
            assert (list(found), len(found)) == (list(expected), len(expected))


def test_a_shuffled_distributed_sampler_deals_all_out_once():
    samplers = [mg.utils.data.DistributedSampler(range(12), 3, rank) for rank in range(3)]
    assert sorted(i for s in samplers for i in s) == list(range(12))
    first = list(samplers[0])
    samplers[0].set_epoch(1)
    assert list(samplers[0]) != first


@pytest.mark.oracle
def test_assert_close_decides_as_pytorchs(torch):
    pairs = [
        ([1.0, 2.0], [1.0, 2.0 + 1e-6]), ([1.0, 2.0], [1.0, 2.0001]), ([1, 2], [1, 3]), ([1.0], [1]), ([1.0], [[1.0]]),
        ([float("nan")], [float("nan")]), ([float("inf")], [float("inf")]), ([True], [True]),
    ]  # fmt: skip

    def verdict(lib, a, b):
        try:
            lib.testing.assert_close(lib.tensor(a), lib.tensor(b))
        except AssertionError:
            return False
        return True

    assert [verdict(mg, *p) for p in pairs] == [verdict(torch, *p) for p in pairs]
    with pytest.raises(AssertionError, match="my words"):
        mg.testing.assert_close(mg.tensor(1.0), mg.tensor(2.0), msg="my words")
    with pytest.raises(AssertionError, match=r"\['b'\]"):
        mg.testing.assert_close({"a": mg.tensor(1.0), "b": mg.tensor(1.0)}, {"a": mg.tensor(1.0), "b": mg.tensor(2.0)})


def test_make_tensor_stays_within_its_bounds():
    x = mg.testing.make_tensor(3, 4, dtype=mg.float32, low=2, high=3, requires_grad=True)
    assert x.requires_grad and bool(((x >= 2) & (x <= 3)).all())
    y = mg.testing.make_tensor((50,), dtype=mg.int64, low=-1, high=2, exclude_zero=True)
    assert set(y.tolist()) <= {-1, 1}
    assert not mg.testing.make_tensor(3, 4, dtype=mg.float64, noncontiguous=True).is_contiguous()


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("functional", "norm einsum"), ("_tensor", "Tensor"), ("optim.adamw", "AdamW"), ("optim.adam", "Adam"),
        ("nn.modules.instancenorm", "InstanceNorm2d"), ("nn.modules.fold", "Fold Unfold"),
        ("nn.modules.pixelshuffle", "PixelShuffle"), ("nn.modules.channelshuffle", "ChannelShuffle"),
        ("nn.modules.activation", "MultiheadAttention ReLU"), ("utils.data._utils.collate", "default_collate"),
        ("nn.parameter", "Parameter Buffer UninitializedParameter"), ("types", "Device Number _size _TensorOrTensors"),
    ],
)  # fmt: skip
def test_programs_find_names_where_pytorch_has_them(torch, path, names):
    theirs = importlib.import_module(f"torch.{path}")
    assert all(hasattr(theirs, name) for name in names.split())
    program = f"from metagrad import alias\nalias.install()\nfrom torch.{path} import {', '.join(names.split())}\n"
    subprocess.run([sys.executable, "-c", program], check=True, env={"PYTHONPATH": ":".join(sys.path)})


def test_devices_that_are_not_there():
    import metagrad.accelerator as accelerator

    assert not accelerator.is_available() and accelerator.current_accelerator() is None
    assert not mg.xpu.is_available() and not mg.mps.is_available() and mg.xpu.device_count() == 0
    assert mg.distributed.is_available() and not mg.distributed.is_initialized()
    with pytest.raises(RuntimeError, match="CuPy"):
        mg.cuda.Event(enable_timing=True)


def test_the_kernel_of_attention_may_be_chosen():
    from metagrad.nn.attention import SDPBackend, sdpa_kernel

    x = mg.randn(1, 2, 3, 4)
    with sdpa_kernel(SDPBackend.MATH):
        inside = mg.nn.functional.scaled_dot_product_attention(x, x, x)
    assert inside.equal(mg.nn.functional.scaled_dot_product_attention(x, x, x))
    with pytest.raises(AssertionError, match="SDPBackend"), sdpa_kernel("fast"):
        pass


@pytest.mark.oracle
def test_trees_are_flattened_as_pytorch_does(torch):
    from collections import OrderedDict, namedtuple

    import torch.utils._pytree as theirs

    from metagrad.utils import _pytree as ours

    Pair = namedtuple("Pair", "x y")
    trees = [3, [1, (2, [3]), {}], {"b": 1, "a": Pair([2], None)}, OrderedDict(z=(1,), a=2), ()]
    for tree in trees:
        leaves, spec = ours.tree_flatten(tree)
        assert leaves == theirs.tree_flatten(tree)[0]
        assert spec.num_leaves == len(leaves)
        back = ours.tree_unflatten(leaves, spec)
        assert back == tree and type(back) is type(tree)
        double = lambda x: (x, x)  # noqa: E731
        assert ours.tree_map(double, tree) == theirs.tree_map(double, tree)
    with pytest.raises(ValueError, match="has length 2 but the spec refers to a pytree that holds 1 items"):
        ours.tree_unflatten([1, 2], ours.tree_flatten([1])[1])


def test_how_a_dictionary_is_a_tree_is_found_where_libraries_look_for_it():
    from metagrad.utils import _pytree

    Pair = collections.namedtuple("Pair", "a b")
    assert _pytree._dict_flatten({"a": 1}) == ([1], ["a"]) and _pytree._dict_unflatten([1], ["a"]) == {"a": 1}
    assert _pytree._dict_flatten_with_keys({"a": 1})[0][0][1] == 1
    assert _pytree._namedtuple_unflatten(*_pytree._namedtuple_flatten(Pair(1, 2))) == Pair(1, 2)
    assert _pytree._tuple_unflatten(*_pytree._tuple_flatten((1, 2))) == (1, 2)
    assert _pytree._list_unflatten(*_pytree._list_flatten([1, 2])) == [1, 2]


def test_names_of_their_kind_that_libraries_take():
    from metagrad.compat.library import ops
    from metagrad.distributions import transforms
    from metagrad.nn.modules.module import _addindent

    assert _addindent("a\nb", 3) == "a\n   b"
    assert isinstance(transforms.ExpTransform().inv, transforms._InverseTransform)
    x = mg.ones(2)
    assert ops.aten.view.default(x, (1, 2)).shape == (1, 2) and ops.aten.detach.default(x).equal(x)
    copied = ops.aten._to_copy.default(x, dtype=mg.float64, layout=None)
    assert copied.dtype is mg.float64 and ops.aten._to_copy.default(x).data_ptr() != x.data_ptr()
    fake = importlib.import_module("metagrad._subclasses.fake_tensor")
    assert fake.is_fake(x) is False and not isinstance(x, fake.FakeTensor)
    assert importlib.import_module("metagrad.fx.experimental.proxy_tensor").get_proxy_mode() is None
    with pytest.raises(NotImplementedError, match="meta"):
        fake.FakeTensorMode()
    with pytest.raises(AttributeError, match="'_OpNamespace' 'aten' object has no attribute 'nothing'"):
        ops.aten.nothing
    y = mg.arange(6.0).reshape(2, 3)
    assert ops.aten.slice.Tensor(y, 1, 0, 2).tolist() == [[0, 1], [3, 4]] and ops.aten.slice(y, -2, 1).tolist() == [
        [3, 4, 5]
    ]
    assert ops.aten.index.Tensor(y, [None, mg.tensor([2, 0])]).tolist() == [[2, 0], [5, 3]]
    assert ops.aten.alias(y)._is_view() and ops.aten.fft_fft(y, 4).equal(mg.fft.fft(y, 4))
    with pytest.raises(NotImplementedError, match="aten::_pin_memory"):
        ops.aten._pin_memory.default(y)


def test_calls_on_other_ranks_have_names_that_refuse():
    from metagrad.distributed import autograd, rpc

    assert not rpc.is_available() and autograd.context is not None
    for refused in (rpc.init_rpc, rpc.RRef, rpc.rpc_sync):
        with pytest.raises(RuntimeError, match="collectives"):
            refused("worker")


def test_the_steps_of_printing_are_found():
    from metagrad._tensor_str import PRINT_OPTS, _add_suffixes, _str_intern, _tensor_str

    x = mg.tensor([[1.5, 2.0]])
    assert _tensor_str(x, 0) == "[[1.5000, 2.0000]]" and _str_intern(x, tensor_contents="...") == "tensor(...)"
    assert _add_suffixes("mine([]", ["a=1", "b=2"], 5, True) == "mine([],\n     a=1, b=2)" and PRINT_OPTS.precision == 4


def test_onnx_is_there_before_its_package_is_needed():
    """The onnx package is imported inside the calls, so that nobody else pays for it."""
    code = "import sys, metagrad; assert metagrad.onnx.is_in_onnx_export() is False; assert 'onnx' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_names_that_programs_take_from_the_files_they_are_in():
    from metagrad.nn.modules.linear import NonDynamicallyQuantizableLinear
    from metagrad.nn.utils.hooked_norms import SpectralNorm, WeightNorm

    assert type(mg.nn.MultiheadAttention(4, 2).out_proj) is NonDynamicallyQuantizableLinear
    layer = mg.nn.utils.spectral_norm(mg.nn.Linear(2, 3))
    (hook,) = layer._forward_pre_hooks.values()
    assert isinstance(hook, SpectralNorm) and not isinstance(hook, WeightNorm)
    u = layer.weight_u.clone()
    hook.compute_weight(layer, do_power_iteration=False)
    assert layer.weight_u.equal(u)
    hook.compute_weight(layer, do_power_iteration=True)
    assert not layer.weight_u.equal(u)


INNER = """
    _vmap_internals:_vmap
    distributions.multivariate_normal:_precision_to_scale_tril
    distributions.dirichlet:_Dirichlet_backward distributions.kl:_kl_expfamily_expfamily nn._reduction:get_enum nn:_reduction
    autograd.profiler_util:_format_time autograd.grad_mode:_unsafe_preserve_version_counter
    nn._reduction:legacy_get_string nn.functional:_Reduction nn.init:_calculate_correct_fan nn.modules.container:Container
    nn.modules.module:register_module_backward_hook nn.modules.module:_EXTRA_STATE_KEY_SUFFIX
    nn.modules.pooling:_MaxPoolNd nn.modules.pooling:_AvgPoolNd nn.modules.pooling:_AdaptiveMaxPoolNd
    nn.modules.utils:_list_with_default nn.modules.utils:_reverse_repeat_tuple nn.parallel._functions:Broadcast
    nn.parallel._functions:Gather nn.parallel.parallel_apply:get_a_var nn.utils.prune:_compute_norm
    nn.utils.prune:_compute_nparams_toprune nn.utils.prune:_validate_pruning_amount nn.utils.prune:_validate_pruning_dim
    nn.utils.prune:_validate_pruning_amount_init nn.utils.prune:_validate_structured_pruning
    optim._functional:sgd optim._functional:adamw optim._multi_tensor:SGD optim.lr_scheduler:EPOCH_DEPRECATION_WARNING
    utils.data.dataloader:_InfiniteConstantSampler utils.data:functional_datapipe utils.data:MapDataPipe
    utils.data:DFIterDataPipe utils.data:non_deterministic utils.data.graph:traverse_dps utils.data.graph_settings:apply_sharding
    utils.data.datapipes.iter:IterableWrapper utils.data.datapipes.iter.sharding:SHARDING_PRIORITIES utils.data._utils:HAS_NUMPY
    utils.data.datapipes.map:SequenceWrapper utils.data.datapipes.utils.common:StreamWrapper utils.data._utils:IS_WINDOWS
    amp.grad_scaler:OptState distributions.transforms:_clipped_sigmoid distributions.constraints:_Real
    distributions.constraints:_IndependentConstraint nn.functional:_canonical_mask nn.functional:_none_or_dtype
    nn.init:_no_grad_uniform_ nn.init:_no_grad_normal_ nn.init:_no_grad_zero_ nn.init:_no_grad_fill_
    nn.init:_no_grad_trunc_normal_ _C:Value _C:Graph _C:TensorType
    _C:_jit_set_profiling_executor _C:_jit_set_profiling_mode
""".split()  # names with an underscore, or from files with one, that programs import


def test_inner_names_that_programs_import_are_found():
    lines = [f"from torch.{pair.replace(':', ' import ')}" for pair in INNER]
    code = "\n".join(["from metagrad import alias", "alias.install()", *lines])
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})


@pytest.mark.oracle
@pytest.mark.parametrize("pair", INNER)
def test_inner_names_are_pytorchs(torch, pair):
    path, _, name = pair.partition(":")
    assert hasattr(importlib.import_module(f"torch.{path}"), name)


def test_inner_functions_compute_what_pytorchs_do():
    from metagrad import TensorType
    from metagrad.compat.amp.grad_scaler import OptState
    from metagrad.compat.inner_names import _canonical_mask, _clipped_sigmoid, _none_or_dtype
    from metagrad.compat.script_types import named
    from metagrad.distributions import constraints

    assert [(s.name, s.value) for s in OptState] == [("READY", 0), ("UNSCALED", 1), ("STEPPED", 2)]
    edges = _clipped_sigmoid(mg.tensor([-1000.0, 0.0, 1000.0])).tolist()
    assert edges == [1.1754943508222875e-38, 0.5, 0.9999998807907104]
    assert type(constraints.real) is constraints._Real and isinstance(constraints.unit_interval, constraints._Interval)
    with pytest.raises(AttributeError):
        constraints._Nothing
    mask = mg.tensor([True, False])
    assert _none_or_dtype(None) is None and _none_or_dtype(mask) is mg.bool
    with pytest.raises(RuntimeError, match="must be None or torch.Tensor"):
        _none_or_dtype(1)
    assert _canonical_mask(None, "mask", None, "", mg.float32) is None
    found = _canonical_mask(mask, "mask", mg.bool, "other", mg.float64)
    assert found.dtype is mg.float64 and found.tolist() == [-math.inf, 0.0]
    with pytest.warns(UserWarning, match="mismatched mask and other"):
        assert _canonical_mask(mg.ones(2), "mask", mg.bool, "other", mg.float64).tolist() == [1.0, 1.0]
    with pytest.raises(AssertionError, match="only bool and floating types of mask"):
        _canonical_mask(mg.ones(2, dtype=mg.int64), "mask", None, "", mg.float64)
    assert TensorType is named("TensorType") and issubclass(TensorType, named("Type"))
    with pytest.raises(TypeError, match="No constructor defined"):
        TensorType()


def test_classes_of_activations_have_names_that_differ_in_more_than_capitals():
    from metagrad.nn.modules import activation

    names = [n.strip("_").lower() for n, kind in vars(activation).items() if isinstance(kind, type) and n != "_Tensor"]
    assert len(names) == len(set(names))


def test_what_normal_distributions_are_computed_with_is_found():
    from metagrad.compat.inner_names import _batch_mahalanobis, _batch_mv, _precision_to_scale_tril, _vmap

    precision = mg.tensor([[[4.0, 1.0], [1.0, 2.0]], [[1.0, 0.0], [0.0, 9.0]]], dtype=mg.float64)
    triangle = _precision_to_scale_tril(precision)
    assert triangle.triu(1).count_nonzero() == 0 and mg.allclose((triangle @ triangle.mT).inverse(), precision)
    x = mg.tensor([1.0, -2.0], dtype=mg.float64)
    assert mg.allclose(_batch_mahalanobis(triangle, x), mg.tensor([8.0, 37.0], dtype=mg.float64))
    assert _batch_mv(precision, x.expand(2, 2)).tolist() == [[2, -3], [1, -18]]
    assert _vmap(lambda row: row.sum())(mg.ones(2, 3)).tolist() == [3, 3]


def test_the_writer_of_boards_is_found_in_its_file():
    pytest.importorskip("tensorboardX")
    program = (
        "from metagrad import alias; alias.install(); from torch.utils.tensorboard.writer import SummaryWriter as a;"
        "from torch.utils.tensorboard import SummaryWriter as b; assert a is b"
    )
    subprocess.run([sys.executable, "-c", program], env={"PYTHONPATH": ":".join(sys.path)}, check=True)
