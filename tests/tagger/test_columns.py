"""Tags of several columns: one network, a vocabulary, an accuracy and a temperature for each."""

import json

import numpy as np
import pytest
from tests.tagger.documents import Document

from metagrad import cli
from metagrad.serialization.safetensors import read_metadata, save_file
from metagrad.tagger import Tagger
from metagrad.tagger.batches import NO_TAG, collate, encode
from metagrad.tagger.learning import evaluate, learn, new_model
from metagrad.tagger.serve.app import Limits, answers, sentences_of
from metagrad.tagger.settings import Settings
from metagrad.tagger.splits import Split
from metagrad.tagger.trained import Model, ModelFileError
from metagrad.tagger.training import Recipe
from metagrad.tagger.vocabulary import Lexicon

SENTENCES = [
    [("the", ("DET", "_")), ("dog", ("NOUN", "Sing")), ("walks", ("VERB", "Sing"))],
    [("dogs", ("NOUN", "Plur")), ("eat", ("VERB", "Plur")), ("the", ("DET", "_")), ("cat", ("NOUN", "Sing"))],
    [("a", ("DET", "Sing")), ("cat", ("NOUN", "Sing")), ("sleeps", ("VERB", "Sing")), (".", ("PUNCT", "_"))],
] * 8
JOINED = [[(word, "\t".join(tag)) for word, tag in sentence] for sentence in SENTENCES]
SMALL = {"hidden": 12, "embedding": 8, "seed": 1, "epochs": 12, "lr": 0.02, "dropout": 0.1}


@pytest.fixture(scope="module")
def tagger():
    return Tagger.train(SENTENCES, **SMALL)


def test_the_loss_is_the_sum_over_columns_and_its_gradient_reaches_all():
    model = new_model(Split(JOINED, [], []), Settings(hidden=4, embedding=4, dropout=0.0), Recipe(), {})
    assert model.tags.columns == [["DET", "NOUN", "PUNCT", "VERB"], ["Plur", "Sing", "_"]]
    unseen = [("a", "DET\tDual"), ("dog", "X\tSing"), ("the", "DET\t_")]
    batch = collate(encode([unseen], model.lexicon, model.tags), [0])
    assert batch.tags.tolist() == [[0, NO_TAG], [NO_TAG, 5], [0, 6]]
    member = model.network.members[0]
    scores = member(batch).array.astype(np.float64)

    def mean(part, rows, tags):
        log_p = part - np.log(np.exp(part).sum(-1, keepdims=True))
        return -log_p[rows, tags].mean()

    loss, _ = member.losses(batch)
    expected = mean(scores[:, :4], [0, 2], [0, 0]) + mean(scores[:, 4:], [1, 2], [1, 2])
    np.testing.assert_allclose(loss.item(), expected, rtol=1e-5)
    loss.backward()
    gradient = member.scorer.bias.grad.array
    np.testing.assert_allclose([gradient[:4].sum(), gradient[4:].sum()], 0, atol=1e-6)
    assert (abs(gradient) > 0).all()


def test_the_api_has_tuples_of_tags(tagger, tmp_path):
    tagger.save(tmp_path / "m")
    again = Tagger.load(tmp_path / "m")
    assert read_metadata(tmp_path / "m")["version"] == "4" and again.model.temperatures == tagger.model.temperatures
    for one in (tagger, again):
        assert one.tag(["the", "dog", "walks"]) == SENTENCES[0]
        assert one.classes_ == [["DET", "NOUN", "PUNCT", "VERB"], ["Plur", "Sing", "_"]]
        assert one.score(SENTENCES) == 1.0
        for _, columns in one.probabilities(["the", "dog"]):
            assert [round(sum(column.values()), 5) for column in columns] == [1, 1]
            assert list(columns[0].values()) == sorted(columns[0].values(), reverse=True)
        word = one.annotate(["dog"])[0][0]
        assert word.tag == "NOUN\tSing" and [name for name, *_ in word.columns] == ["1", "2"]
        np.testing.assert_allclose(word.probability, word.columns[0][2] * word.columns[1][2], rtol=1e-6)
    report = tagger.report(SENTENCES)
    assert set(report.columns) == {"1", "2"} and report.columns["2"].overall.total == report.overall.total
    assert report.columns["1"].calibration_error is not None and report.calibration_error is not None


