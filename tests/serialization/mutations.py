"""Files with something wrong in them, thousands of them from one seed, and what reading them does to a process.

``python tests/serialization/mutations.py 5000 0`` reads 5,000 of them, from seed 0, and prints what happened as JSON.
"""

import builtins
import io
import json
import os
import pickle
import random
import resource
import struct
import sys
import threading
import warnings
import zipfile
from collections import Counter, OrderedDict, defaultdict

import numpy as np

import metagrad
from metagrad import nn
from metagrad.base import dtypes, later
from metagrad.serialization import CheckpointError, SafetensorsError, safetensors

# ------------------------------------------------ sound files


def contents():
    """Tensors, parameters and plain values of every kind that a file can describe."""
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    optimizer = metagrad.optim.Adam(model.parameters())
    model(metagrad.ones(2, 3)).sum().backward()
    optimizer.step()
    x = metagrad.arange(24).reshape(2, 3, 4)
    return OrderedDict(
        model=model.state_dict(),
        optimizer=optimizer.state_dict(),
        views=[x, x[:, 1:, ::2], x.permute(2, 0, 1), x.to(metagrad.uint16), x > 3, x.to(metagrad.complex64).conj()],
        parameter=nn.Parameter(metagrad.ones(2)),
        plain=[1, -2.5, True, None, "text", "é", b"bytes", 3 + 4j, 2**70, {3, 4}, frozenset([5]), (1, (2,)), slice(1)],
        containers={"counter": Counter("abca"), "default": defaultdict(list, a=[1]), (1, 2): bytearray(b"abc")},
        others=[np.float64(2.5), metagrad.float16, metagrad.device("cpu"), x.shape],
    )


MARKED = (  # what PyTorch writes of a conjugated tensor, of one with an attribute, and of bfloat16 and float8
    b"\x80\x02(ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nComplexFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x02"
    b"tQK\0K\x02\x85K\x01\x85\x89ccollections\nOrderedDict\n)R}X\x04\0\0\0conj\x88stR"
    b"ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._utils\n_rebuild_tensor_v2\nctorch\nTensor\n((X\x07\0\0\0storagectorch\n"
    b"FloatStorage\nX\x01\0\0\x001X\x03\0\0\0cpuK\x04tQK\0K\x02K\x02\x86K\x02K\x01\x86\x89ccollections\nOrderedDict\n)Rt}X\x04\0\0\0"
    b"noteK\x03stR"
    b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nBFloat16Storage\nX\x01\0\0\x002X\x03\0\0\0cpuK\x04tQ"
    b"K\0K\x04\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtR"
    b"ctorch._utils\n_rebuild_tensor_v3\n((X\x07\0\0\0storagectorch.storage\nUntypedStorage\nX\x01\0\0\x003X\x03\0\0\0cpuK\x04tQ"
    b"K\0K\x04\x85K\x01\x85\x89ccollections\nOrderedDict\n)Rctorch\nfloat8_e5m2\ntRt."
)


