"""What libraries ask for while they are imported: marks of quantization, keys of dispatch, an older exporter's steps, tqdm."""

import copy
import importlib.util
import subprocess
import sys
import typing

import numpy as np
import pytest

import metagrad as mg


def test_marks_of_quantization_change_nothing():
    from metagrad.ao.quantization import DeQuantStub, QuantStub, QuantWrapper
    from metagrad.nn.quantized import FloatFunctional

    x, ops = mg.tensor([[-1.0, 2.0]]), FloatFunctional()
    model = mg.nn.Sequential(QuantStub(), mg.nn.ReLU(), DeQuantStub())
    assert model(x).tolist() == [[0.0, 2.0]] and list(model.state_dict()) == []
    wrapped = QuantWrapper(mg.nn.Linear(2, 1).eval())
    assert list(wrapped.state_dict()) == ["module.weight", "module.bias"] and not wrapped.training
    assert ops.add(x, x).tolist() == [[-2.0, 4.0]] and ops.add_relu(x, x).tolist() == [[0.0, 4.0]]
    assert ops.mul(x, x).tolist() == [[1.0, 4.0]] and ops.mul_scalar(x, 3.0).tolist() == [[-3.0, 6.0]]
    assert ops.cat([x, x], 1).tolist() == [[-1.0, 2.0, -1.0, 2.0]] and ops.matmul(x, x.T).tolist() == [[5.0]]
    with pytest.raises(RuntimeError, match="not intended to use the 'forward'"):
        ops(x)
    with pytest.raises(ImportError, match="prepare"):
        from metagrad.ao.quantization import prepare  # noqa: F401


def test_autocast_ends_where_its_key_is_left_out():
    keys = mg._C.DispatchKeySet(mg._C.DispatchKey.AutocastCPU) | mg._C.DispatchKeySet(mg._C.DispatchKey.AutocastCUDA)
    assert keys.has(mg._C.DispatchKey.AutocastCUDA) and not keys.has(mg._C.DispatchKey.CPU)
    assert not (keys & mg._C.DispatchKeySet(mg._C.DispatchKey.CPU)).keys
    x = mg.ones(2, 2)
    with mg.autocast("cpu", dtype=mg.bfloat16):
        assert (x @ x).dtype is mg.bfloat16
        with mg._C._ExcludeDispatchKeyGuard(keys):
            assert (x @ x).dtype is mg.float32
        with mg._C._ExcludeDispatchKeyGuard(mg._C.DispatchKeySet(mg._C.DispatchKey.Meta)):
            assert (x @ x).dtype is mg.bfloat16


def test_steps_of_the_older_exporter_are_kept_and_refuse():
    from metagrad.onnx.symbolic_helper import parse_args

    from metagrad.compat import onnx_symbolic
    from metagrad.onnx import symbolic_opset11

    @parse_args("v")
    def twice(g, x):
        return g.op("Add", x, x)

    onnx_symbolic.register_custom_op_symbolic("names::twice", twice, 11)
    assert onnx_symbolic._registered["names::twice", 11] is twice
    onnx_symbolic.unregister_custom_op_symbolic("names::twice", 11)
    assert ("names::twice", 11) not in onnx_symbolic._registered
    with pytest.raises(ValueError, match="namespace::op"):
        onnx_symbolic.register_custom_op_symbolic("twice", twice, 11)
    with pytest.raises(NotImplementedError, match="unsqueeze is a step of PyTorch's older exporter"):
        symbolic_opset11.unsqueeze(None, None, 0)


@pytest.mark.parametrize("installed", [True, False])
def test_progress_is_counted_with_and_without_tqdm(installed, monkeypatch, capsys):
    from metagrad.utils import model_zoo

    if installed:
        pytest.importorskip("tqdm")
    else:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None)
    tqdm = model_zoo.tqdm

    assert list(tqdm([1, 2, 3], total=3)) == [1, 2, 3]
    with tqdm(total=10, disable=True) as bar:
        bar.update(4)
    assert "3/3" in capsys.readouterr().err


def test_parts_of_graphs_have_their_files():
    from metagrad.fx.graph_module import GraphModule, _copy_attr

    assert mg.fx.GraphModule is GraphModule
    a, b = mg.nn.Module(), mg.nn.Module()
    a.first = mg.nn.Sequential(mg.nn.Linear(2, 1))
    _copy_attr(a, b, "first.0.weight")
    assert b.get_parameter("first.0.weight") is a.first[0].weight


def test_what_asks_finds_nothing_compiled():
    from metagrad._custom_ops import get_ctx
    from metagrad._dynamo.utils import is_compile_supported

    assert not is_compile_supported("cpu") and get_ctx() is None
    assert mg.jit._script_if_tracing(len) is len


