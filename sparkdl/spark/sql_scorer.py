"""The task of a function of SQL: columns in, of types that are known when they come."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from sparkdl.data.arrow import BlockReader, ColumnSource, Kind
from sparkdl.errors import DataError
from sparkdl.spark.scorer import ColumnScorer, Scorer
from sparkdl.spark.shipped import ShippedModel, ShippedNetwork
from sparkdl.types import SampleSpec, TensorSpec

_VECTOR = ("type", "size", "indices", "values")
_IMAGE = ("height", "width", "nChannels", "mode", "data")


@dataclass(frozen=True)
class SqlScorer:
    """A model as a function of columns.

    Attributes:
        shipped: the model.
        spec: its inputs.
        name: of the function, for messages.
        kind: the Arrow type of its result.
        batch_size: rows per call of the model.
        handle_invalid: "keep" or "error".
        limits: what the numbers of each input must stay below, see `data.indices`.
    """

    shipped: ShippedModel | ShippedNetwork
    spec: SampleSpec
    name: str
    kind: pa.DataType
    batch_size: int
    handle_invalid: str
    limits: tuple[np.ndarray | None, ...] = ()

    def __call__(self, items: Iterable[Any]) -> Iterator[pa.Array]:
        """Takes columns: an Arrow array, or a tuple of several; gives as many rows as it was given."""
        given = (tuple(item) if isinstance(item, tuple) else (item,) for item in items)
        columns = (self.typed(tuple(map(dense, item))) for item in given)
        first = next(columns, None)
        if first is None:
            return
        reader = BlockReader(self.spec, self.sources([column.type for column in first]), limits=self.limits)
        kinds = {self.name: self.kind}
        scorer = Scorer(self.shipped, reader, 0, kinds, list, self.batch_size, self.handle_invalid)
        names = tuple(str(number) for number in range(len(first)))
        yield from ColumnScorer(scorer, names, None)(itertools.chain([first], columns))

    def typed(self, columns: tuple[pa.Array, ...]) -> tuple[pa.Array, ...]:
        """The columns, with those NULLs of a query that have no type as nulls of what the model takes there."""
        inputs = self.spec.features
        own = len(columns) == len(inputs)
        tensors = inputs if own else inputs[:1] * len(columns)
        return tuple(_typed(column, tensor, own) for column, tensor in zip(columns, tensors, strict=True))

    def sources(self, kinds: list[pa.DataType]) -> tuple[ColumnSource, ...]:
        """How the inputs are read from arguments of these types.

        Raises:
            DataError: their number or types do not fit the model.
        """
        inputs, names = self.spec.features, [str(number) for number in range(len(kinds))]
        scalars = not any(pa.types.is_nested(kind) or pa.types.is_binary(kind) for kind in kinds)
        if len(inputs) == 1 and scalars:
            if len(kinds) != inputs[0].size:
                raise DataError(
                    f"{self.name}() was given {_counted(len(kinds), 'number')}, but its model takes {inputs[0].size} "
                    f"(shape {inputs[0].shape}): give that many, or one array."
                )
            for number, kind in enumerate(kinds):
                self._check(number, kind, inputs[0])
            return (ColumnSource("stack", tuple(names), f"arguments of {self.name}()"),)
        if len(kinds) != len(inputs):
            raise DataError(
                f"{self.name}() was given {_counted(len(kinds), 'argument')}, but its model takes {len(inputs)} "
                f"({', '.join(f'{tensor.name} {tensor.shape}' for tensor in inputs)})."
            )
        return tuple(self._source(number, kind) for number, kind in enumerate(kinds))

    def _source(self, number: int, kind: pa.DataType) -> ColumnSource:
        title, tensor = f"argument {number + 1} of {self.name}()", self.spec.features[number]
        self._check(number, kind, tensor)
        found: Kind = "number"
        if pa.types.is_list(kind):
            found = "array"
        elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            found = "binary"
        elif pa.types.is_struct(kind):
            found = "image"
        elif tensor.size != 1:
            raise DataError(f"{title} is one number per row, but the model takes the shape {tensor.shape} there.")
        return ColumnSource(found, (str(number),), title, tensor.dtype if found == "binary" else None)

    def _check(self, number: int, kind: pa.DataType, tensor: TensorSpec) -> None:
        inner = kind
        while pa.types.is_list(inner):
            inner = inner.value_type
        image = pa.types.is_struct(inner) and set(_IMAGE) <= {field.name for field in inner}
        raw = pa.types.is_binary(inner) or pa.types.is_large_binary(inner)
        whole = np.dtype(tensor.dtype).kind in "iu"
        if image or raw or pa.types.is_integer(inner) or pa.types.is_boolean(inner):
            return
        if not pa.types.is_floating(inner) or whole:
            raise DataError(
                f"argument {number + 1} of {self.name}() has the type {kind}, but the model takes {tensor.dtype} of "
                f"the shape {tensor.shape}: cast it."
            )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def _typed(column: pa.Array, tensor: TensorSpec, own: bool) -> pa.Array:
    """A column of untyped NULLs, or of lists of such, as one of numbers like the tensor's, or of lists of them."""
    whole = np.dtype(tensor.dtype).kind in "iu"
    number = pa.int64() if whole else pa.float64()
    lists = own and tensor.size != 1 and pa.types.is_null(column.type)
    return _cast(column, pa.list_(number) if lists else _replaced(column.type, pa.types.is_null, number))


def dense(column: pa.Array) -> pa.Array:
    """ML vectors, as Spark stores them, as lists of numbers; decimals as doubles; any other column as it is."""
    if not pa.types.is_struct(column.type) or tuple(field.name for field in column.type) != _VECTOR:
        return _cast(column, _replaced(column.type, pa.types.is_decimal, pa.float64()))
    kinds = column.field("type").to_numpy(zero_copy_only=False)
    if (kinds == 1).all() and not column.null_count:
        return column.field("values")
    return pa.array(
        [None if vector is None else _dense(vector) for vector in column.to_pylist()], pa.list_(pa.float64())
    )


def _replaced(kind: pa.DataType, which: Callable[[pa.DataType], bool], other: pa.DataType) -> pa.DataType:
    """A type, or the lists of it at any depth, with another in its place where it is one of those."""
    if pa.types.is_list(kind):
        inner = _replaced(kind.value_type, which, other)
        return kind if inner == kind.value_type else pa.list_(inner)
    return other if which(kind) else kind


def _cast(column: pa.Array, kind: pa.DataType) -> pa.Array:
    return column if column.type == kind else column.cast(kind)


def _dense(vector: dict[str, Any]) -> list[float]:
    if vector["type"] == 1:
        return list(vector["values"])
    values = [0.0] * vector["size"]
    for place, value in zip(vector["indices"], vector["values"], strict=True):
        values[place] = value
    return values
