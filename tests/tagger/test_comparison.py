"""Two taggings compared."""

import json
import math

import pytest

from metagrad import cli
from metagrad.tagger.comparison import by_tag, compare, mcnemar
from metagrad.tagger.metrics import score


@pytest.mark.parametrize(("b", "c"), [(0, 0), (1, 0), (2, 8), (5, 5), (30, 60), (700, 900)])
def test_mcnemar_is_the_binomial_tail(b, c):
    n = b + c
    tail = sum(math.comb(n, k) for k in range(min(b, c) + 1))
    assert mcnemar(b, c) == pytest.approx(float(min(1, 2 * tail / 2**n)), rel=1e-9)
    assert mcnemar(b, c) == mcnemar(c, b)


def test_counts_and_interval():
    truth = [["N", "V", "N"]] * 30 + [[]]
    a = [["N", "V", "V"]] * 30 + [[]]
    b = [["V", "V", "V"]] * 20 + [["N", "V", "N"]] * 10 + [[]]
    found = compare(truth, a, b)
    assert (found.words, found.only_a, found.only_b) == (90, 20, 10)
    assert found.difference == pytest.approx(10 / 90) and found.low < found.difference < found.high
    assert found.p == mcnemar(20, 10)
    back = compare(truth, b, a)
    assert back.difference == -found.difference and back.low == pytest.approx(-found.high, abs=0.02)
    same = compare(truth, a, a)
    assert (same.p, same.low, same.high) == (1.0, 0.0, 0.0) and "may be chance" in str(same)
    with pytest.raises(ValueError, match="no words"):
        compare([], [], [])


def test_tags_that_differ_most_come_first():
    gold = [[("a", "X"), ("b", "Y"), ("c", "Y")]]
    x, y = score(gold, [["X", "Y", "Y"]], lambda w: True), score(gold, [["X", "X", "X"]], lambda w: True)
    assert [(p.tag, p.right, q.right) for p, q in by_tag(x, y)] == [("Y", 2, 0), ("X", 1, 1)]


def test_the_command_compares_and_lists_errors(tmp_path, capsys):
    common = [
        "tag",
        "train",
        "--corpus",
        "sample",
        "--embedding",
        "8",
        "--hidden",
        "8",
        "--report",
        str(tmp_path / "r"),
    ]
    for name, epochs in (("a", "6"), ("b", "1")):
        assert cli.main([*common, "--epochs", epochs, "--output", str(tmp_path / name)]) == 0
    capsys.readouterr()
    command = ["tag", "evaluate", "--model", str(tmp_path / "a"), "--against", str(tmp_path / "b"), "--errors", "3"]
    assert cli.main([*command, "--report", str(tmp_path / "e")]) == 0
    out = capsys.readouterr().out
    assert "McNemar" in out and "bootstrap" in out and "more than chance" in out and "F1 of B" in out
    assert out.count(", word ") == 3 and "[" in out
    page = (tmp_path / "e" / "report.html").read_text()
    assert "Errors in context" in page and "McNemar" in page
    assert cli.main([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["against"]["comparison"]["p"] < 0.05 and len(found["errors"]) == 3
    assert {"word", "actual", "found", "context", "known", "place"} <= found["errors"][0].keys()
