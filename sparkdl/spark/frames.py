"""DataFrames and RDDs to what the workers read: columns checked once on the driver, rows placed once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from pyspark import RDD
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from sparkdl.data.arrow import ID_COLUMN, ROLE_COLUMN, BlockReader
from sparkdl.data.augment import FeatureTransform
from sparkdl.errors import ArgumentError, DataError
from sparkdl.spark.arguments import no_data
from sparkdl.spark.columns import (
    ColumnArgument,
    Expectations,
    Shape,
    Wanted,
    check_keys,
    expression,
    find_column,
    fits,
    quoted,
    resolve,
    source,
)
from sparkdl.spark.inference import settle, tensor_spec
from sparkdl.spark.pictures import check_masks, made_spec, with_transforms
from sparkdl.spark.placement import feeds_barrier, place, rdd_feeds_barrier
from sparkdl.spark.samples import dealt, first_sample, in_place, spec_of
from sparkdl.types import SampleSpec, Structure, TensorSpec

_BATCH_BYTES = 64 << 20

# Of the arguments for columns those that would change what is computed, and what a sample has for it.
_OF_SAMPLES = {
    "weight": "give each Sample its weight",
    "validation_indicator": "give the other rows as validation_data=, or a validation_split=",
    "shapes": "the arrays of a Sample have their shapes: reshape them with map",
    "dtypes": "the arrays of a Sample have their dtypes: convert them with map",
    "transform": "transform the arrays of the RDD before, with map",
}


@dataclass(frozen=True)
class ModelShapes:
    """What the model says of its inputs and outputs: names, per-row shapes (None where unknown), dtypes, and which
    outputs have no loss, and so need no label."""

    input_shapes: tuple[Shape | None, ...] = ()
    input_names: tuple[str, ...] = ()
    output_names: tuple[str, ...] = ()
    input_dtypes: tuple[str, ...] = ()
    without_loss: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Prepared:
    """Data that is ready for the workers.

    Attributes:
        spec: what every row holds when it comes to the model.
        frame: the canonical DataFrame to run `mapInArrow` on, or None.
        rdd: the RDD of packed blocks to run `mapPartitions` on, or None.
        blocks: turns the iterator of a task into blocks; picklable, to be shipped by itself.
        shuffled: whether reading it moves the rows between tasks.
        strings: numbers of the columns (in the order of `spec.columns`) that hold codes of strings, about whose
            meaning the workers must agree (`PartitionStore.vocabulary` and `recode`).
        label_columns: for each label, by its name in `spec`, the DataFrame's (first) column of it; empty for an RDD.
        transforms: for each feature, and then each label, what is done to its images; nothing where no transform was
            given. The blocks hold `stored_spec(spec, transforms)`.
    """

    spec: SampleSpec
    blocks: BlockReader
    frame: DataFrame | None = None
    rdd: RDD[Any] | None = None
    shuffled: bool = False
    strings: tuple[int, ...] = ()
    transforms: tuple[FeatureTransform | None, ...] = ()
    label_columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def string_labels(self) -> tuple[str, ...]:
        """The labels, by name, that hold codes of strings."""
        return tuple(self.spec.columns[index].name for index in self.strings)

    @property
    def inference_blocks(self) -> BlockReader:
        """Like `blocks`, with images as the model takes them in evaluation."""
        settled = tuple(None if item is None else item.inference() for item in self.transforms)
        return replace(self.blocks, spec=self.spec, transforms=settled)

    @property
    def batch_rows(self) -> int:
        """Rows per Arrow batch that keep a batch below 64 MB (for `spark.sql.execution.arrow.maxRecordsPerBatch`)."""
        row = sum(tensor.size * np.dtype(tensor.dtype).itemsize for tensor in self.spec.columns)
        return max(1, min(10_000, _BATCH_BYTES // max(1, row)))


@dataclass(frozen=True)
class DataArguments:
    """The arguments of a verb that say which columns are what."""

    features: ColumnArgument = "features"
    label: ColumnArgument | None = None
    weight: str | None = None
    validation_indicator: str | None = None
    shapes: Mapping[str, Sequence[int]] = field(default_factory=dict)
    dtypes: Mapping[str, str] = field(default_factory=dict)
    transform: Any = None


@dataclass(frozen=True)
class ResolvedColumns:
    """The columns of a DataFrame that are read: features, labels and weight, as the canonical columns have them."""

    wanted: tuple[Wanted, ...]
    counts: tuple[int, int]  # features, labels
    structures: tuple[Structure, Structure]
    weighted: bool
    transforms: tuple[FeatureTransform | None, ...] = ()

    @property
    def labels(self) -> tuple[Wanted, ...]:
        """Those that make labels."""
        return self.wanted[self.counts[0] : sum(self.counts)]


def prepare(
    data: Any,
    arguments: DataArguments,
    model: ModelShapes,
    *,
    validation_data: Any = None,
    workers: int | None = None,
    shuffle: bool | None = None,
) -> Prepared:
    """Checks columns and brings rows to where they are to be used.

    Args:
        data: a DataFrame, or an RDD of `Sample`.
        arguments: which columns are what (ignored for an RDD).
        model: what the model expects.
        validation_data: of the same kind as `data`, with the same columns; becomes rows of role 1.
        workers: number of tasks of the barrier stage that will read; None reads without one, where the rows lie.
        shuffle: True or False forces or forbids dealing the rows out evenly; None does it unless the data
            lies in `workers` partitions already and a barrier stage may read them.

    Raises:
        ArgumentError: an argument has the wrong form.
        DataError: a column is missing, or has a type or shape that cannot be used, or there are no rows.
    """
    if validation_data is not None and arguments.validation_indicator is not None:
        raise ArgumentError("give validation_data or validation_indicator, not both.")
    frames = [data] if validation_data is None else [data, validation_data]
    if all(isinstance(item, RDD) for item in frames):
        check_samples_suffice(**vars(arguments))
        return _prepare_rdd(frames, model, workers, shuffle)
    if all(_is_frame(item) for item in frames):
        return _prepare_frame(frames, arguments, model, workers, shuffle)
    if len(frames) == 2 and all(isinstance(item, RDD) or _is_frame(item) for item in frames):
        raise ArgumentError("validation_data must be of the same kind as the data: both DataFrames or both RDDs.")
    odd = next(item for item in frames if not (isinstance(item, RDD) or _is_frame(item)))
    raise no_data("data" if odd is data else "validation_data", odd)


def check_samples_suffice(**given: Any) -> None:
    """Checks the arguments for columns where the data is an RDD, which has none; those that name some do nothing there.

    Raises:
        ArgumentError: an argument asks for what would not happen.

    Example:
        >>> check_samples_suffice(features="features", weight="importance")
        Traceback (most recent call last):
        ...
        sparkdl.errors.ArgumentError: weight= is for DataFrames: give each Sample its weight.
    """
    for name, instead in _OF_SAMPLES.items():
        if given.get(name):
            raise ArgumentError(f"{name}= is for DataFrames: {instead}.")


def _is_frame(data: Any) -> bool:
    return isinstance(data, DataFrame) or hasattr(data, "mapInArrow")


def _prepare_rdd(rdds: list[RDD[Any]], model: ModelShapes, workers: int | None, shuffle: bool | None) -> Prepared:
    spec = spec_of(first_sample(rdds[0]), model.input_names, model.output_names)
    _check_samples(spec, model)
    reader = BlockReader(spec)
    if shuffle is None:
        shuffle = workers is not None and not rdd_feeds_barrier(rdds[0]._jrdd.rdd(), workers)
    if workers is not None and (shuffle or len(rdds) == 2):
        return Prepared(spec, reader, rdd=dealt(rdds, spec, workers), shuffled=True)
    if len(rdds) == 2:
        raise ArgumentError("validation data is dealt out with the data: prepare needs a number of workers.")
    return Prepared(spec, reader, rdd=in_place(rdds[0], spec))


def _check_samples(spec: SampleSpec, model: ModelShapes) -> None:
    if not model.input_shapes:
        return
    if len(model.input_shapes) != len(spec.features):
        raise DataError(
            f"the first sample has {len(spec.features)} feature arrays, but the model has {len(model.input_shapes)} "
            f"inputs."
        )
    for tensor, shape in zip(spec.features, model.input_shapes, strict=True):
        if shape is not None and not fits(tensor.shape, shape):
            raise DataError(
                f"the first sample has features of the shape {tensor.shape}, but input {tensor.name!r} of the model "
                f"takes {shape}: reshape the samples."
            )


def _prepare_frame(
    frames: list[DataFrame], arguments: DataArguments, model: ModelShapes, workers: int | None, shuffle: bool | None
) -> Prepared:
    columns = resolve_columns(frames[0], arguments, model)
    canonical = [_canonical(frames[0], columns, arguments, None if len(frames) == 1 else 0)]
    if len(frames) == 2:
        canonical.append(_like(_canonical(frames[1], columns, arguments, 1), canonical[0], columns))
    names = _names(columns)
    order = list(canonical[0].columns)
    wanted = settle(columns.wanted, canonical[0], [order.index(group[0]) for group in names])
    spec = _spec(wanted, columns)
    check_masks(wanted, columns.counts, columns.transforms, arguments.transform)
    reader = BlockReader(spec, tuple(source(item, group) for item, group in zip(wanted, names, strict=True)))
    strings = tuple(index for index, item in enumerate(wanted) if item.kind == "string")
    frame = canonical[0] if len(canonical) == 1 else canonical[0].unionByName(canonical[1])
    if shuffle is None:
        shuffle = workers is not None and (len(canonical) == 2 or not feeds_barrier(frame, workers))
    if shuffle and workers is not None:
        frame = place(frame, workers)
    return Prepared(
        made_spec(spec, columns.transforms),
        reader,
        frame,
        shuffled=bool(shuffle),
        strings=strings,
        transforms=columns.transforms,
        label_columns={item.name: item.columns[0] for item in columns.labels},
    )


def resolve_columns(frame: DataFrame, arguments: DataArguments, model: ModelShapes) -> ResolvedColumns:
    """Which columns make which feature, label and weight, and what is known of them without looking at a row.

    Raises:
        ArgumentError: an argument has the wrong form.
        DataError: a column is missing, or has a type or shape that cannot be used.
    """
    schema = frame.schema
    inputs = Expectations("features", model.input_shapes, model.input_names)
    features, structure = resolve(arguments.features, schema, inputs, arguments.shapes, arguments.dtypes)
    labels: list[Wanted] = []
    label_structure: Structure = "single"
    if arguments.label is not None:
        given = arguments.label if isinstance(arguments.label, Mapping) else model.output_names
        names = tuple(name for name in model.output_names if name in given or name not in model.without_loss)
        outputs = Expectations("label", (None,) * len(names), names)
        labels, label_structure = resolve(arguments.label, schema, outputs, arguments.shapes, arguments.dtypes)
    # Without labels the arguments may be those of another call, which has some: there only typos are refused.
    others = [] if labels else schema.names
    features, labels, transforms = with_transforms(features, arguments.transform, labels, others)
    check_keys([*features, *labels], others, shapes=arguments.shapes, dtypes=arguments.dtypes)
    weights = [] if arguments.weight is None else [_weight(arguments.weight, schema)]
    counts, structures = (len(features), len(labels)), (structure, label_structure)
    return ResolvedColumns((*features, *labels, *weights), counts, structures, bool(weights), transforms)


def _weight(name: str, schema: T.StructType) -> Wanted:
    column = find_column(name, schema, "weight")
    if not isinstance(schema[column].dataType, T.NumericType):
        raise DataError(
            f"weight column {column!r} has the type {schema[column].dataType.simpleString()}, expected a number."
        )
    return Wanted("weight", (column,), "number", 0, "float32", (), f"weight column {column!r}")


def _names(columns: ResolvedColumns) -> list[tuple[str, ...]]:
    """The canonical names of the columns of each input."""
    names, start = [], 0
    for item in columns.wanted:
        names.append(tuple(f"__c{start + index}" for index in range(len(item.columns))))
        start += len(item.columns)
    return names


def _canonical(frame: DataFrame, columns: ResolvedColumns, arguments: DataArguments, role: int | None) -> DataFrame:
    schema = frame.schema
    selected: list[Column] = [F.monotonically_increasing_id().alias(ID_COLUMN)]
    if arguments.validation_indicator is not None:
        selected.append(_indicator(arguments.validation_indicator, schema).alias(ROLE_COLUMN))
    elif role is not None:
        selected.append(F.lit(role).cast("tinyint").alias(ROLE_COLUMN))
    argument = "features" if not role else "validation_data"
    for item, names in zip(columns.wanted, _names(columns), strict=True):
        for column in item.columns:
            find_column(column, schema, argument)
        made = expression(item, schema)
        selected += [column.alias(name) for column, name in zip(made, names, strict=True)]
    return frame.select(*selected)


def _indicator(name: str, schema: T.StructType) -> Column:
    column = find_column(name, schema, "validation_indicator")
    if not isinstance(schema[column].dataType, (T.BooleanType, T.IntegralType)):
        raise DataError(
            f"validation_indicator column {column!r} has the type {schema[column].dataType.simpleString()}, expected "
            f"boolean (true for validation rows)."
        )
    return F.col(quoted(column)).cast("boolean").cast("tinyint")


def _like(frame: DataFrame, model: DataFrame, columns: ResolvedColumns) -> DataFrame:
    """The validation frame with the types of the training frame."""
    titles = {name: item.title for item, names in zip(columns.wanted, _names(columns), strict=True) for name in names}
    selected = []
    for ours, theirs in zip(frame.schema.fields, model.schema.fields, strict=True):
        column = F.col(ours.name)
        kinds = (ours.dataType.simpleString(), theirs.dataType.simpleString())
        if kinds[0] != kinds[1]:
            if not (isinstance(ours.dataType, T.NumericType) and isinstance(theirs.dataType, T.NumericType)):
                raise DataError(
                    f"{titles[ours.name]} has the type {kinds[0]} in validation_data, expected {kinds[1]} as in "
                    f"the data."
                )
            column = column.cast(theirs.dataType)
        selected.append(column.alias(ours.name))
    return frame.select(*selected)


def _spec(wanted: Sequence[Wanted], columns: ResolvedColumns) -> SampleSpec:
    tensors: list[TensorSpec] = [tensor_spec(item) for item in wanted]
    inputs, outputs = columns.counts
    return SampleSpec(
        tuple(tensors[:inputs]),
        tuple(tensors[inputs : inputs + outputs]),
        columns.weighted,
        columns.structures[0],
        columns.structures[1],
    )
