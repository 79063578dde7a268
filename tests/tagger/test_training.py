"""The network, the training loop and the model file."""

import itertools
import json

import numpy as np
import pytest

import metagrad
from metagrad.serialization.safetensors import load_file, save_file
from metagrad.tagger.batches import by_length, collate, encode, shuffled
from metagrad.tagger.corpora import load_corpus
from metagrad.tagger.learning import evaluate, learn, new_model
from metagrad.tagger.metrics import score
from metagrad.tagger.model import Network
from metagrad.tagger.settings import Settings
from metagrad.tagger.splits import Split, split
from metagrad.tagger.trained import Model, ModelFileError
from metagrad.tagger.training import Recipe, Trainer, predict
from metagrad.tagger.vocabulary import UNKNOWN, Lexicon, Vocabulary, shape

SMALL = Settings(hidden=8, embedding=8)


@pytest.fixture(scope="module")
def parts():
    whole = split(load_corpus("sample"))
    return Split(whole.train[:60], whole.dev[:10], whole.test[:20])


def silent(batches, count, title):
    return batches


def trained(parts, recipe, settings=SMALL, progress=silent):
    return learn(parts, settings, recipe, {"corpus": "sample"}, progress=progress)


def state(tagger):
    return {name: t.array.copy() for name, t in tagger.network.state_dict().items()}


# ------------------------------------------------ words as numbers


def test_vocabularies_come_from_the_training_words_alone(parts):
    tagger = new_model(parts, SMALL, Recipe(), {})
    known = {word for sentence in parts.train for word, _ in sentence}
    assert set(tagger.lexicon.vocabularies["word"].entries) == known
    assert set(tagger.tags) == {tag for sentence in parts.train for _, tag in sentence}


def test_numbers_do_not_depend_on_the_order_of_the_words():
    words = ["b", "a", "b", "c", "a", "b"]
    assert Vocabulary.of(words).entries == Vocabulary.of(words[::-1]).entries == ["b", "a", "c"]
    assert Vocabulary.of(words, at_least=2).entries == ["b", "a"]
    with pytest.raises(ValueError, match="distinct"):
        Vocabulary(["a", "a"])
    with pytest.raises(ValueError, match="descriptions"):
        Lexicon({"colour": Vocabulary([])}, Vocabulary([]))


@pytest.mark.parametrize(
    ("word", "expected"), [("Dickens", "Xxx"), ("U.S.", "X.X."), ("20-20", "dd-dd"), ("don't", "xx'x")]
)
def test_shapes(word, expected):
    assert shape(word) == expected


# ------------------------------------------------ batches


def test_batches_hold_every_sentence_once(parts):
    tagger = new_model(parts, SMALL, Recipe(), {})
    encoded = encode(parts.train, tagger.lexicon, tagger.tags)
    for made in (list(by_length(encoded, 7)), [collate(encoded, places) for places in shuffled(encoded, 7)]):
        assert sorted(place for b in made for place in b.places) == list(range(len(encoded)))
        for b in made:
            features = b.features.array[b.which.array]
            for (place, tags), (_, described) in zip(b.sentences(b.tags.array), b.sentences(features), strict=True):
                assert (tags == encoded.tags[place]).all()
                assert described.tolist() == [tagger.lexicon.describe(word) for word, _ in parts.train[place]]
            assert len(np.unique(b.features.array, axis=0)) <= len(b.features)


@pytest.mark.parametrize(
    "extra", [{}, {"letters": "convolution"}, {"letters": "gru", "shortcut": True}, {"crf": True}, {"cell": "none"}]
)
def test_neighbours_in_the_batch_change_no_score(parts, extra):
    settings = Settings(**{"cell": "gru", "layers": 2, "hidden": 8, "embedding": 8, **extra})
    tagger = new_model(parts, settings, Recipe(), {})
    encoded = encode(parts.train[:5], tagger.lexicon, tagger.tags)
    tagger.network.eval()
    together = collate(encoded, range(5))
    scores = dict(together.sentences(tagger.network(together).detach().numpy()[0]))
    for i in range(5):
        expected = tagger.network(collate(encoded, [i])).detach().numpy()[0]
        np.testing.assert_allclose(scores[i], expected, rtol=1e-4, atol=1e-5)


def test_forgotten_words_keep_their_spelling(parts):
    metagrad.manual_seed(0)
    tagger = new_model(parts, SMALL, Recipe(), {})
    encoded = encode(parts.train[:20], tagger.lexicon, tagger.tags)
    whole, changed = collate(encoded, range(20)), collate(encoded, range(20), word_dropout=0.5)
    before, after = (b.features.array[b.which.array] for b in (whole, changed))
    forgotten = after[:, 0] == UNKNOWN
    assert 0.4 < forgotten.mean() < 0.6 and (after[forgotten, 1] == UNKNOWN).all()
    assert (before[:, 2:] == after[:, 2:]).all() and (before[~forgotten] == after[~forgotten]).all()
    letters = collate(encoded, range(20), letter_dropout=0.3).letters.array
    lost = (letters == UNKNOWN) & (whole.letters.array > 0)
    assert 0.2 < lost.sum() / (whole.letters.array > 0).sum() < 0.4
    assert ((letters == whole.letters.array) | lost).all()


