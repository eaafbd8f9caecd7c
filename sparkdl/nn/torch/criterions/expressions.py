"""A loss that a graph of modules computes."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from sparkdl.errors import DataError
from sparkdl.nn.torch.criterions.kinds import Call, Kind, always


def _expression(call: Call, output: Any, target: Any) -> Any:
    """The mean over the rows of what the graph gives for (target, output)."""
    value = call.runner.apply(call.children[0], [target, output])
    mean = tf.reduce_mean(value, 0) if value.shape.rank else value
    if mean.shape.num_elements() != 1:
        raise DataError(
            f"{call.name} gives values of shape {tuple(value.shape)}, expected one number per row: reduce the others, "
            "for example by mean(x, axis=1)."
        )
    return tf.reshape(mean, [])


KINDS = {"Expression": Kind(_expression, reduction=always("mean"))}
