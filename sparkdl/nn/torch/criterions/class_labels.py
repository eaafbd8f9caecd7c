"""Losses whose targets are classes, which count from 1."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import tensorflow as tf

from sparkdl.errors import DataError
from sparkdl.nn.torch.criterions.kinds import Call, Kind, Reduction
from sparkdl.nn.torch.criterions.tensors import classes, picked, with_gradient
from sparkdl.nn.torch.kernels.gradients import through

_AVERAGED: dict[str, Any] = {"weights": None, "size_average": True}
_SMALLEST = 1e-8  # of a probability whose logarithm is taken


def _rows(call: Call, output: Any, target: Any) -> tuple[Any, Any]:
    """Outputs as [rows, classes] and one label for each."""
    if output.shape.rank not in (1, 2):
        raise DataError(
            f"{call.name} got an output of shape {tuple(output.shape)}, expected [batch, classes] or [classes]: put a "
            "TimeDistributedCriterion around it for sequences."
        )
    rows = output if output.shape.rank == 2 else output[None]
    labels = tf.reshape(target, [-1])
    if None not in (rows.shape[0], labels.shape[0]) and rows.shape[0] != labels.shape[0]:
        raise DataError(
            f"{call.name} got a target of shape {tuple(target.shape)} for an output of shape {tuple(output.shape)}: "
            "give one label per row, not one-hot vectors."
        )
    return rows, labels


def _row_weights(call: Call, rows: Any, indices: Any) -> Any:
    """The weight of each row's class; 0 for rows that are left out."""
    if call.a.weights is None:
        return tf.cast(indices >= 0, rows.dtype)
    if rows.shape[-1] is not None and len(call.a.weights) != rows.shape[-1]:
        raise DataError(
            f"{call.name} has {len(call.a.weights)} weights, but the output has {rows.shape[-1]} classes: give one "
            "weight per class."
        )
    weights = tf.gather(tf.constant(call.a.weights, rows.dtype), tf.maximum(indices, 0))
    return tf.where(indices >= 0, weights, tf.zeros_like(weights))


def _indices(call: Call, logs: Any, labels: Any) -> Any:
    """The class of each row from 0; -1 for rows that are left out."""
    padding = call.a.padding_value
    if not call.a.zero_based_label:
        return classes(call, labels, logs.shape[-1], [padding])
    # 1 is added to the labels before they are compared; a padding that is no class is meant as it stands, too.
    return classes(call, labels, logs.shape[-1], [padding - 1, padding] if padding < 0 else [padding - 1], 0)


def _negative_log_likelihood(call: Call, logs: Any, labels: Any) -> Any:
    """The means over the rows of log-probabilities [..., rows, classes], weighted by class; or the sums."""
    indices = _indices(call, logs, labels)
    weights = _row_weights(call, logs, indices)
    total = -tf.reduce_sum(picked(logs, indices) * weights, -1)
    count = tf.reduce_sum(weights, -1)
    return total / tf.where(tf.equal(count, 0), tf.ones_like(count), count) if call.a.size_average else total


def _as_given(call: Call, rows: Any) -> Any:
    if call.a.logProbAsInput:
        return rows
    # The gradient does not stop at the bounds.
    return tf.math.log(through(tf.clip_by_value(rows, _SMALLEST, 1 - _SMALLEST), rows))


def _nll(logs: Callable[[Call, Any], Any]) -> Kind:
    """A kind by the logarithms of probabilities that it makes of its output."""

    def call(call: Call, output: Any, target: Any) -> Any:
        rows, labels = _rows(call, output, target)
        return _negative_log_likelihood(call, logs(call, rows), labels)

    def steps(call: Call, output: Any, target: Any) -> Any:
        labels = tf.reshape(target, tf.shape(output)[:2])
        return _negative_log_likelihood(call, logs(call, output), labels)

    defaults = {**_AVERAGED, "logProbAsInput": True, "padding_value": -1, "zero_based_label": False}
    return Kind(call, defaults, _weighted, _counted, steps)


def _counted(call: Call, output: Any, target: Any) -> Any:
    """What the mean over rows is divided by."""
    rows, labels = _rows(call, output, target)
    return tf.reduce_sum(_row_weights(call, rows, _indices(call, rows, labels)))


def _weighted(a: SimpleNamespace) -> Reduction:
    return "weighted" if a.size_average else "sum"


def _categorical_cross_entropy(call: Call, output: Any, target: Any) -> Any:
    """Probabilities and one-hot targets [batch, classes]; the softmax changes nothing where they add up to 1."""
    if call.a.clipped:
        output = through(tf.maximum(output, _SMALLEST), output)
    target = tf.reshape(target, tf.shape(output))
    return -tf.reduce_mean(picked(tf.nn.log_softmax(tf.math.log(output)), tf.argmax(target, -1, tf.int32)))


def _simplex(count: int) -> np.ndarray[Any, Any]:
    """The corners of a regular simplex around zero, [count, count] (the last column is zero)."""
    corners = np.zeros((count, count))
    for k in range(count - 1):
        corners[k, k] = np.sqrt(1 - np.sum(corners[k, :k] ** 2))
        corners[k + 1 :, k] = (corners[k, k] ** 2 - 1 - 1 / (count - 1)) / corners[k, k]
    return corners


