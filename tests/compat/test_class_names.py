"""Under the alias, classes and functions name PyTorch's modules; under metagrad's own name they name its own."""

import pickle
import subprocess
import sys

import pytest

import metagrad as mg

SHOWN = {
    "torch.Tensor": "torch", "torch.Size": "torch", "torch.dtype": "torch", "torch.device": "torch",
    "torch.float32": "torch", "torch.finfo": "torch", "torch.Generator": "torch._C",
    "nn.Module": "torch.nn.modules.module", "nn.Linear": "torch.nn.modules.linear",
    "nn.LazyLinear": "torch.nn.modules.linear", "nn.Conv2d": "torch.nn.modules.conv",
    "nn.LazyConv2d": "torch.nn.modules.conv", "nn.InstanceNorm1d": "torch.nn.modules.instancenorm",
    "nn.Softmax": "torch.nn.modules.activation", "nn.MultiheadAttention": "torch.nn.modules.activation",
    "nn.LSTM": "torch.nn.modules.rnn", "nn.GRUCell": "torch.nn.modules.rnn", "nn.CTCLoss": "torch.nn.modules.loss",
    "nn.ParameterList": "torch.nn.modules.container", "nn.Parameter": "torch.nn.parameter",
    "nn.functional.relu": "torch.nn.functional", "nn.functional.cross_entropy": "torch.nn.functional",
    "nn.init.xavier_uniform_": "torch.nn.init", "nn.utils.clip_grad_norm_": "torch.nn.utils.clip_grad",
    "nn.utils.rnn.PackedSequence": "torch.nn.utils.rnn",
    "torch.optim.Optimizer": "torch.optim.optimizer", "torch.optim.Adam": "torch.optim.adam",
    "torch.optim.AdamW": "torch.optim.adamw", "torch.optim.lr_scheduler.StepLR": "torch.optim.lr_scheduler",
    "torch.distributions.Normal": "torch.distributions.normal", "torch.distributions.StudentT": "torch.distributions.studentT",
    "torch.distributions.AffineTransform": "torch.distributions.transforms",
    "torch.utils.data.DataLoader": "torch.utils.data.dataloader", "torch.utils.data.Subset": "torch.utils.data.dataset",
    "torch.autograd.Function": "torch.autograd.function", "torch.no_grad": "torch.autograd.grad_mode",
    "torch.nn.parallel.DistributedDataParallel": "torch.nn.parallel.distributed",
    "torch.return_types.max": "torch.return_types", "torch.return_types.linalg_qr": "torch.return_types",
    "torch.fx.Tracer": "torch.fx._symbolic_trace", "torch.fx.Graph": "torch.fx.graph",
}  # fmt: skip
UNDER_ALIAS = """
from metagrad import alias
alias.install()
import torch
from torch import nn
"""


def printed(program, **given):
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, **given)
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:-1]


def test_the_modules_that_classes_name():
    names = printed(UNDER_ALIAS + "".join(f"print({name}.__module__)\n" for name in SHOWN))
    assert dict(zip(SHOWN, names, strict=True)) == SHOWN


@pytest.mark.oracle
def test_pytorch_has_the_same_names(torch):
    nn = torch.nn
    assert {name: eval(name, {"torch": torch, "nn": nn}).__module__ for name in SHOWN} == SHOWN