def test_tags_never_seen_together_are_not_given_together(tmp_path):
    words = [(a * 4 + b * 4, (a, b)) for a in "uvwxyz" for b in "klm" if (a, b) != ("x", "k")]
    options = {"epochs": 40, "dropout": 0.0, "word_dropout": 0.5, "letters": "none"}
    tagger = Tagger.train([[pair] for pair in words] * 6, **{**SMALL, **options})
    ((_, (first, second)),) = tagger.probabilities(["xxxxkkkk"])
    assert next(iter(first)) == "x" and next(iter(second)) == "k"  # each by itself
    seen = {tag for _, tag in words}
    tagger.save(tmp_path / "m")
    for one in (tagger, Tagger.load(tmp_path / "m")):
        found = one.tag([a * 4 + b * 4 for a in "uvwxyzabc" for b in "klmabc"])
        assert {tag for _, tag in found} <= seen and ("x", "k") not in seen
        assert dict(found)["xxxxkkkk"] == one.tag(["xxxxkkkk"])[0][1]
    tags = tagger.model.tags
    p = np.random.default_rng(0).dirichlet(np.ones(len(tags)), 200)
    for row, numbers in zip(np.log(p), tags.best_together(np.log(p)).tolist()):
        best = max(seen, key=lambda tag: sum(row[k] / np.log(n) for k, n in zip(tags.numbers("\t".join(tag)), (6, 3))))
        assert tags.name(numbers) == "\t".join(best)


def test_a_file_from_before_gives_each_column_by_itself(tagger, tmp_path):
    description = json.loads(tagger.model.description()["tagger"])
    assert description.pop("together") == [[0, 5], [0, 6], [1, 4], [1, 5], [2, 6], [3, 4], [3, 5]]
    metadata = {**tagger.model.description(), "tagger": json.dumps(description)}
    save_file(tagger.model.arrays(), tmp_path / "m", metadata)
    old = Model.load(tmp_path / "m")
    assert old.tags.together is None and old.tags.columns == tagger.model.tags.columns
    for (tags, p), (_, q) in zip(old.scored([["the", "dog"]]), tagger.model.scored([["the", "dog"]])):
        np.testing.assert_array_equal(p, q)
        assert tags.tolist() == [[own[:4].argmax(), own[4:].argmax() + 4] for own in p]
    description["together"] = [[0, 1]]
    save_file(tagger.model.arrays(), tmp_path / "m", {**metadata, "tagger": json.dumps(description)})
    with pytest.raises(ModelFileError, match="damaged"):
        Model.load(tmp_path / "m")


@pytest.mark.parametrize("seed", range(20))
def test_conllu_with_several_columns_comes_back(tagger, seed):
    document = Document(seed, ("XPOS", "UPOS"))
    tags = [tag for sentence in tagger.tag_many(document.sentences) for _, tag in sentence]
    assert tagger.tag_conllu(document.text, "XPOS,UPOS") == document.tagged(tags), f"Document({seed})"


def test_a_resumed_training_is_the_same_to_the_bit(tmp_path):
    parts, settings = Split(JOINED[:20], JOINED[20:], []), Settings(hidden=4, embedding=4, members=2)
    whole, _ = learn(parts, settings, Recipe(epochs=3, batch_size=4), {})

    def progress(batches, count, title):
        for i, batch in enumerate(batches):
            if (title, i) == ("epoch 2", 1):
                raise KeyboardInterrupt
            yield batch

    _, trainer = learn(
        parts, settings, Recipe(epochs=3, batch_size=4), {}, progress=progress, checkpoint=tmp_path / "c"
    )
    assert trainer.interrupted
    resumed, _ = learn(parts, settings, Recipe(epochs=3, batch_size=4), {}, checkpoint=tmp_path / "c", resume=True)
    for name, t in whole.network.state_dict().items():
        assert t.array.tobytes() == resumed.network.state_dict()[name].array.tobytes()
    assert whole.temperatures == resumed.temperatures
    scores, found = evaluate(resumed, JOINED[:3])
    assert scores.overall.right == sum(t == f for s, row in zip(JOINED, found) for (_, t), f in zip(s, row))


