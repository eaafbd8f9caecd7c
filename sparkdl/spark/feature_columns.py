"""The feature columns of a DataFrame that is to be scored: checked on the driver, read where the rows lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from sparkdl.data.arrow import BlockReader
from sparkdl.errors import DataError
from sparkdl.spark.columns import (
    Expectations,
    Wanted,
    check_keys,
    expression,
    needs_expression,
    quoted,
    resolve,
    source,
)
from sparkdl.spark.frames import DataArguments, ModelShapes
from sparkdl.spark.inference import settle, tensor_spec
from sparkdl.spark.pictures import made_spec, with_transforms
from sparkdl.types import SampleSpec


@dataclass(frozen=True)
class PreparedFeatures:
    """A DataFrame whose rows can be scored where they lie.

    Attributes:
        frame: all original columns, in their order, then the few that Spark had to convert.
        keep: number of original columns.
        spec: what the model is given of every row (features only).
        reader: for `sparkdl.data.arrow.read_columns`; picklable.
    """

    frame: DataFrame
    keep: int
    spec: SampleSpec
    reader: BlockReader


def prepare_features(
    frame: DataFrame,
    arguments: DataArguments,
    model: ModelShapes,
    *,
    spec: SampleSpec | None = None,
    nulls: bool = False,
) -> PreparedFeatures:
    """Describes the feature columns of a DataFrame for scoring: no shuffle, no column lost.

    Args:
        frame: the rows to score; it may be a streaming one.
        arguments: its features, shapes and dtypes, and the transform of images, which is applied without chance.
        model: what the model expects.
        spec: what every row held when the model was trained: then no row is looked at.
        nulls: whether rows may hold nulls, so that the first that holds none is looked at.

    Raises:
        ArgumentError: an argument has the wrong form.
        DataError: a column is missing, or has a type or shape that cannot be used.
    """
    if spec is not None:
        model = replace(model, input_shapes=tuple(tensor.shape for tensor in spec.features))
    expected = Expectations("features", model.input_shapes, model.input_names)
    schema = frame.schema
    wanted, structure = resolve(arguments.features, schema, expected, arguments.shapes, arguments.dtypes)
    if spec is None:  # a stage knows its training, where labels may have had shapes too
        check_keys(wanted, schema.names, shapes=arguments.shapes, dtypes=arguments.dtypes)
    wanted, _, transforms = with_transforms(wanted, arguments.transform, others=() if spec else schema.names)
    _check_vectors(wanted, schema)
    made: dict[str, Column] = {}
    names = [_names(item, schema, made) for item in wanted]
    wider = frame.select("*", *[column.alias(name) for name, column in made.items()])
    if spec is not None:
        wanted = [_as_trained(item, index, spec, model, schema) for index, item in enumerate(wanted)]
    wanted = _settle(wanted, wider, names, nulls)
    settled = made_spec(SampleSpec(tuple(map(tensor_spec, wanted)), feature_structure=structure), transforms)
    sources = tuple(source(item, group) for item, group in zip(wanted, names, strict=True))
    applied = tuple(None if item is None else item.inference() for item in transforms)
    return PreparedFeatures(wider, len(frame.columns), settled, BlockReader(settled, sources, applied))


def _names(item: Wanted, schema: T.StructType, made: dict[str, Column]) -> tuple[str, ...]:
    """The columns that an input is read from; what Spark must convert first goes to `made`."""
    group = []
    for column, converted in zip(item.columns, expression(item, schema), strict=True):
        convert = needs_expression(schema[column].dataType)
        group.append(f"__f{len(made)}" if convert else column)
        if convert:
            made[group[-1]] = converted
    return tuple(group)


def _settle(wanted: list[Wanted], frame: DataFrame, names: Sequence[tuple[str, ...]], nulls: bool) -> list[Wanted]:
    if all(item.settled for item in wanted):
        return wanted
    if frame.isStreaming:
        title = next(item.title for item in wanted if not item.settled)
        raise DataError(
            f"the shape or dtype of {title} is not known, and no row of a streaming DataFrame can be looked at before "
            f"it runs: give shapes= (and dtypes= for binary columns)."
        )
    columns = [F.col(quoted(group[0])) for group in names]
    if nulls:
        frame = frame.where(reduce(lambda one, other: one & other, [column.isNotNull() for column in columns]))
    return settle(wanted, frame.select(*columns), range(len(names)))


def _as_trained(item: Wanted, index: int, spec: SampleSpec, model: ModelShapes, schema: T.StructType) -> Wanted:
    """An input with the shape and dtype that it had in training; fractions also where a model that takes them was
    trained on whole numbers.

    Raises:
        DataError: the column may hold fractions, and the model itself takes whole numbers.
    """
    if item.kind in ("picture", "encoded"):
        return item  # `with_transforms` has compared it with the model
    tensor = spec.features[index]
    trained, given = np.dtype(tensor.dtype).kind, np.dtype(item.dtype or tensor.dtype).kind
    if trained in "iu" and given == "f" and item.kind != "binary":
        if "float" in "".join(model.input_dtypes[index : index + 1]):
            return replace(item, shape=tensor.shape)
        types = ", ".join(dict.fromkeys(schema[column].dataType.simpleString() for column in item.columns))
        raise DataError(
            f"{item.title} has the type {types}, but the model takes whole numbers there ({tensor.dtype}, as in its "
            f"training): cast it to such, for example to {'array<int>' if item.kind == 'array' else 'int'}."
        )
    keep = item.dtype is not None and (trained == given or item.kind == "binary")
    return replace(item, shape=tensor.shape, dtype=item.dtype if keep else tensor.dtype)


def _check_vectors(wanted: Sequence[Wanted], schema: T.StructType) -> None:
    """Compares the length of ML vectors, where Spark ML has noted it with the column, with what the model takes.

    Raises:
        DataError: where it differs.
    """
    for item in wanted:
        length = vector_length(schema[item.columns[0]])
        if length is None or item.shape is None or None in item.shape:
            continue
        size = reduce(lambda one, other: one * int(other or 1), item.shape, 1)
        if length != size:
            raise DataError(
                f"{item.title} holds vectors of {length} numbers, but the model takes {size} (shape {item.shape}): "
                f"assemble the same columns as in training."
            )


def vector_length(field: T.StructField) -> int | None:
    """The length of the vectors of a column, as Spark ML's stages note it in its metadata; None where they did not."""
    noted: dict[str, Any] = (field.metadata or {}).get("ml_attr") or {}
    if "num_attrs" in noted:
        return int(noted["num_attrs"])
    return sum(len(group) for group in noted["attrs"].values()) if "attrs" in noted else None
