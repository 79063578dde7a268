"""The Python class, and what several networks do together."""

import pickle

import numpy as np
import pytest

import metagrad
from metagrad.tagger import Tagger
from metagrad.tagger.batches import collate, encode
from metagrad.tagger.presets import PRESETS, settings_and_recipe
from metagrad.tagger.settings import Settings

SENTENCES = [[("the", "DT"), ("dog", "NN"), ("barks", "VBZ")], [("a", "DT"), ("cat", "NN"), ("sleeps", "VBZ")]] * 8
SMALL = {"epochs": 20, "hidden": 8, "embedding": 8, "dropout": 0.0, "seed": 1}


@pytest.fixture(scope="module")
def tagger():
    return Tagger.train(SENTENCES, **SMALL)


def test_text_and_words(tagger):
    assert tagger.tag(["the", "cat", "barks"]) == [("the", "DT"), ("cat", "NN"), ("barks", "VBZ")]
    assert [word for word, _ in tagger.tag("The dog doesn't bark. Why?")] == [
        "The",
        "dog",
        "does",
        "n't",
        "bark",
        ".",
        "Why",
        "?",
    ]
    assert tagger.tag("") == tagger.tag([]) == [] and tagger.tag_many([]) == []
    many = tagger.tag_many([["a", "dog"], [], "the cat", ["cat"]])
    assert [[w for w, _ in s] for s in many] == [["a", "dog"], [], ["the", "cat"], ["cat"]]
    assert many[0] == tagger.tag(["a", "dog"])
    with pytest.raises(TypeError, match="list with a int"):
        tagger.tag(["a", 3])


def test_probabilities(tagger):
    for word, tags in tagger.probabilities(["the", "dog", "unheard-of"]):
        values = list(tags.values())
        assert word and set(tags) == {"DT", "NN", "VBZ"} and values == sorted(values, reverse=True)
        assert sum(values) == pytest.approx(1, abs=1e-5)


def test_save_and_load(tagger, tmp_path):
    tagger.save(tmp_path / "m")
    again = Tagger.load(str(tmp_path / "m"))
    assert again.probabilities(["the", "dog"]) == tagger.probabilities(["the", "dog"])


def test_what_cannot_be_learned_from_is_refused():
    for wrong, error, message in [
        ([["a", "b"]], TypeError, "expected .word, tag."),
        ([[("a", 1)]], TypeError, "two strings, got .'a', 1."),
        ([[], []], ValueError, "none with a word"),
    ]:
        with pytest.raises(error, match=message):
            Tagger.train(wrong, **SMALL)
    with pytest.raises(ValueError, match="sentence 0 has 2 words and 1 tags"):
        Tagger(**SMALL).fit([["a", "b"]], [["X"]])
    with pytest.raises(ValueError, match="X has 1 sentences and y has the tags of 0"):
        Tagger(**SMALL).fit([["a", "b"]], [])


def test_one_text_is_not_many(tagger):
    with pytest.raises(TypeError, match="put it into a list"):
        tagger.tag_many("The dog. The cat.")


def test_a_tagger_can_be_pickled(tagger):
    again = pickle.loads(pickle.dumps(tagger))
    assert again.probabilities(["the", "dog"]) == tagger.probabilities(["the", "dog"])


def test_scikit_learns_own_tools_take_it():
    base, selection = pytest.importorskip("sklearn.base"), pytest.importorskip("sklearn.model_selection")
    X, y = [[w for w, _ in s] for s in SENTENCES], [[t for _, t in s] for s in SENTENCES]
    estimator = Tagger("fast", **SMALL)
    assert base.clone(estimator).get_params() == estimator.get_params()
    assert selection.cross_val_score(estimator, X, y, cv=2).tolist() == [1.0, 1.0]
    search = selection.GridSearchCV(estimator, {"epochs": [20], "hidden": [4, 8]}, cv=2).fit(X, y)
    assert search.predict(X) == y


def test_scikit_learns_conventions(tagger):
    X, y = [[w for w, _ in s] for s in SENTENCES], [[t for _, t in s] for s in SENTENCES]
    estimator = Tagger("fast", **SMALL)
    assert estimator.get_params() == {"preset": "fast", **SMALL} and estimator.fit(X, y) is estimator
    assert estimator.predict(X) == y and estimator.score(X, y) == estimator.score(SENTENCES) == 1.0
    assert estimator.classes_ == ["DT", "NN", "VBZ"]
    assert estimator.set_params(hidden=4, preset="best").get_params()["hidden"] == 4
    assert repr(Tagger("best", seed=3)) == "Tagger('best', seed=3)"
    with pytest.raises(RuntimeError, match="not trained"):
        Tagger().tag("a")
    for nothing in ([], [[]]):
        with pytest.raises(ValueError, match="none with a word"):
            Tagger().fit(nothing)
    with pytest.raises(ValueError, match="preset"):
        Tagger("slow").fit(SENTENCES)
    with pytest.raises(TypeError, match="unknown options"):
        Tagger(hiden=3).fit(SENTENCES)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_learns(preset):
    sizes = {"hidden": 8, "embedding": 8, "dropout": 0.1, "lr": 0.5 if preset == "article" else 0.01}
    if preset == "best":
        sizes["variants"] = [{"hidden": 8, "crf": True}, {"layers": 2}]
    tagger = Tagger.train(SENTENCES, preset, epochs=40, **sizes)
    assert tagger.score(SENTENCES) == 1.0
    settings, recipe = settings_and_recipe(preset, {})
    assert settings.member(0).summary in settings.summary and recipe.epochs >= 5