def test_a_model_of_joint_tags_from_before_is_read(tmp_path):
    lexicon = Lexicon.of(["the", "dog"], ["word"])
    about = {"tag_column": "UPOS,FEATS"}
    Model.new(Settings(hidden=4, embedding=4, spelling=False), lexicon, ["DET\t_", "NOUN\tSing"], about).save(
        tmp_path / "m"
    )
    assert read_metadata(tmp_path / "m")["version"] == "3"
    tagger = Tagger.load(tmp_path / "m")
    assert tagger.model.tags.is_one and set(tagger.classes_) == {"DET\t_", "NOUN\tSing"}
    line = "1\tdog" + "\t_" * 8 + "\n"
    assert tagger.tag_conllu(line).split("\t")[3:6:2] in (["DET", "_"], ["NOUN", "Sing"])
    scores = tagger.report([[("dog", "NOUN\tSing")]])
    assert set(scores.columns) == {"UPOS", "FEATS"}


def test_what_cannot_be_is_refused(tmp_path):
    with pytest.raises(ValueError, match="as many columns each"):
        Tagger.train([[("a", ("X", "Y")), ("b", ("X", "Y", "Z"))]], **SMALL)
    with pytest.raises(TypeError, match="read from a file"):
        Tagger.train(SENTENCES, tag_column="UPOS,FEATS", **SMALL)
    with pytest.raises(TypeError, match="two strings"):
        Tagger.train([[("a", ("X", 1))]], **SMALL)
    assert Tagger.train(SENTENCES[:3], preset="best", **{**SMALL, "epochs": 1}).model.network.members[0].crf is None
    model = Tagger.train(SENTENCES, **{**SMALL, "epochs": 1}).model
    model.tags.columns[0].append("more")
    model.save(tmp_path / "m")
    with pytest.raises(ModelFileError, match="damaged"):
        Model.load(tmp_path / "m")


def test_the_service_answers_by_column(tagger):
    body = json.dumps({"text": "the dog"}).encode()
    ((the, dog),) = answers(tagger.model, sentences_of(body, tagger.model, Limits()), 5)
    assert dog["word"] == "dog" and dog["tag"] == {"1": "NOUN", "2": "Sing"} and (dog["start"], dog["end"]) == (4, 7)
    assert dog["columns"]["1"]["tag"] == "NOUN" and dog["columns"]["2"]["tag"] == "Sing"
    assert {a["tag"] for a in dog["columns"]["2"]["alternatives"]} == {"Plur", "_"} and the["tag"] == {
        "1": "DET",
        "2": "_",
    }


def test_the_commands(tmp_path, capsys):
    lines = [
        "".join(
            f"{n}\t{word}\t_\t{upos}\t_\t{feats}" + "\t_" * 4 + "\n" for n, (word, (upos, feats)) in enumerate(s, 1)
        )
        for s in SENTENCES
    ]
    (tmp_path / "c.conllu").write_text("\n".join(lines), encoding="utf-8")
    files = ["--corpus", tmp_path / "c.conllu", "--output", tmp_path / "m", "--report", tmp_path / "r"]
    train = ["tag", "train", *files, "--tag-column", "upos,feats", "--hidden", 8, "--epochs", 20, "--lr", 0.02]
    assert cli.main([*map(str, train), "--crf"]) == 1
    assert "--crf chooses the tags of one column" in capsys.readouterr().err
    assert cli.main([*map(str, train)]) == 0
    out = capsys.readouterr().out
    assert "UPOS  " in out and "FEATS  " in out and "all columns equal" in out and "calibration error FEATS" in out
    content = json.loads((tmp_path / "r" / "report.json").read_text())
    assert set(content["columns"]) == {"UPOS", "FEATS"} and "tags" in content["columns"]["FEATS"]
    assert "FEATS: Tags" in (tmp_path / "r" / "report.html").read_text()
    model = ["--model", str(tmp_path / "m")]
    assert cli.main(["tag", "evaluate", *model, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["columns"]["UPOS"]["accuracy"]["all"]["value"] == 1.0
    assert cli.main(["tag", "predict", *model, "--split", "--json", "the dog"]) == 0
    token = json.loads(capsys.readouterr().out)["tokens"][1]
    assert token["tag"] == {"UPOS": "NOUN", "FEATS": "Sing"} and token["columns"]["FEATS"]["tag"] == "Sing"
    assert cli.main(["tag", "predict", *model, "--conllu", "--file", str(tmp_path / "c.conllu")]) == 0
    assert capsys.readouterr().out == "\n".join(lines)
