"""`sdl.quantize`: a Keras model in eight bits, calibrated where the rows lie, and what that costs and brings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sparkdl.engine.runtimes.speed import measure_speed
from sparkdl.errors import ArgumentError, ModelError, UnsupportedError
from sparkdl.metrics.base import Metric
from sparkdl.metrics.meter import check_metrics
from sparkdl.spark.calibration import Arrays, sample_rows
from sparkdl.spark.evaluate import evaluate
from sparkdl.spark.expectations import shapes_of
from sparkdl.spark.frames import DataArguments
from sparkdl.spark.measure import measure
from sparkdl.spark.predict import predict
from sparkdl.spark.quantized import Port, QuantizationReport, QuantizedModel, judging
from sparkdl.spark.scoring import built
from sparkdl.spark.shipping import converted
from sparkdl.spark.stopped import needs_session
from sparkdl.types import SampleSpec

_PREDICTION = "__prediction"
_TIMED_ROWS = 128


@needs_session
def quantize(
    model: Any,
    data: Any,
    *,
    features: Any = "features",
    label: Any = None,
    metrics: Metric | Sequence[Metric] | None = None,
    rows: int = 300,
    seed: int = 0,
    max_accuracy_drop: float | None = None,
    batch_size: int = 1024,
    shapes: Mapping[str, Sequence[int]] | None = None,
    dtypes: Mapping[str, str] | None = None,
    transform: Any = None,
) -> QuantizedModel:
    """A model that computes its products in int8, from any Keras model, imported ones included.

    NNCF finds the ranges of numbers in rows that the seed chooses on the executors (post-training quantisation);
    OpenVINO computes. The model itself stays as it is.

    Args:
        model: a built `keras.Model`; loss and metrics that it is compiled with go along, for `evaluate`.
        data: rows like those to be scored: a DataFrame, an RDD of `sparkdl.Sample`, an array (rows, ...), or a list
            of arrays for several inputs.
        features: as in `fit`.
        label: as in `fit`; for arrays, an array or a list of them. With labels, accuracy is measured over all rows.
        metrics: of `sdl.metrics`, for models with one output; by default what the model is compiled with.
        rows: for the calibration: so many come to the driver.
        seed: chooses them.
        max_accuracy_drop: how much less the first metric may be over all rows (the first that the model is compiled
            with; more must be better). The operations that cost most stay in float32 then, which takes NNCF many
            evaluations of the rows of the calibration.
        batch_size: rows per call of the model where accuracy is measured.
        shapes: as in `fit`.
        dtypes: as in `fit`.
        transform: as in `fit`; without chance (`transform.inference()`).

    Returns:
        a model for `predict`, `evaluate`, `register_udf` and the stages, with a `report`, and `save`.

    Raises:
        ArgumentError: an argument has the wrong form.
        DataError: there are no rows, or they do not fit the model.
        MissingExtraError: NNCF or OpenVINO is not installed.
        ModelError: the model has no weights yet, or no metrics where they are needed.
        UnsupportedError: OpenVINO or NNCF cannot take the model, or `max_accuracy_drop` cannot be kept.

    Example:
        >>> import keras
        >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(64, "relu"), keras.layers.Dense(2)])
        >>> small = quantize(model, np.random.default_rng(0).normal(size=(100, 8)), rows=50)
        >>> small.predict(np.zeros((3, 8))).shape, small.report.rows, small.report.float_operations
        ((3, 2), 50, ())
    """
    # NNCF takes seconds to import, and is no use to those who only score.
    from sparkdl.engine.runtimes.quantization import AccuracyBound, import_nncf, quantize_network

    wanted = None if metrics is None else check_metrics(metrics, "metrics")
    check_arguments(model, label, wanted, rows, max_accuracy_drop)
    import_nncf()
    arrays = not hasattr(data, "mapInArrow") and not hasattr(data, "mapPartitions")
    data = Arrays.of(data, label) if arrays else data
    arguments = DataArguments(features, label, shapes=shapes or {}, dtypes=dtypes or {}, transform=transform)
    judged = _Judged(data, arguments, wanted, batch_size)
    spec, batch = sample_rows(data, arguments, shapes_of(model), rows, seed, getattr(model, "label_values", {}))
    before = floating(model, replace(spec, labels=(), label_structure="single"), batch.features)
    values, bound, name = judged.values(before), None, ""
    if max_accuracy_drop is not None:
        name = judged.first(values)
        bound = AccuracyBound(lambda outputs: judged.values_of(before, outputs, batch.labels)[name], max_accuracy_drop)
    after = replace(before, network=quantize_network(before.network, batch.features, bound))
    report = reported(before, after, batch.features, values, judged.values(after))
    if max_accuracy_drop is not None:
        check_drop(report, name, max_accuracy_drop)
    return replace(after, report=report)


def check_arguments(model: Any, label: Any, metrics: tuple[Metric, ...] | None, rows: int, drop: float | None) -> None:
    """What can be known before anything is read.

    Raises:
        ArgumentError: naming the argument.
        ModelError: the model is not built, or no Keras model.
    """
    if isinstance(model, QuantizedModel):
        raise ArgumentError(f"the model {model.name!r} is quantised already: give the Keras model that it was made of.")
    if not hasattr(model, "layers"):
        raise ModelError(f"expected a built keras.Model, received {type(model).__name__}: wrap it in a keras.Model.")
    if built(model) is not model:
        raise ModelError(
            f"model {model.name!r} is subclassed, so that Keras knows no graph of it: wrap it, as in inputs = "
            "keras.Input(shape); model = keras.Model(inputs, model(inputs)), and compile that."
        )
    if not isinstance(rows, int) or isinstance(rows, bool) or rows < 1:
        raise ArgumentError(f"rows must be a whole number from 1, received {rows!r}.")
    if drop is not None and not (isinstance(drop, (int, float)) and drop >= 0):
        raise ArgumentError(f"max_accuracy_drop must be a number from 0, received {drop!r}.")
    given = "metrics" if metrics is not None else "max_accuracy_drop" if drop is not None else None
    if label is None and given:
        raise ArgumentError(f"{given}= needs labels: name their column by label= (for arrays, give them).")
    if metrics is not None and len(model.outputs) != 1:
        raise ArgumentError(f"metrics= is for models with one output, and {model.name!r} has {len(model.outputs)}.")


def floating(model: Any, spec: SampleSpec, features: tuple[np.ndarray, ...]) -> QuantizedModel:
    """A Keras model as OpenVINO computes it in float32, in the form of a quantised one.

    Args:
        model: a built Keras model.
        spec: what every row holds.
        features: rows, of which the first tells the shapes of the outputs.
    """
    from sparkdl.engine.judge import judge_of

    network, _ = converted(model, spec)
    made = QuantizedModel(
        model.name,
        network,
        tuple(Port(tensor.name, (None, *tensor.shape), tensor.dtype) for tensor in spec.features),
        (),
        judge=judge_of(model),
        label_values=dict(getattr(model, "label_values", {})),
    )
    outputs = made.predictor().predict(tuple(column[:1] for column in features))
    names = shapes_of(model).output_names
    ports = tuple(Port(name, (None, *o.shape[1:]), str(o.dtype)) for name, o in zip(names, outputs, strict=True))
    return replace(made, outputs=ports)


def reported(
    before: QuantizedModel,
    after: QuantizedModel,
    features: tuple[np.ndarray, ...],
    values_before: Mapping[str, float],
    values_after: Mapping[str, float],
) -> QuantizationReport:
    """Both models side by side, over the rows of the calibration, with their metrics."""
    from sparkdl.engine.runtimes.quantization import float_operations

    pair = before.predictor(), after.predictor()
    expected, received = ([np.array(part) for part in one.predict(features)] for one in pair)
    one, other = measure_speed(pair, tuple(_repeated(column) for column in features))
    return QuantizationReport(
        before=values_before,
        after=values_after,
        bytes_before=before.nbytes,
        bytes_after=after.nbytes,
        speed_before=one,
        speed_after=other,
        difference=max(_difference(*arrays) for arrays in zip(expected, received, strict=True)),
        float_operations=float_operations(after.network),
        rows=len(features[0]),
    )


def check_drop(report: QuantizationReport, name: str, allowed: float) -> None:
    """Raises UnsupportedError where a metric fell by more than was allowed."""
    before, after = report.before[name], report.after[name]
    if before - after > allowed:
        raise UnsupportedError(
            f"{name} falls from {before:.4f} to {after:.4f} over all rows, by more than max_accuracy_drop={allowed:g}: "
            f"give more rows for the calibration, or score in bf16."
        )


@dataclass(frozen=True)
class _Judged:
    """The rows on which accuracy is measured, and by what."""

    data: Any
    arguments: DataArguments
    metrics: tuple[Metric, ...] | None
    batch_size: int

    def values(self, model: QuantizedModel) -> dict[str, float]:
        """The numbers that the metrics say, by name, over all rows."""
        given = self.arguments
        if given.label is None:
            return {}
        if isinstance(self.data, Arrays):
            outputs = model.predict(list(self.data.features), self.batch_size)
            return self.values_of(model, outputs if isinstance(outputs, list) else [outputs], self.data.labels)
        columns: dict[str, Any] = {"shapes": given.shapes, "dtypes": given.dtypes, "transform": given.transform}
        columns |= {"features": given.features, "batch_size": self.batch_size}
        if self.metrics is None:
            return evaluate(model, self.data, label=given.label, **columns)
        if not hasattr(self.data, "mapInArrow"):
            raise ArgumentError("metrics= is for DataFrames and arrays: compile the model with metrics for an RDD.")
        scored = predict(model, self.data, output=_PREDICTION, **columns)
        label = str(given.label)
        classes = model.label_values.get(label)
        return _numbers(measure(scored, self.metrics, label=label, prediction=_PREDICTION, classes=classes))

    def values_of(
        self, model: QuantizedModel, outputs: list[np.ndarray], labels: tuple[np.ndarray, ...]
    ) -> dict[str, float]:
        """The same of outputs in memory."""
        if self.metrics is not None:
            measured = [metric.compute(labels[0], outputs[0]) for metric in self.metrics]  # type: ignore[attr-defined]
            return _numbers({name: value for found in measured for name, value in found.items()})
        single = labels[0] if len(labels) == 1 else list(labels)
        found = judging(model).evaluate(outputs, single, batch_size=self.batch_size, verbose=0, return_dict=True)
        return {name: float(value) for name, value in found.items()}

    def first(self, values: Mapping[str, float]) -> str:
        """The name of the metric that is bounded.

        Raises:
            ModelError: the model is compiled without metrics.
        """
        names = [name for name in values if not name.endswith("loss")]
        if self.metrics is None and not names:
            raise ModelError("max_accuracy_drop= needs a metric: compile the model with one, or give metrics=.")
        return names[0] if self.metrics is None else self.metrics[0].name


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items() if np.ndim(value) == 0}


def _repeated(column: np.ndarray) -> np.ndarray:
    return np.resize(column, (_TIMED_ROWS, *column.shape[1:]))


def _difference(expected: np.ndarray, received: np.ndarray) -> float:
    largest = float(np.max(np.abs(expected), initial=0.0))
    return float(np.max(np.abs(expected - received), initial=0.0)) / largest if largest else 0.0
