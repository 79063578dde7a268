"""The linear member: its scores by their formula, its gradients, and what it learns that a word alone does not tell."""

import numpy as np
import pytest

import metagrad
from metagrad.autograd import gradcheck
from metagrad.autograd.variable import wrap
from metagrad.tagger import Tagger
from metagrad.tagger.batches import collate, encode
from metagrad.tagger.learning import new_model
from metagrad.tagger.linear import NEIGHBOURS, shifted
from metagrad.tagger.settings import Settings
from metagrad.tagger.splits import Split
from metagrad.tagger.training import Recipe

LINEAR = Settings(cell="none", crf=True)
SENTENCES = [[("the", "D"), ("saw", "N"), ("saw", "V"), ("it", "P")], [("Saw", "V"), ("it", "P")], [("it", "P")]]


def random_member(settings=LINEAR, sentences=SENTENCES):
    """An untrained model of one linear member with weights at random, and its encoded sentences."""
    model = new_model(Split(sentences, [], []), settings, Recipe(), {})
    rng = np.random.default_rng(0)
    for weight in model.network.parameters():
        weight.data = wrap(rng.normal(size=tuple(weight.shape)))
    return model, encode(sentences, model.lexicon, model.tags)


@pytest.mark.parametrize("spelling", [True, False])
def test_scores_are_sums_of_the_weights_of_a_word_and_its_neighbours(spelling):
    model, encoded = random_member(Settings(cell="none", crf=True, spelling=spelling))
    (member,) = model.network.members
    found = dict(collate(encoded, range(3)).sentences(member(collate(encoded, range(3))).detach().numpy()))
    names = list(model.lexicon.sizes)
    for place, sentence in enumerate(SENTENCES):
        numbers = [model.lexicon.describe(word) for word, _ in sentence]
        for t, own in enumerate(numbers):
            expected = sum(w.weight.detach().numpy()[own[i]] for i, w in enumerate(member.own.weights))
            for (distance, wanted), near in zip(NEIGHBOURS.items(), member.near, strict=True):
                if 0 <= t + distance < len(sentence):
                    columns = [names.index(name) for name in wanted if name in names] or [0]
                    for i, w in zip(columns, near.weights, strict=True):
                        expected = expected + w.weight.detach().numpy()[numbers[t + distance][i]]
            np.testing.assert_allclose(found[place][t], 5 * expected)


def test_gradients_are_those_of_finite_differences():
    model, encoded = random_member()
    (member,) = model.network.members
    batch = collate(encoded, range(3))
    weights = [member.own.weights[1].weight, member.near[1].weights[0].weight, member.near[3].weights[0].weight]
    assert gradcheck(lambda *_: member.losses(batch)[0], weights)


def test_shifted_by_hand():
    x = metagrad.tensor([[[1.0]], [[2.0]], [[3.0]]])
    assert [shifted(x, d).flatten().tolist() for d in (-2, -1, 1, 2)] == [[0, 0, 1], [0, 1, 2], [2, 3, 0], [3, 0, 0]]
    for distance in (-2, 2):  # farther than the sentence is long
        assert shifted(x[:1], distance).flatten().tolist() == [0]


def test_it_learns_from_neighbours_and_from_spelling_and_is_written_down(tmp_path):
    """``mark`` is a verb after ``to`` and a noun after ``the``; words in -ly are adverbs, also those it has not seen."""
    sentences = [
        [("to", "TO"), ("mark", "VB"), ("the", "DT"), ("mark", "NN")],
        [("to", "TO"), ("mark", "VB"), ("softly", "RB")],
        [("the", "DT"), ("mark", "NN"), ("mostly", "RB")],
    ] * 10
    tagger = Tagger.train(sentences, cell="none", crf=True, epochs=20)
    given = [["the", "mark"], ["to", "mark", "the", "mark", "boldly"], ["mark"]]
    expected = [["DT", "NN"], ["TO", "VB", "DT", "NN", "RB"]]
    assert tagger.predict(given[:2]) == expected
    assert tagger.model.settings.summary == "linear with a CRF"
    tagger.save(tmp_path / "linear.safetensors")
    again = Tagger.load(tmp_path / "linear.safetensors")
    assert [again.probabilities(words) for words in given] == [tagger.probabilities(words) for words in given]


def test_tags_of_several_columns_are_learned_without_a_crf():
    sentences = [[("the", ("D", "x")), ("saw", ("N", "y"))], [("they", ("P", "x")), ("saw", ("V", "z"))]] * 20
    tagger = Tagger.train(sentences, cell="none", epochs=20)
    assert tagger.predict([["they", "saw"], ["the", "saw"]]) == [[("P", "x"), ("V", "z")], [("D", "x"), ("N", "y")]]
    with pytest.raises(ValueError, match="a CRF chooses the tags of one column"):
        new_model(Split([[(w, "\t".join(t)) for w, t in s] for s in sentences], [], []), LINEAR, Recipe(), {})
