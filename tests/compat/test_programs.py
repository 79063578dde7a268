"""Programs written for PyTorch, run as they stand under both libraries."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PROGRAMS = ["char_rnn", "gpt", "digits_cnn", "vae"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def run(*command):
    return subprocess.run(
        [sys.executable, *map(str, command)], env=ENVIRONMENT, capture_output=True, text=True, timeout=300
    )


def losses(*command):
    done = run(*command)
    assert done.returncode == 0, done.stderr
    return [float(x) for x in re.findall(r"loss (\S+)", done.stdout)]


def file_of(name):
    if name == "digits_cnn":
        pytest.importorskip("sklearn")
    return ROOT / "examples" / "pytorch" / f"{name}.py"


@pytest.mark.oracle
@pytest.mark.parametrize("name", PROGRAMS)
def test_losses_are_those_of_pytorch(torch, name):
    program = file_of(name)
    expected = losses(program, "--steps", 25)
    found = losses("-m", "metagrad", "run", program, "--steps", 25)
    assert len(expected) == 25 and expected[-1] < expected[0]
    assert found == pytest.approx(expected, rel=1e-3, abs=1e-4)
    assert found[:5] == pytest.approx(expected[:5], rel=2e-5, abs=2e-6)


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_learn(name):
    found = losses("-m", "metagrad", "run", file_of(name), "--steps", 60)
    assert sum(found[-5:]) < 0.9 * sum(found[:5])


def test_run_gives_arguments_and_the_status(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import sys\nimport torch\nimport torch.nn.functional as F\nfrom torch.utils.data.dataloader import DataLoader\n"
        "print(torch.__name__, sys.argv[1:], F.relu(torch.tensor([-1.0])).item(), __name__)\nsys.exit(3)\n"
    )
    done = run("-m", "metagrad", "run", program, "a", "--b")
    assert (done.returncode, done.stdout) == (3, "torch ['a', '--b'] 0.0 __main__\n")


def test_run_shows_the_programs_own_error(tmp_path):
    program = tmp_path / "program.py"
    program.write_text("import torch\n\ndef f():\n    return torch.zeros(2) @ torch.zeros(3)\n\nf()\n")
    done = run("-m", "metagrad", "run", program)
    assert done.returncode == 1
    assert "in f" in done.stderr and "Error" in done.stderr


def test_a_program_that_is_not_there_is_named():
    done = run("-m", "metagrad", "run", "nowhere.py")
    assert done.returncode == 1 and done.stderr == (
        "metagrad: there is no file 'nowhere.py' to run; `-m nowhere.py` runs a module\n"
    )


def test_a_module_that_is_not_there_is_named(tmp_path):
    program = tmp_path / "program.py"
    program.write_text("import torch.export\n")
    done = run("-m", "metagrad", "run", program)
    assert done.returncode == 1 and "metagrad has no module 'torch.export': metagrad does not" in done.stderr


def test_installing_after_pytorch_is_an_error(monkeypatch):
    import types

    from metagrad import alias

    monkeypatch.setitem(sys.modules, "torch", types.ModuleType("torch"))
    with pytest.raises(RuntimeError, match="imported already"):
        alias.install()


def test_module_specs_stay_their_own():
    code = (
        "from metagrad import alias; import metagrad.nn as own; alias.install(); import torch.nn, torch.nn.functional\n"
        "assert torch.nn is own and own.__spec__.name == 'metagrad.nn' and own.__name__ == 'metagrad.nn'\n"
        "alias.uninstall()\nimport sys\nassert 'torch' not in sys.modules and 'torch.nn' not in sys.modules\n"
    )
    done = run("-c", code)
    assert done.returncode == 0, done.stderr
