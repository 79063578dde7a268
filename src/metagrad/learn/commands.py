"""``metagrad learn``: the chapters; ``start``: a file to work in; ``check``: is it right, and if not, what is missing."""

from __future__ import annotations

import argparse
import textwrap
from pathlib import Path

from metagrad.learn import chapters, grading

DEFAULT_FILE = "chapter_{:02d}.py"


def add_to(learn: argparse.ArgumentParser) -> None:
    """Declare the options."""
    learn.set_defaults(run=show_chapters)
    commands = learn.add_subparsers(dest="command", metavar="start | check")
    start = commands.add_parser("start", help="write a file to work in")
    start.set_defaults(run=start_chapter)
    check = commands.add_parser("check", help="check what you wrote")
    check.set_defaults(run=check_chapter)
    check.add_argument("--seconds", type=float, default=60.0, help="how long it may take (default 60)")
    for command in (start, check):
        command.add_argument("chapter", type=int, help="its number")
        command.add_argument("--file", type=Path, help="the file (default: chapter_01.py and so on, in this folder)")


def show_chapters(options: argparse.Namespace) -> int:
    """List the chapters with their exercises."""
    for chapter in chapters.all_chapters():
        names = ", ".join(exercise.name for exercise in chapter.exercises)
        print(f"{chapter.number:3}  {chapter.title}\n     {names}")
    print("\n`metagrad learn start 1` writes a file to work in, `metagrad learn check 1` checks it.")
    return 0


def file_of(options: argparse.Namespace) -> Path:
    """The learner's file."""
    return options.file or Path(DEFAULT_FILE.format(options.chapter))


def start_chapter(options: argparse.Namespace) -> int:
    """Write the stub. A file that is there already is left as it is."""
    chapter, file = chapters.chapter(options.chapter), file_of(options)
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(chapter.stub())
    except FileExistsError:
        raise FileExistsError(
            f"{str(file)!r} is there already, and is left as it is: `--file another.py` writes another"
        ) from None
    print(
        f"{file}: {len(chapter.exercises)} exercises. When you have written them: metagrad learn check {chapter.number}"
    )
    return 0


def check_chapter(options: argparse.Namespace) -> int:
    """Check the file; 0 if everything is right."""
    verdicts = grading.check(options.chapter, file_of(options), options.seconds)
    for verdict in verdicts:
        print(f"{verdict.exercise}: {'right' if verdict.problem is None else 'not yet'}")
        if verdict.problem is not None:
            print(textwrap.indent(verdict.problem, "    "))
    return 0 if all(verdict.problem is None for verdict in verdicts) else 1
