"""Training on compiled loops: what a first step compiles, and the same bits whether it was compiled now or before."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import metagrad

pytest.importorskip("numba")

PROGRAM = """
import hashlib, logging, sys
import metagrad
from metagrad import nn
metagrad.manual_seed(0)
digest = hashlib.sha256()
for cell in (nn.RNN, nn.LSTM, nn.GRU):
    layer = cell(24, 32, num_layers=2, bidirectional=True, dropout=0.1)
    optimizer = metagrad.optim.SGD(layer.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        layer(metagrad.randn(40, 16, 24))[0].square().sum().backward()
        optimizer.step()
    with metagrad.no_grad():
        digest.update(layer(metagrad.randn(9, 1, 24))[0].numpy().tobytes())
    for p in layer.parameters():
        digest.update(p.detach().numpy().tobytes())
from metagrad.kernels.compiled import recurrent
hits = [sum(getattr(recurrent, name).stats.cache_hits.values()) for name in ("rnn_backward", "lstm_backward", "gru_backward")]
print(*hits, digest.hexdigest())
"""


def run(folder):
    sources = str(Path(metagrad.__file__).parent.parent)
    environment = {**os.environ, "PYTHONPATH": sources, "NUMBA_CACHE_DIR": str(folder), "METAGRAD_NUMBA": "1"}
    command = [sys.executable, "-c", PROGRAM]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()


def test_cold_warm_and_warm_again_give_the_same_bits(tmp_path):
    *cold, first = run(tmp_path)
    *warm, second = run(tmp_path)
    *_, third = run(tmp_path)
    assert (cold, warm) == (["0"] * 3, ["1"] * 3)
    assert first == second == third
