"""Every function in one flat namespace, tensor ops and neural functions alike: ``from metagrad import functions as F``.

>>> import metagrad
>>> from metagrad import functions as F
>>> F.log_softmax(F.cat([metagrad.zeros(1), metagrad.zeros(1)], 0), axis=-1)
tensor([-0.6931, -0.6931])

Where both have a name, it is that of ``metagrad.nn.functional``.
"""

from __future__ import annotations

from typing import Any

import metagrad
from metagrad.nn import functional


def _is_function(value: Any) -> bool:
    return callable(value) and not isinstance(value, type)


def __getattr__(name: str) -> Any:
    for namespace in (functional, metagrad):
        value = getattr(namespace, name, None)
        if _is_function(value):
            return value
    raise AttributeError(
        f"metagrad has no function {name!r}, neither among the tensor ops nor in metagrad.nn.functional"
    )


def __dir__() -> list[str]:
    names = {*dir(functional), *dir(metagrad)}
    return sorted(
        name
        for name in names
        if not name.startswith("_") and hasattr(functional, name) or _is_function(getattr(metagrad, name, None))
    )
