"""What the tests here share needs the extra onnx; where that is not installed, the tests are skipped and say so."""

import importlib.util

if importlib.util.find_spec("onnx") is None:
    collect_ignore_glob = ["[!_t]*.py"]
