"""Short programs with the answers PyTorch gives, which metagrad gives too: each is run with both libraries.

A file of ``same/`` holds examples as doctest writes them. A blank line ends a program; each starts afresh, from the seed 0, with
``torch`` being the library, and ``nn``, ``F``, ``D`` its packages. Numbers may differ in their last digit.
"""

import doctest
import importlib
import io
import re
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest

import metagrad.distributions

FILES = sorted((Path(__file__).parent / "same").glob("*.txt"))
PROGRAMS = [
    pytest.param(program, id=f"{file.stem}-{i}")
    for file in FILES
    for i, program in enumerate(re.split(r"\n\s*\n", file.read_text("utf-8").strip()))
]
NUMBER = re.compile(r"(?<![\w.])-?\d+\.\d*(?:e[-+]?\d+)?")


@pytest.fixture(autouse=True)
def pytorchs_numbers():
    metagrad.random.use_numbers_of("pytorch")
    yield
    metagrad.random.use_numbers_of("metagrad")


def same(found: str, expected: str) -> bool:
    """Whether two texts are the same but for spaces, and numbers with a fraction but for their last digits."""
    texts = [" ".join(NUMBER.sub(" 0.0 ", text).split()) for text in (found, expected)]
    numbers = [np.array(NUMBER.findall(text), np.float64) for text in (found, expected)]
    return texts[0] == texts[1] and np.allclose(*numbers, rtol=2e-4, atol=2e-6)


def run(program, lib):
    """Run each example of a program; an error's answer is its last line."""
    lib.manual_seed(0)
    names = {"torch": lib, "nn": lib.nn, "F": lib.nn.functional, "D": lib.distributions, "np": np, "io": io}
    for example in doctest.DocTestParser().get_examples(program):
        said = io.StringIO()
        try:
            with redirect_stdout(said):
                exec(compile(example.source, "<example>", "single"), names)
            found = said.getvalue()
        except Exception as error:
            found = f"{type(error).__name__}: {error}".split("\n")[0]
        found = re.sub(r"\bmetagrad\b", "torch", found)
        assert same(found, example.want), f"{example.source}gave\n{found}\nand not\n{example.want}"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("program", PROGRAMS)
def test_metagrad_answers(program):
    run(program, metagrad)


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("program", PROGRAMS)
def test_pytorch_answers(torch, program):
    importlib.import_module("torch.nn.utils.prune")
    run(program, torch)
