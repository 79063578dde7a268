"""Each converter is that of an op that is there, and takes what the op takes."""

import importlib
import inspect
import pkgutil

import pytest

import metagrad
from metagrad.autograd import Function
from metagrad.onnx.converters import registry


def every_function():
    """metagrad's Functions by their names."""
    for package in (metagrad.ops, metagrad.nn, metagrad.distributions):
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            importlib.import_module(module.name)
    found, stack = {}, [Function]
    while stack:
        for cls in stack.pop().__subclasses__():
            stack.append(cls)
            if cls.__module__.startswith("metagrad."):
                found.setdefault(cls.__name__, []).append(cls)
    return found


FUNCTIONS = every_function()


def test_what_is_refused_is_there():
    assert set(FUNCTIONS) >= registry.REFUSED
    assert not registry.REFUSED & set(registry.FUNCTIONS)


@pytest.mark.parametrize("name", sorted(registry.FUNCTIONS))
def test_a_function_has_the_arguments_of_its_converter(name):
    assert name in FUNCTIONS
    taken = inspect.signature(registry.FUNCTIONS[name])
    for cls in FUNCTIONS[name]:
        own = list(inspect.signature(inspect.unwrap(cls.forward)).parameters)[1:]
        inputs = [p for p in own if p in ("x", "y", "w", "b", "q", "k", "v", "a", "g", "e")]
        taken.bind(
            None, None, *inputs, **dict.fromkeys([p for p in own if p not in inputs])
        )  # raises if they do not fit