def archive(records, compression=zipfile.ZIP_STORED):
    """A zip file of these records, with right checksums."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as zipped:
        for name, data in records.items():
            zipped.writestr(name, data)
    return file.getvalue()


def sound_files():
    """Files of every format, which load."""
    found = {}
    for protocol in (2, 4):
        for zipped in (True, False):
            file = io.BytesIO()
            metagrad.save(contents(), file, None, protocol, zipped)
            found[f"{'zip' if zipped else 'legacy'} {protocol}"] = file.getvalue()
    storages = {f"a/data/{i}": np.arange(16, dtype=np.uint8).tobytes()[:n] for i, n in enumerate((16, 16, 8, 4))}
    found["marked"] = archive({"a/data.pkl": MARKED, "a/byteorder": b"little", **storages})
    found["deflated"] = archive({"a/data.pkl": MARKED, **storages}, zipfile.ZIP_DEFLATED)
    tensors = {f"layer.{i}": metagrad.ones(i, 3) for i in range(4)} | {"flags": metagrad.ones(5) > 0}
    found["safetensors"] = safetensors.save(tensors, {"format": "pt"})
    return found


# ------------------------------------------------ something wrong


def changed_bytes(source, data):
    """The data with a few bytes or stretches changed, left out, repeated, moved or cut."""
    data = bytearray(data)
    for _ in range(source.choice((1, 1, 1, 2, 4))):
        if not data:
            break
        at = source.randrange(len(data))
        length = source.choice((1, 2, 4, 8, 50, 500))
        match source.randrange(8):
            case 0:
                data[at] ^= 1 << source.randrange(8)
            case 1:
                data[at] = source.randrange(256)
            case 2:
                data[at : at + length] = source.choice((b"\0", b"\xff", b"\x7f", b"\x80")) * length
            case 3:
                del data[at : at + length]
            case 4:
                data[at:at] = data[at : at + length] * source.choice((1, 3, 50))
            case 5:
                other = source.randrange(len(data))
                data[at : at + length], data[other : other + length] = (
                    data[other : other + length], data[at : at + length],
                )  # fmt: skip
            case 6:
                data[at : at + 8] = struct.pack("<q", source.choice((-1, 1, 2**31 - 1, 2**31, 2**40, 2**62, -(2**63))))
            case 7:
                del data[at:]
    return bytes(data)


OPCODES = [getattr(pickle, name) for name in dir(pickle) if len(name) > 2 and isinstance(getattr(pickle, name), bytes)]
OPCODES = [opcode for opcode in OPCODES if len(opcode) == 1 and opcode != pickle.STOP]
NAMES = [
    b"ctorch._utils\n_rebuild_tensor_v2\n", b"ctorch._utils\n_rebuild_parameter\n", b"ccollections\nOrderedDict\n",
    b"ccollections\nCounter\n", b"ccollections\ndefaultdict\n", b"cbuiltins\nbytearray\n", b"cbuiltins\nset\n",
    b"cbuiltins\nrange\n", b"c_codecs\nencode\n", b"ctorch\nSize\n", b"ctorch\ndevice\n", b"ctorch\nfloat32\n",
    b"ctorch\nFloatStorage\n", b"cnumpy\ndtype\n", b"cnumpy._core.multiarray\nscalar\n", b"cos\nsystem\n", b"cbuiltins\neval\n",
]  # fmt: skip


def fragment(source):
    """A few opcodes with arguments that suit them, or do not."""
    number = source.choice(
        (b"K\x05", b"J\xff\xff\xff\xff", b"J\xff\xff\xff\x7f", b"\x8a\x08" + b"\xff" * 7 + b"\x7f", b"N", b"\x88")
    )
    value = source.choice(
        (number, b"X\x02\0\0\0ab", b"]", b"}", b")", b"\x8f", b"(", b"G" + b"\x7f\xf0" + b"\0" * 6, *NAMES)
    )
    act = source.choice(
        (
            *OPCODES,
            b"R",
            b"b",
            b"s",
            b"a",
            b"\x85",
            b"\x86",
            b"t",
            b"q" + source.randbytes(1),
            b"h" + source.randbytes(1),
        )
    )
    state = b"}X\x04\0\0\0nameX\x01\0\0\0xsb"
    return source.choice(
        (number, value, act, value + act, value + number + act, b"(" + value * 2 + b"t" + act, value + state)
    )


def changed_pickle(source, data):
    """The pickle with opcodes put in, or in the place of others, or changed as any bytes."""
    if source.random() < 0.4:
        return changed_bytes(source, data)
    if source.random() < 0.2:
        return b"\x80\x02" + b"".join(fragment(source) for _ in range(source.choice((1, 2, 3, 5, 60)))) + b"."
    data = bytearray(data)
    for _ in range(source.choice((1, 1, 2, 5))):
        at = source.randrange(len(data))
        new = fragment(source) * source.choice((1, 1, 1, 20, 2000))
        data[at : at + source.choice((0, 1, len(new)))] = new
    return bytes(data)


def changed(source, name, data):
    """One file with something wrong in it; what is under a checksum is changed below the checksum, too."""
    if name == "safetensors":
        if source.random() < 0.3:
            return changed_bytes(source, data)
        length = int.from_bytes(data[:8], "little")
        header = changed_bytes(source, data[8 : 8 + length])
        return len(header).to_bytes(8, "little") + header + data[8 + length :]
    if name.startswith("legacy"):
        return changed_pickle(source, data) if source.random() < 0.7 else changed_bytes(source, data)
    if source.random() < 0.25:
        return changed_bytes(source, data)
    with zipfile.ZipFile(io.BytesIO(data)) as zipped:
        records = {entry.filename: zipped.read(entry) for entry in zipped.infolist()}
    victim = (
        source.choice(list(records)) if source.random() < 0.2 else next(n for n in records if n.endswith("data.pkl"))
    )
    change = changed_pickle if victim.endswith(".pkl") else changed_bytes
    records[victim] = change(source, records[victim])
    if source.random() < 0.1:
        del records[source.choice(list(records))]
    return archive(records, source.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))


# ------------------------------------------------ what reading does


def touched(value, deep=0):
    """Read the memory of every tensor in what was loaded: where it is not the tensor's, the process ends."""
    if isinstance(value, metagrad.Tensor):
        if value.numel() < 1_000_000:
            value.array.copy()
            repr(value)
    elif isinstance(value, dict) and deep < 50:
        for key, item in value.items():
            touched(key, deep + 1)
            touched(item, deep + 1)
    elif isinstance(value, (list, tuple, set, frozenset)) and deep < 50:
        for item in value:
            touched(item, deep + 1)