def test_what_is_transformed_is_known_and_numbers_are_asserted():
    active = mg._C._are_functorch_transforms_active
    assert not active() and mg.vmap(lambda x: x + active())(mg.zeros(2)).tolist() == [1.0, 1.0]
    x = mg.tensor(3.0)
    assert mg.func.grad(lambda x: x * active())(x) == 1 and mg.func.jacfwd(lambda x: x * active())(x) == 1
    assert mg.func.jvp(lambda x: x * active(), (x,), (x,))[1] == 3 and not active()
    assert mg._assert_async(mg.tensor([2])) is None
    with pytest.raises(RuntimeError, match="Expected Tensor with single nonzero value, but got zero"):
        mg._assert_async(mg.tensor(0.0))
    with pytest.raises(RuntimeError, match="too few"):
        mg._assert_async(mg.tensor(False), "too few")
    with pytest.raises(RuntimeError, match="more than one value is ambiguous"):
        mg._assert_async(mg.tensor([True, True]))
    assert isinstance(mg.futures.Future(), mg.Future) and mg.jit.Future is mg.Future


@pytest.mark.parametrize("reverse", [False, True])
def test_associative_scans(reverse):
    from metagrad._higher_order_ops.associative_scan import associative_scan

    x = mg.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)
    y = associative_scan(lambda a, b: (a[0] + b[0], a[1] * b[1]), (x, x), 1, reverse=reverse)
    sums, products = [[6.0, 5.0, 3.0], [15.0, 11.0, 6.0]], [[6.0, 6.0, 3.0], [120.0, 30.0, 6.0]]
    if not reverse:
        sums, products = [[1.0, 3.0, 6.0], [4.0, 9.0, 15.0]], [[1.0, 2.0, 6.0], [4.0, 20.0, 120.0]]
    assert (y[0].tolist(), y[1].tolist()) == (sums, products)
    y[0].sum().backward()
    assert x.grad.tolist() == ([[1.0, 2.0, 3.0]] * 2 if reverse else [[3.0, 2.0, 1.0]] * 2)


def test_a_context_is_given_what_stands_in_the_signature():
    seen = []

    def setup(ctx, inputs, output):
        seen.append(inputs[1:])
        ctx.factor = inputs[1]

    @mg.library.custom_op("names::scaled", mutates_args=())
    def scaled(x: mg.Tensor, factor: float = 2.0) -> mg.Tensor:
        return x * factor

    scaled.register_autograd(lambda ctx, grad: (grad * ctx.factor, None), setup_context=setup)
    for call, factor in (
        (lambda x: scaled(x), 2.0),
        (lambda x: scaled(x, factor=3.0), 3.0),
        (lambda x: scaled(x=x), 2.0),
    ):
        x = mg.ones(1, requires_grad=True)
        call(x).backward()
        assert x.grad == factor and seen.pop() == (factor,)

    @mg.library.custom_op("names::shifted", mutates_args=())
    def shifted(x: mg.Tensor, *, by: float = 1.0) -> mg.Tensor:
        return x + by

    named = []
    shifted.register_autograd(
        lambda ctx, grad: grad * 5,
        setup_context=lambda ctx, inputs, keyword_only_inputs, output: named.append(keyword_only_inputs),
    )
    x = mg.ones(1, requires_grad=True)
    shifted(x).backward()
    assert x.grad == 5 and named == [{"by": 1.0}]


def test_a_copied_buffer_is_assigned_like_a_tensor():
    model = mg.nn.Module()
    model.kept = mg.nn.Buffer(mg.zeros(1), persistent=False)
    copied = copy.deepcopy(model.kept)
    model.kept = copied
    assert model.kept is copied and list(model.state_dict()) == [] and [*dict(model.named_buffers())] == ["kept"]


def test_states_of_numpys_numbers_are_read_where_its_arrays_are_safe(tmp_path):
    state = np.random.RandomState(3).get_state()
    mg.save({"state": state}, tmp_path / "state.pth")
    with mg.serialization.safe_globals(
        [np._core.multiarray._reconstruct, np.ndarray, np.dtype, type(np.dtype(np.uint32))]
    ):
        found = mg.load(tmp_path / "state.pth", weights_only=True)["state"]
    assert found[1].dtype == np.uint32 and np.array_equal(found[1], state[1]) and found[0] == "MT19937"


def test_a_shape_is_a_plain_kind_of_tuple_to_what_checks_types():
    assert mg.Size.__bases__ == (tuple,) and not hasattr(mg.Size, "__orig_bases__")


def test_state_of_a_gpu_that_libraries_ask_for():
    assert mg.cuda._initialized == mg.cuda.is_initialized() and mg.cuda._is_in_bad_fork() is False
    assert importlib.import_module("metagrad.utils._device")


