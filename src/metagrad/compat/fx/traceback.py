"""Notes that steps keep while a graph is run step by step to make another one."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator
from typing import Any

from metagrad.compat.fx.node import Node

__all__ = [
    "annotate", "current_meta", "format_stack", "get_current_meta", "has_preserved_node_meta", "preserve_node_meta",
    "set_current_meta", "set_stack_trace",
]  # fmt: skip

current_meta: dict[str, Any] = {}
_preserving = [False]


def _set(values: dict[str, Any]) -> None:
    current_meta.clear()
    current_meta.update(values)


@contextlib.contextmanager
def preserve_node_meta(enable: bool = True) -> Iterator[None]:
    """In a ``with``: steps that are made while a step is run have its notes."""
    before, notes = _preserving[0], dict(current_meta)
    _preserving[0] = enable
    try:
        yield
    finally:
        _preserving[0] = before
        _set(notes)


def has_preserved_node_meta() -> bool:
    """Whether steps keep notes.

    >>> with preserve_node_meta():
    ...     has_preserved_node_meta()
    True
    """
    return _preserving[0]


@contextlib.contextmanager
def set_current_meta(node: Node, pass_name: str = "") -> Iterator[None]:
    """In a ``with``: what is made is made for this step."""
    before = dict(current_meta)
    if _preserving[0] and node.meta:
        _set({**node.meta})
    try:
        yield
    finally:
        _set(before)


@contextlib.contextmanager
def annotate(annotation_dict: dict[str, Any]) -> Iterator[None]:
    """In a ``with``: notes for the steps that are made, under ``"custom"``."""
    before = dict(current_meta)
    current_meta["custom"] = {**current_meta.get("custom", {}), **annotation_dict}
    try:
        yield
    finally:
        _set(before)


def set_stack_trace(stack: list[str]) -> None:
    """Note where the program made a step."""
    if _preserving[0] and stack:
        current_meta["stack_trace"] = "".join(stack)


def format_stack() -> list[str]:
    """Where the program made the step that is being run; else where the caller is."""
    if _preserving[0]:
        return [current_meta.get("stack_trace", "")]
    return traceback.format_list(traceback.extract_stack()[:-1])


def get_current_meta() -> dict[str, Any]:
    """The notes that steps get."""
    return current_meta
