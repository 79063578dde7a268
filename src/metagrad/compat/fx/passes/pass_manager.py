"""Passes over graphs, one after the other, and what each of them says."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

from metagrad.compat.fx.graph_module import GraphModule
from metagrad.nn.modules.module import Module

__all__ = ["PassBase", "PassManager", "PassResult", "pass_result_wrapper", "this_before_that_pass_constraint"]


class PassResult(NamedTuple):
    """The module after a pass, and whether it is another one."""

    graph_module: GraphModule
    modified: bool


class PassBase:
    """A pass: ``call`` changes a module and returns a ``PassResult``; before it comes ``requires``, and ``ensures`` after it."""

    def __call__(self, graph_module: GraphModule) -> PassResult | None:
        """The pass, with what is checked before and after it."""
        self.requires(graph_module)
        result = self.call(graph_module)
        self.ensures(graph_module)
        return result

    def call(self, graph_module: GraphModule) -> PassResult | None:
        """What the pass does. To be overridden."""
        raise NotImplementedError

    def requires(self, graph_module: GraphModule) -> None:
        """Raise for a module that the pass cannot do with."""

    def ensures(self, graph_module: GraphModule) -> None:
        """Raise for a module that the pass should not have left so."""


def pass_result_wrapper(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A function that changes a module in place, as a pass."""

    @functools.wraps(fn)
    def wrapped(gm: GraphModule) -> PassResult:
        result = fn(gm)
        return PassResult(gm, True) if result is None else result

    return wrapped


def this_before_that_pass_constraint(this: Callable[..., Any], that: Callable[..., Any]) -> Callable[[Any, Any], bool]:
    """A constraint on the order of passes: whether one may come before another, which ``that`` may not before ``this``."""
    return lambda first, second: not (first == that and second == this)


class PassManager:
    """Runs passes in an order that the constraints allow, up to ``steps`` times, until none of them changes anything.

    constraints: functions of two passes, that say whether the first may come before the second.
    """

    def __init__(
        self,
        passes: list[Callable[..., Any]] | None = None,
        constraints: list[Callable[..., Any]] | None = None,
        steps: int | None = None,
        run_checks_after_each_pass: bool = False,
        suppress_check_failures: bool = False,
    ) -> None:
        self.passes, self.constraints = list(passes or []), list(constraints or [])
        self._validated = False
        self.steps = steps or 1
        self.run_checks_after_each_pass = run_checks_after_each_pass
        self.suppress_check_failures = suppress_check_failures

    def add_pass(self, _pass: Callable[..., Any]) -> None:
        """One more, behind the others."""
        self.passes.append(_pass)
        self._validated = False

    def add_constraint(self, constraint: Callable[[Any, Any], bool]) -> None:
        """One more constraint on the order."""
        self.constraints.append(constraint)
        self._validated = False

    def validate_constraints(self) -> None:
        """RuntimeError if the passes are in an order that a constraint forbids."""
        for first, second in () if self._validated else itertools.combinations(self.passes, 2):
            if not self._may_precede(first, second):
                raise RuntimeError(f"pass schedule constraint violated. Expected {second} before {first} in pass list.")
        self._validated = True

    def solve_constraints(self) -> None:
        """Put the passes in an order that the constraints allow. RuntimeError if there is none."""
        if self.constraints:
            passes = list(dict.fromkeys(self.passes))
            after = {p: {q for q in passes if q != p and not self._may_precede(p, q)} for p in passes}
            ordered = [p for p in passes if not after[p]]
            for done in ordered:  # which grows meanwhile
                for p in passes:
                    if done in after[p]:
                        after[p].remove(done)
                        if not after[p]:
                            ordered.append(p)
            left = [p for p in passes if after[p]]
            if left:
                raise RuntimeError(f"Circular dependency detected within the following passes: {left}")
            self.passes = ordered
        self._validated = True

    def _may_precede(self, first: Any, second: Any) -> bool:
        return all(constraint(first, second) for constraint in self.constraints)

    def add_checks(self, check: Callable[[Any], None]) -> None:
        """What is called of the module after each pass, and raises."""
        self.run_checks_after_each_pass = True
        self.check = check  # type: ignore[method-assign, assignment]

    def check(self, module: Module) -> None:
        """What holds after each pass: anything."""

    def __call__(self, module: Module) -> PassResult:
        """Run them. What a pass raises is the cause of an Exception that says which one it was."""
        if not self._validated:
            self.solve_constraints()
        found: Any = module
        changed = False
        for _ in range(self.steps):
            again = False
            for step in self.passes:
                result = self._run(step, found)
                found, again = result.graph_module, again or result.modified
                if isinstance(found, GraphModule):
                    found.recompile()
                if self.run_checks_after_each_pass:
                    self.check(found)
            changed = changed or again
            if not again:
                break
        return PassResult(found, changed)

    def _run(self, step: Callable[..., Any], module: Any) -> PassResult:
        name, *others = [getattr(p, "__name__", type(p).__name__) for p in (step, *self.passes)]
        try:
            result = step(module)
            if not isinstance(result, PassResult):
                raise TypeError(
                    f"The result of the pass {name} should be type PassResult. Please wrap it with pass_result_wrapper()"
                )
        except Exception as error:
            before = others[: self.passes.index(step)]
            raise Exception(
                f"An error occurred when running the '{name}' pass after the following passes: {before}"
            ) from error
        return result
