"""What a Keras model says of the columns that it takes."""

from __future__ import annotations

from typing import Any

from sparkdl.engine.output_names import output_names, without_loss
from sparkdl.spark.frames import ModelShapes
from sparkdl.types import TensorSpec


def shapes_of(model: Any) -> ModelShapes:
    """Names and per-row shapes of the model's inputs, and names of its outputs; empty where it does not say yet.

    A subclassed model knows them only once it has been called on symbolic inputs.
    """
    inputs = list(getattr(model, "inputs", None) or ())
    if not inputs:
        return ModelShapes()
    return ModelShapes(
        tuple(tuple(tensor.shape[1:]) for tensor in inputs),
        tuple(getattr(model, "input_names", None) or (tensor.name for tensor in inputs)),
        output_names(model),
        tuple(str(tensor.dtype) for tensor in inputs),
        without_loss(model),
    )


def input_tensors(model: Any) -> tuple[TensorSpec, ...]:
    """What the model takes of a row, by its inputs; nothing where these leave a size open."""
    known = shapes_of(model)
    if any(shape is None or None in shape for shape in known.input_shapes):
        return ()
    parts = zip(known.input_names, known.input_shapes, known.input_dtypes, strict=True)
    return tuple(TensorSpec(name, tuple(int(size or 0) for size in shape or ()), dtype) for name, shape, dtype in parts)
