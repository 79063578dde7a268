"""The programs of the series: each ends with figures of merit, and each figure has a bound that a broken program misses."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SERIES = Path(__file__).parent.parent / "examples" / "series"
FIGURES = {  # program: (the words before a figure, from, to)
    "linear_regression": [("distance from least squares", 0, 1e-4), ("share of variance explained", 0.995, 1)],
    "polynomial_regression": [
        ("degree chosen", 3, 3),
        ("error on other points", 0.2, 0.3),
        ("error of degree 15", 1, 99),
    ],
    "logistic_regression": [("accuracy", 0.81, 0.83), ("accuracy of the best rule there is", 0.81, 0.83)],
    "softmax_regression": [("accuracy", 0.87, 0.93)],
    "nnlm": [("perplexity over the grammar's", 1.0, 1.15), ("nearest noun is kin", 0.9, 1)],
    "cbow": [("nearest noun is kin", 0.9, 1), ("analogies right", 0.8, 1)],
    "skip_gram": [("nearest noun is kin", 0.9, 1), ("analogies right", 0.5, 1)],
    "negative_sampling": [
        ("correlation with the mutual information", 0.85, 1),
        ("nearest noun is kin", 0.9, 1),
        ("analogies right", 0.5, 1),
    ],
    "glove": [("nearest noun is kin", 0.8, 1), ("analogies right", 0.4, 1)],
    "seq2seq": [("BLEU", 0.95, 1), ("exact match", 0.85, 1)],
    "attention": [("BLEU", 0.98, 1), ("exact match", 0.95, 1), ("looks at the digit it says", 0.85, 1)],
    "bleu_score": [("difference from the library", 0, 1e-12)],
}


@pytest.mark.parametrize("program", FIGURES)
def test_figures_of_merit(program):
    done = subprocess.run([sys.executable, SERIES / f"{program}.py"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    for words, least, most in FIGURES[program]:
        found = re.findall(rf"^{re.escape(words)}[^:]*: (\S+)", done.stdout, re.M)[-1]
        assert least <= float(found) <= most, f"{words}: {found} in\n{done.stdout}"


def test_each_program_has_figures():
    shared = {"language", "numerals"}
    assert {path.stem for path in SERIES.glob("*.py")} - shared == set(FIGURES)


@pytest.fixture
def shared(monkeypatch):
    """The two files that several programs use."""
    monkeypatch.syspath_prepend(str(SERIES))
    import language
    import numerals

    return language, numerals


def test_scores_of_word_vectors_are_those_of_chance_for_random_vectors_and_full_for_right_ones(shared):
    language, _ = shared
    sentences, _ = language.corpus(2000)
    numbers = language.vocabulary(sentences)
    generator = np.random.default_rng(0)
    noise = generator.normal(size=(len(numbers), 40))
    assert language.share_of_kin(noise, numbers) < 0.5 and language.share_of_analogies(noise, numbers) < 0.1
    kinds, right = language.kinds(), 0.1 * noise
    for word, n in numbers.items():
        if word in kinds:
            stem = word.removesuffix("s")
            direction = {kind: i for i, kind in enumerate(("animal", "person", "food", "place"))}[kinds[word]]
            right[n] = 0.3 * np.random.default_rng(sum(map(ord, stem))).normal(size=40)
            right[n, direction] += 5
            right[n, 4] += 3 * (stem != word)
    assert language.share_of_kin(right, numbers) == 1.0 and language.share_of_analogies(right, numbers) > 0.95


def test_the_grammars_perplexity_is_that_of_its_own_probabilities(shared):
    language, _ = shared
    draw, seen = language.Draw(0), 0
    for _ in range(200):
        draw.log_probability = 0.0
        words = language.sentence(draw)
        deeds = {*language.ANIMALS.values(), *language.PEOPLE.values()}
        if (
            words[-2] in deeds
        ):  # of 2 kinds, 10 nouns, 2 numbers, 2 determiners, an adjective or none, and 2 ways to go on
            described = len(words) == 5
            expected = 1 / (2 * 10 * 2 * 2 * 2 * (4 if described else 1) * 2)
            assert np.exp(draw.log_probability) == pytest.approx(expected)
            seen += 1
    assert seen > 50


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "zero"),
        (7, "seven"),
        (13, "thirteen"),
        (40, "forty"),
        (100, "one hundred"),
        (115, "one hundred and fifteen"),
        (4015, "four thousand and fifteen"),
        (20_000, "twenty thousand"),
        (700_301, "seven hundred thousand three hundred and one"),
        (999_999, "nine hundred and ninety nine thousand nine hundred and ninety nine"),
    ],
)
def test_numbers_in_words(shared, number, words):
    spelled = shared[1].spelled(number)
    assert " ".join(word for word, _ in spelled) == words
    digits = str(number)
    ones, teens, tens = shared[1].ONES, shared[1].TEENS, shared[1].TENS
    for word, position in spelled:  # each word comes from the digit that it is said to come from
        if position is not None:
            digit = int(digits[position])
            assert word in (ones[digit], teens[digit], tens[digit])