def _class_simplex(call: Call, output: Any, target: Any) -> Any:
    count = int(call.a.n_classes)
    if output.shape[-1] is not None and output.shape[-1] != count:
        raise DataError(
            f"{call.name} of {count} classes got an output of {output.shape[-1]} columns, expected {count}."
        )
    indices = classes(call, tf.reshape(target, [-1]), count)
    corners = tf.gather(tf.constant(_simplex(count), output.dtype), indices)
    return tf.reduce_mean(tf.square(output - tf.reshape(corners, tf.shape(output))))


def _multi_margin(call: Call, output: Any, target: Any) -> Any:
    rows, labels = _rows(call, output, target)
    indices = classes(call, labels, rows.shape[-1])
    z = call.a.margin - picked(rows, indices)[:, None] + rows
    others = 1 - tf.one_hot(indices, tf.shape(rows)[-1], dtype=rows.dtype)
    terms = tf.where(z > 0, z if call.a.p == 1 else z * z, tf.zeros_like(z)) * others
    total = tf.reduce_sum(tf.reduce_sum(terms, -1) * _row_weights(call, rows, indices))
    total = total / tf.cast(tf.shape(rows)[-1], total.dtype)
    return total / tf.cast(tf.shape(rows)[0], total.dtype) if call.a.size_average else total


def _multi_label_margin(call: Call, output: Any, target: Any) -> Any:
    """Each row of the target holds the classes of the row, up to the first 0."""
    rows = output if output.shape.rank == 2 else output[None]
    labels = tf.cast(tf.reshape(target, tf.shape(rows)), tf.int32)
    valid = tf.cast(tf.math.cumprod(tf.cast(labels > 0, tf.int32), 1), rows.dtype)
    indices = classes(call, tf.where(valid > 0, labels, -1), rows.shape[-1], [-1])
    hot = tf.one_hot(indices, tf.shape(rows)[-1], dtype=rows.dtype)  # [rows, place, class]
    others = 1 - tf.reduce_max(hot, 1)
    z = 1 - tf.reduce_sum(hot * rows[:, None], -1)[:, :, None] + rows[:, None]
    terms = tf.where(z > 0, z, tf.zeros_like(z)) * valid[:, :, None] * others[:, None]
    total = tf.reduce_sum(terms) / tf.cast(tf.shape(rows)[1], rows.dtype)
    return total / tf.cast(tf.shape(rows)[0], total.dtype) if call.a.size_average else total


def _softmax_with(call: Call, output: Any, target: Any) -> Any:
    """Outputs [batch, classes, ...] and one label for each place.

    The softmax is over the last dimension, which is that of the classes only for [batch, classes]; the gradient is
    what it would be with that of the classes. These are the numbers that scripts have always seen.
    """
    shape = tf.shape(output)
    ignored = [] if call.a.ignore_label is None else [call.a.ignore_label]
    indices = classes(call, tf.reshape(target, [shape[0], -1]), output.shape[1], ignored)
    hot = tf.one_hot(indices, output.shape[1], axis=1, dtype=output.dtype)
    hot = tf.reshape(hot, shape)
    counted = tf.reduce_sum(hot, 1, keepdims=True)  # 0 at places that are left out
    logs = tf.nn.log_softmax(output)
    total = with_gradient(-tf.reduce_sum(logs * hot), output, (tf.exp(logs) - hot) * counted)
    return total / tf.maximum(_normalizer(call, output, indices), 1)


def _normalizer(call: Call, output: Any, indices: Any) -> Any:
    counts = {
        "VALID": lambda: tf.reduce_sum(tf.cast(indices >= 0, output.dtype)),
        "FULL": lambda: tf.cast(tf.size(indices), output.dtype),
        "BATCH_SIZE": lambda: tf.cast(tf.shape(output)[0], output.dtype),
        "NONE": lambda: tf.ones((), output.dtype),
    }
    return counts[call.a.normalize_mode]()


def _softmax_weight(call: Call, output: Any, target: Any) -> Any:
    labels = tf.cast(target, tf.int32)
    return tf.reduce_sum(tf.cast(tf.not_equal(labels, call.a.ignore_label), output.dtype))


def _softmax_reduction(a: SimpleNamespace) -> Reduction:
    if a.normalize_mode == "NONE":
        return "sum"
    return "weighted" if a.normalize_mode == "VALID" and a.ignore_label is not None else "mean"


KINDS = {
    "ClassNLLCriterion": _nll(_as_given),
    "CrossEntropyCriterion": _nll(lambda call, rows: tf.nn.log_softmax(rows)),
    "SparseCategoricalCrossEntropy": _nll(_as_given),
    "CategoricalCrossEntropy": Kind(_categorical_cross_entropy, {"clipped": False}),
    "ClassSimplexCriterion": Kind(_class_simplex),
    "MultiMarginCriterion": Kind(_multi_margin, {**_AVERAGED, "p": 1, "margin": 1.0}),
    "MultiLabelMarginCriterion": Kind(_multi_label_margin, {"size_average": True}),
    "SoftmaxWithCriterion": Kind(
        _softmax_with, {"ignore_label": None, "normalize_mode": "VALID"}, _softmax_reduction, _softmax_weight
    ),
}
