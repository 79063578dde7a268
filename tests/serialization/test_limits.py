"""Files that ask for more than they may, and thousands of damaged ones: one kind of error, little memory, nothing changed."""

import io
import json
import os
import struct
import subprocess
import sys
import zipfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

import metagrad
from metagrad.serialization import CheckpointError
from metagrad.serialization.limits import check_depth

HERE = Path(__file__).parent


def archive(contents, records=None, compression=zipfile.ZIP_STORED):
    """A file with these bytes as its pickle."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as zipped:
        zipped.writestr("a/data.pkl", contents)
        for name, data in (records or {}).items():
            zipped.writestr(f"a/data/{name}", data)
    return file.getvalue()


def loaded(data, **settings):
    return metagrad.load(io.BytesIO(data), **settings)


def storage(kind, key, count):
    return b"(X\7\0\0\0storagec%s\nX\1\0\0\0%sX\3\0\0\0cpuJ%stQ" % (kind, key, struct.pack("<i", count))


def tensor(place, size, stride, more=b""):
    return b"ctorch._utils\n_rebuild_tensor_v2\n(%sK\0%s%s\x89N%stR" % (place, size, stride, more)


# ------------------------------------------------ attributes


@pytest.mark.parametrize(
    "target",
    [
        b"ctorch\nfloat32\n",
        b"ctorch\nfloat8_e5m2\n",
        b"ctorch._utils\n_rebuild_tensor_v2\n",
        b"ccollections\nOrderedDict\n",
        b"ctorch\nSize\n",
        b"ctorch\ndevice\nX\3\0\0\0cpu\x85R",
        b"ctorch\nFloatStorage\n",
        b"ccollections\nCounter\n)R",
        b"ccollections\ndefaultdict\n)R",
        b"ctorch.nn.parameter\nParameter\n",
        storage(b"torch\nFloatStorage", b"0", 1),
        tensor(storage(b"torch\nFloatStorage", b"0", 1), b"K\1\x85", b"K\1\x85"),
        b"]",
        b"}",
        b"K\1",
    ],
    ids=range(15),
)
@pytest.mark.parametrize("state", [b"}X\5\0\0\0dtypeK\1s", b"N}X\5\0\0\0dtypeK\1s\x86", b"N"])
def test_attributes_are_set_of_state_dicts_alone(target, state):
    before = metagrad.float32.dtype
    with pytest.raises(CheckpointError, match="attributes"):
        loaded(archive(b"\x80\2" + target + state + b"b.", {"0": b"\0" * 4}))
    assert metagrad.float32.dtype is before and metagrad.ones(1).dtype is metagrad.float32


@pytest.mark.parametrize("name", [b"items", b"__class__", b"__dict__", b"update"])
def test_attributes_that_a_state_dict_has_are_not_replaced(name):
    contents = b"\x80\2ccollections\nOrderedDict\n)R}X%s%sK\1sb." % (struct.pack("<I", len(name)), name)
    with pytest.raises(CheckpointError, match="attribute"):
        loaded(archive(contents))
    assert loaded(archive(contents.replace(struct.pack("<I", len(name)) + name, b"\4\0\0\0note"))).note == 1


# ------------------------------------------------ depth


@pytest.mark.parametrize("innermost", [b")", b"K\1", b"(\x91"], ids=["tuple", "number", "frozenset"])
def test_deep_keys_are_refused(innermost):
    assert len(loaded(archive(b"\x80\4}" + innermost + b"\x85" * 200 + b"Ns."))) == 1
    deep = innermost + b"\x85" * 200_000
    for contents in (b"}" + deep + b"Ns.", b"\x8f(" + deep + b"\x90.", b"(" + deep + b"\x91."):
        with pytest.raises(CheckpointError, match="a key of more than 1000"):
            loaded(archive(b"\x80\4" + contents))


NESTED = {
    "tuples": lambda n: b")" + b"\x85" * n,
    "lists": lambda n: b"]" * n + b"a" * (n - 1),
    "lists from outside": lambda n: b"".join(
        b"]r%sj%sj%sa0" % ((struct.pack("<I", i),) + (struct.pack("<I", i - 1), struct.pack("<I", i))) if i else b"]r\0\0\0\0"
        for i in range(n)
    ) + b"j\0\0\0\0",
    "dicts": lambda n: b"}K\1" * n + b"N" + b"s" * n,
    "frozensets": lambda n: b"(" * n + b"\x91" * n,
    "counters": lambda n: b"(" * n + b"ccollections\nCounter\n)R" + b"t" * n,
}  # fmt: skip


@pytest.mark.parametrize("kind", NESTED)
def test_deep_nesting_is_refused(kind):
    loaded(archive(b"\x80\4" + NESTED[kind](500) + b"."))
    for deep in (1100, 100_000):
        with pytest.raises(CheckpointError, match="deep|more than|elements"):
            loaded(archive(b"\x80\4" + NESTED[kind](deep) + b"."))


def test_depth_is_that_of_the_longest_way_in():
    chain = [[] for _ in range(1500)]
    for outer, inner in zip(chain, chain[1:]):
        outer.append(inner)
    with pytest.raises(CheckpointError, match="1000 deep"):
        check_depth([*reversed(chain)])
    with pytest.raises(CheckpointError, match="1000 deep"):
        check_depth(chain)
    check_depth(chain[600:])
    cycle = [1]
    cycle.append({"again": cycle})
    check_depth([cycle] * 5000)


def test_many_defaultdicts():
    assert len(loaded(_saved([defaultdict(int) for _ in range(900)]))) == 900
    with pytest.raises(CheckpointError, match="1000 defaultdicts"):
        loaded(_saved([defaultdict(int) for _ in range(1100)]))


def test_keys_that_take_forever_to_hash():
    doubled = b"\x80\2}" + b")" + b"2\x86" * 200 + b"Ns."
    with pytest.raises(CheckpointError, match="a key of more than 1000"):
        loaded(archive(doubled))


# ------------------------------------------------ a storage left out


def _saved(obj, **settings):
    file = io.BytesIO()
    metagrad.save(obj, file, **settings)
    return file.getvalue()


def test_a_storage_left_out_of_an_old_file_is_refused():
    data = _saved([metagrad.ones(3), metagrad.zeros(4)], _use_new_zipfile_serialization=False)
    keys = b"(X\1\0\0\0" + b"0q\1X\1\0\0\0" + b"1q\2e."
    assert data.count(keys) == 1
    for wrong in (
        b"X\1\0\0\0" + b"0q\1a.",
        b"e.",
        b"(X\1\0\0\0" + b"0q\1h\1e.",
        b"(X\1\0\0\0" + b"0q\1X\1\0\0\0" + b"2q\2e.",
    ):
        with pytest.raises(CheckpointError):
            loaded(data.replace(keys, wrong))
    with pytest.raises(CheckpointError, match="not those"):
        loaded(data.replace(keys, b"(X\1\0\0\0" + b"0q\1h\1e."))
    for cut in range(1, 60):
        with pytest.raises(CheckpointError):
            loaded(data[:-cut])


# ------------------------------------------------ memory


def _zip_of_directory(entries):
    """An archive whose directory names one record many times."""
    sound = archive(b"\x80\2N.")
    last = sound.rindex(b"PK\5\6")
    begin = sound.index(b"PK\1\2")
    directory = sound[begin:last] * entries
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, len(directory), begin, 0)
    return sound[:begin] + directory + end


def bombs():
    """Small files that ask for much memory, by name."""
    megabyte = b"X" + struct.pack("<I", 1_000_000) + b"x" * 1_000_000 + b"q\0"
    latin = b"X\6\0\0\0latin1q\1"
    everywhere = tensor(
        storage(b"torch\nComplexFloatStorage", b"0", 1),
        b"J\0\0\0\x40J\0\0\0\x40\x86",
        b"K\0K\0\x86",
        b"}X\4\0\0\0conj\x88s",
    )
    view = tensor(b"h\0", b"h\1", b"h\2")
    views = storage(b"torch\nFloatStorage", b"0", 1) + b"q\0)q\1)q\2(" + view * 300_000 + b"t."
    legacy = _saved([metagrad.ones(3)], _use_new_zipfile_serialization=False)
    text = b'{"a":' + b"[" + b"[]," * 3_000_000 + b"[]]}"
    return {
        "bytearray of a number": archive(b"\x80\2cbuiltins\nbytearray\nJ\0\0\0\x40\x85R."),
        "a text encoded many times": archive(b"\x80\2" + megabyte + latin + b"(" + b"c_codecs\nencode\nh\0h\1\x86R" * 2000 + b"t."),
        "a list copied many times": archive(b"\x80\2](" + b"N" * 100_000 + b"eq\0(" + b"cbuiltins\nset\nh\0\x85R" * 20_000 + b"t."),
        "empty dicts": archive(b"\x80\2(" + b"}" * 5_000_000 + b"t."),
        "empty lists": archive(b"\x80\2(" + b"]" * 5_000_000 + b"t."),
        "empty sets": archive(b"\x80\4(" + b"\x8f" * 3_000_000 + b"t."),
        "nothing": archive(b"\x80\2(" + b"N" * 20_000_000 + b"t."),
        "marks": archive(b"\x80\2" + b"(" * 10_000_000 + b"t."),
        "numbers": archive(b"\x80\2(" + b"M\xff\xff" * 3_000_000 + b"t."),
        "tuples": archive(b"\x80\2N" + b"2\x86" * 3_000_000 + b"."),
        "a far place in the memo": archive(b"\x80\2Nr\xff\xff\xff\x7f."),
        "a long text": archive(b"\x80\4\x8d" + struct.pack("<Q", 2**62) + b"x."),
        "a long number": archive(b"\x80\2\x8b\xff\xff\xff\x7f."),
        "a large storage": archive(b"\x80\2" + storage(b"torch\nDoubleStorage", b"0", 2**31 - 1) + b".", {"0": b"\0" * 8}),
        "a large old storage": legacy.replace(b"K\3Nt", b"J\xff\xff\xff\x7fNt"),
        "a conjugate of one number": archive(b"\x80\2" + everywhere + b".", {"0": b"\0" * 8}),
        "zeros compressed": archive(
            b"\x80\2" + storage(b"torch\nByteStorage", b"0", 200_000_000) + b".", {"0": bytes(200_000_000)}, zipfile.ZIP_DEFLATED
        ),
        "a pickle compressed": archive(b"\x80\2(" + b"N" * 50_000_000 + b"t.", {}, zipfile.ZIP_DEFLATED),
        "a directory": _zip_of_directory(300_000),
        "many views": archive(b"\x80\2" + views, {"0": bytes(4)}),
        "many calls": archive(b"\x80\2ccollections\nOrderedDict\nq\0(" + b"h\0)R" * 1_000_000 + b"t."),
        "a header of lists": len(text).to_bytes(8, "little") + text,
    }  # fmt: skip


WATCH = """
import json, sys
sys.path.insert(0, sys.argv[1])
import mutations, metagrad
from metagrad.serialization import CheckpointError
metagrad.save([metagrad.ones(2)], "warm.pt"), metagrad.load("warm.pt")
base = mutations.peak()
for name in sys.argv[2:]:
    try:
        metagrad.load(name)
        result = "loaded"
    except CheckpointError as error:
        result = "refused"
    print(json.dumps([name, result, mutations.peak() - base]), flush=True)
