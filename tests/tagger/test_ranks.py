"""`metagrad tag train --ranks 2`: the model that one rank trains."""

import subprocess
import sys

import numpy as np
from tests.distributed import starting

import metagrad as mg

WORDS = {"the": "D", "a": "D", "dog": "N", "cat": "N", "sees": "V", "hears": "V", "red": "A", "small": "A"}


def corpus(path):
    random = np.random.default_rng(0)
    sentences = [random.choice(list(WORDS), random.integers(1, 9)) for _ in range(60)]
    path.write_text("\n".join("".join(f"{word}\t{WORDS[word]}\n" for word in s) for s in sentences))
    return path


def line(folder, name, *more):
    return [
        sys.executable, "-m", "metagrad", "tag", "train", "--corpus", str(corpus(folder / "corpus.tsv")), "--hidden", "8",
        "--embedding", "8", "--dropout", "0", "--word-dropout", "0", "--letter-dropout", "0", "--epochs", "3", "--dev", "0.2",
        "--output", str(folder / f"{name}.safetensors"), "--report", str(folder / f"report-{name}"), *more,
    ]  # fmt: skip


def train(folder, name, *more):
    done = subprocess.run(
        line(folder, name, *more), env=starting.environment(), capture_output=True, text=True, timeout=120, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return mg.load(folder / f"{name}.safetensors"), done.stdout


def test_two_ranks_train_the_model_of_one(tmp_path):
    starting.need_mpi()
    one, _ = train(tmp_path, "one", "--batch-size", "7")
    two, said = train(tmp_path, "two", "--batch-size", "7", "--ranks", "2")
    assert one.keys() == two.keys() and (tmp_path / "report-two" / "report.html").exists()
    for name, expected in one.items():
        mg.testing.assert_close(two[name], expected, rtol=1e-3, atol=1e-4)
    assert said.count("[0] epoch") == 3 and "[1]" not in said


def test_a_training_on_two_ranks_goes_on(tmp_path):
    starting.need_mpi()
    whole, _ = train(tmp_path, "whole", "--ranks", "2", "--word-dropout", "0.3")
    own = line(tmp_path, "again", "--ranks", "2", "--word-dropout", "0.3")
    with subprocess.Popen(own, env=starting.environment(), stdout=subprocess.PIPE, text=True) as launcher:
        while "epoch   1" not in launcher.stdout.readline():
            assert launcher.poll() is None
        launcher.kill()
    again, _ = train(tmp_path, "again", "--ranks", "2", "--word-dropout", "0.3", "--resume")
    for name, expected in whole.items():
        np.testing.assert_array_equal(again[name].numpy(), expected.numpy())
