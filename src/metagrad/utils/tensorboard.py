"""``SummaryWriter``, which writes what TensorBoard shows: tensorboardX's, which takes metagrad's tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metagrad.base.optional import need
from metagrad.tensors.tensor import Tensor

__all__ = ["SummaryWriter"]
__path__: list[str] = []  # ``summary`` and ``writer`` are found in it, which PyTorch has in files of their own

if TYPE_CHECKING:
    SummaryWriter: type[Any]


def _plain(value: object) -> Any:
    """Tensors as arrays, also inside lists and dictionaries."""
    if isinstance(value, Tensor):
        return value.detach().cpu().numpy()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(item) for item in value) if type(value) in (list, tuple) else value
    return value


def _writer() -> type:
    base = need("tensorboardX", extra="tensorboard").SummaryWriter

    class SummaryWriter(base):  # type: ignore[misc, valid-type]
        """tensorboardX's writer: each ``add_…`` takes tensors where it takes arrays."""

        def __getattribute__(self, name: str) -> object:
            found = super().__getattribute__(name)
            if not name.startswith("add_") or name == "add_graph":
                return found

            def add(*args: Any, **kwargs: Any) -> Any:
                return found(*map(_plain, args), **_plain(kwargs))

            return add

    return SummaryWriter


def __getattr__(name: str) -> Any:
    if name == "hparams":  # which programs import from ``utils.tensorboard.summary``
        return need("tensorboardX.summary", extra="tensorboard").hparams
    if name == "SummaryWriter":
        globals()[name] = _writer()
        return globals()[name]
    raise AttributeError(f"module 'metagrad.utils.tensorboard' has no attribute {name!r}")
