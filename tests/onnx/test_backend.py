"""ONNX's own cases, through ``load``."""

import numpy as np
import pytest

pytest.importorskip("onnx", reason="needs the extra onnx, and onnxruntime")

# Cases with NumPy's dtypes that do not pass, by operator, and why.
LACKING = {
    "ImageDecoder": "reads JPEG and PNG files: metagrad has no decoder",
    "TfIdfVectorizer": "text, not numbers",
    "DeformConv": "metagrad has no deformable convolution",
    "Bernoulli": "the case expects one generator's numbers",
    "Gradient": "training inside a file is not supported",
    "Momentum": "training inside a file is not supported",
    "Adagrad": "training inside a file is not supported",
    "Adam": "training inside a file is not supported",
    "TreeEnsemble": "ai.onnx.ml is not supported",
    "ArrayFeatureExtractor": "ai.onnx.ml is not supported",
    "Binarizer": "ai.onnx.ml is not supported",
    "test_attention_4d_causal_fp16_cpu": "float16, rounded in another order",
    "test_attention_4d_causal_fp16_expanded_cpu": "float16, rounded in another order",
    "test_bernoulli_expanded_cpu": "the case expects one generator's numbers",
    "test_bernoulli_double_expanded_cpu": "the case expects one generator's numbers",
    "test_bernoulli_seed_expanded_cpu": "the case expects one generator's numbers",
    "test_loop16_seq_none_cpu": "the runner cannot compare an optional sequence",
}


@pytest.mark.filterwarnings("ignore")
def test_onnx_backend_cases():
    from tests.onnx.backend import report

    with np.errstate(all="ignore"):
        rows = report()
    fitting = {name: row for name, row in rows.items() if not row[0]}
    failing = {name: row for name, row in fitting.items() if row[2] != "passed"}
    assert len(fitting) > 1500
    assert len(failing) <= 0.15 * len(fitting)
    unexplained = {n: r for n, r in failing.items() if n not in LACKING and not set(r[1]) & set(LACKING)}
    assert not unexplained