"""


def test_bombs_are_refused_and_take_little_memory(tmp_path):
    pytest.importorskip("resource")
    sizes = {}
    for name, data in bombs().items():
        (tmp_path / name).write_bytes(data)
        sizes[name] = len(data)
    names = sorted(sizes, key=lambda name: sizes[name])
    run = subprocess.run(
        [sys.executable, "-c", WATCH, str(HERE), *names], capture_output=True, text=True, cwd=tmp_path, timeout=500
    )
    results = [json.loads(line) for line in run.stdout.splitlines()]
    assert run.returncode == 0 and len(results) == len(names), (run.stderr[-2000:], results[-1:])
    for name, result, peak in results:
        assert result == "refused", name
        assert peak < 10 * sizes[name] + 50_000_000, (name, sizes[name], peak)


SOUND = {
    "a vocabulary": lambda: {f"word{i}": i for i in range(200_000)},
    "many numbers": lambda: [i / 7 for i in range(300_000)],
    "many records": lambda: [{"id": i, "name": f"number {i}", "tags": (i, i + 1)} for i in range(20_000)],
    "many tensors": lambda: [metagrad.full((3,), i) for i in range(5000)],
    "many views": lambda: list(metagrad.arange(90_000.0).reshape(30_000, 3)),
    "expanded": lambda: metagrad.ones(1, 1).expand(10**6, 10**6),
}


@pytest.mark.parametrize("kind", SOUND)
@pytest.mark.parametrize("zipped", [True, False])
def test_large_sound_files_are_not_taken_for_bombs(kind, zipped):
    made = SOUND[kind]()
    found = loaded(_saved(made, _use_new_zipfile_serialization=zipped))
    if kind == "expanded":
        assert found.shape == made.shape and found[5, 7].item() == 1
    elif isinstance(made[next(iter(made))] if isinstance(made, dict) else made[0], metagrad.Tensor):
        assert len(found) == len(made) and found[4321].tolist() == made[4321].tolist()
    else:
        assert found == made


# ------------------------------------------------ damage

SHARES = 4


def test_damaged_files():
    """20,000 of them; METAGRAD_MUTATIONS in the environment is another number."""
    pytest.importorskip("resource")
    count = int(os.environ.get("METAGRAD_MUTATIONS", "20000"))
    command = [sys.executable, str(HERE / "mutations.py"), str(-(-count // SHARES))]
    shares = [
        subprocess.Popen([*command, str(seed)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for seed in range(SHARES)
    ]
    for seed, share in enumerate(shares):
        output, errors = share.communicate()
        assert share.returncode == 0, f"seed {seed} ended the interpreter: {errors[-2000:]}"
        result = json.loads(output)
        assert result["wrong"] == [] and result["changed"] == [], (seed, result)
        assert result["peak"] < 50_000_000, (seed, result)  # the files are far smaller
        assert result["outcomes"]["loaded"] > 0 and sum(result["outcomes"].values()) * SHARES >= count


def test_the_check_notices_a_change():
    sys.path.insert(0, str(HERE))
    try:
        import mutations
    finally:
        sys.path.remove(str(HERE))
    mutations.state()  # which imports what is imported when it is first used
    before = mutations.state()
    assert mutations.state() == before
    metagrad.float32.name = "float23"
    try:
        assert mutations.state() != before
    finally:
        metagrad.float32.name = "float32"
    with np.errstate(over="raise"):
        assert mutations.state() != before
    assert mutations.outcome("x", b"no file") == "refused"
