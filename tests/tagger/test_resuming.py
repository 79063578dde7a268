"""A training that ends too early goes on as if it had not, whatever ended it."""

import os
import signal
import subprocess
import sys

import pytest

from metagrad import cli
from metagrad.serialization.safetensors import load_file
from metagrad.tagger import checkpoints
from metagrad.tagger.corpora import load_corpus
from metagrad.tagger.learning import learn
from metagrad.tagger.settings import Settings
from metagrad.tagger.splits import Split, split
from metagrad.tagger.trained import Model, ModelFileError
from metagrad.tagger.training import Recipe

FULL = Settings(
    hidden=6, embedding=8, letters="convolution", letter_features=4, variational=True, frequency=True, members=2
)
RECIPES = [
    Recipe(epochs=4, averaging=0.99, schedule="linear", letter_dropout=0.1, label_smoothing=0.1, batch_size=8),
    Recipe(epochs=4, optimizer="momentum", patience=3),
    Recipe(epochs=4, optimizer="sgd"),
]


@pytest.fixture(scope="module")
def parts():
    whole = split(load_corpus("sample"))
    return Split(whole.train[:40], whole.dev[:10], [])


def weights(model):
    return {name: t.array.tobytes() for name, t in model.network.state_dict().items()}


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("epochs", [1, 3])
def test_stopped_between_any_two_batches_and_resumed_it_is_the_same_to_the_bit(parts, tmp_path, recipe, epochs):
    whole, _ = learn(parts, FULL, recipe, {})

    def progress(batches, count, title):
        for i, batch in enumerate(batches):
            if title == f"epoch {epochs + 1}" and i == 1:
                raise KeyboardInterrupt
            yield batch

    path = tmp_path / "c"
    _, trainer = learn(parts, FULL, recipe, {}, progress=progress, checkpoint=path)
    assert trainer.interrupted and len(trainer.history) == epochs
    resumed, trainer = learn(parts, FULL, recipe, {}, checkpoint=path, resume=True)
    assert len(trainer.history) == recipe.epochs and weights(resumed) == weights(whole)


def test_another_training_is_not_gone_on_with(parts, tmp_path):
    path, recipe = tmp_path / "c", Recipe(epochs=1)
    small = Settings(hidden=4, embedding=4)
    model, _ = learn(parts, small, recipe, {}, checkpoint=path)
    with pytest.raises(ValueError, match="seed is 0 there and 1 here"):
        learn(parts, small, Recipe(epochs=1, seed=1), {}, checkpoint=path, resume=True)
    with pytest.raises(ValueError, match="hidden"):
        learn(parts, Settings(hidden=5, embedding=4), recipe, {}, checkpoint=path, resume=True)
    with pytest.raises(ValueError, match="sentences are others"):
        learn(Split(parts.train[1:], parts.dev, []), small, recipe, {}, checkpoint=path, resume=True)
    model.save(tmp_path / "finished")
    with pytest.raises(ModelFileError, match="finished model"):
        checkpoints.read_checkpoint(tmp_path / "finished")
    assert Model.load(path).tags == model.tags  # a checkpoint is a tagger too


@pytest.mark.parametrize(
    "options", [("--hidden", "8", "--embedding", "8", "--epochs", "6"), ("--preset", "best", "--epochs", "4")]
)
def test_kill_9_and_resume(tmp_path, options):
    """The process is killed at a moment of the machine's choosing; the files are whole, and the end is the same."""
    pytest.importorskip("tqdm", reason="needs the extra tagger (tqdm)")
    common = ["tag", "train", "--corpus", "sample", *options, "--report", str(tmp_path / "r")]
    output = tmp_path / "killed.st"
    command = [sys.executable, "-m", "metagrad", *common, "--output", str(output)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as training:
        for line in training.stdout:
            if line.startswith("epoch   2"):
                os.kill(training.pid, signal.SIGKILL)
                break
        training.stdout.read()
    assert training.returncode == -signal.SIGKILL
    half = Model.load(output)
    assert half.about["finished"] is False and checkpoints.checkpoint_of(output).is_file()

    assert cli.main([*common, "--output", str(output), "--resume"]) == 0
    assert cli.main([*common, "--output", str(tmp_path / "whole.st")]) == 0
    resumed, whole = load_file(output), load_file(tmp_path / "whole.st")
    assert resumed.keys() == whole.keys()
    assert all(t.array.tobytes() == whole[name].array.tobytes() for name, t in resumed.items())
    assert not checkpoints.checkpoint_of(output).exists()


def test_a_finished_model_stays_until_another_is_finished(tmp_path, capsys):
    output = tmp_path / "m.st"
    common = ["tag", "train", "--corpus", "sample", "--hidden", "8", "--embedding", "8", "--epochs", "1",
              "--report", str(tmp_path / "r"), "--output", str(output)]  # fmt: skip
    assert cli.main(common) == 0
    before = output.read_bytes()

    import metagrad.tagger.commands.train as command

    def progress(steps, count, title):
        if title == "epoch 2":
            assert output.read_bytes() == before
            raise KeyboardInterrupt
        return iter(steps)

    patch = pytest.MonkeyPatch()
    patch.setattr(command, "progress", progress)
    try:
        assert cli.main([*common, "--epochs", "2", "--seed", "1"]) == 130
    finally:
        patch.undo()
    assert "--resume" in capsys.readouterr().out
    assert output.read_bytes() == before
    (tmp_path / "m.st.checkpoint").unlink()
    assert cli.main(["tag", "train", "--resume", "--output", str(output)]) == 0
    assert "nothing to go on with" in capsys.readouterr().out and output.read_bytes() == before
