"""Sums and products with constants and with trained arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import tensorflow as tf

from sparkdl.nn.torch.initial import by_fan_in, uniform
from sparkdl.nn.torch.kernels.gradients import through
from sparkdl.nn.torch.kinds import Call, Kind, Layout
from sparkdl.nn.torch.module import Parameter


def _array(name: str) -> Any:
    """One trained array of the size that the module was given."""

    def parameters(a: SimpleNamespace) -> Mapping[str, Parameter]:
        size = tuple(a.size)
        return {name: Parameter(size, by_fan_in(math.prod(size)), (size[0], 1))}

    return parameters


def _scale_parameters(a: SimpleNamespace) -> Mapping[str, Parameter]:
    return {**_array("weight")(a), **_array("bias")(a)}


def _spread(call: Call, name: str, x: Any) -> Any:
    """A trained array in the shape in which it goes along with a value: the batch may be missing in its size."""
    array, rank = call[name], x.shape.rank
    if not call.channels_last and x.shape.is_fully_defined():
        if x.shape.num_elements() == array.shape.num_elements():
            return tf.reshape(array, x.shape)
    if array.shape.rank == rank + 1 and array.shape[0] == 1:  # a row alone, and a size that names the batch
        array = array[0]
    if array.shape.rank != rank:
        array = tf.reshape(array, [1, *array.shape, *[1] * max(rank - array.shape.rank - 1, 0)])
    return tf.transpose(array, call.axes(rank)) if call.channels_last else array


def _add(call: Call, x: Any) -> Any:
    bias = call["bias"]
    row = x.shape[1:]
    whole = x.shape.rank > 1 and row.is_fully_defined() and row.num_elements() == bias.shape[0]
    return x + (tf.reshape(bias, row) if whole else bias)


def _scale(call: Call, x: Any) -> Any:
    """On arrays, the gradient of the weight is as if the output had been multiplied with it, not the input."""
    weight, bias = _spread(call, "weight", x), _spread(call, "bias", x)
    y = x * weight + bias
    if not call.runner.on_arrays:
        return y
    return through(y, x * tf.stop_gradient(weight) + tf.stop_gradient(y) * weight + bias)


def _power(call: Call, x: Any) -> Any:
    base = call.a.scale * x + call.a.shift
    return tf.square(base) if call.a.power == 2 else tf.pow(base, call.a.power)


def _anywhere(kernel: Any, parameters: Any = None, **defaults: Any) -> Kind:
    return Kind(kernel, parameters or (lambda a: {}), defaults=defaults, layout=Layout.ANY)


KINDS = {
    "Add": Kind(_add, lambda a: {"bias": Parameter((a.input_size,), by_fan_in(a.input_size), (a.input_size, 1))}),
    "AddConstant": _anywhere(lambda call, x: x + call.a.constant_scalar),
    "CAdd": _anywhere(lambda call, x: x + _spread(call, "bias", x), _array("bias")),
    "CMul": _anywhere(lambda call, x: x * _spread(call, "weight", x), _array("weight")),
    "Mul": _anywhere(
        lambda call, x: x * call["weight"][0], lambda a: {"weight": Parameter((1,), uniform(1.0), (1, 1))}
    ),
    "MulConstant": _anywhere(lambda call, x: x * call.a.scalar),
    "Negative": _anywhere(lambda call, x: -x),
    "Power": _anywhere(_power, scale=1.0, shift=0.0),
    "Scale": _anywhere(_scale, _scale_parameters),
}
