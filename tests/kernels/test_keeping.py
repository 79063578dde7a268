"""Machine code that was kept is used if it is whole; Numba is done without where it does not work."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

import metagrad
from metagrad.kernels.compiled import compiler, expressions, keeping, products

SOURCES = str(Path(metagrad.__file__).parent.parent)
LOOPS = """
import numpy as np, metagrad
from metagrad.kernels.chunks import spread
from metagrad.kernels.compiled.pointwise import relu
metagrad.set_num_threads(1)
x = np.linspace(-1, 1, 99, dtype=np.float32)
y = np.empty_like(x)
spread(relu, [x, y])
print(y.sum())
"""
KERNELS = """
import sys, metagrad
x = metagrad.linspace(-1, 1, 1 << 18).reshape(512, 512).requires_grad_()
metagrad.nn.functional.layer_norm(x, (512,)).pow(3).sum().backward()
print(x.grad.abs().sum().item(), "numba.core" in sys.modules)
"""


def run_apart(program, *before, **environment):
    """What a program prints, and what it says; before: folders in which modules are looked for first."""
    path = os.pathsep.join([*before, SOURCES])
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **environment, "PYTHONPATH": path}, capture_output=True, text=True
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def cut(file):
    os.truncate(file, file.stat().st_size // 2)


def with_a_hole(file):
    """Parts of it zeros: as after a failure of power, or a full disk."""
    content = file.read_bytes()
    file.write_bytes(content[:-1000] + bytes(900) + content[-100:])


def of_rubbish(file):
    file.write_bytes(b"no pickle" * 99)


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A folder in which the program has left its machine code, and what it printed."""
    pytest.importorskip("numba")
    folder = tmp_path_factory.mktemp("filled")
    printed, _ = run_apart(LOOPS, NUMBA_CACHE_DIR=str(folder))
    return folder, printed


def copied(folder, to):
    """A copy of what was kept in a folder: its files."""
    for file in folder.rglob("*.nb?"):
        there = to / file.relative_to(folder)
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_bytes(file.read_bytes())
    files = [*to.rglob("*.nb?")]
    assert len(files) > 3
    return files


@pytest.mark.parametrize(
    ("damage", "ending"),
    [(cut, ".nbi"), (of_rubbish, ".nbi"), (of_rubbish, ".nbc"), (with_a_hole, ".nbc")],
)
def test_what_is_not_whole_is_compiled_anew(filled, tmp_path, damage, ending):
    folder, expected = filled
    for file in copied(folder, tmp_path):
        if file.suffix == ending:
            damage(file)
    assert run_apart(LOOPS, NUMBA_CACHE_DIR=str(tmp_path))[0] == expected
    there = {*tmp_path.rglob("*.nbc")}
    assert run_apart(LOOPS, NUMBA_CACHE_DIR=str(tmp_path)) == (expected, "")
    assert there == {*tmp_path.rglob("*.nbc")}  # nothing was compiled again


def test_processes_that_compile_at_once_write_files_of_their_own(filled, tmp_path):
    folder, expected = filled
    assert run_apart(LOOPS, NUMBA_CACHE_DIR=str(tmp_path))[0] == expected
    assert not {file.name for file in folder.rglob("*.nbc")} & {file.name for file in tmp_path.rglob("*.nbc")}


def half(x):
    return x / 2


HALF = half  # whose name will be the compiled function's


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), PermissionError()])
def test_a_full_disk_keeps_nothing_and_hinders_nobody(tmp_path, monkeypatch, error):
    pytest.importorskip("numba")
    from numba.core import caching

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(keeping, "cache_folder", lambda: str(tmp_path))
    monkeypatch.setattr(caching.IndexDataCacheFile, "save", fail)
    assert compiler.Native(HALF, set()).compiled()(3.0) == 1.5
    monkeypatch.setattr(caching._CacheLocator, "ensure_cache_path", fail)  # not even a folder fits there
    assert compiler.Native(HALF, set()).compiled()(3.0) == 1.5
    assert not [*tmp_path.rglob("*.nb?")]


def test_constants_that_are_compiled_in_have_a_part_in_the_name(tmp_path, monkeypatch):
    before, other = keeping._digest(), tmp_path / "tuning.py"
    other.write_text(Path(keeping.tuning.__file__).read_text() + "\nATTENTION_LOOP_QUERIES = 32\n")
    monkeypatch.setattr(keeping.tuning, "__file__", str(other))
    assert keeping._digest() != before


def test_a_user_without_a_folder(monkeypatch):
    pwd = pytest.importorskip("pwd")

    def nobody(*_):
        raise KeyError

    for name in ("HOME", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    monkeypatch.setattr(keeping, "__file__", str(Path(__file__) / "no folder"))
    assert keeping.cache_folder.__wrapped__() is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("raise ImportError('Numba needs another NumPy')", "Numba needs another NumPy"),
        ("__version__ = '0.58.1'", "too old"),
    ],
)
def test_a_numba_that_does_not_work_is_done_without(tmp_path, text, said):
    (tmp_path / "numba").mkdir()
    (tmp_path / "numba" / "__init__.py").write_text(text)
    found, told = run_apart(KERNELS, str(tmp_path), METAGRAD_NUMBA="1")
    expected, nothing = run_apart(KERNELS, METAGRAD_NUMBA="0")
    assert found == expected and expected.endswith("False\n")
    assert told.count("does without Numba") == 1 and said in told and nothing == ""


@pytest.mark.parametrize(
    ("features", "size", "halves"), [("+avx2,+f16c,-avx512f", 32, True), ("+avx512f", 64, False), ("", 32, False)]
)
def test_loops_are_made_for_the_processor_that_numba_compiles_for(monkeypatch, features, size, halves):
    numba = pytest.importorskip("numba")
    monkeypatch.setattr(numba.config, "CPU_FEATURES", features)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    assert products.register_bytes.__wrapped__() == size
    assert expressions.converts_halves.__wrapped__() is halves


def test_a_processor_without_avx(monkeypatch):
    numba = pytest.importorskip("numba")
    monkeypatch.setattr(numba.config, "CPU_FEATURES", None)
    monkeypatch.setattr(numba.config, "ENABLE_AVX", 0)
    assert not compiler.compiles_for("avx512f")
