"""Collating: how a list of samples becomes one batch."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Hashable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from metagrad.base.dtypes import float64
from metagrad.ops.create.from_data import as_tensor, tensor
from metagrad.ops.shape.joining import stack
from metagrad.tensors.tensor import Tensor

Collate = Callable[..., Any]  # (batch, *, collate_fn_map): what it is put together to

_NOT_NUMBERS = "SaUO"  # the kinds of NumPy arrays that hold text or objects


def default_collate(batch: Sequence[Any]) -> Any:
    """Put samples together into a batch, along a new first dimension N = len(batch).

    ====================================  =======================================================================
    samples                               batch
    ====================================  =======================================================================
    tensors, NumPy arrays of shape (*)    a tensor (N, *)
    NumPy scalars                         a tensor (N), of their dtype
    ``int``, ``bool``                     a tensor (N), int64 or bool
    ``float``                             a tensor (N), float64
    ``str``, ``bytes``                    the batch as it is
    dicts                                 a dict: each key's values, collated; the first sample says which keys
    named tuples                          a named tuple: each field's values, collated
    tuples, lists, other sequences        a list (or the sequence's own type): the values at each index, collated
    ====================================  =======================================================================

    Errors: TypeError for samples of any other type; RuntimeError if tensors differ in shape or sequences in length.

    >>> default_collate([0, 1, 2])
    tensor([0, 1, 2])
    >>> default_collate([("a", 0), ("b", 1)])
    [('a', 'b'), tensor([0, 1])]
    >>> default_collate([{"x": [0, 1]}, {"x": [2, 3]}])
    {'x': [tensor([0, 2]), tensor([1, 3])]}
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)


def collate(batch: Sequence[Any], *, collate_fn_map: Mapping[Any, Collate] | None = None) -> Any:
    """``default_collate`` with functions of one's own for the types of samples; dicts and sequences are gone into.

    collate_fn_map: for a type, or a tuple of types, the function that puts samples of it together, called as
    ``function(batch, collate_fn_map=collate_fn_map)``; a sample's own type comes before those that it derives from.

    >>> import metagrad
    >>> keep = {metagrad.Tensor: lambda batch, *, collate_fn_map: list(batch), int: lambda batch, *, collate_fn_map: sum(batch)}
    >>> collate([(metagrad.zeros(1), 1), (metagrad.zeros(2), 2)], collate_fn_map=keep)
    [[tensor([0.]), tensor([0., 0.])], 3]
    """
    if len(batch) == 0:
        raise IndexError("default_collate: the batch is empty, it must hold at least one sample")
    first = batch[0]
    function = _function_for(first, collate_fn_map or {})
    if function is not None:
        return function(batch, collate_fn_map=collate_fn_map)
    if isinstance(first, Mapping):
        return _mapping_like(first, lambda key: collate(_values(batch, key), collate_fn_map=collate_fn_map))
    if isinstance(first, Sequence):
        lengths = [len(sample) for sample in batch]
        if len(set(lengths)) > 1:
            raise RuntimeError(f"each element in list of batch should be of equal size, got {lengths}. {_ADVICE}")
        columns = list(zip(*batch, strict=True))
        return _sequence_like(first, lambda i: collate(columns[i], collate_fn_map=collate_fn_map))
    raise _unknown(type(first))


def _function_for(sample: object, functions: Mapping[Any, Collate]) -> Collate | None:
    exact = functions.get(type(sample))
    return exact or next((function for kind, function in functions.items() if isinstance(sample, kind)), None)


def default_convert(data: object) -> Any:
    """One sample with its NumPy arrays and numbers as tensors, also inside dicts and sequences; the rest as it is.

    This is what a ``DataLoader`` does without batches (``batch_size=None``).

    >>> default_convert({"x": np.array([0, 1]), "name": "a"})
    {'x': tensor([0, 1]), 'name': 'a'}
    """
    if isinstance(data, (Tensor, str, bytes)):
        return data
    if isinstance(data, (np.ndarray, np.generic)):
        return data if data.dtype.kind in _NOT_NUMBERS else as_tensor(data)
    if isinstance(data, Mapping):
        return _mapping_like(data, lambda key: default_convert(data[key]))
    if isinstance(data, Sequence):
        return _sequence_like(data, lambda i: default_convert(data[i]))
    return data


_ADVICE = "Give a collate_fn that brings them to one size, with metagrad.nn.utils.rnn.pad_sequence for example"


