"""Spans: every scheme read and written, scored as conlleval does, and no sequence predicted that cannot be."""

import itertools
import json
import random

import numpy as np
import pytest

from metagrad import cli
from metagrad.tagger.learning import constrain
from metagrad.tagger.model import Settings
from metagrad.tagger.spans import (
    SCHEMES,
    Rewritten,
    allowed_transitions,
    best_legal,
    converted,
    may_follow,
    scheme_of,
    tags_of,
)
from metagrad.tagger.trained import Model
from metagrad.tagger.vocabulary import Lexicon
from metagrad.utils.metrics.spans import Span, score_spans, spans_of

TYPES = ("PER", "LOC")


def drawn(chance, words):
    """Spans that do not overlap, some of them side by side."""
    found, start = [], 0
    while start < words:
        end = min(words, start + chance.randint(1, 3))
        if chance.random() < 0.6:
            found.append(Span(chance.choice(TYPES), start, end))
        start = end
    return found


@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_is_written_is_read_back_and_may_be(scheme):
    chance, allowed = random.Random(0), may_follow(scheme)
    for _ in range(300):
        spans = drawn(chance, chance.randint(0, 9))
        words = max((s.end for s in spans), default=0) + 1
        tags = tags_of(spans, words, scheme)
        assert spans_of(tags) == spans
        assert all(allowed(a, b) for a, b in itertools.pairwise(["O", *tags, "O"]))
        for other in SCHEMES:
            (again,) = converted(converted([[("w", tag) for tag in tags]], other), scheme)
            assert [tag for _, tag in again] == tags
    assert scheme_of(tags_of(drawn(chance, 20), 20, scheme) for _ in range(50)) == scheme


def test_iob1_begins_with_b_only_beside_a_span_of_the_same_type():
    spans = [Span("X", 0, 2), Span("X", 2, 3), Span("Y", 3, 4), Span("X", 5, 6)]
    assert tags_of(spans, 6, "IOB1") == ["I-X", "I-X", "B-X", "I-Y", "O", "I-X"]


# What conlleval counts in sequences that no scheme has: (tags, chunks), checked by hand against its rules.
ODD = [
    (["I-X", "I-Y"], [("X", 0, 1), ("Y", 1, 2)]), (["O", "E-X", "I-X"], [("X", 1, 2), ("X", 2, 3)]),
    (["B-X", "B-X"], [("X", 0, 1), ("X", 1, 2)]), (["B-X", "I-Y", "I-X"], [("X", 0, 1), ("Y", 1, 2), ("X", 2, 3)]),
    (["S-X", "I-X"], [("X", 0, 1), ("X", 1, 2)]), (["B-X", "S-X"], [("X", 0, 1), ("X", 1, 2)]), ([], []), (["O"], []),
]  # fmt: skip


@pytest.mark.parametrize(("tags", "expected"), ODD)
def test_sequences_of_no_scheme(tags, expected):
    assert spans_of(tags) == expected


def test_scores_are_seqevals():
    metrics = pytest.importorskip("seqeval.metrics")
    chance = random.Random(1)
    names = ["O", *(f"{p}-{t}" for p in "BI" for t in TYPES)]
    truth = [tags_of(drawn(chance, 9), 9) for _ in range(200)]
    found = [[tag if chance.random() < 0.8 else chance.choice(names) for tag in tags] for tags in truth]
    mine = score_spans(truth, found)[0]
    assert mine.f1 == pytest.approx(metrics.f1_score(truth, found))
    assert mine.precision == pytest.approx(metrics.precision_score(truth, found))
    assert mine.recall == pytest.approx(metrics.recall_score(truth, found))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_best_sequence_of_those_that_may_be(scheme):
    names = ["O", "B-X", "I-X", "B-Y", "I-Y", *(["E-X", "S-X"] if scheme == "BIOES" else [])]
    random, allowed = np.random.default_rng(2), may_follow(scheme)
    transitions = allowed_transitions(names, scheme)
    for words in (1, 2, 3, 4):
        log_p = random.normal(size=(words, len(names)))
        found = [names[k] for k in best_legal(log_p, transitions)]
        legal = [
            path for path in itertools.product(range(len(names)), repeat=words)
            if all(allowed(a, b) for a, b in itertools.pairwise(["O", *(names[k] for k in path), "O"]))
        ]  # fmt: skip
        best = max(legal, key=lambda path: sum(log_p[t, k] for t, k in enumerate(path)))
        assert found == [names[k] for k in best]
    assert best_legal(np.zeros((0, len(names))), transitions).tolist() == []


def corpus(count):
    """CoNLL-2003: names after a title, places after `in`."""
    chance, lines = random.Random(3), ["-DOCSTART- -X- -X- O", ""]
    for _ in range(count):
        person = chance.sample(["Ann", "Bob", "Lee", "Wu", "Kim", "Rossi"], chance.randint(1, 2))
        place = chance.sample(["Rome", "York", "Oslo", "Lima", "Bern", "Pisa"], chance.randint(1, 2))
        rows = [
            ("Dr.", "O"),
            *zip(person, ["B-PER", "I-PER"]),
            ("is", "O"),
            ("in", "O"),
            *zip(place, ["B-LOC", "I-LOC"]),
        ]
        lines += [*(f"{word} NN I-NP {tag}" for word, tag in rows), ""]
    return "\n".join(lines)


