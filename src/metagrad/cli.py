"""The ``metagrad`` command. ``metagrad tag train | evaluate | predict | export | serve`` is the part-of-speech tagger.

``metagrad run program.py`` runs a program written for PyTorch, ``metagrad launch -n 4 program.py`` runs it on four ranks, and
``metagrad learn`` has the exercises of the book.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Sequence

from metagrad.base import interrupts
from metagrad.base.version import __version__


def build_parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    from metagrad.learn import commands as learning
    from metagrad.tagger import commands

    parser = argparse.ArgumentParser(prog="metagrad", description="A deep-learning framework you can read.")
    parser.add_argument("--version", action="version", version=f"metagrad {__version__}")
    subjects = parser.add_subparsers(dest="subject", required=True, metavar="tag | learn | run | launch")
    tag = subjects.add_parser("tag", help="train, evaluate and use a part-of-speech tagger")
    commands.add_to(
        tag.add_subparsers(dest="command", required=True, metavar="train | evaluate | predict | export | serve")
    )
    learning.add_to(subjects.add_parser("learn", help="the exercises of the book: list them, start one, check it"))
    program = subjects.add_parser("run", help="run a program written for PyTorch, with metagrad in its place")
    program.add_argument(
        "-m", dest="module", action="store_true", help="the program is a module, found as `python -m` does"
    )
    program.add_argument("program", help="a file, or with -m the name of a module")
    program.add_argument("arguments", nargs=argparse.REMAINDER, help="what the program finds in sys.argv")
    program.set_defaults(run=run_program)
    launch = subjects.add_parser("launch", help="run a program on several ranks, with MPI between them")
    launch.set_defaults(run=launch_program)
    launch.add_argument("-n", "--ranks", type=int, help="how many; under a cluster's mpiexec or srun, those it started")
    launch.add_argument(
        "--mpiexec", help="what starts the ranks; without it the one of this Python's environment, or the PATH"
    )
    launch.add_argument(
        "--mpi-options", default="", metavar="OPTIONS", help='more for mpiexec: --mpi-options="--hostfile hosts"'
    )
    launch.add_argument("-m", dest="module", action="store_true", help="the program is a module")
    launch.add_argument("program", help="a file, or with -m the name of a module")
    launch.add_argument("arguments", nargs=argparse.REMAINDER, help="what the program finds in sys.argv")
    return parser


def run_program(options: argparse.Namespace) -> int:
    """``metagrad run program.py``: ``import torch`` in it is ``import metagrad``. Its errors are its own."""
    import traceback

    from metagrad.compat import alias

    check_program(options)
    try:
        alias.run(options.program, options.arguments, module=options.module)
    except Exception:
        traceback.print_exc()
        return 1
    return 0


def check_program(options: argparse.Namespace) -> None:
    """An error for what is no file, nor a folder that Python can run."""
    if options.module:
        return
    if not os.path.exists(options.program):
        raise FileNotFoundError(f"there is no file {options.program!r} to run; `-m {options.program}` runs a module")
    if os.path.isdir(options.program) and not os.path.exists(os.path.join(options.program, "__main__.py")):
        raise IsADirectoryError(
            f"expected a program, got the folder {options.program!r}, in which there is no __main__.py"
        )


def launch_program(options: argparse.Namespace) -> int:
    """``metagrad launch``: as the launcher, or as one of the ranks that somebody else has started."""
    from metagrad.compat import start_rank
    from metagrad.distributed.launch import launcher, mpiexec

    place = mpiexec.place_of(os.environ)
    if place is not None and options.ranks in (None, place.size):
        return start_rank.run(options.program, options.arguments, options.module, place)
    if options.ranks is None:
        raise ValueError("say how many ranks: `metagrad launch -n 4 program.py`")
    check_program(options)
    return launcher.launch(
        options.program, options.arguments, options.ranks, options.module, options.mpiexec, options.mpi_options
    )


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


def command() -> None:
    """The process of the ``metagrad`` command: ``main``, and then its end."""
    interrupts.watch()
    status = main()
    if (
        status == 130
    ):  # a thread that waits for input would keep the interpreter from ending, which it calls a fatal error
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    if sys.argv[1:2] == ["tag"]:
        gc.freeze()  # or the interpreter would look through all there is for circles, to forget them, for half a second
    sys.exit(status)
