"""Sound files with something changed in them, loaded and run in a process with little memory.

``python -m tests.onnx.mutating 2000`` prints how each fared.
"""

import contextlib
import faulthandler
import resource
import signal
import sys
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
from tests.onnx.running import tensor

import metagrad
from metagrad import nn
from metagrad.onnx import ExportError, LoadError

MEMORY = 3 << 30
SECONDS = 20


class TooLong(BaseException):
    """A file took too long."""


def sound_files():
    """Files of several kinds, with inputs for them."""
    metagrad.manual_seed(0)
    x = metagrad.randn(2, 3, 8, 8)
    mlp = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    cnn = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 2)
    )
    attention = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)

    def arranged(x):  # shapes, slices, padding, a loop, a resize
        y = nn.functional.pad(x, (1, 1)).cumprod(1)
        y = nn.functional.interpolate(y, scale_factor=2).reshape(x.shape[0], -1)[:, ::3]
        return y.topk(5).values.repeat(1, 2), (y > 0).nonzero()

    free = {"input_0": {0: "batch"}}
    models = [
        (mlp, metagrad.randn(2, 4)), (cnn, x), (nn.LSTM(4, 3, bidirectional=True), metagrad.randn(5, 2, 4)),
        (attention, metagrad.randn(2, 5, 8)), (arranged, x),
    ]  # fmt: skip
    return [(metagrad.onnx.export(m, v, dynamic_axes=free).SerializeToString(), v.numpy()) for m, v in models]


def mutated(data, rng):
    """Bits turned, bytes written over, cut out, put in or doubled; or the end cut off."""
    data = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        n, at = len(data), int(rng.integers(0, max(1, len(data))))
        kind, length = rng.integers(0, 6), int(rng.integers(1, 9))
        if kind == 0 and n:
            data[at] ^= 1 << int(rng.integers(0, 8))
        elif kind == 1:
            data[at : at + length] = rng.integers(0, 256, length, np.uint8).tobytes()
        elif kind == 2:
            del data[at : at + length]
        elif kind == 3:
            data[at:at] = rng.integers(0, 256, length, np.uint8).tobytes()
        elif kind == 4:
            data[at:at] = data[at : at + 50 * length]
        else:
            data[at : at + length] = b"\xff" * length  # the largest numbers
    return bytes(data[: rng.integers(0, len(data))] if rng.random() < 0.1 else data)


def places(message, found):
    """Every scalar in a message and those inside: (message, field, number in a list or None)."""
    for field, value in message.ListFields():
        repeated = not isinstance(value, (int, float, str, bytes)) and not hasattr(value, "ListFields")
        if field.message_type is not None:
            for part in value if repeated else [value]:
                places(part, found)
        else:
            found += [(message, field, i) for i in range(len(value))] if repeated else [(message, field, None)]
    return found


EXTREMES = [0, 1, -1, 2, 3, 7, 255, 65536, (1 << 31) - 1, -(1 << 31), 1 << 40, (1 << 63) - 1, -(1 << 63)]
NAMES = [
    "",
    "input_0",
    "output_0",
    "Add",
    "Loop",
    "If",
    "Reshape",
    "Expand",
    "ConstantOfShape",
    "x" * 1000,
    "a.b",
    "..",
    "forward",
    "__init__",
]


def rewritten(data, rng):
    """A well-formed file in which a few numbers, names or pieces are others."""
    proto = onnx.ModelProto.FromString(data)
    for _ in range(rng.integers(1, 4)):
        if rng.random() < 0.2 and len(proto.graph.node) > 1:
            i, j = rng.integers(0, len(proto.graph.node), 2)
            one, other = proto.graph.node[int(i)], proto.graph.node[int(j)]
            one.op_type = other.op_type
            del one.attribute[:]
            one.attribute.extend(other.attribute)
            continue
        found = places(proto, [])
        message, field, index = found[int(rng.integers(0, len(found)))]
        value = getattr(message, field.name) if index is None else getattr(message, field.name)[index]
        if isinstance(value, str):
            value = NAMES[int(rng.integers(0, len(NAMES)))]
        elif isinstance(value, bytes):
            value = value[: int(rng.integers(0, len(value) + 1))] + bytes(int(rng.integers(0, 9)))
        elif isinstance(value, float):
            value = float(rng.choice([0.0, -1.0, np.inf, np.nan, 1e30]))
        else:
            value = EXTREMES[int(rng.integers(0, len(EXTREMES)))]
        try:
            if index is None:
                setattr(message, field.name, value)
            else:
                getattr(message, field.name)[index] = value
        except (ValueError, TypeError):  # out of the field's range
            pass
    return proto.SerializeToString()


def fate(data, value):
    """What a file leads to: "runs", or where it was refused, and the message."""
    try:
        model = metagrad.onnx.load(data)
    except LoadError as error:
        return "refused when loaded", str(error)
    try:
        with metagrad.no_grad():
            model(tensor(value))
    except (LoadError, RuntimeError, TypeError, MemoryError) as error:
        return "refused when run", f"{type(error).__name__}: {error}"
    return "runs", ""


def _peak() -> float:
    """The most memory that this process had at once, in MB; ru_maxrss would begin at that of the process that started it."""
    with contextlib.suppress(OSError, StopIteration):
        status = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in status if line.startswith("VmHWM")).split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main():
    faulthandler.enable()
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    files = sound_files()
    assert all(fate(data, value) == ("runs", "") for data, value in files)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))

    def stop(*_):
        raise TooLong

    signal.signal(signal.SIGALRM, stop)
    rng, fates, odd = np.random.default_rng(int((sys.argv[2:] or [0])[0])), Counter(), []
    for i in range(int(sys.argv[1])):
        data, value = files[i % len(files)]
        changed = (mutated if i % 4 == 0 else rewritten)(data, rng)
        signal.alarm(SECONDS)
        try:
            kind, message = fate(changed, value)
            if kind != "runs" and len(message) < 10:
                odd.append((i, kind, message))
        except (Exception, TooLong) as error:
            import traceback

            inner = traceback.extract_tb(error.__traceback__)[-5:-1]
            kind, _ = "something else", odd.append((i, type(error).__name__, str(error)[:200], inner))
        finally:
            signal.alarm(0)
        fates[kind] += 1
    print(dict(fates), f"peak {_peak():.0f} MB")
    for line in odd[:20]:
        print(*line)
    return 1 if odd else 0


assert ExportError
if __name__ == "__main__":
    sys.exit(main())