@pytest.mark.parametrize(("scheme", "preset"), [(None, "fast"), ("BIOES", "fast"), ("IOB1", "best")])
def test_the_command_learns_spans(scheme, preset, tmp_path, capsys):
    (tmp_path / "c").write_text(corpus(120))
    small = ["--epochs", "20", "--embedding", "16", "--dropout", "0.1", "--lr", "0.01", "--preset", preset]
    small += ["--hidden", "16", "--batch-size", "8"] if preset == "fast" else []
    files = ["--output", str(tmp_path / "m"), "--report", str(tmp_path / "r")]
    more = [] if scheme is None else ["--scheme", scheme]
    assert cli.main(["tag", "train", "--task", "spans", "--corpus", str(tmp_path / "c"), *small, *more, *files]) == 0
    out = capsys.readouterr().out
    assert f"Spans in the scheme {scheme or 'BIO'}" in out and "column NER" in out and "spans: PER" in out
    spans = json.loads((tmp_path / "r" / "report.json").read_text())["spans"]
    assert set(spans) == {"all", "PER", "LOC"} and spans["all"]["f1"] > 0.9
    assert "<h2>Spans</h2>" in (tmp_path / "r" / "report.html").read_text()
    assert cli.main(["tag", "evaluate", "--model", str(tmp_path / "m"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["spans"]["all"]["f1"] == pytest.approx(spans["all"]["f1"])
    model, allowed = Model.load(tmp_path / "m"), may_follow(scheme or "BIO")
    chance = random.Random(4)
    words = ["Dr.", "Ann", "Rome", "in", "zebra", "Wu", "Oslo", "is"]
    for tagged in model.tag_all([chance.choices(words, k=chance.randint(1, 12)) for _ in range(200)]):
        assert all(allowed(a, b) for a, b in itertools.pairwise(["O", *(t.tag for t in tagged), "O"]))
    assert {"B-PER", "E-PER", "S-PER"} <= set(model.learned) and "E-PER" in model.tags or scheme != "BIOES"
    sentences = [["Dr.", "Ann", "Wu", "is", "in", "Oslo"], ["Ann"], []]
    for words, (tags, p), (_, q) in zip(sentences, model.scored(sentences), model.scored_as_learned(sentences)):
        assert len(words) == len(tags) == len(p) and p.shape[1] == len(model.tags)
        np.testing.assert_allclose(p.sum(-1), q.sum(-1), rtol=1e-5)
        for row, own in zip(p, q):  # the share of what is outside is the same in every scheme
            assert row[model.tags.index("O")] == pytest.approx(own[model.learned.index("O")], abs=1e-6)


def test_the_crfs_probabilities_are_of_sequences_that_may_be():
    learned = ["O", *(f"{p}-{t}" for p in "BIES" for t in TYPES)]
    about = {"scheme": "BIO", "learned_scheme": "BIOES"}
    model = Model.new(
        Settings(hidden=4, embedding=4, spelling=False, crf=True), Lexicon.of(["a", "b"], ["word"]), learned, about
    )
    sentences = [["a"], ["a", "b"], ["b", "a", "a", "c", "b"]]
    never = [learned.index(tag) for tag in ("I-PER", "E-PER", "I-LOC", "E-LOC")]
    assert all(p[0, never].min() > 1e-3 for _, p in model.scored_as_learned(sentences))
    constrain(model)
    for _, p in model.scored_as_learned(sentences):
        np.testing.assert_allclose(p.sum(-1), 1, rtol=1e-5)
        assert p[0, never].max() < 1e-6 and p[-1, [learned.index("B-PER"), learned.index("I-PER")]].max() < 1e-6
    ((_, p), *_) = model.scored_as_learned(sentences)  # of a single word: outside, or a span by itself
    assert p[0, [learned.index(tag) for tag in ("O", "S-PER", "S-LOC")]].sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_spans_learned_in_one_scheme_are_given_in_another(scheme):
    chance = random.Random(5)
    learned = ["O", *(f"{p}-{t}" for p in "BIES" for t in TYPES)]
    rewritten = Rewritten(learned, scheme)
    for _ in range(100):
        spans = drawn(chance, 9)
        tags = [learned.index(tag) for tag in tags_of(spans, 9, "BIOES")]
        p = np.random.default_rng(0).dirichlet(np.ones(len(learned)), 9)
        numbers, q = rewritten(np.array(tags), p)
        assert [rewritten.names[k] for k in numbers] == tags_of(spans, 9, scheme)
        np.testing.assert_allclose(q.sum(-1), 1, rtol=1e-6)
        assert all(q[t, numbers[t]] >= p[t, tags[t]] - 1e-7 for t in range(9))


def test_tags_that_are_not_of_spans_are_refused(tmp_path, capsys):
    (tmp_path / "c").write_text("a DT\nb NN\n\n" * 20)
    files = ["--output", str(tmp_path / "m"), "--report", str(tmp_path / "r")]
    assert cli.main(["tag", "train", "--task", "spans", "--corpus", str(tmp_path / "c"), *files]) == 1
    assert "expected tags of spans such as B-PER" in capsys.readouterr().err
