"""``torch._tensor_str``: the steps in which a tensor becomes text, for classes of tensors that print in their own way.

>>> import metagrad
>>> _add_suffixes("mine(" + _tensor_str(metagrad.tensor([1, 2]), 5), ["kind=row"], 5, False)
'mine([1, 2], kind=row)'
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from metagrad.tensors import printing
from metagrad.tensors.printing import set_printoptions

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["PRINT_OPTS", "set_printoptions"]

PRINT_OPTS = printing._options


def _tensor_str(self: Tensor, indent: int) -> str:
    """The numbers of a tensor in brackets, lines after the first set in by ``indent``."""
    array = self.detach().cpu().array
    return printing._contents(array, indent) if array.size else "[]"


def _add_suffixes(tensor_str: str, suffixes: Sequence[str], indent: int, force_newline: bool) -> str:
    """A text with notes after it, ``(..., dtype=...)``, and the bracket that ends it."""
    if force_newline and suffixes:
        first, *others = suffixes
        return printing._annotated(f"{tensor_str},\n{' ' * indent}{first}", others, indent) + ")"
    return printing._annotated(tensor_str, list(suffixes), indent) + ")"


def _str_intern(inp: Tensor, *, tensor_contents: str | None = None) -> str:
    """The text of a tensor, with other contents where they are given."""
    if tensor_contents is None:
        return printing.format_tensor(inp)
    start = printing._start(inp)
    return printing._annotated(start + tensor_contents, printing._notes(inp), len(start)) + ")"


_str = _str_intern
