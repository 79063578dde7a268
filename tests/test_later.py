"""What ``import metagrad`` leaves for later is found when it is used, and looks as if it had always been there."""

import ast
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import metagrad as mg
from metagrad.base import later
from metagrad.ops import seldom

PACKAGE = Path(mg.__file__).parent
PROGRAM = """
import sys, numpy
before = set(sys.modules)
import metagrad as mg
loaded = set(sys.modules) - before
assert "numba" not in sys.modules and "metagrad.nn" not in loaded, loaded
print(sum(name.startswith("metagrad") for name in loaded))
x = mg.arange(3.0, requires_grad=True)
x.exp().sum().backward()
assert mg.Tensor.exp is mg.Tensor.exp and "exp" in dir(mg.Tensor) and "exp" in dir(mg) and "einsum" in mg.__all__
assert x.exp_.__func__ is mg.Tensor.exp_ and mg.Tensor.absolute.__name__ == "abs"
class Mine(mg.Tensor):
    def exp(self):
        return super().exp() + 1
assert mg.zeros(1).as_subclass(Mine).exp().item() == 2.0
try:
    mg.no_such_name
except AttributeError as error:
    assert "no_such_name" in str(error)
from metagrad import *
assert einsum is mg.einsum
"""


def run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    return done.stdout


def test_a_program_imports_what_it_uses():
    assert int(run(PROGRAM)) <= 150


@pytest.mark.parametrize("name", [*seldom.MODULES])
def test_a_familys_names_are_those_that_it_has_for_the_public(name):
    module = importlib.import_module(f"metagrad.{name}")
    names = seldom.MODULES[name].split()
    tree = ast.parse((PACKAGE / "ops" / "seldom.py").read_text())
    stars = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.names[0].name == "*"}
    if f"metagrad.{name}" in stars:
        assert sorted(names) == sorted(module.__all__)
    for there, _, here in (entry.partition("=") for entry in names):
        assert inspect.unwrap(getattr(mg, here or there)) is inspect.unwrap(getattr(module, there))


@pytest.mark.parametrize("package", [*later._tables])
def test_names_that_come_later_are_there(package):
    later.complete(package)
    module = importlib.import_module(package)
    assert set(later.listed(package)) <= set(dir(module))


def test_functions_made_later_are_pickled_by_name():
    program = "import pickle, metagrad as mg; print(pickle.loads(pickle.dumps(mg.exp)) is mg.exp)"
    assert run(program) == "True\n"  # in a process where no class is asked: those that ask are others


def test_the_branches_name_the_same_modules():
    """``if not TYPE_CHECKING``: modules for later; ``else``: their plain imports, of the same modules under the same names."""
    found = 0
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if not (isinstance(node, ast.If) and ast.unparse(node.test) == "not TYPE_CHECKING" and node.orelse):
                continue
            found += 1
            space: dict = {"LaterModule": later.LaterModule, "later_modules": later.later_modules}
            exec(compile(ast.Module(node.body, []), str(path), "exec"), space)
            ours = {name: m._name for name, m in space.items() if isinstance(m, later.LaterModule)}
            theirs = {a.asname or a.name: f"{i.module}.{a.name}" for i in node.orelse for a in i.names}
            assert ours == theirs, path
    assert found >= 6
