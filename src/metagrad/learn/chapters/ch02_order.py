"""In which order: from the youngest number to the oldest, each once, when all that used it have been visited."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator

from metagrad.learn.exercise import Chapter, Exercise, Mistake


class Number:
    """What the learner's functions are given: a value, what it was made from with what slopes, and when."""

    def __init__(self, value: float, made_from: list[tuple[Number, float]], born: int) -> None:
        self.value, self.made_from, self.born, self.grad = value, made_from, born, 0.0


Program = list[tuple[str, str, tuple[str, ...]]]  # lines: the name of the result, the op, the names of its inputs


def numbers(text: str) -> dict[str, Number]:
    """Run a program such as "b = a + a; c = tanh b"; a name that no line defines is 1 or, if it is x, a half."""
    made: dict[str, Number] = {}

    def number(name: str) -> Number:
        if name not in made:
            made[name] = Number(0.5 if name == "x" else 1.0, [], len(made))
        return made[name]

    for line in text.split("; "):
        name, formula = line.split(" = ")
        words = formula.split()
        if words[0] == "tanh":
            (source,) = (number(words[1]),)
            y = math.tanh(source.value)
            made[name] = Number(y, [(source, 1 - y * y)], len(made))
        else:
            left, right = number(words[0]), number(words[2])
            if words[1] == "+":
                made[name] = Number(left.value + right.value, [(left, 1.0), (right, 1.0)], len(made))
            else:
                made[name] = Number(left.value * right.value, [(left, right.value), (right, left.value)], len(made))
    return made


PROGRAMS = (
    ("b = a + a; c = b + b",),
    ("a = tanh x; b = a * a; d = tanh b; e = a * d",),
    ("a = x * x; b = a * x; c = tanh b; d = c + c; e = d * a; f = e + x",),
)


# ------------------------------------------------ the order


def _youngest_first(last: Number) -> list[Number]:
    return sorted(set(_every_path(last)), key=lambda number: -number.born)


def _every_path(last: Number) -> Iterator[Number]:
    yield last
    for source, _ in last.made_from:
        yield from _every_path(source)


def _queue(last: Number) -> list[Number]:
    seen, waiting = [last], deque([last])
    while waiting:
        for source, _ in waiting.popleft().made_from:
            if source not in seen:
                seen.append(source)
                waiting.append(source)
    return seen


def _ask_order(written: Callable[[Number], list[Number]], text: str) -> object:
    made = numbers(text)
    names = {id(number): name for name, number in made.items()}
    order = written(list(made.values())[-1])
    return None if order is None else [names[id(number)] for number in order]


ORDER = Exercise(
    name="visiting_order",
    task="""All numbers behind `last`, itself included, each once, in the order in which a backward pass visits them. A number has
    `made_from`, a list of pairs (source, slope), and `born`, which is larger the later it was made. Return a list.""",
    stub="""
def visiting_order(last):
    ...
""",
    line="visit a number when everything that used it has been visited: sort all that is behind `last` by `born`, youngest first",
    cases=PROGRAMS,
    ask=_ask_order,
    right=lambda text: _ask_order(_youngest_first, text),
    mistakes=[
        Mistake(
            lambda text: _ask_order(_queue, text),
            "This is the order of a queue: first come, first served. With a shortcut in the graph, a number is visited before "
            "another that used it, and what that one sends comes too late.",
        ),
        Mistake(
            lambda text: _ask_order(lambda last: list(_every_path(last)), text),
            "Numbers are visited once for every path that leads to them. Remember what has been seen.",
        ),
        Mistake(
            lambda text: _ask_order(lambda last: list(dict.fromkeys(_every_path(last))), text),
            "This is the order in which recursion first comes to each number. A number reached early by one path is visited before "
            "others that used it.",
        ),
        Mistake(
            lambda text: _ask_order(lambda last: _youngest_first(last)[::-1], text),
            "This is the order of the forward pass, the oldest first. The walk back starts at the result.",
        ),
    ],
)


# ------------------------------------------------ the pass


def _pass(last: Number, add: bool = True, add_to_leaf: bool = True) -> None:
    arrived = {last: 1.0}
    for number in _youngest_first(last):
        g = arrived[number]
        if not number.made_from:
            number.grad = number.grad + g if add_to_leaf else g
        for source, slope in number.made_from:
            arrived[source] = (arrived.get(source, 0.0) if add else 0.0) + g * slope


def _handing_on_all(last: Number) -> None:
    last.grad = 1.0

    def visit(number: Number) -> None:
        for source, slope in number.made_from:
            source.grad += number.grad * slope
            visit(source)

    visit(last)


def _ask_pass(written: Callable[[Number], None], text: str, times: int) -> object:
    made = numbers(text)
    for _ in range(times):
        written(list(made.values())[-1])
    return {name: number.grad for name, number in made.items() if not number.made_from}


BACKWARD = Exercise(
    name="backward",
    task="""Add the slope of `last` with respect to each number without `made_from` to that number's `grad`. Visit each number once.
    What the passes before have left in `grad` is added to.""",
    stub="""
def backward(last):
    ...
""",
    line="arrived[source] = (what has arrived there) + g · slope;   for a leaf: grad = grad + g",
    cases=[(text, times) for (text,) in PROGRAMS for times in (1, 2)],
    ask=_ask_pass,
    right=lambda text, times: _ask_pass(_pass, text, times),
    mistakes=[
        Mistake(
            lambda text, times: _ask_pass(lambda last: _pass(last, add=False), text, times),
            "What arrives second replaces what arrived first. A number that is used twice influences the result in two ways, and "
            "the two add.",
        ),
        Mistake(
            lambda text, times: _ask_pass(lambda last: _pass(last, add_to_leaf=False), text, times),
            "Right for one pass; but a second one replaces the first one's `grad` instead of adding to it.",
        ),
        Mistake(
            lambda text, times: _ask_pass(_handing_on_all, text, times),
            "A number hands on all it has collected, each time something arrives; so the first part is handed on again with the "
            "second. Visit it once, when everything has arrived.",
        ),
        Mistake(
            lambda text, times: {name: 0.0 for name, number in numbers(text).items() if not number.made_from},
            "`grad` is still 0 everywhere: nothing was added to the `grad` of the numbers without `made_from`.",
        ),
    ],
)

CHAPTER = Chapter(2, "In which order?", "book/02_order", (ORDER, BACKWARD))
