"""Tokens that stand for several words: those of the treebank, and by their endings and beginnings those that it does not have."""

import json

import numpy as np
import pytest

from metagrad.tagger.corpora.corpus import Token
from metagrad.tagger.text.division import Division, Rule, lower
from metagrad.tagger.text.segmenter import Segmenter
from metagrad.tagger.text.tokenizer import Tokenizer


def tokens(text):
    """``evdeki=evde+ki`` is a token of two words."""
    for part in text.split():
        form, _, words = part.partition("=")
        yield Token(form, True, tuple(words.split("+")) if words else (form,))


TURKISH = "evdeki=evde+ki sudaki=suda+ki kapıdaki=kapıda+ki ev su kapı eski seki güzeldi=güzel+di yeşildi=yeşil+di"
HEBREW = "וקר=ו+קר ושם=ו+שם ובבית=ו+ב+ה+בית בים=ב+ים בגן=ב+גן קר שם גן ורד=ורד"


@pytest.mark.parametrize(
    ("corpus", "token", "words"),
    [
        (TURKISH, "evdeki", ["evde", "ki"]),
        (TURKISH, "odadaki", ["odada", "ki"]),  # no token of the corpus
        (TURKISH, "Ankara'daki", ["Ankara'da", "ki"]),
        (TURKISH, "eski", ["eski"]),  # what the corpus has in one is not divided
        (TURKISH, "Eski", ["Eski"]),
        (TURKISH, "uzundu", ["uzundu"]),
        (TURKISH, "İzmirdeki", ["İzmirde", "ki"]),  # a letter whose small one is two
        (TURKISH, "ki", ["ki"]),
        (HEBREW, "ושיר", ["ו", "שיר"]),
        (HEBREW, "ורד", ["ורד"]),
        (HEBREW, "בעיר", ["ב", "עיר"]),
        ("du=de+le du=de+le du des=de+les", "Du", ["De", "le"]),
        ("du=de+le du=de+le du des=de+les", "DU", ["DE", "le"]),
        ("du=du au=à+le", "du", ["du"]),
        ("a b", "c", ["c"]),
    ],
)
def test_tokens_are_divided(corpus, token, words):
    assert Division.learn(tokens(corpus)).words(token) == words


def test_a_rule_needs_two_tokens_and_half_of_those_with_its_ending():
    assert Division.learn(tokens("evdeki=evde+ki ki")).words("sudaki") == ["sudaki"]
    found = Division.learn(tokens("ala=al+a bela=bel+a kela vela sala"))
    assert found.words("tola") == ["tola"] and found.words("ala") == ["al", "a"]


def test_the_letters_stay():
    division = Division.learn(tokens(TURKISH))
    for word in ("odadaki", "KAPIDAKİ", "Xdaki", "güzeldi"):
        assert "".join(division.words(word)).lower() == word.lower() and len(lower(word)) == len(word)


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("didn't", ["did", "n't"]), ("didn\u2019t", ["did", "n\u2019t"]), ("DIDN\u2019T", ["DID", "N\u2019T"]),
        ("Didn't", ["Did", "n't"]), ("wouldn\u2019t", ["would", "n\u2019t"]), ("dog\u2019s", ["dog\u2019s"]), ("DU", ["DE", "le"]),
    ],
)  # fmt: skip
def test_the_words_of_a_token_have_its_own_marks_and_capitals(token, words):
    division = Division.learn(tokens("didn't=did+n't can't=ca+n't won't=wo+n't du=de+le"))
    tokenizer = Tokenizer("learned", Segmenter(np.zeros((1 << 18, 2), np.float32), division, False, "'"))
    assert [(w.form, w.start, w.end) for w in tokenizer.divided(token, 3, 9)] == [(form, 3, 9) for form in words]


def test_it_travels_in_the_model_file():
    weights = np.zeros((1 << 18, 2), np.float32)
    tokenizer = Tokenizer("learned", Segmenter(weights, Division.learn(tokens(TURKISH)), False))
    description = json.loads(json.dumps(tokenizer.description()))
    again = Tokenizer.read(description, tokenizer.arrays()["tokenizer/weights"])
    assert [w.form for w in again.divided("odadaki", 0, 7)] == ["odada", "ki"]
    assert again.segmenter.division.endings["aki"] == Rule(2, ["", "ki"])
    for key in ("endings", "beginnings"):  # a file from before there were rules
        del description[key]
    old = Tokenizer.read(description, tokenizer.arrays()["tokenizer/weights"])
    assert [w.form for w in old.divided("odadaki", 0, 7)] == ["odadaki"]
