"""Lists and dictionaries of parameters."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self, SupportsIndex

from metagrad.nn.modules.module import Module
from metagrad.nn.parameter import Parameter
from metagrad.tensors.tensor import Tensor

__all__ = ["ParameterDict", "ParameterList"]


def position(index: SupportsIndex, length: int) -> int:
    """An index counted from the front. Raises IndexError if it is out of range.

    >>> position(-1, 3)
    2
    """
    i = operator.index(index)
    if not -length <= i < length:
        raise IndexError(f"index {i} is out of range: there are {length} modules")
    return i % length


class ParameterList(Module):
    """A list of parameters; tensors that are added become parameters."""

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        self.extend([] if values is None else values)

    def extra_repr(self) -> str:
        """Each parameter's dtype and size, as they are printed."""
        lines = []
        for i, p in enumerate(self):
            if isinstance(p, Tensor):
                size = "x".join(map(str, p.shape))
                kind = "Parameter" if isinstance(p, Parameter) else "Tensor"
                lines.append(f"  ({i}): {kind} containing: [{p.dtype} of size {size}]")
            else:
                lines.append(f"  ({i}): Object of type: {type(p).__name__}")
        return "\n".join(lines)

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return getattr(self, str(position(index, len(self))))

    def __setitem__(self, index: int, value: Any) -> None:
        self._put(position(index, len(self)), value)

    def _put(self, place: int, value: Any) -> None:
        plain = isinstance(value, Tensor) and not isinstance(value, Parameter)
        setattr(self, str(place), Parameter(value) if plain else value)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def append(self, value: Any) -> Self:
        """Add a parameter at the end."""
        self._put(self._size, value)
        self._size += 1
        return self

    def extend(self, values: Iterable[Any]) -> Self:
        """Add parameters at the end. Raises TypeError for what is no collection of them, a single tensor too."""
        if not isinstance(values, Iterable) or isinstance(values, Tensor):
            raise TypeError(f"ParameterList.extend should be called with an iterable, but got {type(values).__name__}")
        for value in list(values):
            self.append(value)
        return self

    def __iadd__(self, values: Iterable[Any]) -> Self:
        return self.extend(values)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Raises RuntimeError: there is nothing to compute."""
        raise RuntimeError("ParameterList should not be called.")


def _name(key: Any) -> str:
    """A key that can be the name of an attribute. Raises TypeError for any other."""
    if not isinstance(key, str):
        raise TypeError(
            f"Index given to ParameterDict cannot be used as a key as it is not a string (type is '{type(key).__name__}')."
        )
    return key


class ParameterDict(Module):
    """A dictionary of parameters, in the order they were added; tensors become parameters, and anything else is only kept.

    >>> import metagrad
    >>> from metagrad import nn
    >>> table = nn.ParameterDict({"w": metagrad.ones(2)})
    >>> table["b"] = metagrad.zeros(1)
    >>> list(table), len(list(table.parameters()))
    (['w', 'b'], 2)
    """

    _keys: dict[str, None]

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        object.__setattr__(self, "_keys", {})
        if parameters is not None:
            self.update(parameters)

    def __getitem__(self, key: str) -> Any:
        return getattr(self, _name(key))

    def __setitem__(self, key: str, value: Any) -> None:
        _name(key)
        self._keys[key] = None
        setattr(
            self, key, Parameter(value) if isinstance(value, Tensor) and not isinstance(value, Parameter) else value
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Raises RuntimeError: there is nothing to compute."""
        raise RuntimeError("ParameterDict should not be called.")

    def __delitem__(self, key: str) -> None:
        del self._keys[key]
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def __or__(self, other: Any) -> ParameterDict:
        made = self.copy()
        made.update(other)
        return made

    def __ror__(self, other: Any) -> ParameterDict:
        made = ParameterDict(other)
        made.update(self)
        return made

    def __ior__(self, other: Any) -> ParameterDict:
        self.update(other)
        return self

    def keys(self) -> Any:
        """The names."""
        return self._keys.keys()

    def items(self) -> Any:
        """The names with their parameters."""
        return [(key, self[key]) for key in self._keys]

    def values(self) -> Any:
        """The parameters."""
        return [self[key] for key in self._keys]

    def get(self, key: str, default: Any = None) -> Any:
        """The parameter of this name, or the default."""
        return self[key] if key in self else default

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The parameter of this name; if there is none, the default, which is added."""
        if key not in self:
            self[key] = default
        return self[key]

    def pop(self, key: str) -> Any:
        """Take a parameter out."""
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Take out the one that was added last, with its name."""
        key = next(reversed(self._keys))
        return key, self.pop(key)

    def clear(self) -> None:
        """Take all out."""
        for key in list(self._keys):
            del self[key]

    def copy(self) -> ParameterDict:
        """Another dictionary of the same parameters."""
        return ParameterDict(OrderedDict(self.items()))

    def fromkeys(self, keys: Any, default: Any = None) -> ParameterDict:
        """Another dictionary, with the default under each of these names."""
        return ParameterDict(OrderedDict.fromkeys(keys, default))

    def update(self, parameters: Any) -> None:
        """Add parameters, or put others in their place: from a mapping, or from pairs of a name and a parameter.

        Raises TypeError or ValueError for anything else.
        """
        if not isinstance(parameters, Iterable):
            raise TypeError(
                f"ParametersDict.update should be called with an iterable of key/value pairs, but got {type(parameters).__name__}"
            )
        pairs = parameters.items() if hasattr(parameters, "items") else parameters
        if isinstance(parameters, Mapping) and not isinstance(parameters, OrderedDict):
            pairs = sorted(pairs)  # as in PyTorch, where this decides the order of the optimizer's parameters
        for i, pair in enumerate(pairs):
            if not isinstance(pair, Iterable):
                raise TypeError(
                    f"ParameterDict update sequence element #{i} should be Iterable; is{type(pair).__name__}"
                )
            if len(pair := tuple(pair)) != 2:
                raise ValueError(f"ParameterDict update sequence element #{i} has length {len(pair)}; 2 is required")
            self[pair[0]] = pair[1]

    def extra_repr(self) -> str:
        """Each parameter's kind and size, as they are printed."""
        lines = []
        for key, p in self.items():
            if isinstance(p, Tensor):
                kind, size = "Parameter" if isinstance(p, Parameter) else "Tensor", "x".join(map(str, p.shape))
                lines.append(f"  ({key}): {kind} containing: [{p.type()} of size {size}]")
            else:
                lines.append(f"  ({key}): Object of type: {type(p).__name__}")
        return "\n".join(lines)
