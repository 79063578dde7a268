"""Modules that hold modules or parameters: Sequential, ModuleList, ModuleDict, ParameterList, ParameterDict."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from typing import TYPE_CHECKING, Any, Self, cast

from metagrad.nn.modules.module import Module, indented
from metagrad.nn.modules.parameter_containers import ParameterDict, ParameterList, position

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"]


class _Numbered(Module):
    """Children named 0, 1, 2, …"""

    def _renumber(self, modules: Iterable[Module]) -> None:
        self._modules.clear()
        for i, module in enumerate(modules):
            self.add_module(str(i), module)

    def _listed(self) -> list[Module]:
        return cast("list[Module]", list(self._modules.values()))

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._listed())

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            chosen: Any = list(self._modules.items())[index]
            return (
                type(self)(OrderedDict(chosen)) if isinstance(self, Sequential) else type(self)([m for _, m in chosen])  # type: ignore[call-arg]
            )
        return self._listed()[position(index, len(self))]

    def __setitem__(self, index: int, module: Module) -> None:
        name = list(self._modules)[position(index, len(self))]
        setattr(self, name, module)

    def __delitem__(self, index: int | slice) -> None:
        modules = self._listed()
        del modules[index if isinstance(index, slice) else position(index, len(self))]
        self._renumber(modules)

    def append(self, module: Module) -> Self:
        """Add a module at the end."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add modules at the end. Raises TypeError for what is no collection of them."""
        _check_iterable(self, "extend", "", modules)
        for module in list(modules):
            self.append(module)
        return self

    def _insert(self, index: int, module: Module) -> None:
        modules = self._listed()
        modules.insert(index, module)
        self._renumber(modules)

    def pop(self, index: int | slice = -1) -> Module:
        """Take a module out."""
        module = self[index]
        del self[index]
        return cast(Module, module)


class Sequential(_Numbered):
    """Modules applied one after the other: y = fₙ(… f₂(f₁(x))).

    >>> import metagrad
    >>> from metagrad import nn
    >>> nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    Sequential(
      (0): Linear(in_features=2, out_features=3, bias=True)
      (1): ReLU()
    )
    """

    def __init__(self, *args: Module | OrderedDict[str, Module]) -> None:
        super().__init__()
        named: Mapping[str, Any] = (
            args[0] if len(args) == 1 and isinstance(args[0], OrderedDict) else {str(i): m for i, m in enumerate(args)}
        )
        for name, module in named.items():
            self.add_module(name, module)

    def __add__(self, other: Iterable[Module]) -> Sequential:
        if not isinstance(other, Sequential):
            raise ValueError(f"add operator supports only objects of Sequential class, but {type(other)} is given.")
        return Sequential(*self, *other)

    def __iadd__(self, other: Iterable[Module]) -> Self:
        if not isinstance(other, Sequential):
            raise ValueError(f"add operator supports only objects of Sequential class, but {type(other)} is given.")
        return self.extend(other)

    def __mul__(self, times: int) -> Sequential:
        """The modules again and again, the same ones."""
        return Sequential(*list(self) * self._checked_times(times))

    __rmul__ = __mul__

    def __imul__(self, times: int) -> Self:
        return self.extend(list(self) * (self._checked_times(times) - 1))

    def _checked_times(self, times: int) -> int:
        if not isinstance(times, int):
            raise TypeError(f"unsupported operand type(s) for *: {type(self)} and {type(times)}")
        if times <= 0:
            raise ValueError(f"Non-positive multiplication factor {times} for {type(self)}")
        return times

    def insert(self, index: int, module: Module) -> Self:
        """Add a module before position ``index``. Raises AssertionError for what is none, IndexError for no such position."""
        if not isinstance(module, Module):
            raise AssertionError(f"module should be of type: {Module}")
        if not -len(self) <= index <= len(self):
            raise IndexError(f"Index out of range: {index}")
        self._insert(index, module)
        return self

    def forward(self, input: Tensor) -> Tensor:
        """The input, through every module in turn."""
        for module in self._modules.values():
            input = module(input)  # type: ignore[misc]
        return input


class ModuleList(_Numbered):
    """A list of modules that are part of this one. It has no forward.

    >>> from metagrad import nn
    >>> len(nn.ModuleList([nn.Linear(2, 2) for _ in range(3)]))
    3
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        self.extend([] if modules is None else modules)

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])

    def __iadd__(self, other: Iterable[Module]) -> Self:
        return self.extend(other)

    def insert(self, index: int, module: Module) -> None:
        """Add a module before position ``index``."""
        self._insert(index, module)

    def __repr__(self) -> str:
        runs: list[tuple[int, int, str]] = []  # (first, last, text) of modules that print alike
        for i, text in enumerate(map(repr, self)):
            if runs and runs[-1][2] == text:
                runs[-1] = (runs[-1][0], i, text)
            else:
                runs.append((i, i, text))
        if not runs:
            return f"{self._get_name()}()"
        lines = [
            indented(str(a), text) if a == b else indented(f"{a}-{b}", f"{b - a + 1} x {text}") for a, b, text in runs
        ]
        return f"{self._get_name()}(\n  " + "\n  ".join(lines) + "\n)"


class ModuleDict(Module):
    """A dictionary of modules that are part of this one. It has no forward.

    >>> from metagrad import nn
    >>> list(nn.ModuleDict({"a": nn.Linear(2, 2)}))
    ['a']
    """

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Module:
        return cast(Module, self._modules[key])

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: str) -> bool:
        return key in self._modules

    def clear(self) -> None:
        """Take all modules out."""
        self._modules.clear()

    def pop(self, key: str) -> Module:
        """Take a module out."""
        return cast(Module, self._modules.pop(key))

    def keys(self) -> KeysView[str]:
        """The names."""
        return self._modules.keys()

    def items(self) -> ItemsView[str, Module | None]:
        """The names with their modules."""
        return self._modules.items()

    def values(self) -> ValuesView[Module | None]:
        """The modules."""
        return self._modules.values()

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add modules from a mapping or from pairs. Raises TypeError or ValueError for anything else."""
        _check_iterable(self, "update", " of key/value pairs", modules)
        pairs: Iterable[Any] = modules.items() if isinstance(modules, (Mapping, ModuleDict)) else modules
        for i, pair in enumerate(pairs):
            if not isinstance(pair, Iterable):
                raise TypeError(f"ModuleDict update sequence element #{i} should be Iterable; is{type(pair).__name__}")
            if len(tuple(pair)) != 2:
                raise ValueError(
                    f"ModuleDict update sequence element #{i} has length {len(tuple(pair))}; 2 is required"
                )
            key, module = pair
            self[key] = module


def _check_iterable(module: Module, method: str, what: str, given: object) -> None:
    """Raise TypeError for what is no collection."""
    if not isinstance(given, Iterable):
        name = type(module).__name__
        raise TypeError(f"{name}.{method} should be called with an iterable{what}, but got {type(given).__name__}")
