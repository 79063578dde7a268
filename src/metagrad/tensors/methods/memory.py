"""Methods and properties that say how many numbers of which dtype a tensor has, and how they lie in memory, and where."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self, cast

from metagrad.autograd.variable import Variable
from metagrad.base.device import address, of_array
from metagrad.base.layouts import contiguous_format, layout, memory_format, order_of
from metagrad.base.layouts import strided as strided_layout
from metagrad.base.result_order import steps_of
from metagrad.base.typing import Array, DTypeLike
from metagrad.base.warning import warn_once
from metagrad.kernels.libraries import is_on_gpu
from metagrad.ops.arguments import no_dimension
from metagrad.ops.create import conversion
from metagrad.ops.shape import copying, properties
from metagrad.ops.shape.strided import located
from metagrad.tensors.methods.base import OpMethods

if TYPE_CHECKING:
    from metagrad.tensors.storage import TypedStorage, UntypedStorage
    from metagrad.tensors.tensor import Tensor

_in_use: list[tuple[Any, Array]] = []  # arrays of a GPU with the marks up to which streams use them


class MemoryMethods(OpMethods):
    """Methods and properties that say how many numbers of which dtype a tensor has, and how they lie in memory, and where."""

    __slots__ = ()

    numel = nelement = properties.numel
    is_same_size = properties.is_same_size
    is_floating_point = properties.is_floating_point
    is_complex = properties.is_complex
    is_signed = properties.is_signed
    is_conj, is_neg, is_inference = properties.is_conj, properties.is_neg, properties.is_inference
    clone = copying.clone
    contiguous = copying.contiguous

    def to_dense(self, dtype: DTypeLike = None, *, masked_grad: bool | None = None) -> Tensor:
        """The tensor itself, in another dtype if one is given: every tensor is dense here."""
        return cast("Tensor", self if dtype is None else conversion.to(self, dtype))  # type: ignore[arg-type]

    def _is_view(self) -> bool:
        """Whether the tensor is a view of another one."""
        return self._view is not None

    @property
    def itemsize(self) -> int:
        """Bytes an element takes."""
        return int(self.array.itemsize)

    @property
    def nbytes(self) -> int:
        """Bytes all elements take."""
        return int(self.array.nbytes)

    def element_size(self) -> int:
        """Bytes an element takes."""
        return int(self.array.itemsize)

    def stride(self, dim: int | None = None, *, axis: int | None = None) -> tuple[int, ...] | int:
        """How many elements lie between neighbours, in each dimension or in one."""
        steps = steps_of(self.array)
        if dim is None:
            dim = axis
        try:
            return steps if dim is None else steps[dim]
        except IndexError:
            raise no_dimension(dim, len(steps)) from None  # type: ignore[arg-type]

    def storage_offset(self) -> int:
        """How many elements lie in memory before the first one."""
        return located(self.array)[1][2]

    def is_contiguous(self, memory_format: memory_format = contiguous_format) -> bool:
        """Whether the elements are in order in memory."""
        order = memory_format.order
        if order and len(order) != self.array.ndim:
            return False
        return bool((self.array.transpose(order) if order else self.array).flags.c_contiguous)

    def dim_order(self, *, ambiguity_check: bool | Sequence[memory_format] = False) -> tuple[int, ...]:
        """The dimensions from the one with the widest steps to the one with the narrowest.

        ambiguity_check: raise RuntimeError where another order would describe the same memory, or, of a list of formats,
        where several of them do.
        """
        if ambiguity_check is not False:
            self._check_order(ambiguity_check)
        return order_of(self.array)

    def _check_order(self, formats: bool | Sequence[memory_format]) -> None:
        if isinstance(formats, bool):
            steps = self.array.strides if self.array.size else ()
            unclear = len(set(steps)) < len(steps) or 1 in self.array.shape
        elif not all(isinstance(f, memory_format) for f in formats):
            raise TypeError(
                f"The ambiguity_check argument must be a bool or a list of memory formats, got {formats!r:.40}"
            )
        else:
            unclear = sum([self.is_contiguous(f) for f in formats]) > 1
        if unclear:
            raise RuntimeError(
                "The tensor does not have unique dim order, or cannot map to exact one of the given memory formats."
            )

    def data_ptr(self) -> int:
        """The address of the first element, 0 where there is none."""
        return 0 if self.is_meta or not self.array.size else address(self.array)

    const_data_ptr = data_ptr

    def untyped_storage(self) -> UntypedStorage:
        """The memory this tensor shows a part of, as bytes."""
        from metagrad.tensors.storage import UntypedStorage

        return UntypedStorage(located(self.array)[0].view("uint8"))

    def storage(self) -> TypedStorage:
        """The memory this tensor shows a part of, as numbers of its dtype."""
        warn_once("TypedStorage is deprecated: use x.untyped_storage(), if a storage is meant, or the tensor itself")
        from metagrad.tensors.storage import TypedStorage

        return TypedStorage(located(self.array)[0])

    def storage_type(self) -> Any:
        """The older class of storages of this dtype: ``metagrad.FloatStorage``."""
        return getattr(sys.modules["metagrad"], self.storage().pickle_storage_type())

    def is_set_to(self, tensor: Variable) -> bool:
        """Whether another tensor shows the same memory with the same shape and strides."""
        a, b = self.array, tensor.array
        here, there = address(a), address(b)
        return bool(here == there and a.shape == b.shape and self.stride() == tensor.stride())  # type: ignore[attr-defined]

    @property
    def layout(self) -> layout:
        """``metagrad.strided``: there is no other layout."""
        return strided_layout

    @property
    def is_cpu(self) -> bool:
        """Whether the numbers are in the CPU's memory."""
        return of_array(self.array).type == "cpu"

    @property
    def is_meta(self) -> bool:
        """Whether the tensor has a shape and a dtype, and no numbers."""
        return of_array(self.array).type == "meta"

    get_device = properties.get_device

    is_sparse = is_quantized = is_nested = is_mps = is_xpu = is_mkldnn = is_sparse_csr = is_ipu = is_vulkan = False
    is_mtia = is_maia = is_xla = False
    name = None  # PyTorch's tensors have none either

    def is_pinned(self) -> bool:
        """False: metagrad does not pin memory."""
        return False

    def pin_memory(self) -> Self:
        """The tensor itself: there is nothing to pin memory for."""
        return self

    def record_stream(self, stream: Any) -> None:
        """Let a GPU's memory be no one else's until what this stream was given so far is done; nothing to do on the CPU."""
        if is_on_gpu(self.array):
            _in_use[:] = [(event, array) for event, array in _in_use if not event.query()]
            _in_use.append((stream.record_event(), self.array))

    def is_shared(self) -> bool:
        """Whether forked processes have the memory in common: see ``share_memory_``."""
        from metagrad.tensors.sharing import is_shared

        return is_shared(self.array)
