"""The part of Module that converts and moves a tree's parameters and buffers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from metagrad.base.typing import DeviceLike
from metagrad.base.warning import warn
from metagrad.nn.parameter import is_lazy
from metagrad.ops.create.conversion import target_of
from metagrad.ops.create.like import empty_like

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


class Conversion:
    """How converted numbers come into a module: ``__future__`` has the switches. ``overwrite``: as new parameters."""

    overwrite = False
    swap = False


class Placement:
    """Conversions to dtypes and devices. The parameters stay the same objects: optimizers that hold them go on."""

    def _apply(self: Any, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        """Replace the numbers of every parameter and buffer, children first."""
        for module in self.children() if recurse else ():
            module._apply(fn)
        for name, p in self._parameters.items():
            if p is not None:
                grad = p.grad
                if Conversion.overwrite and not is_lazy(p):
                    self._parameters[name] = new = type(p)(fn(p.data), p.requires_grad)
                    new.grad = None if grad is None else fn(grad.detach())
                else:
                    p.data = fn(p.data)
                    if grad is not None and (converted := fn(grad.data)).array is not grad.array:
                        grad.data = converted
                        p.grad = grad
        for name, buffer in self._buffers.items():
            if is_lazy(buffer):
                buffer.data = fn(buffer.data)
            elif buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Move to a device, convert floating-point parameters and buffers to a dtype, or both; memory_format: the layout of images.

        Raises TypeError for a dtype that is not floating-point or complex.
        """
        args = args or ((kwargs["tensor"],) if "tensor" in kwargs else ())
        kind, where = target_of(args, kwargs.get("dtype"), kwargs.get("device"))
        if kind is not None and kind.category < 2:
            raise TypeError(f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={kind}")
        if kind is not None and kind.is_complex:
            warn(
                "Complex modules are a new feature under active development whose design may change, and some modules might not "
                "work as expected when using complex tensors as parameters or buffers."
            )
        laid_out = kwargs.get("memory_format")

        def moved(t: Tensor) -> Tensor:
            found = t.to(where, kind if t.dtype.category >= 2 else None)
            return found.to(memory_format=laid_out) if laid_out is not None and t.dim() in (4, 5) else found

        return self._apply(moved)

    def to_empty(self, *, device: DeviceLike, recurse: bool = True) -> Self:
        """Move to a device without the numbers: memory as it comes, to be filled by ``load_state_dict``."""
        return self._apply(lambda t: empty_like(t, device=device), recurse)

    def type(self, dst_type: Any) -> Self:
        """Convert all parameters and buffers to a dtype."""
        return self._apply(lambda t: t.type(dst_type))

    def float(self) -> Self:
        """Convert floating-point parameters and buffers to float32."""
        return self._apply(lambda t: t.float() if t.is_floating_point() else t)

    def double(self) -> Self:
        """Convert floating-point parameters and buffers to float64."""
        return self._apply(lambda t: t.double() if t.is_floating_point() else t)

    def half(self) -> Self:
        """Convert floating-point parameters and buffers to float16."""
        return self._apply(lambda t: t.half() if t.is_floating_point() else t)

    def bfloat16(self) -> Self:
        """Convert floating-point parameters and buffers to bfloat16; raises, naming the extra, where ml_dtypes is missing."""
        return self._apply(lambda t: t.bfloat16() if t.is_floating_point() else t)

    def cpu(self) -> Self:
        """Move to the CPU's memory."""
        return self._apply(lambda t: t.cpu())

    def cuda(self, device: DeviceLike = None) -> Self:
        """Move to a GPU's memory; raises, saying what is missing, where there is none."""
        return self._apply(lambda t: t.cuda(device))

    def share_memory(self) -> Self:
        """Put parameters and buffers into memory that processes have in common which are forked from this one.

        Raises RuntimeError for a lazy layer that was not called yet.
        """
        module: Any = self
        for tensor in (*module.parameters(), *module.buffers()):
            tensor.share_memory_()
        return self
