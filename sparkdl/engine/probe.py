"""What Keras does not say of a custom loss, `add_loss` or a custom metric, found by trying on the driver.

The model runs on made-up rows, and on two unequal parts of them: what the parts give must tell what the whole gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from sparkdl.engine.building import build_model, structured
from sparkdl.engine.constant_draws import constant_draws
from sparkdl.engine.custom_objects import is_keras
from sparkdl.engine.metrics import metrics_of
from sparkdl.engine.objective import Kind, LossCall, loss_calls, loss_values, refuse_unsplittable, tells_parts
from sparkdl.engine.synthetic import parts_of, synthetic_batch
from sparkdl.errors import ModelError, UnsupportedError
from sparkdl.types import Batch, SampleSpec

ExtraKind = Literal["mean", "sum"]
TRIALS = 2


@dataclass(frozen=True, slots=True)
class ExtraLosses:
    """How the losses and metrics of a model add up over the parts of a batch.

    Attributes:
        losses: for each loss given to `compile`; "elements" where shorter.
        train_extras: for each that the model adds itself (`add_loss`, activity regularisers) in training: "mean"
            where the batch's is the mean of the parts' by rows (or where it does not depend on the rows), "sum"
            where it is the sum.
        test_extras: the same in inference.
        row_means: positions, in the model's metrics, of those whose function gives the mean over rows as one number.
    """

    losses: tuple[Kind, ...] = ()
    train_extras: tuple[ExtraKind, ...] = ()
    test_extras: tuple[ExtraKind, ...] = ()
    row_means: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Run:
    """What a call of the model on some rows gave."""

    rows: int
    calls: list[LossCall]
    extras: list[float]


def own_losses(model: keras.Model) -> tuple[list[Any], list[Any]]:
    """After a call of the model: what it added itself, and its weight regularisers' losses."""
    losses = list(model.losses)
    regularizers = len(model._get_regularization_losses())
    return losses[: len(losses) - regularizers], losses[len(losses) - regularizers :]


def probe_extra_losses(model: keras.Model, spec: SampleSpec, batch: Batch | None = None) -> ExtraLosses:
    """Finds how the losses and metrics of a compiled model add up over the rows of a batch.

    Costs nothing for a model of Keras's own layers, losses and metrics.

    Args:
        model: compiled; built here where it is not. Its variables are left as they are.
        spec: the columns of a row.
        batch: at least 5 rows to try with; None for made-up ones.

    Raises:
        UnsupportedError: naming the loss or metric that the parts of a batch cannot give exactly.
    """
    build_model(model, spec)
    entries = model._compile_loss._flat_losses if model._compile_loss is not None else []
    for entry in entries:
        refuse_unsplittable(entry.loss)
    losses_known = all(_is_known_loss(entry.loss) for entry in entries)
    metrics_known = all(_is_known_metric(metric) for metric in compiled_metrics(model))
    if losses_known and metrics_known and not may_add_losses(model):
        return ExtraLosses()
    batches = (
        [batch] * TRIALS if batch is not None else [synthetic_batch(model, spec, trial) for trial in range(TRIALS)]
    )
    with _unchanged(model), constant_draws():
        whole_and_parts = [[_run(model, spec, part, False) for part in parts_of(sample)] for sample in batches]
        losses = tuple(_loss_kind(entry, index, whole_and_parts) for index, entry in enumerate(entries))
        test = _extra_kinds(model, whole_and_parts)
        train = test
        if _run(model, spec, batches[0], True).extras.__len__() != len(test):
            train = _extra_kinds(model, [[_run(model, spec, part, True) for part in parts_of(s)] for s in batches])
        row_means = _check_metrics(model, spec, batches)
    return ExtraLosses(losses, train, test, row_means)


def may_add_losses(model: keras.Model) -> bool:
    """Whether any layer could call `add_loss`: one with an activity regulariser, or the user's own."""
    return any(layer.activity_regularizer is not None or not _is_known(layer) for layer in model._flatten_layers())


def _is_known(layer: Any) -> bool:
    """Keras's own layers, and ours, which add no losses."""
    return is_keras(type(layer)) or type(layer).__module__.startswith("sparkdl.nn.")


def compiled_metrics(model: keras.Model) -> list[Any]:
    """The metrics given to `compile`, in Keras's order."""
    return list(model._compile_metrics.metrics) if model._compile_metrics is not None else []


def _is_known_loss(loss: Any) -> bool:
    function = getattr(loss, "fn", None)
    return tells_parts(loss) or (is_keras(type(loss)) and (function is None or is_keras(function)))