def test_the_members_opinions_are_averaged():
    settings = {
        "members": 2,
        "variants": [{"crf": True}, {"layers": 2}],
        "hidden": 6,
        "embedding": 8,
        "letters": "none",
    }
    tagger = Tagger.train(SENTENCES, epochs=2, **settings)
    model = tagger.model
    batch = collate(encode([[("the", ""), ("dog", "")]], model.lexicon, model.tags), [0])
    model.network.eval()
    with metagrad.no_grad():
        scores = model.network(batch)
        each = [m.log_probabilities(scores[i], batch).numpy() for i, m in enumerate(model.network.members)]
        found = model.network.log_probabilities(scores, batch).exp().numpy()
    np.testing.assert_allclose(found, (np.exp(each[0]) + np.exp(each[1])) / 2, rtol=1e-5)
    crf, other = model.network.members
    assert crf.crf is not None and other.crf is None and len(other.recurrent) == 2
    with pytest.raises(ValueError, match="hidden"):
        Settings(members=2, variants=[{"hidden": 0}])


def test_steps_make_up_for_a_small_corpus():
    tagger = Tagger.train(SENTENCES, steps=7, epochs=2, batch_size=4, hidden=4, embedding=4)
    assert tagger.model.about["epoch"] == 2  # 4 steps an epoch
    tagger = Tagger.train(SENTENCES, steps=9, epochs=2, batch_size=4, hidden=4, embedding=4)
    assert tagger.model.about["epoch"] == 3


def test_padded_batches_learn_too_and_read_the_same_where_nothing_is_filled_up():
    tagger = Tagger.train(SENTENCES, **SMALL, padded=True)
    assert tagger.score(SENTENCES) == 1.0
    packed = Tagger.train(SENTENCES, **SMALL)  # every sentence has three words
    for a, b in zip(tagger.probabilities(["a", "dog"]), packed.probabilities(["a", "dog"])):
        assert a[0] == b[0] and a[1] == pytest.approx(b[1], abs=1e-3)


def test_notebooks_show_sentences_and_the_tagger_itself(tagger):
    shown = tagger.annotate("The dog <barks>.")._repr_html_()
    assert "&lt;" in shown and "<barks>" not in shown and shown.count("<small>") == len(tagger.tag("The dog <barks>."))
    assert tagger.annotate(["the", "dog"])[0]._repr_html_().count("background") == 2
    assert all(tag in tagger._repr_html_() for tag in tagger.classes_) and "not trained" in Tagger()._repr_html_()


def test_a_report_as_a_frame(tagger):
    scores = tagger.report(SENTENCES)
    assert scores.overall.value == 1.0 and 0 <= scores.calibration_error <= 1
    pytest.importorskip("pandas")
    frame = tagger.to_frame([[w for w, _ in s] for s in SENTENCES], [[t for _, t in s] for s in SENTENCES])
    assert sorted(frame.index) == ["DT", "NN", "VBZ"] and list(frame.columns) == ["precision", "recall", "f1", "actual"]
    assert frame.loc["NN", "f1"] == 1.0 and frame["actual"].sum() == 48


def test_a_learning_curve_says_what_more_sentences_bring(tmp_path, capsys):
    from metagrad import cli
    from metagrad.tagger.curve import Point, forecast

    points = [Point(n, 1 - 3 * n**-0.5) for n in (100, 200, 400, 800)]
    assert forecast(points).score == pytest.approx(1 - 3 * 1600**-0.5, abs=1e-5)
    assert forecast([Point(100, 0.9), Point(200, 0.8)]).score == pytest.approx(
        0.8
    )  # no gain is promised where there was none
    files = ["--output", str(tmp_path / "m"), "--report", str(tmp_path / "r")]
    small = ["--hidden", "8", "--embedding", "8", "--epochs", "1"]
    assert cli.main(["tag", "train", "--corpus", "sample", *small, *files, "--learning-curve"]) == 0
    found = capsys.readouterr().out.split("Learning curve:")[1].splitlines()
    assert [line.split()[0] for line in found[1:6]] == ["43", "86", "171", "342", "684"] and "expected" in found[5]
