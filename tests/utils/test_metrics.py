"""Figures of merit, against those of other libraries and by hand."""

import itertools
import random

import numpy as np
import pytest
from metagrad.metrics import accuracy, bleu, confusion_matrix, perplexity

import metagrad


def test_accuracy_takes_classes_or_scores_and_leaves_out_what_is_ignored():
    scores = metagrad.tensor([[[0.1, 0.9], [0.8, 0.2]], [[0.3, 0.7], [0.6, 0.4]]])
    targets = metagrad.tensor([[1, 1], [-100, 0]])
    assert accuracy(scores, targets) == 0.5
    assert accuracy(scores, targets, ignore_index=-100) == 2 / 3
    assert accuracy(scores.argmax(-1), targets, ignore_index=-100) == 2 / 3
    assert accuracy(np.array([1, 2]), np.array([1, 2])) == 1.0


def test_accuracy_of_nothing_and_of_other_shapes_is_refused():
    with pytest.raises(ValueError, match="at least one target"):
        accuracy(np.zeros(0), np.zeros(0))
    with pytest.raises(ValueError, match=r"expected answers \(2,\), or scores \(2, 'C'\), got \(3, 4\)"):
        accuracy(np.zeros((3, 4)), np.zeros(2))


def test_the_confusion_matrix_counts_actual_classes_down():
    found = confusion_matrix(np.array([0, 1, 1, 2, 2, 2]), np.array([0, 0, 1, 1, 2, 2]), num_classes=4)
    assert found.tolist() == [[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 2, 0], [0, 0, 0, 0]]
    with pytest.raises(ValueError, match="from 0 to 1"):
        confusion_matrix(np.array([2]), np.array([0]), num_classes=2)


def test_perplexity_is_exp_of_cross_entropy():
    generator = np.random.default_rng(0)
    logits = metagrad.tensor(generator.normal(size=(4, 5, 7)) * 3)
    targets = metagrad.tensor(generator.integers(0, 7, (4, 5)))
    targets[0, :3] = -100
    loss = metagrad.nn.functional.cross_entropy(logits.transpose(1, 2), targets)
    assert perplexity(logits, targets, ignore_index=-100) == pytest.approx(loss.exp().item(), rel=1e-12)
    assert perplexity(np.array([[1e4, 0.0]]), np.array([0])) == 1.0


def corpora(seed):
    """Candidates and references in eight words, of very different lengths and numbers.

    None is shorter than four words: NLTK counts one four-gram in those, where the paper counts none.
    """
    draw = random.Random(seed)
    sentence = lambda least: [draw.choice("abcdefgh") for _ in range(draw.randint(least, 14))]  # noqa: E731
    references = [[sentence(4) for _ in range(draw.randint(1, 3))] for _ in range(draw.randint(2, 6))]
    return [
        [w if draw.random() < 0.8 else "x" for w in r[0]] if draw.random() < 0.8 else sentence(4) for r in references
    ], references


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(20))
def test_bleu_is_that_of_nltk(seed):
    theirs = pytest.importorskip("nltk.translate.bleu_score")
    candidates, references = corpora(seed)
    for order in (1, 2, 4):
        expected = theirs.corpus_bleu(references, candidates, weights=(1 / order,) * order)
        found = bleu(candidates, references, order)
        assert found == (pytest.approx(expected, rel=1e-12) if expected > 1e-50 else 0.0)  # theirs stays above 0


def test_bleu_by_hand():
    reference = "the cat is on the mat".split()
    assert bleu([["the"] * 7], [[reference]], max_order=1) == 2 / 7  # counted at most as often as the reference has it
    assert bleu([["the", "cat"]], [[reference]], max_order=1) == pytest.approx(np.exp(1 - 6 / 2))  # too short
    assert bleu([reference], [[reference]]) == 1.0
    assert bleu([list("abc")], [[list("abc")]]) == 0.0  # no four words in a row


def test_bleu_refuses_strings_and_missing_references():
    with pytest.raises(ValueError, match="split"):
        bleu(["the cat"], [[["the", "cat"]]])
    with pytest.raises(ValueError, match="got 0 for 1"):
        bleu([["a"]], [])
    with pytest.raises(ValueError, match="expected a reference for 'a'"):
        bleu([["a"]], [[]])


def test_spans_are_found_from_the_public_path():
    tags = list(itertools.chain(["B-X", "I-X"], ["O", "S-Y"]))
    assert [tuple(span) for span in metagrad.metrics.spans_of(tags)] == [("X", 0, 2), ("Y", 3, 4)]
    assert metagrad.metrics.score_spans([tags], [tags])[0].f1 == 1.0
