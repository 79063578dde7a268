"""Files that mean ill: refused with a clear error, before anything is taken for granted."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import metagrad
from metagrad import nn
from metagrad.onnx import LoadError

onnx = pytest.importorskip("onnx", reason="needs the extra onnx, and onnxruntime")
helper, TensorProto, numpy_helper = onnx.helper, onnx.TensorProto, onnx.numpy_helper
ROOT = Path(__file__).parents[2]


def model_of(nodes, inputs=("x",), outputs=("y",), initializers=(), functions=()):
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in inputs],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in outputs], list(initializers),
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("own", 1)]
    return helper.make_model(graph, opset_imports=opsets, functions=list(functions))


def test_two_thousand_mutated_files():
    """In a process of its own, with little memory: a clear error each, or an answer."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    done = subprocess.run(
        [sys.executable, "-m", "tests.onnx.mutating", "2000"], cwd=ROOT, env=environment, capture_output=True,
        text=True, timeout=500,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    peak = float(done.stdout.split("peak ")[1].split()[0])
    assert peak < 2048, done.stdout


@pytest.mark.parametrize("data", [b"", b"no model", b"\x00" * 100, b"PK\x03\x04" + bytes(50)])
def test_files_of_another_kind(data):
    with pytest.raises(LoadError, match="no ONNX model"):
        metagrad.onnx.load(data)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.onnx"):
        metagrad.onnx.load(tmp_path / "nowhere.onnx")