def _is_known_metric(metric: Any) -> bool:
    function = getattr(metric, "_fn", None)
    return is_keras(type(metric)) and (function is None or is_keras(function))


def _run(model: keras.Model, spec: SampleSpec, batch: Batch, training: bool) -> _Run:
    y, y_pred, weights = _call(model, spec, batch, training)
    extras = [float(tf.reduce_sum(loss)) for loss in own_losses(model)[0]]
    calls = loss_calls(model._compile_loss, y, y_pred, weights) if model._compile_loss is not None else []
    return _Run(batch.rows, calls, extras)


def _call(model: keras.Model, spec: SampleSpec, batch: Batch, training: bool) -> tuple[Any, Any, Any]:
    features = [tf.constant(feature) for feature in batch.features]
    inputs = structured(features, spec.features, spec.feature_structure)
    arguments = {"training": training} if model._call_has_training_arg else {}
    try:
        y_pred = model(inputs, **arguments)
    except (tf.errors.OpError, ValueError, TypeError, IndexError) as error:
        raise ModelError(
            f"the model {model.name!r} has custom losses or metrics that must be tried, and it cannot be called on "
            f"made-up rows ({' '.join(str(error).split())[:300]}): let it take any number of rows."
        ) from error
    labels = [tf.constant(label) for label in batch.labels]
    weights = None if batch.weights is None else tf.constant(batch.weights)
    return structured(labels, spec.labels, spec.label_structure), y_pred, weights


def _loss_kind(entry: Any, index: int, trials: Sequence[Sequence[_Run]]) -> Kind:
    if _is_known_loss(entry.loss):
        return "elements"
    opaque = type(entry.loss).__call__ is not keras.losses.Loss.__call__
    values = []
    for runs in trials:
        calls = [run.calls[index] for run in runs]
        if opaque:
            values.append([np.asarray(entry.loss(c.y_true, c.y_pred, c.weights)) for c in calls])
        else:
            values.append([loss_values(entry.loss, c)[0].numpy() for c in calls])
    if all(value.ndim for parts in values for value in parts):
        if not opaque and all(_is_rowwise(*parts) for parts in values):
            return "elements"
    elif not any(value.ndim for parts in values for value in parts):
        sizes = [[run.rows for run in runs] for runs in trials]
        kind = _scalar_kind([[float(value) for value in parts] for parts in values], sizes)
        if kind is not None:
            return kind
    raise UnsupportedError(
        f"the loss {entry.loss.name!r} of two parts of a batch does not tell its value on the whole batch, so that "
        f"workers cannot compute it exactly: let it return one value per row that depends on this row alone."
    )


def _extra_kinds(model: keras.Model, trials: Sequence[Sequence[_Run]]) -> tuple[ExtraKind, ...]:
    counts = {len(run.extras) for runs in trials for run in runs}
    if len(counts) != 1:
        raise UnsupportedError(
            f"the model {model.name!r} adds {min(counts)} to {max(counts)} losses itself, from call to call: let it "
            f"call add_loss equally often for any rows."
        )
    kinds = []
    for index in range(counts.pop()):
        values = [[run.extras[index] for run in runs] for runs in trials]
        kind = _scalar_kind(values, [[run.rows for run in runs] for runs in trials])
        if kind is None:
            raise UnsupportedError(
                f"loss number {index + 1} that the model {model.name!r} adds itself (add_loss or an activity "
                f"regulariser) is neither a mean nor a sum over the rows of a batch (whole batch and two parts: "
                f"{values[0]}), so that workers cannot compute it exactly: make it one, with no random numbers but "
                f"those of keras.random."
            )
        kinds.append(kind)
    return tuple(kinds)


def _scalar_kind(trials: Sequence[Sequence[float]], sizes: Sequence[Sequence[int]]) -> ExtraKind | None:
    """How the number of a whole batch follows from those of two parts: (whole, first, second) for each trial.

    Example:
        >>> _scalar_kind([[2.0, 1.0, 3.0]], [[4, 2, 2]]), _scalar_kind([[4.0, 1.0, 3.0]], [[4, 2, 2]])
        ('mean', 'sum')
        >>> _scalar_kind([[9.0, 1.0, 3.0]], [[4, 2, 2]]) is None
        True
    """

    def all_close(expected: Sequence[float]) -> bool:
        return bool(np.allclose(expected, [trial[0] for trial in trials], rtol=1e-4, atol=1e-6))

    pairs = list(zip(trials, sizes, strict=True))
    if all_close([(v[1] * n[1] + v[2] * n[2]) / n[0] for v, n in pairs]):
        return "mean"
    return "sum" if all_close([v[1] + v[2] for v, _ in pairs]) else None


