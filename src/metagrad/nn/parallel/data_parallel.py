"""``DataParallel`` of one device."""

from __future__ import annotations

from typing import Any

from metagrad.nn.modules.module import Module

__all__ = ["DataParallel"]


class DataParallel(Module):
    """A model that would be split over several GPUs, and is called as it is on one device; ``.module`` is the model.

    Its ``state_dict`` has the prefix ``module.``, as PyTorch's.

    >>> import metagrad
    >>> model = metagrad.nn.DataParallel(metagrad.nn.Linear(2, 1))
    >>> model(metagrad.zeros(3, 2)).shape, list(model.state_dict())
    (metagrad.Size([3, 1]), ['module.weight', 'module.bias'])
    """

    def __init__(self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0) -> None:
        super().__init__()
        self.module, self.device_ids, self.output_device, self.dim = module, device_ids or [], output_device, dim

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """What the model gives."""
        return self.module(*inputs, **kwargs)
