"""Functions that are one operator in other programs' files: whoever writes a model down is told of them whole.

An observer is called as ``observe(function, args, kwargs, result)`` after each call of a function that is marked
``@composite``. While nobody watches, that costs one test of an empty list.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

observers: list[Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any], Any], None]] = []


def composite(function: Callable[P, R]) -> Callable[P, R]:
    """The function, and word to the observers of each call.

    >>> @composite
    ... def twice(x):
    ...     return 2 * x
    >>> observers.append(lambda function, args, kwargs, result: print(function.__name__, args, result))
    >>> twice(3)
    twice (3,) 6
    6
    >>> del observers[:]
    """

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        result = function(*args, **kwargs)
        if observers:
            for observe in observers:
                observe(function, args, kwargs, result)
        return result

    return run