def _is_rowwise(whole: np.ndarray, first: np.ndarray, second: np.ndarray) -> bool:
    parts = np.concatenate([first, second])
    return parts.shape == whole.shape and bool(np.allclose(parts, whole, rtol=1e-4, atol=1e-6))


def _check_metrics(model: keras.Model, spec: SampleSpec, batches: Sequence[Batch]) -> tuple[int, ...]:
    """Positions of the metrics that give a mean over rows as one number; raises for those that are no sums."""
    suspects = [metric for metric in metrics_of(model) if metric is not model._compile_metrics]
    suspects += [metric for metric in compiled_metrics(model) if not _is_known_metric(metric)]
    row_means = _row_means(model, spec, batches)
    compiled = compiled_metrics(model)
    rest = [metric for metric in suspects if not any(metric is compiled[index] for index in row_means)]
    for batch in batches:
        whole, first, second = [_changes(model, spec, [part], rest) for part in parts_of(batch)]
        in_turn = _changes(model, spec, parts_of(batch)[1:], rest)
        for metric, *values in zip(rest, whole, first, second, in_turn, strict=True):
            if not (np.allclose(values[0], values[1] + values[2], rtol=1e-4, atol=1e-6)) or not np.allclose(
                values[0], values[3], rtol=1e-4, atol=1e-6
            ):
                raise UnsupportedError(
                    f"the metric {metric.name!r} ({type(metric).__name__}) is no sum over rows: two parts of a batch "
                    f"do not add up to the whole, so that workers cannot merge it exactly; let its function return "
                    f"one value per row, or let update_state only add sums over rows to its variables."
                )
    return row_means


def _changes(model: keras.Model, spec: SampleSpec, parts: Sequence[Batch], metrics: Sequence[Any]) -> list[np.ndarray]:
    """How the variables of each metric change over some batches, each as one vector."""
    model.reset_metrics()
    before = [_flat(metric) for metric in metrics]
    for part in parts:
        y, y_pred, weights = _call(model, spec, part, False)
        if model._compile_metrics is not None:
            model._compile_metrics.update_state(y, y_pred, weights)
    changes = [_flat(metric) - start for metric, start in zip(metrics, before, strict=True)]
    model.reset_metrics()
    return changes


def _flat(metric: Any) -> np.ndarray:
    values = [variable.numpy().reshape(-1).astype(np.float64) for variable in metric.variables]
    return np.concatenate(values) if values else np.zeros(0)


def _row_means(model: keras.Model, spec: SampleSpec, batches: Sequence[Batch]) -> tuple[int, ...]:
    metrics = compiled_metrics(model)
    watched = [
        index
        for index, metric in enumerate(metrics)
        if isinstance(metric, keras.metrics.MeanMetricWrapper) and not is_keras(metric._fn)
    ]
    results: dict[int, list[list[Any]]] = {index: [] for index in watched}
    for batch in batches:
        for index in watched:
            results[index].append([])
        for part in parts_of(batch):
            for index, value in _function_values(model, spec, part, [metrics[index] for index in watched], watched):
                results[index][-1].append(value)
    sizes = [[part.rows for part in parts_of(batch)] for batch in batches]
    scalars = {i: trials for i, trials in results.items() if all(np.ndim(v) == 0 for trial in trials for v in trial)}
    return tuple(index for index, trials in scalars.items() if _scalar_kind(trials, sizes) == "mean")


def _function_values(
    model: keras.Model, spec: SampleSpec, part: Batch, metrics: Sequence[Any], indices: Sequence[int]
) -> Iterator[tuple[int, Any]]:
    """What the functions of metrics give when Keras calls them."""
    seen: dict[int, Any] = {}
    functions = [metric._fn for metric in metrics]

    def recorder(index: int, function: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            seen[index] = value = function(*args, **kwargs)
            return value

        return call

    for metric, index, function in zip(metrics, indices, functions, strict=True):
        metric._fn = recorder(index, function)
    try:
        _changes(model, spec, [part], [])
    finally:
        for metric, function in zip(metrics, functions, strict=True):
            metric._fn = function
    for index, value in seen.items():
        yield index, np.asarray(value, np.float64)


@contextmanager
def _unchanged(model: keras.Model) -> Iterator[None]:
    """Puts statistics and seed generators back at the end, and empties the metrics."""
    values = [(variable, variable.numpy()) for variable in model.non_trainable_variables]
    try:
        yield
    finally:
        for variable, value in values:
            variable.assign(value)
        model.reset_metrics()