def test_kinds_of_modules_that_quantize_are_there_to_ask_for():
    from metagrad.ao.quantization import FakeQuantizeBase, ObserverBase

    assert not isinstance(mg.nn.Linear(1, 1), FakeQuantizeBase | ObserverBase)
    from metagrad.quantization.observer import HistogramObserver, PerChannelMinMaxObserver
    from metagrad.quantization.qconfig import QConfig

    assert (
        issubclass(HistogramObserver, ObserverBase)
        and QConfig(None, weight=PerChannelMinMaxObserver).activation is None
    )
    with pytest.raises(NotImplementedError, match="quantization is left out"):
        ObserverBase(mg.float32)


def test_a_mode_that_is_never_entered_may_be_left():
    from metagrad._subclasses.fake_tensor import unset_fake_temporarily

    with unset_fake_temporarily():
        assert mg.ones(1).item() == 1.0


def test_extensions_are_imported_and_not_built():
    from metagrad.utils.cpp_extension import CUDA_HOME, BuildExtension, load

    from metagrad.utils import cpp_extension

    assert CUDA_HOME is None and cpp_extension.include_paths() == [] and not cpp_extension.is_ninja_available()
    for build in (load, cpp_extension.load_inline, cpp_extension.CUDAExtension, BuildExtension):
        with pytest.raises(RuntimeError, match="nothing to link to"):
            build("name", ["file.cpp"])
    with pytest.raises(NotImplementedError, match="fx.symbolic_trace"):
        mg.jit._get_trace_graph(mg.nn.ReLU(), mg.ones(1))


def test_summaries_of_settings_are_written_as_lightnings_logger_writes_them(tmp_path):
    pytest.importorskip("tensorboardX")
    from metagrad.utils.tensorboard.summary import hparams

    from metagrad.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(tmp_path))
    for summary in hparams({"rate": 0.1}, {"loss": 1.5}):
        writer._get_file_writer().add_summary(summary)
    writer.close()
    (file,) = tmp_path.iterdir()
    assert b"rate" in file.read_bytes()


@pytest.mark.oracle
def test_names_of_sizes_mean_what_they_mean_in_pytorch(torch):
    from torch.nn import common_types as theirs

    from metagrad.nn import common_types as ours

    names = [name for name in vars(theirs) if name.endswith("_t")]
    assert len(names) == 22
    for name in names:
        mine, right = (typing.get_args(getattr(library, name)) for library in (ours, theirs))
        assert str(mine).replace("metagrad.tensors.tensor.Tensor", "torch.Tensor") == str(right) != "()", name


def test_contexts_of_a_programs_own_are_decorators():
    program = """
from metagrad import alias
alias.install()
import torch
from torch.autograd.grad_mode import _DecoratorContextManager as same
from torch.nn.modules.conv import _ConvTransposeMixin, _ConvTransposeNd
from torch.utils._contextlib import _DecoratorContextManager, _NoParamDecoratorContextManager
seen = []
class Noted(_DecoratorContextManager):
    def __init__(self, what):
        super().__init__()
        self.what = what
    def __enter__(self):
        seen.append(self.what)
    def __exit__(self, *error):
        seen.append("end")
    def clone(self):
        return Noted(self.what + 1)
@Noted(1)
def f(x):
    return 2 * x
@Noted(5)
def steps():
    yield len(seen)
    yield len(seen)
class Bare(_NoParamDecoratorContextManager, Noted):
    def __init__(self):
        self.what = 0
    clone = _DecoratorContextManager.clone
@Bare
def g():
    return 7
with Noted(9):
    print(f(3), list(steps()), g())
print(seen, same is _DecoratorContextManager, issubclass(_ConvTransposeMixin, _ConvTransposeNd))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:2] == [
        "6 [4, 6] 7",
        "[9, 2, 'end', 6, 'end', 6, 'end', 6, 'end', 0, 'end', 'end'] True True",
    ]


def test_tensors_are_taken_by_type_and_size():
    from metagrad._utils import _take_tensors

    sizes = [(3, mg.float32), (4, mg.float64), (5, mg.float32), (1, mg.float32), (2, mg.float64), (9, mg.float32)]
    taken = _take_tensors([mg.ones(n, dtype=dtype) for n, dtype in sizes], 32)
    assert [[len(x) for x in held] for held in taken] == [[3, 5], [4], [1], [9], [2]]  # PyTorch's


def test_settings_of_split_models_may_be_made():
    api = importlib.import_module("metagrad.distributed.fsdp.api")
    for name in ("StateDictConfig", "LocalStateDictConfig", "OptimStateDictConfig", "StateDictSettings"):
        assert getattr(api, name)(offload_to_cpu=True).offload_to_cpu
