"""Splits: the parts cover the corpus once, are the same everywhere, and follow a corpus's protocol if it has one."""

import pytest

from metagrad.tagger.corpora import Corpus
from metagrad.tagger.splits import split


def numbered(count, training=None):
    """A corpus whose sentence i is the one word i."""
    return Corpus("numbers", [[(str(i), "CD")] for i in range(count)], "made here", "CC0", training)


def numbers(part):
    return [int(sentence[0][0]) for sentence in part]


def sizes(parts):
    return len(parts.train), len(parts.dev), len(parts.test)


@pytest.mark.parametrize("training", [None, 31])
@pytest.mark.parametrize(("dev", "test"), [(0.1, 0.2), (0, 0.2), (0.5, 0), (0, 0), (0.01, 0.9)])
@pytest.mark.parametrize("seed", [0, 7])
def test_every_sentence_is_in_one_part_and_in_order(training, dev, test, seed):
    parts = split(numbered(40, training), dev=dev, test=test, seed=seed)
    found = [numbers(part) for part in (parts.train, parts.dev, parts.test)]
    assert sorted(sum(found, [])) == list(range(40))
    assert all(part == sorted(part) for part in found)


@pytest.mark.parametrize(
    ("count", "dev", "test", "expected"),
    [
        (400, 0.1, 0.2, (288, 32, 80)),
        (10, 0.1, 0.2, (7, 1, 2)),
        (10, 0, 0.2, (8, 0, 2)),
        (10, 0.1, 0, (9, 1, 0)),
        (10, 0, 0, (10, 0, 0)),
        (3, 0.01, 0.01, (1, 1, 1)),  # a share above 0 is one sentence at least
        (1, 0, 0, (1, 0, 0)),
    ],
)
def test_the_shares(count, dev, test, expected):
    assert sizes(split(numbered(count), dev=dev, test=test)) == expected


@pytest.mark.parametrize(
    ("dev", "train_end", "dev_end"), [(0.1, 2700, 3000), (0, 3000, 3000), (0.25, 2250, 3000), (1e-9, 2999, 3000)]
)
def test_the_articles_protocol(dev, train_end, dev_end):
    parts = split(numbered(3914, training=3000), dev=dev, test=0.5, seed=dev_end)
    assert numbers(parts.train) == list(range(train_end))
    assert numbers(parts.dev) == list(range(train_end, dev_end))
    assert numbers(parts.test) == list(range(3000, 3914))


def test_the_same_seed_gives_the_same_parts_on_every_machine():
    parts = split(numbered(12), dev=0.2, test=0.25, seed=3)
    assert parts == split(numbered(12), dev=0.2, test=0.25, seed=3)
    assert (numbers(parts.dev), numbers(parts.test)) == ([1, 2], [4, 5, 8])


def test_another_seed_gives_other_parts():
    tests = {tuple(numbers(split(numbered(100), seed=seed).test)) for seed in range(20)}
    assert len(tests) == 20


def test_the_sentences_for_the_test_come_from_everywhere():
    chosen = [i for seed in range(200) for i in numbers(split(numbered(10), seed=seed).test)]
    counts = [chosen.count(i) for i in range(10)]
    assert sum(counts) == 400
    assert min(counts) > 20 and max(counts) < 60  # 40 each on average; the seeds are fixed, so this never varies


def test_holding_out_does_not_touch_the_test():
    assert split(numbered(50), dev=0).test == split(numbered(50), dev=0.4).test


@pytest.mark.parametrize("share", [-0.1, 1, 1.5, float("nan")])
@pytest.mark.parametrize("name", ["dev", "test"])
def test_a_share_that_cannot_be_is_refused(name, share):
    with pytest.raises(ValueError, match=f"expected 0 <= {name} < 1, got {share}"):
        split(numbered(10), **{name: share})


@pytest.mark.parametrize(("count", "training"), [(0, None), (1, None), (2, None), (5, 1), (5, 0)])
def test_a_corpus_too_small_is_refused(count, training):
    with pytest.raises(ValueError, match=f"'numbers' is too small: .* got {count}"):
        split(numbered(count, training))
