"""Matrix products with trained matrices."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import tensorflow as tf

from sparkdl.nn.torch.initial import by_fan_in
from sparkdl.nn.torch.kinds import Call, Kind
from sparkdl.nn.torch.module import Parameter


def _linear_parameters(a: SimpleNamespace) -> Mapping[str, Parameter]:
    initial, fans = by_fan_in(a.input_size), (a.input_size, a.output_size)
    weight = Parameter((a.output_size, a.input_size), initial, fans)
    return {"weight": weight, "bias": Parameter((a.output_size,), initial)} if a.with_bias else {"weight": weight}


def _linear(call: Call, x: Any) -> Any:
    """[batch, in] or [in] to [batch, out] or [out]."""
    rows = x if x.shape.rank > 1 else x[None]
    y = tf.matmul(rows, call["weight"], transpose_b=True)
    y = tf.nn.bias_add(y, call["bias"]) if call.has("bias") else y
    return y if x.shape.rank > 1 else y[0]


KINDS = {"Linear": Kind(_linear, _linear_parameters, defaults={"with_bias": True})}
