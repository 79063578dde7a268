"""Which extents of the inputs are to be free, and inputs in which they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from metagrad.onnx.errors import ExportError

Free = dict[str, dict[int, str]]  # input: {axis: name of the extent}


def free_extents(
    names: Sequence[str],
    shapes: Sequence[tuple[int, ...]],
    dynamic_axes: Any,
    dynamic_shapes: Any,
    arguments: Sequence[str],
) -> Free:
    """Axes and names of free extents, by input; from either of PyTorch's two ways to say so."""
    found: Free = {name: {} for name in names}
    if dynamic_axes:
        for name, axes in dict(dynamic_axes).items():
            if name in found:
                pairs = axes.items() if isinstance(axes, Mapping) else [(a, f"{name}_dim_{a}") for a in axes]
                found[name] = {int(a): str(n) for a, n in pairs}
    if dynamic_shapes:
        given = dynamic_shapes
        if isinstance(given, Mapping):
            by_name = {**dict(zip(arguments, names, strict=False)), **{n: n for n in names}}
            unknown = [n for n in given if n not in by_name]
            if unknown:
                raise ExportError(f"dynamic_shapes names {unknown}, but the inputs are {list(names)}")
            pairs_of = {by_name[n]: v for n, v in given.items()}
        else:
            flat = [*given]
            if len(flat) != len(names):
                raise ExportError(f"dynamic_shapes has {len(flat)} entries for {len(names)} inputs")
            pairs_of = dict(zip(names, flat, strict=True))
        for name, axes in pairs_of.items():
            found[name] = _named(name, axes)
    for name, shape in zip(names, shapes, strict=True):
        for axis in list(found[name]):
            if not -len(shape) <= axis < len(shape):
                raise ExportError(f"input {name!r} of shape {shape} has no dimension {axis} to be free")
            found[name][axis % len(shape)] = found[name].pop(axis)
    return found


def _named(name: str, axes: Any) -> dict[int, str]:
    if axes is None:
        return {}
    entries = axes.items() if isinstance(axes, Mapping) else enumerate(axes)
    found = {}
    for axis, wanted in entries:
        if wanted is None or isinstance(wanted, int):
            continue
        given = wanted if isinstance(wanted, str) else getattr(wanted, "__name__", "")
        found[int(axis)] = given if given.isidentifier() else f"{name}_dim_{axis}"
    return found


def given_sizes(free: Free, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
    """The extent of each name in the inputs that were given."""
    found: dict[str, int] = {}
    for name, axes in free.items():
        for axis, symbol in axes.items():
            extent = shapes[name][axis]
            if found.setdefault(symbol, extent) != extent:
                raise ExportError(
                    f"the extent {symbol!r} is {found[symbol]} in one input and {extent} in {name!r}: give them "
                    "different names, or inputs that agree"
                )
    return found


def ways(symbols: Sequence[str]) -> list[dict[str, str]]:
    """How each extent may differ in another run, the usual first: larger; a multiple, for models that need extents to be
    divisible; smaller, one of them or all, for models that have a largest."""
    one_less = [{s: "smaller" if s == small else "larger" for s in symbols} for small in symbols]
    every = [dict.fromkeys(symbols, way) for way in ("larger", "multiple", "smaller")]
    return [*every[:2], *(one_less if len(symbols) > 1 else []), every[2]] if symbols else [{}]


def other_sizes(given: Mapping[str, int], how: Mapping[str, str], run: int) -> dict[str, int]:
    """The extent of each name in run 1 or 2: each grows, or shrinks, in its own way, so that none is taken for another."""
    found = {}
    for i, (symbol, n) in enumerate(given.items()):
        if how[symbol] == "larger":
            found[symbol] = n + (2 + 3 * i, 5 + 7 * i)[run - 1]
        elif how[symbol] == "multiple":
            found[symbol] = n * ((2, 5)[run - 1] + i * (1, 3)[run - 1])
        else:
            found[symbol] = max(
                2 if n > 2 else 1, n - (1, 3)[run - 1]
            )  # an extent of 1 is a case of its own to many ops
    return found


def resized(array: Any, axes: Mapping[int, str], extents: Mapping[str, int], shift: int) -> Any:
    """The array with other extents: its own elements again and again; with a shift every second of them, twice, so that no sum or
    largest of them stays what it was."""
    for axis, symbol in axes.items():
        n = array.shape[axis]
        if n == 0:
            raise ExportError("an input with an extent of 0 cannot be traced: give one with elements")
        array = np.take(array, np.arange(extents[symbol]) % n, axis)
    if shift and array.size and (array == array.flat[0]).all():  # ones or zeros, as examples often are
        array = _uneven(array, shift)
    elif shift and array.size > 1:
        array = array.reshape(-1)[(np.arange(array.size) // 2 * 2 + shift) % array.size].reshape(array.shape)
    return np.array(array, order="C")


def _uneven(array: Any, shift: int) -> Any:
    """An array of one number with others in its place: near it for floats, one more or the other for integers and bools."""
    number = np.arange(array.size).reshape(array.shape)
    if array.dtype.kind == "f":
        step = (1 + number % 3) / (8.0 * shift)
        return np.where(array == 0, step, array * (1 - step)).astype(array.dtype)
    changed = (number + shift) % 2 if array.size > 1 else np.full_like(number, shift % 2)
    return (array != changed.astype(bool)) if array.dtype.kind == "b" else (array + changed).astype(array.dtype)
