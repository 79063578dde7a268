"""Names for the sizes that layers take, for annotations: ``_size_2_t`` is a number or two of them."""

from typing import TypeAlias

_scalar_or_tuple_any_t: TypeAlias = int | tuple[int, ...]
_size_any_t: TypeAlias = _scalar_or_tuple_any_t
_size_1_t: TypeAlias = int | tuple[int]
_size_2_t: TypeAlias = int | tuple[int, int]
_size_3_t: TypeAlias = int | tuple[int, int, int]
_size_2_opt_t: TypeAlias = int | None | tuple[int | None, int | None]
_ratio_2_t: TypeAlias = float | tuple[float, float]
_ratio_3_t: TypeAlias = float | tuple[float, float, float]