def _unknown(found: object) -> TypeError:
    return TypeError(
        f"default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {found}. "
        "Give a collate_fn for other samples"
    )


def collate_tensor_fn(batch: Sequence[Any], *, collate_fn_map: Mapping[Any, Collate] | None = None) -> Tensor:
    """Tensors of one shape (*): a tensor (N, *)."""
    return _stacked(batch)


def collate_numpy_array_fn(batch: Sequence[Any], *, collate_fn_map: Mapping[Any, Collate] | None = None) -> Tensor:
    """NumPy arrays of one shape (*): a tensor (N, *)."""
    if batch[0].dtype.kind in _NOT_NUMBERS:
        raise _unknown(batch[0].dtype)
    return _stacked([as_tensor(sample) for sample in batch])


def collate_numpy_scalar_fn(batch: Sequence[Any], *, collate_fn_map: Mapping[Any, Collate] | None = None) -> Tensor:
    """NumPy's scalars: a tensor (N) of their dtype."""
    return as_tensor(list(batch))


def collate_float_fn(batch: Sequence[Any], *, collate_fn_map: Mapping[Any, Collate] | None = None) -> Tensor:
    """Python's numbers with a point: a tensor (N), float64."""
    return tensor(list(batch), dtype=float64)


def collate_int_fn(batch: Sequence[Any], *, collate_fn_map: Mapping[Any, Collate] | None = None) -> Tensor:
    """Whole numbers, or True and False: a tensor (N)."""
    return tensor(list(batch))


def collate_str_fn(batch: Sequence[Any], *, collate_fn_map: Mapping[Any, Collate] | None = None) -> Any:
    """Texts, or bytes: as they are."""
    return batch


# Which function ``default_collate`` takes for samples of which type; a program may add its own types here.
default_collate_fn_map: dict[Any, Collate] = {
    Tensor: collate_tensor_fn,
    np.ndarray: collate_numpy_array_fn,
    (np.bool_, np.number): collate_numpy_scalar_fn,
    float: collate_float_fn,
    int: collate_int_fn,
    str: collate_str_fn,
    bytes: collate_str_fn,
}


def _stacked(batch: Sequence[Any]) -> Tensor:
    shape = batch[0].shape
    if all(isinstance(sample, Tensor) and sample.array.shape == shape for sample in batch):
        # a class that has a say in it is asked by the package's function
        return stack(batch, 0) if type(batch[0]) is Tensor else sys.modules["metagrad"].stack(batch, 0)
    raise _misfit(batch)


def _misfit(batch: Sequence[Any]) -> Exception:
    """What to raise for samples of which not all are tensors of one shape."""
    shape = batch[0].shape
    i, other = next((i, x) for i, x in enumerate(batch) if not isinstance(x, Tensor) or x.shape != shape)
    if not isinstance(other, Tensor):
        return TypeError(f"expected Tensor as element {i} in argument 0, but got {type(other).__name__}")
    return RuntimeError(
        f"stack expects each tensor to be equal size, but got {list(shape)} at entry 0 and {list(other.shape)} at "
        f"entry {i}. {_ADVICE}"
    )


def _values(batch: Sequence[Any], key: Hashable) -> list[Any]:
    for i, sample in enumerate(batch):
        if key not in sample:
            raise KeyError(f"default_collate: sample {i} has no key {key!r}, which sample 0 has")
    return [sample[key] for sample in batch]


def _mapping_like(like: Any, value: Callable[[Any], Any]) -> Mapping[Any, Any]:
    """A mapping of the same type and with the same keys, with other values."""
    values = {key: value(key) for key in like}
    try:
        if isinstance(like, MutableMapping):
            same = copy.copy(like)  # a copy keeps what else it carries, such as a default factory
            same.update(values)
            return same
        return type(like)(values)
    except TypeError:  # its type cannot be copied, or cannot be made from a dict
        return values


def _sequence_like(like: Any, value: Callable[[int], Any]) -> Sequence[Any]:
    """A sequence of the same type and length with other values; a list for a plain tuple, as in PyTorch."""
    values = [value(i) for i in range(len(like))]
    if isinstance(like, tuple):
        return type(like)(*values) if hasattr(like, "_fields") else values
    try:
        if isinstance(like, MutableSequence):
            same = copy.copy(like)
            for i, v in enumerate(values):
                same[i] = v
            return same
        return type(like)(values)
    except TypeError:  # its type cannot be copied or changed, or cannot be made from a list
        return values