def outcome(name, data):
    """ "loaded", "refused", or the error that it should not have been."""
    try:
        if name == "safetensors":
            try:
                safetensors.load(data)
            except SafetensorsError:
                pass
        touched(metagrad.load(io.BytesIO(data)))
    except CheckpointError:
        return "refused"
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:200]
    return "loaded"


later.complete("metagrad")  # names that are found later are no change


def state():
    """What a file could have changed in this process, as text."""
    of_dtypes = {name: (id(d), d.name, str(d.dtype), d.category, d.itemsize) for d in dtypes.ALL for name in [d.name]}
    modules = {n: m for n, m in sys.modules.items() if n.split(".")[0] == "metagrad"}
    tables = {n: sorted((k, id(v)) for k, v in vars(m).items() if not k.startswith("__")) for n, m in modules.items()}
    classes = {
        f"{n}.{k}": sorted((a, id(b)) for a, b in vars(v).items())
        for n, m in modules.items() for k, v in vars(m).items() if isinstance(v, type) and v.__module__ == n
    }  # fmt: skip
    return {
        "dtypes": of_dtypes,
        "default": (str(metagrad.get_default_dtype()), str(metagrad.get_default_device())),
        "modules": sorted(sys.modules),
        "tables": tables,
        "classes": classes,
        "random": metagrad.get_rng_state().tolist(),
        "builtins": sorted((k, id(v)) for k, v in vars(builtins).items() if k != "_"),
        "numpy": (str(np.geterr()), str(np.get_printoptions())),
        "grad": metagrad.is_grad_enabled(),
        "limits": (sys.getrecursionlimit(), sys.getswitchinterval(), threading.active_count()),
        "warnings": str(warnings.filters),
        "environment": (dict(os.environ), os.getcwd(), sorted(os.listdir())),
        "files": len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0,
        "safe": metagrad.serialization.get_safe_globals(),
        "still right": metagrad.tensor([1.5]).sum().item(),
    }


def peak():
    """The most memory this process ever had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def run(count, seed):
    """Read so many files; what happened."""
    source = random.Random(seed)
    files = sound_files()
    for name, data in files.items():
        assert outcome(name, data) == "loaded", (name, outcome(name, data))
        assert outcome(name, data[:-9]) == "refused", name
    before, base = state(), peak()
    found, wrong, largest = Counter(), [], 0
    for i in range(count):
        name = source.choice(list(files))
        data = changed(source, name, files[name])
        largest = max(largest, len(data))
        result = outcome(name, data)
        found[result if result in ("loaded", "refused") else "other"] += 1
        if result not in ("loaded", "refused"):
            wrong.append((i, name, result))
    after = state()
    return {
        "count": count, "outcomes": dict(found), "wrong": wrong[:20], "largest": largest, "peak": peak() - base,
        "changed": [name for name in before if before[name] != after[name]],
    }  # fmt: skip


if __name__ == "__main__":
    warnings.simplefilter("error")
    print(json.dumps(run(int(sys.argv[1]), int(sys.argv[2]))))
