"""What libraries ask for while they are imported: marks of quantization, keys of dispatch, an older exporter's steps, tqdm."""

import importlib.util

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
    if installed:
        pytest.importorskip("tqdm")
    else:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None)
    from metagrad.utils.model_zoo import tqdm

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
