"""A Torch-like criterion as a Keras loss."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from sparkdl.nn.torch.criterions.loss import loss, reduction, weight
from sparkdl.nn.torch.module import Module

Shapes = Sequence[Sequence[int]]


@keras.saving.register_keras_serializable("sparkdl")
class TorchLoss(keras.losses.Loss):
    """What a criterion computes, of a whole batch at once.

    Args:
        criterion: the criterion, or its description.
        outputs: where the model gives a table: the shape of a row of each entry. It then comes as one tensor, see
            `flat_rows`.
        targets: the same for the labels.
        weights: the values of the parameters inside the criterion (of a transformer), where its description is given.

    Example:
        >>> float(TorchLoss(Module("MSECriterion"))(tf.constant([[1.0]]), tf.constant([[3.0]])))
        4.0
    """

    def __init__(
        self,
        criterion: Module | Mapping[str, Any],
        outputs: Shapes | None = None,
        targets: Shapes | None = None,
        weights: Sequence[Any] = (),
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.criterion = criterion if isinstance(criterion, Module) else Module.from_description(criterion)
        for (module, parameter), value in zip(self.criterion.weights(), weights, strict=False):
            module.parameters[parameter] = np.asarray(value, np.float32)
        super().__init__(name=name or self.criterion.kind.lower(), **{"reduction": "sum_over_batch_size"} | kwargs)
        self.outputs, self.targets = _listed(outputs), _listed(targets)

    @property
    def is_sum(self) -> bool:
        """Whether the loss of a batch is a sum, divided by nothing."""
        return reduction(self.criterion) == "sum"

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of the batch, a scalar."""
        return loss(self.criterion, _table(y_pred, self.outputs), _table(y_true, self.targets))

    def part(self, y_true: Any, y_pred: Any, rows: Any) -> tuple[Any, Any, str]:
        """What these rows add to numerator and denominator of the loss of a larger batch.

        Where a criterion's loss does not follow from the losses of parts, it is their mean: several threads, each
        with its own part of the batch, did the same.

        Returns:
            numerator, denominator (float64), and how the whole denominator follows; see `sparkdl.engine.objective`.
        """
        output, target = _table(y_pred, self.outputs), _table(y_true, self.targets)
        value = loss(self.criterion, output, target)
        if self.is_sum:
            return value, tf.ones((), tf.float64), "one"
        # Without weights of classes each row counts once, and the number of rows is known to every worker.
        if reduction(self.criterion) == "weighted" and self.criterion.arguments.get("weights") is not None:
            counted = weight(self.criterion, output, target)
            return value * tf.cast(counted, value.dtype), tf.cast(counted, tf.float64), "data"
        return value * tf.cast(rows, value.dtype), rows, "rows"

    def get_config(self) -> dict[str, Any]:
        """See `keras.losses.Loss`."""
        weights = [module.parameters[name].tolist() for module, name in self.criterion.weights()]
        own = {"criterion": self.criterion.description(), "outputs": self.outputs, "targets": self.targets}
        own |= {"weights": weights} if weights else {}
        return super().get_config() | own


@keras.saving.register_keras_serializable("sparkdl")
class FlatRows(keras.layers.Layer):
    """Several tensors as one, row by row: what `TorchLoss` takes apart again.

    Example:
        >>> FlatRows()([tf.zeros((2, 3)), tf.zeros((2, 2, 2))]).shape.as_list()
        [2, 7]
    """

    def call(self, inputs: Any) -> Any:
        """The tensors, each row flattened, beside each other."""
        rows = tf.shape(inputs[0])[0]
        return tf.concat([tf.reshape(part, [rows, math.prod(part.shape[1:])]) for part in inputs], 1)


def _listed(shapes: Shapes | None) -> list[list[int]] | None:
    return None if shapes is None else [list(shape) for shape in shapes]


def _table(value: Any, shapes: Shapes | None) -> Any:
    if shapes is None:
        return value
    parts = tf.split(value, [math.prod(shape) for shape in shapes], 1)
    return [tf.reshape(part, [-1, *shape]) for part, shape in zip(parts, shapes, strict=True)]
