"""What ``assert_close`` compares: pairs of tensors, numbers, flags and None, each kind of which is a class with its rules.

A program's own kinds derive from ``Pair``, and are given to ``assert_equal`` before the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NoReturn

import numpy as np

from metagrad.base import dtypes
from metagrad.ops.create.from_data import as_tensor
from metagrad.tensors.tensor import Tensor
from metagrad.testing.closeness import check_close

__all__ = [
    "BooleanPair", "ErrorMeta", "NonePair", "NumberPair", "ObjectPair", "Pair", "TensorLikePair", "UnsupportedInputs",
    "assert_equal", "default_tolerances", "get_tolerances", "not_close_error_metas", "originate_pairs",
]  # fmt: skip

Id = tuple[Any, ...]
_PRECISIONS = {
    "float16": (1e-3, 1e-5), "bfloat16": (1.6e-2, 1e-5), "float32": (1.3e-6, 1e-5), "complex64": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7), "complex128": (1e-7, 1e-7),
}  # fmt: skip
_UNEXPECTED = "resulted in the unexpected exception above: it says what this comparison cannot take"


class UnsupportedInputs(Exception):
    """A kind of pair cannot take these two: the next kind is asked."""


class ErrorMeta(Exception):
    """A difference: the error to raise, its words, and where it is, as the keys and positions that lead there."""

    def __init__(self, type: type[Exception], msg: str, *, id: Id = ()) -> None:
        super().__init__("an error that was noted and not raised: ask to_error()")
        self.type, self.msg, self.id = type, msg, id

    def to_error(self, msg: str | Callable[[str], str] | None = None) -> Exception:
        """The error, with its own words, others, or what ``msg`` makes of its own."""
        if isinstance(msg, str):
            return self.type(msg)
        at = "".join(f"[{key!r}]" for key in self.id)
        own = self.msg + (f"\n\nThe failure occurred for item {at}" if at else "")
        return self.type(own if msg is None else msg(own))


def default_tolerances(
    *inputs: Any, dtype_precisions: Mapping[Any, tuple[float, float]] | None = None
) -> tuple[float, float]:
    """The looser (rtol, atol) of the dtypes of these tensors or dtypes; 0, where numbers must be equal.

    >>> default_tolerances(dtypes.float16, dtypes.float32)
    (0.001, 1e-05)
    """
    kinds = [x if isinstance(x, dtypes.dtype) else x.dtype for x in inputs]
    found = [
        _PRECISIONS.get(str(k).rpartition(".")[2], (0.0, 0.0))
        if dtype_precisions is None
        else dtype_precisions.get(k, (0.0, 0.0))
        for k in kinds
    ]
    return max(r for r, _ in found), max(a for _, a in found)


def get_tolerances(*inputs: Any, rtol: float | None, atol: float | None, id: Id = ()) -> tuple[float, float]:
    """What was given, or what the dtypes say. Both or neither are given."""
    if (rtol is None) != (atol is None):
        raise ErrorMeta(
            ValueError,
            "Both 'rtol' and 'atol' must be either specified or omitted, but got no "
            f"{'rtol' if rtol is None else 'atol'}.",
            id=id,
        )
    return default_tolerances(*inputs) if rtol is None or atol is None else (rtol, atol)


class Pair:
    """Two things that one kind of comparison can take; ``compare`` raises where they differ.

    Raises UnsupportedInputs, when made, for two things it cannot take.
    """

    def __init__(self, actual: Any, expected: Any, *, id: Id = (), **unknown_parameters: Any) -> None:
        self.actual, self.expected, self.id, self._unknown_parameters = actual, expected, id, unknown_parameters

    @staticmethod
    def _inputs_not_supported() -> NoReturn:
        raise UnsupportedInputs

    @staticmethod
    def _check_inputs_isinstance(*inputs: Any, cls: type | tuple[type, ...]) -> None:
        if not all(isinstance(x, cls) for x in inputs):
            Pair._inputs_not_supported()

    def _make_error_meta(self, type: type[Exception], msg: str, *, id: Id = ()) -> ErrorMeta:
        return ErrorMeta(type, msg, id=id or self.id if hasattr(self, "id") else id)

    def _fail(self, type: type[Exception], msg: str, *, id: Id = ()) -> NoReturn:
        raise self._make_error_meta(type, msg, id=id)

    def compare(self) -> None:
        """Raise where the two differ."""
        raise NotImplementedError

    def extra_repr(self) -> Sequence[Any]:
        """Names of further attributes, or (name, value), for the text of the pair."""
        return ()

    def __repr__(self) -> str:
        further = [e if isinstance(e, tuple) else (e, getattr(self, e)) for e in self.extra_repr()]
        shown = [("id", getattr(self, "id", ())), ("actual", self.actual), ("expected", self.expected), *further]
        return f"{type(self).__name__}(\n" + "".join(f"    {name}={value},\n" for name, value in shown) + ")"


class ObjectPair(Pair):
    """Any two things, which must be equal."""

    def compare(self) -> None:
        """Raise unless ``actual == expected``."""
        try:
            equal = self.actual == self.expected
        except Exception as error:
            raise self._make_error_meta(
                ValueError, f"{self.actual} == {self.expected} failed with:\n{error}."
            ) from error
        if not equal:
            self._fail(AssertionError, f"{self.actual} != {self.expected}")


class NonePair(Pair):
    """None, and what must be None."""

    def __init__(self, actual: Any, expected: Any, **other_parameters: Any) -> None:
        if actual is not None and expected is not None:
            self._inputs_not_supported()
        super().__init__(actual, expected, **other_parameters)

    def compare(self) -> None:
        """Raise unless both are None."""
        if not (self.actual is None and self.expected is None):
            self._fail(AssertionError, f"None mismatch: {self.actual} is not {self.expected}")


class BooleanPair(Pair):
    """Two flags."""

    _supported_types: ClassVar[Any] = (bool, np.bool_)

    @property
    def _supported(self) -> Any:
        return self._supported_types

    def __init__(self, actual: Any, expected: Any, *, id: Id, **other_parameters: Any) -> None:
        actual, expected = self._process_inputs(actual, expected, id=id)
        super().__init__(actual, expected, id=id, **other_parameters)

    def _process_inputs(self, actual: Any, expected: Any, *, id: Id) -> tuple[bool, bool]:
        self._check_inputs_isinstance(actual, expected, cls=self._supported)
        return self._to_bool(actual, id=id), self._to_bool(expected, id=id)

    def _to_bool(self, bool_like: Any, *, id: Id) -> bool:
        return bool(bool_like)

    def compare(self) -> None:
        """Raise unless the two are the same."""
        if self.actual is not self.expected:
            self._fail(AssertionError, f"Booleans mismatch: {self.actual} is not {self.expected}")


class NumberPair(Pair):
    """Two numbers: close within tolerances, and of one type with ``check_dtype``."""

    _supported_types: ClassVar[Any] = (int, float, complex, np.number)

    @property
    def _supported(self) -> Any:
        return self._supported_types

    def __init__(
        self, actual: Any, expected: Any, *, id: Id = (), rtol: float | None = None, atol: float | None = None,
        equal_nan: bool = False, check_dtype: bool = False, **other_parameters: Any,
    ) -> None:  # fmt: skip
        actual, expected = self._process_inputs(actual, expected, id=id)
        super().__init__(actual, expected, id=id, **other_parameters)
        kinds = [_DTYPES[type(x)] for x in (actual, expected)]
        self.rtol, self.atol = get_tolerances(*kinds, rtol=rtol, atol=atol, id=id)
        self.equal_nan, self.check_dtype = equal_nan, check_dtype

    def _process_inputs(self, actual: Any, expected: Any, *, id: Id) -> tuple[Any, Any]:
        self._check_inputs_isinstance(actual, expected, cls=self._supported)
        return self._to_number(actual, id=id), self._to_number(expected, id=id)

    def _to_number(self, number_like: Any, *, id: Id) -> Any:
        return number_like.item() if isinstance(number_like, np.number) else number_like

    def compare(self) -> None:
        """Raise unless |actual - expected| <= atol + rtol |expected|."""
        own, other = type(self.actual), type(self.expected)
        if self.check_dtype and own is not other:
            self._fail(AssertionError, f"The (d)types do not match: {own} != {other}.")
        check_close(self, np.asarray(self.actual), np.asarray(self.expected), "Scalars")

    def extra_repr(self) -> Sequence[str]:
        """How the two are compared."""
        return "rtol", "atol", "equal_nan", "check_dtype"


_DTYPES = {bool: dtypes.bool_, int: dtypes.int64, float: dtypes.float64, complex: dtypes.complex128}


class TensorLikePair(Pair):
    """Two tensors, or two things of one type of which tensors are made, such as arrays."""

    def __init__(
        self, actual: Any, expected: Any, *, id: Id = (), allow_subclasses: bool = True, rtol: float | None = None,
        atol: float | None = None, equal_nan: bool = False, check_device: bool = True, check_dtype: bool = True,
        check_layout: bool = True, check_stride: bool = False, **other_parameters: Any,
    ) -> None:  # fmt: skip
        actual, expected = self._process_inputs(actual, expected, id=id, allow_subclasses=allow_subclasses)
        super().__init__(actual, expected, id=id, **other_parameters)
        self.rtol, self.atol = get_tolerances(actual, expected, rtol=rtol, atol=atol, id=id)
        self.equal_nan, self.check_device, self.check_dtype = equal_nan, check_device, check_dtype
        self.check_layout, self.check_stride = check_layout, check_stride

    def _process_inputs(self, actual: Any, expected: Any, *, id: Id, allow_subclasses: bool) -> tuple[Any, Any]:
        related = isinstance(actual, type(expected)) or isinstance(expected, type(actual))
        if not related or (not allow_subclasses and type(actual) is not type(expected)):
            self._inputs_not_supported()
        return self._to_tensor(actual), self._to_tensor(expected)

    def _to_tensor(self, tensor_like: Any) -> Tensor:
        if isinstance(tensor_like, Tensor):
            return tensor_like
        try:
            return as_tensor(tensor_like)
        except Exception:
            self._inputs_not_supported()

    def compare(self) -> None:
        """Raise unless shapes, what else is to be checked, and all numbers agree."""
        a, b = self.actual, self.expected
        self._compare_attributes(a, b)
        if not (a.is_meta or b.is_meta):  # otherwise there are no numbers to compare
            self._compare_values(*self._equalize_attributes(a, b))

    def _compare_attributes(self, actual: Any, expected: Any) -> None:
        for name, checked in (
            ("shape", True),
            ("device", self.check_device),
            ("dtype", self.check_dtype),
            ("layout", self.check_layout),
            ("stride()", self.check_stride),
        ):
            if checked:
                own, other = ([x.stride() if name == "stride()" else getattr(x, name)][0] for x in (actual, expected))
                if own != other:
                    self._fail(AssertionError, f"The values for attribute {name!r} do not match: {own} != {other}.")

    def _equalize_attributes(self, actual: Any, expected: Any) -> tuple[Any, Any]:
        return actual.detach().cpu(), expected.detach().cpu()

    def _compare_values(self, actual: Any, expected: Any) -> None:
        check_close(self, actual.array, expected.array, "Tensor-likes")

    def extra_repr(self) -> Sequence[str]:
        """How the two are compared."""
        return "rtol", "atol", "equal_nan", "check_device", "check_dtype", "check_layout", "check_stride"


def originate_pairs(
    actual: Any, expected: Any, *, pair_types: Sequence[type[Pair]], sequence_types: Any = (Sequence,),
    mapping_types: Any = (Mapping,), id: Id = (), **options: Any,
) -> list[Pair]:  # fmt: skip
    """The pairs in two nested sequences and mappings, each of the first kind that takes it.

    >>> [p.id for p in originate_pairs([1, {"a": 2}], [1, {"a": 3}], pair_types=(NumberPair,))]
    [(0,), (1, 'a')]
    """
    kinds: dict[str, Any] = {"pair_types": pair_types, "sequence_types": sequence_types, "mapping_types": mapping_types}
    both = (actual, expected)
    if all(isinstance(x, sequence_types) and not isinstance(x, str) for x in both):
        if len(actual) != len(expected):
            raise ErrorMeta(
                AssertionError, f"The length of the sequences mismatch: {len(actual)} != {len(expected)}", id=id
            )
        keys: Any = range(len(actual))
    elif all(isinstance(x, mapping_types) for x in both):
        missing, more = set(expected) - set(actual), set(actual) - set(expected)
        if missing or more:
            raise ErrorMeta(
                AssertionError,
                "The keys of the mappings do not match:\n"
                f"Missing keys in the actual mapping: {sorted(missing, key=str)}\n"
                f"Additional keys in the actual mapping: {sorted(more, key=str)}",
                id=id,
            )
        keys = list(actual)
        if all(isinstance(key, str) for key in keys):
            keys.sort()
    else:
        return [_originate(actual, expected, pair_types, id, options)]
    return [p for k in keys for p in originate_pairs(actual[k], expected[k], **kinds, id=(*id, k), **options)]


def _originate(a: Any, b: Any, pair_types: Sequence[type[Pair]], id: Id, options: dict[str, Any]) -> Pair:
    for kind in pair_types:
        try:
            return kind(a, b, id=id, **options)
        except UnsupportedInputs:
            continue
        except ErrorMeta:
            raise
        except Exception as error:
            what = f"{type(a).__name__}(): {a}\n\nand\n\n{type(b).__name__}(): {b}"
            raise RuntimeError(
                f"Originating a {kind.__name__}() at item {''.join(f'[{k!r}]' for k in id)} with\n\n{what}\n\n{_UNEXPECTED}"
            ) from error
    raise ErrorMeta(TypeError, f"No comparison pair was able to handle inputs of type {type(a)} and {type(b)}.", id=id)


PLAIN_KINDS: tuple[type[Pair], ...] = (NonePair, BooleanPair, NumberPair, TensorLikePair)


def not_close_error_metas(
    actual: Any, expected: Any, *, pair_types: Sequence[type[Pair]] = (ObjectPair,), sequence_types: Any = (Sequence,),
    mapping_types: Any = (Mapping,), **options: Any,
) -> list[ErrorMeta]:  # fmt: skip
    """All differences of two nested structures.

    >>> [error.id for error in not_close_error_metas([1, 2, 3], [1, 5, 6])]
    [(1,), (2,)]
    """
    try:
        pairs = originate_pairs(
            actual,
            expected,
            pair_types=pair_types,
            sequence_types=sequence_types,
            mapping_types=mapping_types,
            **options,
        )
    except ErrorMeta as error:
        raise error.to_error() from None
    found = []
    for pair in pairs:
        try:
            pair.compare()
        except ErrorMeta as error:
            found.append(error)
        except Exception as error:
            raise RuntimeError(f"Comparing\n\n{pair}\n\n{_UNEXPECTED}") from error
    return found


def assert_equal(
    actual: Any, expected: Any, *, pair_types: Sequence[type[Pair]] = (ObjectPair,), sequence_types: Any = (Sequence,),
    mapping_types: Any = (Mapping,), msg: str | Callable[[str], str] | None = None, **options: Any,
) -> None:  # fmt: skip
    """Raise the first difference of two nested structures.

    >>> assert_equal({"a": [1, "b"]}, {"a": [1, "b"]})
    """
    found = not_close_error_metas(
        actual, expected, pair_types=pair_types, sequence_types=sequence_types, mapping_types=mapping_types, **options
    )
    if found:
        raise found[0].to_error(msg)
