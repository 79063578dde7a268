"""Which class is a kind of which other: programs choose layers by isinstance."""

import importlib

import pytest

import metagrad

SPACES = ["nn", "optim", "utils.data"]


@pytest.mark.oracle
@pytest.mark.parametrize("space", SPACES)
def test_classes_are_of_the_kinds_they_are_in_pytorch(torch, space):
    ours, theirs = (importlib.import_module(f"{lib}.{space}") for lib in ("metagrad", "torch"))
    names = [
        n for n in dir(theirs) if isinstance(getattr(theirs, n), type) and isinstance(getattr(ours, n, None), type)
    ]
    differing = [
        (a, b)
        for a in names
        for b in names
        if issubclass(getattr(ours, a), getattr(ours, b)) != issubclass(getattr(theirs, a), getattr(theirs, b))
    ]
    assert not differing and len(names) > 8


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("path", "name", "kinds"),
    [
        ("nn.modules.batchnorm", "_BatchNorm", ["BatchNorm2d", "LazyBatchNorm1d"]),
        ("nn.modules.batchnorm", "_NormBase", ["BatchNorm2d", "InstanceNorm1d"]),
        ("nn.modules.conv", "_ConvNd", ["Conv2d", "ConvTranspose1d"]),
        ("nn.modules.dropout", "_DropoutNd", ["Dropout", "Dropout2d", "AlphaDropout"]),
        ("nn.modules.loss", "_Loss", ["MSELoss", "CrossEntropyLoss", "CTCLoss"]),
        ("nn.modules.loss", "_WeightedLoss", ["NLLLoss", "MultiMarginLoss"]),
        ("nn.modules.padding", "_ConstantPadNd", ["ConstantPad2d", "ZeroPad3d"]),
    ],
)
def test_the_base_classes_that_programs_name(torch, path, name, kinds):
    for lib in (metagrad, torch):
        base = getattr(importlib.import_module(f"{lib.__name__}.{path}"), name)
        assert all(issubclass(getattr(lib.nn, kind), base) for kind in kinds)
        assert not issubclass(lib.nn.Linear, base)
