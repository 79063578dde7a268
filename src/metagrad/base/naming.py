"""The package's name as programs see it printed: ``metagrad.float32``. Under the alias ``torch`` it is the name they know."""

from __future__ import annotations

from typing import Any

package = "metagrad"
renamed: list[tuple[Any, str]] = []  # what has another ``__module__`` under the alias, and the one that it had


def public(name: str) -> str:
    """A name with the package's before it.

    >>> public("Size")
    'metagrad.Size'
    """
    return f"{package}.{name}"


def is_own(module: str | None) -> bool:
    """Whether a class or function of this ``__module__`` is metagrad's own.

    >>> is_own("metagrad.nn.modules.linear"), is_own("metagradient"), is_own(None)
    (True, False, False)
    """
    return module is not None and module.partition(".")[0] in ("metagrad", package)


class ShownName(str):
    """A ``__module__`` that reads as PyTorch's, and is metagrad's own in pickles of protocols 4 and 5, with or without the alias.

    Those of earlier protocols write the text that is seen, and so are read under the alias only.

    >>> import pickle
    >>> name = ShownName("torch.nn.modules.linear", "metagrad.nn.modules.linear")
    >>> print(name, pickle.loads(pickle.dumps(name)))
    torch.nn.modules.linear metagrad.nn.modules.linear
    """

    home: str

    def __new__(cls, shown: str, home: str) -> ShownName:
        """``shown``, as a string; ``home`` is what pickles have."""
        self = super().__new__(cls, shown)
        self.home = home
        return self

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (self.home,)

    def __copy__(self) -> ShownName:
        return self

    def __deepcopy__(self, memo: object) -> ShownName:
        return self
