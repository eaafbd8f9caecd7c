"""What Keras's words for activations, initial values, borders and orders of dimensions mean in Torch-style layers."""

from __future__ import annotations

from typing import Any

from sparkdl.bigdl.nn import initialization_method as init
from sparkdl.bigdl.nn import layer as _layers
from sparkdl.bigdl.nn.layers.base import Layer
from sparkdl.errors import ArgumentError

nn: Any = _layers

_ACTIVATIONS = {
    "tanh": "Tanh",
    "sigmoid": "Sigmoid",
    "relu": "ReLU",
    "softmax": "SoftMax",
    "softplus": "SoftPlus",
    "softsign": "SoftSign",
    "hard_sigmoid": "HardSigmoid",
    "relu6": "ReLU6",
    "tanh_shrink": "TanhShrink",
    "softmin": "SoftMin",
    "log_sigmoid": "LogSigmoid",
    "log_softmax": "LogSoftMax",
    "linear": "Identity",
}


def activation(name: Any) -> Layer | None:
    """The layer of an activation: a name of Keras's, a layer, or None."""
    if name is None or isinstance(name, Layer):
        return name
    if name.lower() not in _ACTIVATIONS:
        raise ArgumentError(f"there is no activation {name!r}: known are {', '.join(_ACTIVATIONS)}, or give a layer.")
    layer: Layer = getattr(nn, _ACTIVATIONS[name.lower()])()
    return layer


def initial(name: Any, limits: Any = None) -> Any:
    """The initialization method of a name of Keras's; methods as they are.

    Args:
        name: the name.
        limits: of "uniform" (lower, upper), or mean and deviation of "normal".
    """
    if not isinstance(name, str):
        return name
    low, high = limits if limits is not None else (-0.05, 0.05) if name.lower() == "uniform" else (0.0, 0.05)
    methods: dict[str, Any] = {
        "glorot_uniform": init.Xavier,
        "one": init.Ones,
        "zero": init.Zeros,
        "uniform": lambda: init.RandomUniform(low, high),
        "normal": lambda: init.RandomNormal(low, high),
    }
    if name.lower() not in methods:
        raise ArgumentError(f"there is no initial value {name!r}: known are {', '.join(methods)}.")
    return methods[name.lower()]()


def drawn(layer: Layer, name: Any, limits: Any = None) -> Layer:
    """The layer with weights by an initialization method, and biases of 0."""
    return layer.set_init_method(initial(name, limits), initial("zero"))


def stacked(*layers: Layer | None) -> Layer:
    """Layers in a row; None is left out."""
    found = nn.Sequential()
    for layer in layers:
        if layer is not None:
            found.add(layer)
    row: Layer = found
    return row


def fused(layer: Layer, name: Any) -> Layer:
    """A layer with an activation behind it, if there is one."""
    function = activation(name)
    return layer if function is None else stacked(layer, function)


def padding(border_mode: str | None, pads: Any = None) -> tuple[int, int]:
    """Rows and columns to pad by: as given, or by the mode; -1 keeps the size."""
    if pads:
        height, width = pads
        return height, width
    if border_mode not in ("valid", "same", None):
        raise ArgumentError(f"there is no border_mode {border_mode!r}: known are 'valid' and 'same'.")
    return (-1, -1) if border_mode == "same" else (0, 0)


def data_format(dim_ordering: str) -> str:
    """Torch's word for the order of dimensions."""
    formats = {"th": "NCHW", "tf": "NHWC"}
    if str(dim_ordering).lower() not in formats:
        raise ArgumentError(f"there is no dim_ordering {dim_ordering!r}: known are 'th' (channels first) and 'tf'.")
    return formats[dim_ordering.lower()]


def channels(shape: Any, dim_ordering: str) -> int:
    """The number of channels of a shape that includes the batch."""
    return int(shape[1] if data_format(dim_ordering) == "NCHW" else shape[-1])


def only_channels_first(layer: Any) -> None:
    """Refuses channels at the end, where BigDL has no such layer."""
    layer.refuse(data_format(layer.a.dim_ordering) != "NCHW", "takes channels first only (dim_ordering='th')")
