"""The ``metagrad`` command. ``metagrad tag train | evaluate | predict | serve`` is the part-of-speech tagger.

``metagrad run program.py`` runs a program written for PyTorch.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from metagrad.version import __version__


def build_parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    from metagrad.tagger import commands

    parser = argparse.ArgumentParser(prog="metagrad", description="A deep-learning framework you can read.")
    parser.add_argument("--version", action="version", version=f"metagrad {__version__}")
    subjects = parser.add_subparsers(dest="subject", required=True, metavar="tag | run")
    tag = subjects.add_parser("tag", help="train, evaluate and use a part-of-speech tagger")
    commands.add_to(tag.add_subparsers(dest="command", required=True, metavar="train | evaluate | predict | serve"))
    program = subjects.add_parser("run", help="run a program written for PyTorch, with metagrad in its place")
    program.add_argument(
        "-m", dest="module", action="store_true", help="the program is a module, found as `python -m` does"
    )
    program.add_argument("program", help="a file, or with -m the name of a module")
    program.add_argument("arguments", nargs=argparse.REMAINDER, help="what the program finds in sys.argv")
    program.set_defaults(run=run_program)
    return parser


def run_program(options: argparse.Namespace) -> int:
    """``metagrad run program.py``: ``import torch`` in it is ``import metagrad``. Its errors are its own."""
    import traceback

    from metagrad.compat import alias

    if not options.module and not os.path.exists(options.program):
        raise FileNotFoundError(f"there is no file {options.program!r} to run; `-m {options.program}` runs a module")
    try:
        alias.run(options.program, options.arguments, module=options.module)
    except Exception:
        traceback.print_exc()
        return 1
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status: 0 for success, 1 for an error, 2 for wrong usage, 130 for Ctrl-C."""
    try:
        options = build_parser().parse_args(arguments)
        return int(options.run(options))
    except BrokenPipeError:  # the reader of our output, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MemoryError as error:
        print(f"metagrad: there is not enough memory for this: {error}", file=sys.stderr)
        return 1
    except (OSError, ValueError, ImportError, FloatingPointError, OverflowError) as error:
        print(f"metagrad: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("metagrad: stopped", file=sys.stderr)
        return 130