# ------------------------------------------------ training


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_every_cell_learns_the_training_part(parts, cell):
    recipe = Recipe(epochs=12, patience=12, word_dropout=0.0, batch_size=4, lr=0.01)
    tagger, trainer = trained(parts, recipe, Settings(cell, hidden=16, embedding=16, dropout=0.0))
    losses = [e.train_loss for e in trainer.history]
    assert losses[-1] < 0.3 * losses[0]
    assert evaluate(tagger, parts.train)[0].overall.value > 0.9


def test_the_same_seed_gives_the_same_model_to_the_bit(parts):
    first, second, other = (trained(parts, Recipe(epochs=2, seed=seed))[0] for seed in (3, 3, 4))
    for name, array in state(first).items():
        assert array.tobytes() == state(second)[name].tobytes()
    assert any((state(other)[name] != array).any() for name, array in state(first).items())


def test_the_best_epoch_is_kept_and_training_stops_in_time(parts, monkeypatch):
    accuracies, states = iter([0.3, 0.5, 0.4, 0.5, 0.2, 0.9]), []

    def evaluate(self, sentences):
        states.append({k: t.array.copy() for k, t in self.network.state_dict().items()})
        return 1.0, next(accuracies)

    monkeypatch.setattr(Trainer, "evaluate", evaluate)
    tagger, trainer = trained(parts, Recipe(epochs=9, patience=2))
    assert [e.number for e in trainer.history] == [1, 2, 3, 4]  # an equal accuracy is no improvement
    assert trainer.best.number == 2
    for name, array in state(tagger).items():
        assert (array == states[1][name]).all()


@pytest.mark.parametrize("epoch_of_interrupt", [1, 2])
def test_ctrl_c_keeps_what_is_finished(parts, epoch_of_interrupt):
    def progress(batches, count, title):
        for i, batch in enumerate(batches):
            if title == f"epoch {epoch_of_interrupt}" and i == 1:
                raise KeyboardInterrupt
            yield batch

    tagger, trainer = trained(parts, Recipe(epochs=3), progress=progress)
    assert trainer.interrupted and len(trainer.history) == epoch_of_interrupt - 1
    if epoch_of_interrupt == 1:
        assert trainer.best is None
    else:
        reference, _ = trained(parts, Recipe(epochs=1))
        assert all((state(reference)[k] == a).all() for k, a in state(tagger).items())


def test_a_loss_that_explodes_is_named(parts):
    settings = Settings("rnn", hidden=8, embedding=8)
    with pytest.raises(FloatingPointError, match="learning rate"):
        trained(parts, Recipe(optimizer="sgd", lr=1e38, max_norm=1e38, epochs=2), settings)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Settings(cell="cnn"), lambda: Settings(layers=0), lambda: Settings(dropout=1.0), lambda: Settings(hidden=-1),
        lambda: Recipe(optimizer="magic"), lambda: Recipe(lr=0.0), lambda: Recipe(epochs=0),
        lambda: Recipe(batch_size=0), lambda: Recipe(word_dropout=1.5),
    ],
)  # fmt: skip
def test_bad_settings_are_refused(make):
    with pytest.raises(ValueError, match=r"expected|must be"):
        make()


def test_unknown_tags_of_the_test_part_count_as_wrong(parts):
    tagger, _ = trained(parts, Recipe(epochs=1))
    scores, _ = evaluate(tagger, [[("the", "NO-SUCH-TAG"), ("dog", "NN")]])
    assert scores.overall.total == 2 and [a for (a, p) in scores.pairs if a == p] in ([], ["NN"])


def test_prediction_does_not_depend_on_the_batch(parts):
    tagger, _ = trained(parts, Recipe(epochs=2))
    encoded = encode(parts.test, tagger.lexicon, tagger.tags)
    together, _ = predict(tagger.network, encoded)
    for whole, sentence in zip(together, parts.test, strict=True):
        alone = encode([sentence], tagger.lexicon, tagger.tags)
        assert (predict(tagger.network, alone)[0][0] == whole).all()


# ------------------------------------------------ metrics


