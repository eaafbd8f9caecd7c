"""What a Keras model says of the columns that it takes."""

from __future__ import annotations

from typing import Any

from sparkdl.engine.output_names import output_names, without_loss
from sparkdl.spark.frames import ModelShapes


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
        without_loss(model),
    )