def test_everything_that_has_such_a_name_is_found_by_it():
    program = """
import copy, importlib, inspect, pickle, pkgutil, sys, typing, metagrad
from metagrad.base import naming
for found in pkgutil.walk_packages(metagrad.__path__, "metagrad."):
    if not found.name.startswith(("metagrad.tagger", "metagrad.learn", "metagrad.__main__", "metagrad.distributed.launch")):
        try:
            importlib.import_module(found.name)
        except ImportError:  # a library that is not installed
            pass
wrong, classes = [], {x for x, _ in naming.renamed if isinstance(x, type)}
def hinted():
    for kind in classes:
        try:
            typing.get_type_hints(kind)
        except Exception:  # only a type checker imports what it names
            continue
        yield kind
for value, home in naming.renamed:
    assert home.startswith("metagrad.") and str(value.__module__).partition(".")[0] == "torch"
    try:
        plain, short = pickle.dumps(value), pickle.dumps(value, 2)
        assert pickle.loads(plain) is value is pickle.loads(short) and value.__module__.encode() in short
        assert value.__module__.encode() + b"." not in plain
        assert copy.deepcopy(value.__module__) is copy.copy(value.__module__) is value.__module__
        if isinstance(value, type):
            assert inspect.getfile(value) == sys.modules[home].__file__ and f"class {value.__name__}" in inspect.getsource(value)
    except Exception as error:
        wrong.append((value, error))
hints = set(hinted())
print(len(naming.renamed) > 900, wrong)
alias.uninstall()
print(set(hinted()) - hints)  # torch.int is not int
"""
    assert printed(UNDER_ALIAS + program) == ["True []", "{<class 'metagrad.base.device.device'>}"]


def test_sources_hints_and_loaders_are_those_of_the_files():
    program = """
import copy, importlib.util, inspect, typing
found = inspect.getfile
class Mine(torch.fx.Tracer):
    depth: int = 0
class Grown(torch.distributions.transforms.ExpTransform):
    depth: int = 0
print(typing.get_type_hints(Mine)["depth"], typing.get_type_hints(Grown)["depth"], torch.fx.Tracer)
for thing in (torch.optim.lr_scheduler.StepLR, torch.optim.lr_scheduler.StepLR.__init__, nn.Softmax, nn, torch.device):
    print(inspect.getfile(thing).rpartition("metagrad/")[2], end=" ")
print(inspect.getsource(nn.Softmax)[:13])
loader = copy.copy(importlib.util.find_spec("metagrad.optim.rprop").loader)
print(len(loader.get_source("metagrad.optim.rprop")) > 100, loader.get_filename()[-8:])
alias.uninstall()
print(inspect.getfile is not found, inspect.getsource(nn.Softmax)[:13])
"""
    assert printed(UNDER_ALIAS + program) == [
        "<class 'int'> <class 'int'> <class 'torch.fx._symbolic_trace.Tracer'>",
        "optim/lr_scheduler/factors.py optim/lr_scheduler/factors.py nn/modules/softmax.py nn/__init__.py base/device.py "
        "class Softmax",
        "True rprop.py",
        "True class Softmax",
    ]


def test_what_is_shown_goes_with_the_alias():
    program = """
early, late = nn.Linear, nn.functional.relu
print(early, torch.Tensor, type(torch.ones(1)), late.__module__)
alias.uninstall()
import metagrad
import metagrad.distributions
print(early, metagrad.Tensor, late.__module__, metagrad.distributions.Normal)
alias.install()
import torch
print(early, torch.distributions.Normal)
"""
    assert printed(UNDER_ALIAS + program) == [
        "<class 'torch.nn.modules.linear.Linear'> <class 'torch.Tensor'> <class 'torch.Tensor'> torch.nn.functional",
        "<class 'metagrad.nn.modules.linear.Linear'> <class 'metagrad.tensors.tensor.Tensor'> "
        "metagrad.nn.functional.activation <class 'metagrad.distributions.continuous.Normal'>",
        "<class 'torch.nn.modules.linear.Linear'> <class 'torch.distributions.normal.Normal'>",
    ]


