"""``metagrad tag train | evaluate | predict | export | serve``: what the options mean, and what is printed.

================  =========================================================
``options.py``    what several commands share
``parts.py``      what is learned from, held out, and tested on
``train.py``      train, go on with a training, and report on it
``fit.py``        whether a model and a corpus belong together
``evaluate.py``   report on a model, its errors in context; compare two
``predict.py``    tag text as it comes
``export.py``     write the tagger as an ONNX file
``serve.py``      answer over HTTP
================  =========================================================
"""

from __future__ import annotations

from typing import Any


def add_to(commands: Any) -> None:
    """Add the commands to a parser."""
    from metagrad.tagger.commands import evaluate, export, predict, serve, train

    for command in (train, evaluate, predict, export, serve):
        command.add_to(commands)
