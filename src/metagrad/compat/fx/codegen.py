"""How a graph's function begins and ends: arguments as they are, or containers that are taken apart and put together again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from metagrad.utils._pytree import TreeSpec, tree_unflatten

__all__ = ["CodeGen", "tree_flatten_spec"]

Lines = list[str]
Transformer = Callable[[Lines], Lines]


def tree_flatten_spec(pytree: Any, spec: TreeSpec) -> list[Any]:
    """The leaves of arguments that have the shape of ``spec``. ValueError for others.

    >>> from metagrad.utils._pytree import tree_structure
    >>> tree_flatten_spec([1, {"a": 2}], tree_structure([0, {"a": 0}]))
    [1, 2]
    """
    parts = zip(spec.children(), pytree, strict=True)
    return [leaf for child, part in parts for leaf in child.flatten_up_to(part)]


class CodeGen:
    """The first and the last line of a generated function. To be derived from, and given to ``Graph.set_codegen``."""

    def __init__(self) -> None:
        self._body_transformer: Transformer | None = None
        self._func_name = "forward"

    def gen_fn_def(self, free_vars: list[str], maybe_return_annotation: str) -> str:
        """The line with ``def``, of arguments with their annotations and defaults."""
        if not free_vars or free_vars[0] != "self":
            free_vars.insert(0, "self")
        return f"def {self._func_name}({', '.join(free_vars)}){maybe_return_annotation}:"

    def generate_output(self, output_args: Any, *, descs: Any = None) -> str:
        """The line with ``return``."""
        return f"return {output_args!r}"

    def process_inputs(self, *args: Any) -> Any:
        """The arguments as the placeholders take them."""
        return args

    def process_outputs(self, outputs: Any) -> Any:
        """What callers get of what the last step returns."""
        return outputs

    def additional_globals(self) -> list[tuple[str, Any]]:
        """Further names that the text uses, each with its value."""
        return []


class _PyTreeInfo(NamedTuple):
    """The names of a function's arguments, their shape, and that of its result."""

    orig_args: list[str]
    in_spec: TreeSpec
    out_spec: TreeSpec | None


class _PyTreeCodeGen(CodeGen):
    """Containers as arguments and result, whose leaves the graph knows."""

    def __init__(self, pytree_info: _PyTreeInfo) -> None:
        super().__init__()
        self.pytree_info = pytree_info

    def gen_fn_def(self, free_vars: list[str], maybe_return_annotation: str) -> str:
        """The line with ``def``, and one that takes the containers apart."""
        names = self.pytree_info.orig_args
        leaves = [variable.partition(":")[0].partition("=")[0].strip() for variable in free_vars]
        if names[:1] == ["self"]:
            leaves.insert(0, "self")
        head = super().gen_fn_def(list(names), maybe_return_annotation)
        return f"{head}\n    {', '.join(leaves)}, = fx_pytree.tree_flatten_spec([{', '.join(names)}], self._in_spec)"

    def generate_output(self, output_args: Any, *, descs: Any = None) -> str:
        """The result put together."""
        return f"return pytree.tree_unflatten({output_args!r}, self._out_spec)"

    def process_inputs(self, *args: Any) -> Any:
        """The leaves of the arguments."""
        own = self.pytree_info.orig_args[:1] == ["self"]
        return tree_flatten_spec((None, *args) if own else args, self.pytree_info.in_spec)[own:]

    def process_outputs(self, outputs: Any) -> Any:
        """The result put together."""
        assert self.pytree_info.out_spec is not None
        return tree_unflatten(outputs, self.pytree_info.out_spec)


@contextlib.contextmanager
def _afterwards(codegen: CodeGen, before: Transformer | None) -> Iterator[None]:
    """In a ``with``: what changes the lines is taken back at the end."""
    try:
        yield
    finally:
        codegen._body_transformer = before
