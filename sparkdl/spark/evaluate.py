"""`sdl.evaluate`: loss and metrics over all rows, where they lie."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from sparkdl.data.blocks import Block
from sparkdl.engine.checks import check_compiled, check_model
from sparkdl.engine.replica import KerasReplica
from sparkdl.engine.serialization import pack_model, unpack_model
from sparkdl.errors import DataError
from sparkdl.spark.argument_values import check_values
from sparkdl.spark.arguments import refuse, refuse_compiled, refuse_stream
from sparkdl.spark.cluster import context_of
from sparkdl.spark.expectations import shapes_of
from sparkdl.spark.failures import own_errors
from sparkdl.spark.frames import DataArguments, prepare
from sparkdl.spark.quantized import QuantizedModel, judging
from sparkdl.spark.scoring import limits_of
from sparkdl.spark.shipped import ShippedJudge, ShippedModel
from sparkdl.spark.shipping import ship, ship_predictor
from sparkdl.spark.stopped import needs_session
from sparkdl.types import Batch, SampleSpec, TensorSpec


@needs_session
def evaluate(
    model: Any,
    data: Any,
    *,
    features: Any = "features",
    label: Any = "label",
    weight: str | None = None,
    batch_size: int = 1024,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    dtypes: Mapping[str, str] | None = None,
    transform: Any = None,
    **keras_arguments: Any,
) -> dict[str, float]:
    """Loss and metrics of a compiled model over all rows, without a shuffle.

    Numerators and denominators are added up over the whole data, so the numbers depend neither on the
    batch size nor on the partitions; they are Keras's for one batch of all rows.

    Args:
        model: a compiled `keras.Model`, or what `quantize` made of one; its loss lacks penalties of weights.
        data: a DataFrame, or an RDD of `sparkdl.Sample`.
        features: as in `fit`.
        label: as in `fit`.
        weight: as in `fit`.
        batch_size: rows per call of the model.
        shapes: as in `fit`.
        dtypes: as in `fit`.
        transform: as in `fit`; without chance (`transform.inference()`).
        **keras_arguments: other arguments of `keras.Model.evaluate`, refused by name with the reason.

    Returns:
        Keras's logs: `{"loss": ..., "accuracy": ...}`.

    Raises:
        DataError: where there are no rows, or they do not fit.
        ModelError: where the model is not compiled.
    """
    refuse("evaluate", **keras_arguments)
    check_values("evaluate", batch_size=batch_size, shapes=shapes, dtypes=dtypes)
    context_of(data)  # which refuses what is neither DataFrame nor RDD
    refuse_stream("evaluate", data, "evaluate what its sink has written")
    judge = judging(model) if isinstance(model, QuantizedModel) else model
    check_compiled(judge)
    refuse_compiled(judge)
    arguments = DataArguments(features, label, weight, None, shapes or {}, dtypes or {}, transform)
    prepared = prepare(data, arguments, shapes_of(model))
    spec = judged_spec(prepared.spec, model)
    check_model(judge, spec, prepared.label_columns, prepared.string_labels)
    label_values = getattr(model, "label_values", {})
    with closing(ship(data, judge, spec, compiled=True)) as shipped, own_errors():
        task = Evaluator(
            evaluated(data, model, shipped, prepared.spec),
            prepared.spec,
            replace(prepared.inference_blocks, limits=limits_of(model, prepared.spec)),
            batch_size,
            label_values,
        )
        if prepared.rdd is not None:
            parts = prepared.rdd.mapPartitions(task.sums).collect()
        else:
            frame: Any = prepared.frame
            parts = [row.sums for row in frame.mapInArrow(task, "sums array<double>").collect()]
        if not parts:
            raise DataError("evaluate was given no rows: the DataFrame or RDD is empty (check its filters).")
        like_theirs = KerasReplica(unpack_model(pack_model(judge)), shipped.spec, extra_losses=shipped.extra_losses)
        return like_theirs.results(np.sum(np.array(parts, np.float64), axis=0))


@dataclass(frozen=True)
class Evaluator:
    """The task of `evaluate`: rows in, one vector of sums out."""

    shipped: ShippedModel | ShippedJudge
    spec: SampleSpec
    blocks: Callable[[Iterable[Any]], Iterator[Block]]
    batch_size: int
    label_values: Mapping[str, Sequence[str]]

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for sums in self.sums(batches):
            yield pa.RecordBatch.from_arrays([pa.array([sums], pa.list_(pa.float64()))], names=["sums"])

    def sums(self, items: Iterable[Any]) -> Iterator[list[float]]:
        """The sums of one partition; nothing where it has no rows."""
        replica = None
        for block in self.blocks(items):
            for batch in self.batches(coded(block, self.spec, self.label_values)):
                if replica is None:
                    replica = self.shipped.replica()
                    replica.reset_sums()
                replica.evaluate(batch)
        if replica is not None:
            yield replica.sums().tolist()

    def batches(self, block: Block) -> Iterator[Batch]:
        """The rows of a block in batches of at most `batch_size`."""
        inputs, outputs = len(self.spec.features), len(self.spec.labels)
        for start in range(0, block.rows, self.batch_size):
            columns = tuple(column[start : start + self.batch_size] for column in block.columns)
            weights = columns[-1] if self.spec.weighted else None
            yield Batch(columns[:inputs], columns[inputs : inputs + outputs], weights)


def coded(block: Block, spec: SampleSpec, label_values: Mapping[str, Sequence[str]]) -> Block:
    """The block with strings as the class numbers that the model was trained on.

    Raises:
        DataError: see `class_numbers`.
    """
    if not any(words is not None for words in block.vocabularies):
        return block
    columns = list(block.columns)
    for index, words in enumerate(block.vocabularies):
        if words is not None:
            known = class_numbers(spec.columns[index].name, label_values)
            columns[index] = np.array([known(word) for word in words], np.int32)[columns[index]]
    return Block(block.ids, tuple(columns), block.role)


def judged_spec(spec: SampleSpec, model: Any) -> SampleSpec:
    """The columns that loss and metrics are computed from: of a quantised model its outputs, not its features."""
    if not isinstance(model, QuantizedModel):
        return spec
    outputs = tuple(
        TensorSpec(port.name, tuple(size or 1 for size in port.shape[1:]), port.dtype) for port in model.outputs
    )
    return replace(spec, features=outputs, feature_structure="single" if len(outputs) == 1 else "list")


def evaluated(data: Any, model: Any, shipped: ShippedModel, spec: SampleSpec) -> ShippedModel | ShippedJudge:
    """What tasks evaluate: the model, or what a quantised model gives."""
    if not isinstance(model, QuantizedModel):
        return shipped
    features = replace(spec, labels=(), weighted=False)
    return ShippedJudge(shipped, ship_predictor(data, model, features))


def class_numbers(column: str, label_values: Mapping[str, Sequence[str]]) -> Callable[[str], int]:
    """The function from a string of a label column to its class number.

    Raises:
        DataError: where the model was not trained on strings, or (when called) not on this one.
    """
    if column not in label_values:
        raise DataError(
            f"label column {column!r} holds strings, but this model object was not trained on strings by sparkdl.fit: "
            f"set model.label_values = {{{column!r}: [the strings in the order of their class numbers]}}."
        )
    numbers = {word: number for number, word in enumerate(label_values[column])}

    def number_of(word: str) -> int:
        if word not in numbers:
            raise DataError(
                f"label column {column!r} holds {word!r}; expected one of the {len(numbers)} labels seen in training: "
                f"{', '.join(map(repr, list(numbers)[:10]))}."
            )
        return numbers[word]

    return number_of
