"""``metagrad learn``: listing, starting, checking; and files that raise, never end, or end the process."""

import pytest

from metagrad.cli import main
from metagrad.learn import chapters
from metagrad.learn.grading import check


def test_the_chapters_are_listed(capsys):
    assert main(["learn"]) == 0
    printed = capsys.readouterr().out
    for chapter in chapters.all_chapters():
        assert chapter.title in printed and all(exercise.name in printed for exercise in chapter.exercises)


def test_a_chapter_is_started_once(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["learn", "start", "1"]) == 0
    file = tmp_path / "chapter_01.py"
    assert "def slope" in file.read_text(encoding="utf-8")
    file.write_text("mine", encoding="utf-8")
    assert main(["learn", "start", "1"]) == 1
    assert file.read_text(encoding="utf-8") == "mine" and "left as it is" in capsys.readouterr().err
    assert main(["learn", "start", "99"]) == 1
    assert "there is no chapter 99" in capsys.readouterr().err


def test_checking_says_what_is_right_and_what_is_missing(tmp_path, capsys):
    file = tmp_path / "mine.py"
    file.write_text("def slope(f, x, h=1e-4):\n    return (f(x + h) - f(x - h)) / (2 * h)\n", encoding="utf-8")
    assert main(["learn", "check", "1", "--file", str(file)]) == 1
    printed = capsys.readouterr().out
    assert "slope: right" in printed and "There is no neuron_gradient in the file" in printed
    assert main(["learn", "check", "1", "--file", str(tmp_path / "none.py")]) == 1
    assert "metagrad learn start 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("while True: pass", "did not come to an end within 2 seconds"),
        ("import os; os._exit(3)", "ended with status 3"),
        ("import sys; sys.exit(1)", "cannot be run"),
        ("x = 1\ny = x / 0\n", "line 2"),
        ("def slope(f, x, h): return (", "SyntaxError"),
    ],
)
def test_a_file_that_fails_is_told_so(text, problem, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(text, encoding="utf-8")
    seconds = 2 if "while" in text else 120
    assert all(problem in (verdict.problem or "") for verdict in check(1, file, seconds=seconds))
