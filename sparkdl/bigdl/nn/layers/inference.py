"""What layers say of data: predictions, classes and measures, of arrays and of RDDs."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from pyspark import RDD

from sparkdl.bigdl.optim.measuring import Methods, pack, unpack
from sparkdl.bigdl.optim.validation import checked
from sparkdl.bigdl.util.contexts import get_spark_context
from sparkdl.bigdl.util.results import EvaluatedResult
from sparkdl.bigdl.util.sample import JTensor
from sparkdl.data.blocks import block_of_samples
from sparkdl.errors import ArgumentError, DataError
from sparkdl.nn.torch.module import Module
from sparkdl.nn.torch.network import Shape, network
from sparkdl.spark.predict import predict
from sparkdl.spark.samples import first_item, first_sample, spec_of
from sparkdl.spark.shipping import ship_predictor
from sparkdl.types import Sample, SampleSpec

_ROWS = 256  # of a call, where nobody says otherwise


class Inference:
    """The part of a layer that is applied to data, as in evaluation."""

    value: Module

    def evaluate(self, *args: Any) -> Any:
        """Without arguments: from now on behaves as in evaluation. With three: measures the model.

        Args:
            *args: an RDD of samples (or an ImageFrame), the batch size over all partitions, and validation methods.

        Returns:
            the layer, or a list of EvaluatedResult.

        Example:
            >>> from sparkdl.bigdl.nn.layer import Dropout
            >>> Dropout().evaluate().is_training()
            False
        """
        if not args:
            return self.training(False)  # type: ignore[attr-defined]
        if len(args) != 3:
            raise ArgumentError(
                f"evaluate takes nothing, or a data set, a batch size and validation methods: received {len(args)} "
                "arguments."
            )
        return measured(self, rdd_of(args[0]), int(args[1]), args[2])

    def predict(self, features: Any, batch_size: int = -1) -> Any:
        """The outputs for an RDD of samples (an RDD), or for arrays whose first axis is the batch (an array)."""
        return (
            self.predict_distributed(features, batch_size)
            if isinstance(features, RDD)
            else self.predict_local(features, batch_size)
        )

    def predict_local(self, X: Any, batch_size: int = -1) -> Any:
        """The outputs for an array, or a list of arrays for several inputs; for a table a list of arrays."""
        inputs = [_array(part) for part in X] if isinstance(X, (list, tuple)) else [_array(X)]
        model = self._model([tuple(part.shape[1:]) for part in inputs])
        rows = batch_size if batch_size > 0 else _ROWS
        return model.predict(inputs if len(inputs) > 1 else inputs[0], batch_size=rows, verbose=0)

    def _model(self, shapes: Sequence[Shape]) -> Any:
        """The Keras model for rows of such shapes, one for each input."""
        return network(self.value, list(shapes) if len(shapes) > 1 else shapes[0]).model

    def predict_distributed(self, data_rdd: RDD, batch_size: int = -1) -> RDD:
        """The outputs for an RDD of samples, as an RDD of arrays (of tuples of them for a table)."""
        model = model_for(self, data_rdd)
        return predict(model, data_rdd, batch_size=rows_of_call(batch_size, data_rdd))

    def predict_class(self, features: Any) -> Any:
        """The classes, which count from 1, of an RDD of samples (an RDD), or of arrays (an array)."""
        local = not isinstance(features, RDD)
        return self.predict_class_local(features) if local else self.predict_class_distributed(features)

    def predict_class_local(self, X: Any) -> np.ndarray[Any, Any]:
        """The numbers of the greatest outputs, from 1, for arrays."""
        outputs = self.predict_local(X)
        return np.array([greatest(output) for output in outputs])

    def predict_class_distributed(self, data_rdd: RDD) -> RDD:
        """The numbers of the greatest outputs, from 1, for an RDD of samples."""
        return self.predict_distributed(data_rdd).map(greatest)

    def predict_image(
        self,
        image_frame: Any,
        output_layer: str | None = None,
        share_buffer: bool = False,
        batch_per_partition: int = 4,
        predict_key: str = "predict",
    ) -> Any:
        """An ImageFrame of the same images with what the model says of their samples.

        Args:
            image_frame: whose transforms end with ImageFrameToSample.
            output_layer: the name of an inner layer whose output is wanted.
            share_buffer: means nothing here.
            batch_per_partition: rows of a call.
            predict_key: what the prediction is called.
        """
        distributed = image_frame.is_distributed()
        features = image_frame.value if distributed else get_spark_context().parallelize(image_frame.value, 1)
        samples = features.map(_sample_of)
        model = model_for(self, samples)
        if output_layer is not None:
            model = _ending_at(model, output_layer)
        spec = _features_of(first_sample(samples), model)
        task = _ImageTask(ship_predictor(features, model, spec), spec, batch_per_partition, predict_key)
        found = features.mapPartitions(task)
        return type(image_frame)(jvalue=found if distributed else found.collect())


def rdd_of(data: Any) -> RDD:
    """An RDD of samples: of itself, or of an ImageFrame.

    Raises:
        ArgumentError: it is something else.
    """
    if isinstance(data, RDD):
        return data
    if not hasattr(data, "get_sample"):
        raise ArgumentError(f"evaluate takes an RDD of Sample or an ImageFrame, received a {type(data).__name__}.")
    samples = data.get_sample()
    return samples if isinstance(samples, RDD) else get_spark_context().parallelize(samples)


def model_for(layer: Inference, data: RDD) -> Any:
    """The model of a layer for such samples (or arrays)."""
    first = first_item(data)
    features = first.features if isinstance(first, Sample) else (first,)
    return layer._model([tuple(_array(feature).shape) for feature in features])


def rows_of_call(batch_size: int, data: RDD) -> int:
    """BigDL's batches are those of all partitions together."""
    return -(-batch_size // data.getNumPartitions()) if batch_size > 0 else _ROWS


def greatest(output: Any) -> int:
    """The number of the greatest value, from 1."""
    return int(np.argmax(output)) + 1


def measured(layer: Inference, data: RDD, batch_size: int, methods: Any) -> list[EvaluatedResult]:
    """What validation methods say of a model over an RDD of samples.

    Raises:
        DataError: there are no rows, or a method cannot measure them.
    """
    measures = Methods(tuple(checked(methods)))
    model = model_for(layer, data)
    spec = spec_of(first_sample(data), (), ())
    shipped = ship_predictor(data, model, replace(spec, labels=(), weighted=False))
    task = _MeasuringTask(shipped, spec, rows_of_call(batch_size, data), measures)
    merged = measures.merged(map(unpack, data.mapPartitions(task).collect()))
    if merged is None:
        raise DataError("evaluate was given no rows: the RDD is empty (check its filters).")
    return [method.result(state) for method, state in zip(measures.methods, merged, strict=True)]


@dataclass(frozen=True)
class _MeasuringTask:
    """Samples of a partition in, the packed states of the methods out."""

    shipped: Any
    spec: SampleSpec
    rows: int
    measures: Methods

    def __call__(self, samples: Iterable[Sample]) -> Iterator[bytes]:
        found, features = None, len(self.spec.features)
        predictor, remaining = None, iter(samples)
        while chunk := list(itertools.islice(remaining, self.rows)):
            predictor = predictor or self.shipped.predictor()
            columns = block_of_samples(chunk, self.spec, np.arange(len(chunk))).columns
            outputs = predictor.predict(tuple(columns[:features]))
            part = self.measures.measure(outputs, columns[features : features + len(self.spec.labels)])
            found = self.measures.merged([part] if found is None else [found, part])
        if found is not None:
            yield pack(found)


@dataclass(frozen=True)
class _ImageTask:
    """Images with samples in, the same images with predictions out."""

    shipped: Any
    spec: SampleSpec
    rows: int
    key: str

    def __call__(self, features: Iterable[Any]) -> Iterator[Any]:
        predictor, remaining = self.shipped.predictor(), iter(features)
        while chunk := list(itertools.islice(remaining, self.rows)):
            samples = [Sample(_sample_of(feature).features) for feature in chunk]
            outputs = predictor.predict(block_of_samples(samples, self.spec, np.arange(len(chunk))).columns)
            for row, feature in enumerate(chunk):
                copy = feature.copy()
                copy.state[self.key] = _kept([output[row] for output in outputs])
                yield copy


def _kept(outputs: Sequence[np.ndarray[Any, Any]]) -> Any:
    tensors = [JTensor.from_ndarray(output) for output in outputs]
    return tensors[0] if len(tensors) == 1 else tensors


def _sample_of(feature: Any) -> Sample:
    sample = feature.get_sample()
    if sample is None:
        raise DataError(
            "predict_image got an image without a sample: let the transforms end with MatToTensor() and "
            "ImageFrameToSample()."
        )
    return sample  # type: ignore[no-any-return]


def _features_of(sample: Sample, model: Any) -> SampleSpec:
    return replace(spec_of(Sample(sample.features), (), ()), labels=(), weighted=False)


def _ending_at(model: keras.Model, layer: str) -> keras.Model:
    names = [known.name for known in model.layers]
    if layer not in names:
        raise ArgumentError(f"the model has no layer named {layer!r}; its layers are {', '.join(names)}.")
    return keras.Model(model.inputs, model.get_layer(layer).output)


def _array(value: Any) -> np.ndarray[Any, Any]:
    try:
        return np.asarray(value.to_ndarray() if hasattr(value, "to_ndarray") else value, np.float32)
    except (TypeError, ValueError) as error:
        raise DataError(f"a model takes arrays of numbers, received a {type(value).__name__}: {error}.") from error