@pytest.mark.parametrize("protocol", [4, 5])
def test_pickles_are_read_under_either_name(tmp_path, protocol):
    made = """
import pickle, sys
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(2, 3), nn.Softmax(1), nn.ParameterList([nn.Parameter(torch.ones(2))]))
things = [model, torch.optim.AdamW(model.parameters()), torch.Size([2]), torch.float16, torch.nn.functional.gelu, nn.Linear,
          torch.optim.lr_scheduler.StepLR, torch.distributions.Normal(0.0, 1.0), torch.utils.data.TensorDataset(torch.ones(2))]
with open("things", "wb") as file:
    pickle.dump(things, file, PROTOCOL)
torch.save(things, "saved", pickle_protocol=PROTOCOL if PROTOCOL < 5 else 2)
"""
    printed(UNDER_ALIAS + made.replace("PROTOCOL", str(protocol)), cwd=tmp_path)
    with open(tmp_path / "things", "rb") as file:
        things = pickle.load(file)
    again = mg.load(tmp_path / "saved", weights_only=False)
    for model, optimizer, *rest in (things, again):
        assert type(model[0]) is mg.nn.Linear and isinstance(model[0].weight, mg.nn.Parameter)
        assert type(model[1]) is mg.nn.Softmax and model[2][0].tolist() == [1.0, 1.0]
        assert type(optimizer) is mg.optim.AdamW
        assert rest[:5] == [(2,), mg.float16, mg.nn.functional.gelu, mg.nn.Linear, mg.optim.lr_scheduler.StepLR]
        assert rest[5].scale == 1.0 and rest[6][0][0] == 1.0
    read = "import pickle\nprint([type(x).__name__ for x in pickle.load(open('things', 'rb'))][:3])"
    assert printed(UNDER_ALIAS + read, cwd=tmp_path) == ["['Sequential', 'AdamW', 'Size']"]


def test_files_say_pytorchs_names_and_are_trusted_by_either(tmp_path):
    made = "torch.save(nn.Linear(2, 3), 'layer.pt')\nprint(torch.serialization.get_unsafe_globals_in_checkpoint('layer.pt')[-1])"
    assert printed(UNDER_ALIAS + made, cwd=tmp_path) == ["torch.nn.modules.linear.Linear"]
    mg.save(mg.nn.Linear(2, 3), tmp_path / "own.pt")
    read = """
import collections
with torch.serialization.safe_globals([nn.Linear, set, collections.OrderedDict]):
    print(torch.load("layer.pt"), torch.load("own.pt"))
"""
    layer = "Linear(in_features=2, out_features=3, bias=True)"
    assert printed(UNDER_ALIAS + read, cwd=tmp_path) == [f"{layer} {layer}"]
    with mg.serialization.safe_globals([mg.nn.Linear, set]):
        assert mg.load(tmp_path / "layer.pt").in_features == mg.load(tmp_path / "own.pt").in_features == 2


@pytest.mark.parametrize("start", ["import metagrad as torch\nfrom metagrad import nn", UNDER_ALIAS])
def test_what_a_file_names_is_not_imported(start):
    program = """
import io, sys, zipfile
import torch.fx
from metagrad.serialization import errors
file = io.BytesIO()
torch.save({}, file)
with zipfile.ZipFile(file) as saved:
    members = {name: saved.read(name) for name in saved.namelist()}
def load(module, name):
    forged = io.BytesIO()
    with zipfile.ZipFile(forged, "w") as made:
        for member, data in members.items():
            made.writestr(member, f"c{module}\\n{name}\\n.".encode() if member.endswith("data.pkl") else data)
    forged.seek(0)
    return torch.load(forged, weights_only=True)
safe = [nn.Linear, nn.Softmax, nn.functional.relu, torch.distributions.Normal, torch.fx.Graph]
paths = "nn.modules.linear nn.modules.activation nn.functional distributions.normal fx.graph".split()
with torch.serialization.safe_globals(safe):
    before = set(sys.modules)
    for module in ("metagrad.cli", "torch.cli", "metagrad.learn", "metagrad.distributed", "torch.distributed", "metagrad.x"):
        try:
            load(module, "Linear")
            print("made")
        except errors.CheckpointError:
            pass
    print(sorted(set(sys.modules) - before))
    for start in ("torch", "metagrad"):
        for module, thing in zip(paths, safe):
            assert load(f"{start}.{module}", thing.__name__) is thing
    assert load("metagrad.nn.modules.softmax", "Softmax") is nn.Softmax
    assert load("metagrad.nn.functional.activation", "relu") is nn.functional.relu
"""
    program = program if "alias" in start else program.replace("import torch.fx", "import metagrad.fx")
    assert printed(start + program) == ["[]"]


