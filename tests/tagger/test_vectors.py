"""Word vectors learned elsewhere."""

import numpy as np
import pytest

from metagrad.tagger import Tagger
from metagrad.tagger.learning import new_model
from metagrad.tagger.settings import Settings
from metagrad.tagger.splits import Split
from metagrad.tagger.training import Recipe
from metagrad.tagger.vectors import read_vectors

SENTENCES = [[("The", "DT"), ("dog", "NN")], [("a", "DT"), ("cat", "NN")]] * 8
GLOVE = "the 1 2\ndog 3 4.5\n1,984 5e-1 6\nvery . good 7 8\nDog 0 0\n"


def test_glove_and_word2vec(tmp_path):
    for name, text in (
        ("glove", GLOVE),
        ("word2vec", "5 2\n" + GLOVE),
        ("windows", GLOVE.replace("\n", "\r\n") + "\n"),
    ):
        (tmp_path / name).write_text(text)
        found = read_vectors(tmp_path / name)
        assert {w: v.tolist() for w, v in found.items()} == {
            "the": [1, 2], "dog": [3, 4.5], "0,000": [0.5, 6], "very . good": [7, 8]
        }  # fmt: skip
    assert list(read_vectors(tmp_path / "glove", most=2)) == ["the", "dog"]


@pytest.mark.parametrize("text", ["", "the 1 2\ndog x 2\n", "the 1 2\ndog 3\n", "the\n", "5 2\nthe 1\n", "the 1 nan\n"])
def test_what_is_no_vector_is_named(tmp_path, text):
    (tmp_path / "v").write_text(text)
    with pytest.raises(ValueError, match=r"expected a word and|no word vectors"):
        read_vectors(tmp_path / "v")


def test_they_are_what_the_embeddings_begin_with_and_words_out_of_training_have_one(tmp_path):
    (tmp_path / "v").write_text(GLOVE)
    settings, parts = Settings(hidden=4, embedding=2, members=2), Split(SENTENCES, [], [])
    model = new_model(parts, settings, Recipe(), {}, tmp_path / "v")
    numbers = model.lexicon.vocabularies["lower"]
    assert {"the", "dog", "a", "cat", "0,000"} <= set(numbers.entries) and not model.lexicon.knows("1,984")
    for member in model.network.members:
        table = member.words.embeddings[1].weight.detach().numpy()
        ratio = table[numbers["dog"]] / np.array([3, 4.5])
        np.testing.assert_allclose(table[numbers["the"]] / np.array([1, 2]), ratio, rtol=1e-5)
    with pytest.raises(ValueError, match="--embedding 2"):
        new_model(parts, Settings(hidden=4, embedding=3), Recipe(), {}, tmp_path / "v")
    with pytest.raises(ValueError, match="spelling"):
        new_model(parts, Settings(hidden=4, embedding=2, spelling=False), Recipe(), {}, tmp_path / "v")


def test_a_tagger_trained_with_them_is_read_without_them(tmp_path):
    (tmp_path / "v").write_text(GLOVE)
    tagger = Tagger.train(SENTENCES, vectors=tmp_path / "v", epochs=20, hidden=8, embedding=2, dropout=0.0)
    tagger.save(tmp_path / "m")
    (tmp_path / "v").unlink()
    assert Tagger.load(tmp_path / "m").tag(["The", "cat"]) == [("The", "DT"), ("cat", "NN")]
