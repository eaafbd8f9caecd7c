"""Operations of ONNX that Torch has no module for; they know no batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from sparkdl.errors import DataError
from sparkdl.nn.torch.kinds import Call, Kind


def _gather(call: Call, x: Any) -> Any:
    """A table of a tensor and of numbers (from 0) of its parts along the first axis."""
    return tf.gather(x[0], tf.cast(x[1], tf.int32))


def _gemm(call: Call, x: Any) -> Any:
    """alpha * A * B + beta * C, with constant B and C."""
    product = tf.matmul(x, call.state("b"), transpose_a=bool(call.a.trans_a), transpose_b=bool(call.a.trans_b))
    return call.a.alpha * product + call.a.beta * call.state("c")


def _reshape(call: Call, x: Any) -> Any:
    """To the shape it was made with, or a table of a tensor and a shape."""
    if isinstance(x, list):
        return tf.reshape(x[0], tf.cast(tf.reshape(x[1], [-1]), tf.int32))
    if call.a.shape is None:
        raise DataError(f"{call.name} was made without a shape, so it takes a table of a tensor and a shape.")
    return tf.reshape(x, call.a.shape)


KINDS = {
    "OnnxGather": Kind(_gather),
    "OnnxGemm": Kind(
        _gemm, states=lambda a: {"b": np.zeros(a.b_shape, np.float32), "c": np.zeros(a.c_shape, np.float32)}
    ),
    "OnnxReshape": Kind(_reshape, defaults={"shape": None}),
}
