"""Training steps in bfloat16: which layers compute in it, and while which code they do.

Weights, statistics, losses and updates stay float32. The model keeps the policies that its user gave it: others are in
force only while a training step is traced, so whatever saves, validates or looks at the model sees the user's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras

from sparkdl.engine.building import symbolic_outputs
from sparkdl.errors import UnsupportedError
from sparkdl.types import Precision, SampleSpec

POLICY = "mixed_bfloat16"
# Instructions for products of bfloat16; without them TensorFlow converts to float32 and back.
CPU_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})
# Raw values, such as a year, need more digits than bfloat16 has.
_PREPROCESSING = "keras.src.layers.preprocessing."


def cpu_has_bfloat16(cpuinfo: str | None = None) -> bool:
    """Whether the processor multiplies bfloat16.

    Args:
        cpuinfo: the text of Linux's `/proc/cpuinfo`; None to read it.

    Example:
        >>> cpu_has_bfloat16("flags : fpu sse2 avx512_bf16"), cpu_has_bfloat16("flags : fpu sse2")
        (True, False)
    """
    path = Path("/proc/cpuinfo")
    if cpuinfo is None:
        cpuinfo = path.read_text() if path.exists() else ""
    return any(CPU_FLAGS.intersection(line.split()) for line in cpuinfo.splitlines() if line.startswith("flags"))


def bfloat16_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """The layers of a built model that compute in bfloat16 where it is asked for.

    All that compute in float32, but those that make the model's outputs (of which losses are computed), those that
    preprocess raw values, and those that want no inputs cast (`autocast=False`: imported graphs of TensorFlow, Torch
    modules, and layers of the user's that say so).

    Example:
        >>> layers = [keras.layers.Rescaling(1 / 255), keras.layers.Dense(8), keras.layers.Dense(3, "softmax")]
        >>> [type(layer).__name__ for layer in bfloat16_layers(keras.Sequential([keras.Input((4,)), *layers]))]
        ['Dense']
    """
    kept = {id(layer) for layer in _output_layers(getattr(model, "outputs", None) or ())}
    return [
        layer
        for layer in model._flatten_layers(include_self=False)
        if id(layer) not in kept
        and not isinstance(layer, (keras.Model, keras.layers.InputLayer))
        and getattr(layer, "autocast", True)
        and not type(layer).__module__.startswith(_PREPROCESSING)
        and type(layer.dtype_policy) is keras.DTypePolicy
        and layer.dtype_policy.name == "float32"
    ]


@contextmanager
def computing(layers: Sequence[keras.layers.Layer]) -> Iterator[None]:
    """In this block these layers compute in bfloat16; then they have their own policies again."""
    policies = [layer.dtype_policy for layer in layers]
    try:
        for layer in layers:
            layer.dtype_policy = POLICY
        yield
    finally:
        for layer, policy in zip(layers, policies, strict=True):
            layer.dtype_policy = policy


def call_model(model: keras.Model, inputs: Any, layers: Sequence[keras.layers.Layer], **arguments: Any) -> Any:
    """The outputs of a model of which these layers compute in bfloat16; they are float32 then, whatever makes them."""
    if not layers:
        return model(inputs, **arguments)
    with computing(layers):
        outputs = model(inputs, **arguments)
    return keras.tree.map_structure(_float32, outputs)


def why_not_bfloat16(model: keras.Model, spec: SampleSpec) -> str:
    """What keeps a built model from bfloat16; nothing where nothing does."""
    layers = bfloat16_layers(model)
    if not any(layer.weights for layer in layers):
        return (
            "none of its layers with weights does: imported graphs, output layers, preprocessing, and layers with "
            "autocast=False or a dtype of their own stay as they are"
        )
    try:
        with computing(layers):
            symbolic_outputs(model, spec, training=True)
    except Exception as error:  # noqa: BLE001 - whatever a layer of the user's says
        return " ".join(str(error).split())[:300].rstrip(".")
    return ""


def settle_precision(model: keras.Model, spec: SampleSpec, precision: Precision) -> tuple[Precision, str]:
    """What of the wanted precision can be had of a built model, as far as the driver sees, and why where it cannot.

    Raises:
        UnsupportedError: bfloat16 is asked for, and the model cannot compute in it.
    """
    reason = why_not_bfloat16(model, spec) if precision != "float32" else ""
    if reason and precision == "bf16":
        raise UnsupportedError(
            f"the model {model.name!r} cannot be trained with precision='bf16': {reason}; give precision='float32', or "
            "'auto', which takes what can be had."
        )
    return ("float32" if reason else precision), reason


def _float32(output: Any) -> Any:
    return keras.ops.cast(output, "float32") if output.dtype == "bfloat16" else output


def _output_layers(tensors: Sequence[Any]) -> Iterator[keras.layers.Layer]:
    """The layers behind symbolic tensors, with all layers in them; past operations that are no layers."""
    for tensor in tensors:
        operation, node = tensor._keras_history[:2]
        if isinstance(operation, keras.Model) and getattr(operation, "outputs", None):
            yield from _output_layers(operation.outputs)
        elif isinstance(operation, keras.layers.Layer):
            yield from operation._flatten_layers()
        else:
            yield from _output_layers(operation._inbound_nodes[node].arguments.keras_tensors)
