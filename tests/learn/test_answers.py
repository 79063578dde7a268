"""Each chapter's solution passes its checks, and each wrong answer gets its hint."""

import runpy
from pathlib import Path

import pytest

from metagrad.learn import chapters, grading
from metagrad.learn.answers import agree, answer

ANSWERS = {int(path.stem[2:]): runpy.run_path(str(path)) for path in Path(__file__).parent.glob("answers/ch*.py")}
WRONG = [
    pytest.param(number, *wrong, id=f"{number}-{wrong[0]}-{wrong[1]}")
    for number, answers in sorted(ANSWERS.items())
    for wrong in answers["WRONG"]
]
EXERCISES = [
    pytest.param(exercise, id=f"{chapter.number}-{exercise.name}")
    for chapter in chapters.all_chapters()
    for exercise in chapter.exercises
]


def judged(number: int, text: str, folder: Path) -> dict[str, str | None]:
    file = folder / "mine.py"
    file.write_text(text, encoding="utf-8")
    return {verdict.exercise: verdict.problem for verdict in grading.verdicts(number, str(file))}


def test_every_chapter_has_its_answers():
    assert sorted(ANSWERS) == [chapter.number for chapter in chapters.all_chapters()]
    for chapter in chapters.all_chapters():
        assert len(chapter.exercises) >= 2 and len(ANSWERS[chapter.number]["WRONG"]) >= 3


@pytest.mark.parametrize("number", sorted(ANSWERS))
def test_the_solution_is_right(number, tmp_path):
    assert set(judged(number, ANSWERS[number]["RIGHT"], tmp_path).values()) == {None}


@pytest.mark.parametrize(("number", "name", "words", "text"), WRONG)
def test_a_wrong_answer_gets_its_hint(number, name, words, text, tmp_path):
    said = judged(number, text, tmp_path)
    assert words in said[name] and "The line that is not yet in the code: " in said[name]
    assert [other for other, problem in said.items() if problem] == [name]


@pytest.mark.parametrize("number", sorted(ANSWERS))
def test_the_stub_is_not_yet_right(number, tmp_path):
    problems = judged(number, chapters.chapter(number).stub(), tmp_path).values()
    assert all(problem is not None for problem in problems)


@pytest.mark.parametrize("exercise", EXERCISES)
def test_mistakes_can_be_told_apart(exercise):
    gives = [exercise.right, *(mistake.gives for mistake in exercise.mistakes)]
    answers = [[answer(give, *case) for case in exercise.cases] for give in gives]
    for i, some in enumerate(answers):
        for others in answers[:i]:
            assert not all(agree(a, b, exercise.tolerance) for a, b in zip(some, others, strict=True))


@pytest.mark.parametrize("exercise", EXERCISES)
def test_an_unknown_mistake_is_told_the_line(exercise):
    said = exercise.check(lambda *_, **__: "something else") or ""
    assert exercise.line in said
