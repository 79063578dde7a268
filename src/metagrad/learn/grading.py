"""Checking a learner's file. It runs in a process of its own, which is ended if it takes too long.

``python -m metagrad.learn.grading CHAPTER FILE RESULT`` is that process; it writes what it found into RESULT.
"""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
import tempfile
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path

from metagrad.learn import chapters


@dataclass
class Verdict:
    """What is said of one exercise: ``problem`` is None if it is right."""

    exercise: str
    problem: str | None


def check(number: int, file: Path, seconds: float = 60.0) -> list[Verdict]:
    """Run a file and check each of its chapter's exercises. What the file prints is printed.

    Raises FileNotFoundError if there is no such file, ValueError for a chapter that there is not.
    """
    chapter = chapters.chapter(number)
    if not file.is_file():
        raise FileNotFoundError(f"there is no file {str(file)!r}: `metagrad learn start {number}` writes one")
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "verdicts.json"
        command = [sys.executable, "-m", "metagrad.learn.grading", str(number), str(file), str(result)]
        try:
            ended = subprocess.run(command, timeout=seconds, check=False)
        except subprocess.TimeoutExpired:
            problem = f"It did not come to an end within {seconds:g} seconds: is there a loop that never ends?"
            return [Verdict(exercise.name, problem) for exercise in chapter.exercises]
        if not result.exists():
            problem = f"The process that ran the file ended with status {ended.returncode}."
            return [Verdict(exercise.name, problem) for exercise in chapter.exercises]
        return [Verdict(**verdict) for verdict in json.loads(result.read_text(encoding="utf-8"))]


def verdicts(number: int, file: str) -> list[Verdict]:
    """Run a file in this process, and check each exercise."""
    exercises = chapters.chapter(number).exercises
    try:
        names = runpy.run_path(file, run_name="__learn__")
    except (Exception, SystemExit):
        return [Verdict(exercise.name, f"The file cannot be run:\n{_last_lines(file)}") for exercise in exercises]
    found = []
    for exercise in exercises:
        if exercise.name in names:
            found.append(Verdict(exercise.name, exercise.check(names[exercise.name])))
        else:
            found.append(Verdict(exercise.name, f"There is no {exercise.name} in the file."))
    return found


def _last_lines(file: str) -> str:
    """The end of the traceback, from the learner's own file on."""
    kind, error, trace = sys.exc_info()
    frames = [frame for frame in traceback.extract_tb(trace) if frame.filename == file]
    return "".join([*traceback.format_list(frames), *traceback.format_exception_only(kind, error)]).rstrip()


if __name__ == "__main__":
    chapter_number, learners_file, result_file = sys.argv[1:]
    text = json.dumps([asdict(verdict) for verdict in verdicts(int(chapter_number), learners_file)])
    Path(result_file).write_text(text, encoding="utf-8")
