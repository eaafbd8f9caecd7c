"""The loss and the metrics of a compiled model without the model: for outputs that something else computed."""

from __future__ import annotations

import keras

from sparkdl.engine.compile_arguments import pack_compile, unpack_compile
from sparkdl.engine.custom_objects import captured, provided
from sparkdl.engine.output_names import output_names


def judge_of(model: keras.Model) -> keras.Model | None:
    """A compiled Keras model that takes the outputs of another for its inputs and gives them back unchanged.

    What it evaluates to is what the other would, but for what layers add to the loss (penalties of weights).

    Args:
        model: a built model; None comes of one that is not compiled.

    Example:
        >>> import numpy as np
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, "softmax")])
        >>> model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
        >>> judge_of(model).evaluate(np.eye(2), np.array([0, 0]), verbose=0, return_dict=True)["accuracy"]
        0.5
    """
    if not model.compiled:
        return None
    inputs = [keras.Input(tuple(tensor.shape[1:]), dtype=tensor.dtype) for tensor in model.outputs]
    names = output_names(model)
    outputs = [
        keras.layers.Identity(dtype=tensor.dtype, name=name)(tensor) for tensor, name in zip(inputs, names, strict=True)
    ]
    structure = getattr(model, "_outputs_struct", outputs[0] if len(outputs) == 1 else outputs)
    made = keras.Model(inputs, keras.tree.pack_sequence_as(structure, outputs), name=f"{model.name}_outputs")
    with captured() as objects:
        packed = pack_compile(model, objects)
    with provided(objects):
        arguments = unpack_compile(packed, objects)
    made.compile(**{name: arguments[name] for name in ("loss", "loss_weights", "metrics", "weighted_metrics")})
    return made
