"""``metagrad.onnx.load`` behind the interface of ``onnx.backend``, and ONNX's own cases run through it.

``python -m tests.onnx.backend`` prints the share that passes of the cases whose dtypes NumPy has, and the rest by operator.
"""

import sys
import unittest
import warnings
from collections import Counter

import numpy as np
import onnx
from onnx import TensorProto
from onnx.backend.base import Backend, BackendRep
from onnx.backend.test.runner import Runner

import metagrad

NUMPY_TYPES = {
    TensorProto.FLOAT, TensorProto.UINT8, TensorProto.INT8, TensorProto.UINT16, TensorProto.INT16, TensorProto.INT32,
    TensorProto.INT64, TensorProto.BOOL, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.UINT32, TensorProto.UINT64,
    TensorProto.COMPLEX64, TensorProto.COMPLEX128, 0,
}  # fmt: skip


class Loaded(BackendRep):
    def __init__(self, model):
        self.model = metagrad.onnx.load(model)

    def run(self, inputs, **_):
        with metagrad.no_grad():
            found = self.model(*[_given(x) for x in inputs])
        return [_taken(v) for v in (found if isinstance(found, tuple) else (found,))]


def _given(x):
    return [_given(v) for v in x] if isinstance(x, list) else x


def _taken(value):
    if isinstance(value, list):
        return [_taken(v) for v in value]
    return value.numpy(force=True) if isinstance(value, metagrad.Tensor) else value


class Metagrad(Backend):
    @classmethod
    def prepare(cls, model, device="CPU", **_):
        return Loaded(model)

    @classmethod
    def run_node(cls, *args, **kwargs):
        raise NotImplementedError("ONNX's cases are models")

    @classmethod
    def supports_device(cls, device):
        return device == "CPU"


def types_in(message):
    """The numbers of all dtypes that a model mentions."""
    found = set()
    for field, value in message.ListFields():
        if field.name in ("elem_type", "data_type") and isinstance(value, int):
            found.add(value)
        elif field.name == "attribute":
            for a in value:
                if a.name in ("to", "dtype", "output_dtype") and a.type == onnx.AttributeProto.INT:
                    found.add(a.i)
                found |= types_in(a)
        elif field.message_type is not None:
            for part in [value] if hasattr(value, "ListFields") else value:
                found |= types_in(part)
    return found


FAMILIES = "node, simple and model cases: all but the real models, which are to be fetched from a server"


class Result(unittest.TestResult):
    """Keeps, for each case, how it went."""

    def __init__(self):
        super().__init__()
        self.outcomes = {}

    def addSuccess(self, test):
        self.outcomes[test._testMethodName] = "passed"

    def addFailure(self, test, error):
        self.outcomes[test._testMethodName] = "".join(str(error[1]).split("\n")[:3])

    addError = addFailure

    def addSkip(self, test, reason):
        self.outcomes[test._testMethodName] = f"skipped: {reason}"


def report():
    """For each case: its operators, whether it has dtypes beyond NumPy's, and how it went."""
    result, runner = Result(), Runner(Metagrad, __name__)
    for name, case in runner.test_cases.items():
        if "Real" not in name:
            for method in sorted(n for n in dir(case) if n.startswith("test_") and n.endswith("_cpu")):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    case(method).run(result)
    rows = {}
    for family, items in runner._test_items.items():
        for method, item in items.items():
            if "Real" not in family and method.endswith("_cpu"):
                proto = item.proto[0] if item.proto else None
                beyond, operators = False, []
                if isinstance(proto, onnx.ModelProto):
                    beyond, operators = (
                        bool(types_in(proto) - NUMPY_TYPES),
                        sorted({n.op_type for n in proto.graph.node}),
                    )
                rows[method] = beyond, operators, result.outcomes.get(method, "not run")
    return rows


def main():
    np.seterr(all="ignore")
    rows = report()
    fitting = {k: v for k, v in rows.items() if not v[0]}
    passed = [k for k, v in fitting.items() if v[2] == "passed"]
    skipped = [k for k, v in fitting.items() if v[2].startswith("skipped")]
    print(
        f"{len(rows)} cases, {len(fitting)} with dtypes NumPy has; {len(passed)} pass ({len(passed) / len(fitting):.1%})"
    )
    print(f"skipped: {len(skipped)}")
    failing = Counter()
    for name, (_, operators, outcome) in sorted(fitting.items()):
        if outcome != "passed":
            failing[" ".join(operators) if len(operators) < 3 else name] += 1
            if "-v" in sys.argv:
                print(name, "|", " ".join(operators)[:60], "|", outcome[:200].replace("\n", " "))
    for name, count in failing.most_common():
        print(f"  {count:4} {name}")


if __name__ == "__main__":
    main()