def test_metrics_by_hand():
    gold = [[("the", "DT"), ("*-1", "-NONE-"), ("dog", "NN")], [("barks", "VBZ"), ("dog", "NN")]]
    found = [["DT", "-NONE-", "VB"], ["VBZ", "NN"]]
    s = score(gold, found, {"the", "dog"}.__contains__)
    assert (s.overall.right, s.overall.total) == (4, 5)
    assert (s.without_traces.right, s.without_traces.total) == (3, 4)
    assert (s.known.right, s.known.total) == (2, 3) and (s.unknown.right, s.unknown.total) == (1, 1)
    assert (s.whole_sentences.right, s.whole_sentences.total) == (1, 2)
    nouns = next(t for t in s.tags if t.tag == "NN")
    assert (nouns.precision, nouns.recall, nouns.f1) == (1.0, 0.5, pytest.approx(2 / 3))
    verbs = next(t for t in s.tags if t.tag == "VB")
    assert (verbs.precision, verbs.recall, verbs.f1, verbs.actual) == (0.0, 0.0, 0.0, 0)
    assert s.confusions() == [("NN", "VB", 1)]
    assert json.loads(json.dumps(s.as_dict()))["accuracy"]["all"]["value"] == 0.8


def test_nothing_to_count_has_no_accuracy():
    s = score([], [], lambda word: True)
    assert s.overall.value is None and str(s.overall) == "-"


# ------------------------------------------------ the model file


@pytest.fixture(scope="module")
def saved(parts, tmp_path_factory):
    tagger, _ = trained(parts, Recipe(epochs=2))
    path = tmp_path_factory.mktemp("model") / "tagger.safetensors"
    tagger.save(path)
    return tagger, path


def test_a_saved_tagger_tags_as_before(saved, parts):
    tagger, path = saved
    again = Model.load(path)
    sentences = [[word for word, _ in s] for s in parts.test]
    assert list(again.tag_all(sentences)) == list(tagger.tag_all(sentences))
    assert again.settings == tagger.settings and again.about == tagger.about and again.tags == tagger.tags


def test_every_truncation_is_refused(saved, tmp_path):
    data = saved[1].read_bytes()
    for size in {0, 1, 7, 8, 9, 100, len(data) // 2, len(data) - 1}:
        (tmp_path / "cut").write_bytes(data[:size])
        with pytest.raises(ValueError, match="cut"):
            Model.load(tmp_path / "cut")


def test_foreign_and_newer_files_are_refused(saved, tmp_path):
    path = tmp_path / "x.safetensors"
    save_file({"a": metagrad.zeros(2)}, path)
    with pytest.raises(ModelFileError, match="not a metagrad tagger"):
        Model.load(path)
    from metagrad.serialization.safetensors import read_metadata

    tensors, metadata = load_file(saved[1]), read_metadata(saved[1])
    save_file(tensors, path, {**metadata, "version": "99"})
    with pytest.raises(ModelFileError, match="update metagrad"):
        Model.load(path)
    for broken in ({"tagger": "not json"}, {"tagger": "{}"}, {"tagger": "[]"}):
        save_file(tensors, path, {**metadata, **broken})
        with pytest.raises(ModelFileError, match="damaged"):
            Model.load(path)
    save_file(dict(list(tensors.items())[1:]), path, metadata)
    with pytest.raises(ModelFileError, match="damaged"):
        Model.load(path)
    path.write_text("dear diary")
    with pytest.raises(ValueError, match="safetensors"):
        Model.load(path)
    with pytest.raises(FileNotFoundError, match="metagrad tag train"):
        Model.load(tmp_path / "nothing")


def test_a_failed_save_leaves_the_old_file(saved, tmp_path, monkeypatch):
    tagger, path = saved
    kept = tmp_path / "kept.safetensors"
    kept.write_bytes(path.read_bytes())
    monkeypatch.setattr("os.fsync", lambda fd: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        tagger.save(kept)
    assert kept.read_bytes() == path.read_bytes() and [p.name for p in tmp_path.iterdir()] == ["kept.safetensors"]


def test_tagging_takes_text_without_end(saved):
    tagger, _ = saved
    endless = itertools.cycle([["The", "dog", "barks", "."], []])
    first = list(itertools.islice(tagger.tag_all(endless, at_once=4), 6))
    assert [len(s) for s in first] == [4, 0, 4, 0, 4, 0]
    assert all(0 < t.probability <= 1 for t in first[0])


def test_traces_are_never_predicted():
    tags = ["-NONE-", "NN"]
    tagger = Model.new(SMALL, Lexicon.of(["dog"], ["word"]), tags)
    with metagrad.no_grad():
        tagger.network.members[0].scorer.bias[0] = 100.0
    assert [t.tag for t in next(tagger.tag_all([["dog", "*-1"]]))] == ["NN", "NN"]


def test_network_shapes():
    settings = Settings(layers=2, hidden=6, embedding=8, bidirectional=False, letters="convolution", letter_features=4)
    lexicon = Lexicon.of(["the", "dog"], ["word", "shape"])
    network = Network(settings, lexicon.sizes, len(lexicon.alphabet), [5])
    assert [e.embedding_dim for e in network.members[0].words.embeddings] == [8, 2] and network.members[
        0
    ].words.features == 14
    batch = collate(encode([[("the", "?")] * 3, [("dog", "?")]], lexicon, []), [0, 1])
    assert network(batch).shape == (1, 4, 5) and len(batch.features) == 2
