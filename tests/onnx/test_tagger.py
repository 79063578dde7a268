"""``metagrad tag export``: the same tags in onnxruntime, for padded batches of mixed lengths, and by the page's thirty lines."""

import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from tests.onnx.running import session_of

import metagrad
from metagrad.cli import main
from metagrad.tagger import Tagger
from metagrad.tagger.commands.export import arrays, export

pytest.importorskip("onnx", reason="needs the extra onnx, and onnxruntime")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra onnx, and onnxruntime")

WORDS = {
    "DT": ["the", "a", "The"],
    "NN": ["dog", "cat", "garden-wall", "1987"],
    "VB": ["sleeps", "runs", "McDonalds"],
    "-NONE-": ["*"],
}


def sentences(count, seed):
    rng = np.random.default_rng(seed)
    kinds = list(WORDS)
    found = []
    for _ in range(count):
        tags = [kinds[i] for i in rng.integers(0, len(kinds), rng.integers(1, 9))]
        found.append([(WORDS[t][rng.integers(len(WORDS[t]))], t) for t in tags])
    return found


PRESETS = {
    "article": ("article", {}),
    "fast": ("fast", {}),
    "best": ("best", {}),
    "padded": ("article", {"padded": True}),
    "with a CRF": ("fast", {"crf": True}),
    "letters read": ("best", {"letters": "lstm"}),
    "linear": ("fast", {"cell": "none", "crf": True}),
}


@pytest.mark.parametrize("name", PRESETS)
def test_the_same_tags(name):
    preset, options = PRESETS[name]
    tagger = Tagger.train(sentences(40, 0), preset=preset, epochs=2, hidden=8, embedding=8, seed=1, **options)
    session = session_of(export(tagger.model, None))
    given = [[w for w, _ in s] for s in sentences(20, 1)] + [["unknown", "words", "x" * 60]]
    inputs = dict(zip(("features", "letters", "lengths"), arrays(tagger.model, given), strict=True))
    names = {i.name for i in session.get_inputs()}
    tags, probabilities = session.run(None, {k: v for k, v in inputs.items() if k in names})
    for row, p, (expected, q) in zip(tags, probabilities, tagger.model.scored(given), strict=True):
        assert row[: len(expected)].tolist() == expected.tolist()
        assert (row[len(expected) :] == -1).all()
        np.testing.assert_allclose(p[: len(q)], q, atol=1e-5)


@pytest.mark.parametrize("preset", ["fast", "best"])
def test_tags_of_several_columns(preset):
    given = [[(w, (t, t[:1])) for w, t in s] for s in sentences(40, 0)]
    tagger = Tagger.train(given, preset=preset, epochs=2, hidden=8, embedding=8, seed=1)
    session = session_of(export(tagger.model, None))
    words = [[w for w, _ in s] for s in sentences(20, 1)]
    inputs = dict(zip(("features", "letters", "lengths"), arrays(tagger.model, words), strict=True))
    tags, probabilities = session.run(None, inputs)
    for row, p, (expected, q) in zip(tags, probabilities, tagger.model.scored(words), strict=True):
        assert row[: len(expected)].tolist() == expected.tolist() and (row[len(expected) :] == -1).all()
        np.testing.assert_allclose(p[: len(q)], q, atol=1e-5)
    assert [len(c) for c in tagger.model.tags.columns] == [4, 4]


def test_the_command_and_the_page(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    tagger = Tagger.train(sentences(40, 0), epochs=8, hidden=16, embedding=16, seed=1)
    tagger.save("model.safetensors")
    assert main(["tag", "export", "--model", "model.safetensors", "--output", "tagger.onnx"]) == 0
    assert "tagger.onnx: features (batch, words, descriptions)" in capsys.readouterr().out
    page = (Path(__file__).parents[2] / "docs" / "onnx.md").read_text(encoding="utf-8")
    program = re.findall(r"```python\n(.*?)```", page, flags=re.S)[-1]
    assert "metagrad" not in program and len(program.strip().splitlines()) < 45
    space = {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exec(program, space)
    for words in (["the", "dog", "runs"], ["a", "garden-wall", "*", "1987"], ["Mr.", "Vinken", "x" * 40]):
        assert space["tag"](words) == [t for _, t in tagger.tag(words)]


def test_the_command_says_what_is_missing(capsys):
    assert main(["tag", "export", "--model", "nowhere.safetensors", "--output", "x.onnx"]) == 1
    assert "there is no model file" in capsys.readouterr().err
    assert metagrad.onnx.is_in_onnx_export() is False