def test_processes_that_are_started_anew_have_the_alias(tmp_path):
    program = """
import multiprocessing, pathlib, sys, torch
def f(layer):
    return repr(type(layer)), type(layer) is torch.nn.Linear, torch.__name__
if __name__ == "__main__":
    sys.path.append(pathlib.Path("elsewhere"))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(f, [torch.nn.Linear(2, 3)]))
"""
    (tmp_path / "program.py").write_text(program)
    command = [sys.executable, "-m", "metagrad", "run", "program.py"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=100)
    assert done.stdout == "[(\"<class 'torch.nn.modules.linear.Linear'>\", True, 'torch')]\n", done.stderr


@pytest.mark.parametrize("asking", ["torch.fx.symbolic_trace(nn.Linear(2, 2))", "class Mine(torch.Tensor): pass"])
@pytest.mark.parametrize("first", [True, False])
def test_functions_are_found_when_others_that_ask_stand_for_them(asking, first):
    program = f"""
from metagrad import alias
if {first}:
    alias.install()
    import torch
else:
    import metagrad as torch
import copy, io, pickle
nn, F = torch.nn, torch.nn.functional
names = [name for name in dir(F) if name[0] != "_" and hasattr(getattr(F, name), "__code__")]
layer = nn.TransformerEncoderLayer(4, 2, 8)
held = [getattr(F, name) for name in names]
{asking}
alias.install()
import torch
def check(again):
    layers = [layer, nn.TransformerEncoderLayer(4, 2, 8), nn.TransformerDecoderLayer(4, 2, 8, activation=F.gelu)]
    for thing in (*layers, *held, *(getattr(F, name) for name in names), nn.init.zeros_, torch.add):
        for protocol in (2, 4):
            made = pickle.loads(pickle.dumps(thing, protocol))
            assert made is thing or isinstance(thing, nn.Module), thing
    file = io.BytesIO()
    torch.save(layers, file)
    file.seek(0)
    print(again, [type(x).__name__ for x in torch.load(file, weights_only=False)], len(names) > 90)
check(1)
alias.uninstall()
check(2)
alias.install()
import torch
check(3)
"""
    made = "['TransformerEncoderLayer', 'TransformerEncoderLayer', 'TransformerDecoderLayer'] True"
    assert printed(program) == [f"{again} {made}" for again in (1, 2, 3)]


def test_classes_of_a_program_are_its_own_and_those_of_metagrad_are_not():
    program = """
import warnings
warnings.simplefilter("error")
x = torch.nn.Parameter(torch.ones(2))
y = torch.nn.Parameter(x)
print(type(y), torch.distributions.Normal(0.0, 1.0))
class Mine(torch.distributions.Distribution):
    pass
try:
    Mine()
except UserWarning as warning:
    print(str(warning)[:23])
graph = torch.fx.symbolic_trace(nn.Sequential(nn.Linear(2, 2), nn.ReLU()))
print([node.op for node in graph.graph.nodes])
for function in (nn.functional.softsign, nn.functional.tanhshrink):
    print(torch.fx.symbolic_trace(function).code.strip().split("\\n")[0])
from torch.fx.tracing import _annotations
print(_annotations(nn.utils.parameters_to_vector))
"""
    assert printed(UNDER_ALIAS + program) == [
        "<class 'torch.nn.parameter.Parameter'> Normal(loc: 0.0, scale: 1.0)",
        "<class '__main__.Mine'>",
        "['placeholder', 'call_module', 'call_module', 'output']",
        "def forward(self, input):",
        "def forward(self, input):",
        "{}",
    ]