def test_cycles():
    nodes = [
        helper.make_node("Add", ["x", "b"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Relu", ["b"], ["y"]),
    ]
    with pytest.raises(LoadError, match="Add '' uses 'b', which is computed later or from it: a cycle"):
        metagrad.onnx.load(model_of(nodes))
    own = [helper.make_opsetid("", 21), helper.make_opsetid("own", 1)]
    one = helper.make_function("own", "One", ["x"], ["y"], [helper.make_node("Two", ["x"], ["y"], domain="own")], own)
    two = helper.make_function("own", "Two", ["x"], ["y"], [helper.make_node("One", ["x"], ["y"], domain="own")], own)
    with pytest.raises(LoadError, match="calls itself"):
        metagrad.onnx.load(model_of([helper.make_node("One", ["x"], ["y"], domain="own")], functions=[one, two]))


def test_names():
    with pytest.raises(LoadError, match="uses 'z', which nothing computes"):
        metagrad.onnx.load(model_of([helper.make_node("Relu", ["z"], ["y"])]))
    with pytest.raises(LoadError, match="'y' is given to two results"):
        metagrad.onnx.load(model_of([helper.make_node("Relu", ["x"], ["y"])] * 2))
    with pytest.raises(LoadError, match="nothing computes the output 'y'"):
        metagrad.onnx.load(model_of([helper.make_node("Relu", ["x"], ["z"])]))


@pytest.mark.parametrize(
    "name", ["a.b.c", "a", "forward", "__init__", "_parameters", "..", "", "a.", "training", "x y/z:0"]
)
def test_any_name_of_a_parameter(name):
    """Names that cannot be attributes get others; none reaches into the module."""
    weights = [numpy_helper.from_array(np.ones(2, np.float32), n) for n in (name or "w", "a.b")]
    model = metagrad.onnx.load(model_of([helper.make_node("Add", ["x", weights[0].name], ["y"])], initializers=weights))
    assert model(metagrad.ones(2)).tolist() == [2.0, 2.0]
    assert len(list(model.parameters())) == 2 and model.training is True


def test_absurd_sizes():
    tensor = TensorProto(data_type=TensorProto.FLOAT, dims=[1 << 40, 1 << 40], raw_data=b"1234", name="w")
    with pytest.raises(LoadError, match="'w' of float32 and shape .* has 4 bytes"):
        metagrad.onnx.load(model_of([helper.make_node("Add", ["x", "w"], ["y"])], initializers=[tensor]))
    tensor = TensorProto(data_type=TensorProto.FLOAT, dims=[-1], raw_data=b"", name="w")
    with pytest.raises(LoadError, match=r"'w' has shape \[-1\]"):
        metagrad.onnx.load(model_of([helper.make_node("Add", ["x", "w"], ["y"])], initializers=[tensor]))
    for kind in ("ConstantOfShape", "Expand"):
        shape = numpy_helper.from_array(np.array([1 << 30, 1 << 20]), "shape")
        inputs = ["shape"] if kind == "ConstantOfShape" else ["x", "shape"]
        model = metagrad.onnx.load(model_of([helper.make_node(kind, inputs, ["y"])], initializers=[shape]))
        with pytest.raises(RuntimeError, match=f"{kind} of inputs .* asks for a tensor of shape"):
            model(metagrad.ones(1))


def test_endless_loops():
    def info(**types):
        return [helper.make_tensor_value_info(name, kind, []) for name, kind in types.items()]

    number, flag, turn = TensorProto.FLOAT, TensorProto.BOOL, TensorProto.INT64
    nodes = [helper.make_node("Identity", [a], [b]) for a, b in (("going", "again"), ("v", "w"))]
    body = helper.make_graph(nodes, "body", info(i=turn, going=flag, v=number), info(again=flag, w=number))
    model = metagrad.onnx.load(model_of([helper.make_node("Loop", ["", "", "x"], ["y"], body=body)]))
    with pytest.raises(RuntimeError, match="a loop of more than"):
        model(metagrad.tensor(1.0))


# ------------------------------------------------ numbers in another file


def external(location, offset=0, length=8):
    tensor = TensorProto(data_type=TensorProto.FLOAT, dims=[2], name="w", data_location=TensorProto.EXTERNAL)
    for key, value in (("location", location), ("offset", offset), ("length", length)):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, str(value)
    return model_of([helper.make_node("Add", ["x", "w"], ["y"])], initializers=[tensor]).SerializeToString()


def test_external_data_stays_in_the_folder(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    numbers = np.array([1, 2], np.float32).tobytes()
    (tmp_path / "secret").write_bytes(numbers)
    (home / "data").write_bytes(numbers)
    (home / "link").symlink_to(tmp_path / "secret")
    (home / "inside").symlink_to(home / "data")
    path = home / "model.onnx"
    path.write_bytes(external("data"))
    assert metagrad.onnx.load(path)(metagrad.zeros(2)).tolist() == [1.0, 2.0]
    path.write_bytes(external("inside"))
    assert metagrad.onnx.load(path)(metagrad.zeros(2)).tolist() == [1.0, 2.0]
    for location in ("../secret", str(tmp_path / "secret"), "link", "nothing", "", ".", "..\\secret", "a/../../secret"):
        path.write_bytes(external(location))
        with pytest.raises(LoadError, match="no file in the model's folder"):
            metagrad.onnx.load(path)
    for offset, length in ((4, 8), (-4, 8), (0, 4), (1 << 62, 8), (0, 1 << 62)):
        path.write_bytes(external("data", offset, length))
        with pytest.raises(LoadError, match="'w' needs 8 bytes"):
            metagrad.onnx.load(path)
    path.write_bytes(external("data", "x"))
    with pytest.raises(LoadError, match="begin at 'x'"):
        metagrad.onnx.load(path)
    with pytest.raises(LoadError, match="load the model by its path"):
        metagrad.onnx.load(external("data"))


def test_external_data_there_and_back(tmp_path):
    model = nn.Sequential(nn.Linear(40, 30), nn.ReLU(), nn.Linear(30, 20))
    x, path = metagrad.randn(3, 40), tmp_path / "model.onnx"
    metagrad.onnx.export(model, x, path, external_data=True)
    assert {p.name for p in tmp_path.iterdir()} == {"model.onnx", "model.onnx.data"}
    assert path.stat().st_size < 2000
    assert np.allclose(metagrad.onnx.load(path)(x).numpy(force=True), model(x).numpy(force=True), atol=1e-6)
    onnx.checker.check_model(str(path), full_check=True)
