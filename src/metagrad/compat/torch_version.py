"""What a program that asks for PyTorch's version is told under the alias: the release whose names and behaviour metagrad follows.

metagrad's own version is ``metagrad.__version__``.
"""

from __future__ import annotations

__all__ = ["TorchVersion", "__version__", "cuda", "debug", "git_version", "hip", "rocm", "xpu"]


class TorchVersion(str):
    """A version that compares as numbers do, with strings and tuples too.

    >>> TorchVersion("2.13.0") >= "2.9", TorchVersion("2.13.0") < (3, 0)
    (True, True)
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return self._numbers() == _numbers(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __lt__(self, other: object) -> bool:
        return self._numbers() < _numbers(other)

    def __le__(self, other: object) -> bool:
        return self._numbers() <= _numbers(other)

    def __gt__(self, other: object) -> bool:
        return self._numbers() > _numbers(other)

    def __ge__(self, other: object) -> bool:
        return self._numbers() >= _numbers(other)

    __hash__ = str.__hash__

    def _numbers(self) -> list[int]:
        return _numbers(str(self))


def _numbers(version: object) -> list[int]:
    """The numbers a version begins with, without zeros at the end: "2.13.0+cpu" and (2, 13) are [2, 13]."""
    found: list[int] = []
    for part in version if isinstance(version, tuple) else str(version).partition("+")[0].split("."):
        if not str(part).isdigit():
            break
        found.append(int(part))
    while found and not found[-1]:
        found.pop()
    return found


__version__ = TorchVersion("2.13.0")
cuda = hip = rocm = xpu = git_version = None
debug = False
