"""The exercises, a module for each chapter, which has them as ``CHAPTER``.

=============================  =====================================================
``ch01_scalar.py``             what a gradient is
``ch02_order.py``              in which order its numbers are visited
``ch03_broadcasting.py``       what broadcasting does to a gradient
``ch04_training.py``           descent for a line, and how large a step may be
``ch05_cross_entropy.py``      what a classifier's loss is, and why
``ch06_depth.py``              many layers, and how they start
``ch07_step.py``               what to do with a gradient
``ch08_generalise.py``         dropout, and the gradient of a norm
``ch09_embeddings.py``         the gradient of a look-up, and of negative sampling
``ch10_time.py``               back through time, and clipping
``ch11_gates.py``              a step of an LSTM, and the gradient of its cell
``ch12_tagger.py``             sentences laid side by side
``ch13_seq2seq.py``            beam search, and the precision that BLEU is made of
``ch14_attention.py``          looking back, and not ahead
``ch15_time.py``               operations for each byte, and the roof over them
``ch16_beyond.py``             whose gradient counts how much, a ring, and what it costs
=============================  =====================================================
"""

from __future__ import annotations

import importlib
import pkgutil

from metagrad.learn.exercise import Chapter


def all_chapters() -> list[Chapter]:
    """Every chapter, in order.

    >>> all_chapters()[0].title
    'What is a gradient?'
    """
    names = sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name.startswith("ch"))
    return [importlib.import_module(f"{__name__}.{name}").CHAPTER for name in names]


def chapter(number: int) -> Chapter:
    """One of them. Raises ValueError if there is none of that number."""
    found = {chapter.number: chapter for chapter in all_chapters()}
    if number not in found:
        raise ValueError(f"there is no chapter {number}: there are {', '.join(map(str, found))}")
    return found[number]
