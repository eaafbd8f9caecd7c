"""Builds what Keras builds on the first batch (variables, losses, metrics) from the columns' specs alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import keras
from keras.src import backend

from sparkdl.types import SampleSpec, Structure, TensorSpec

_specs: WeakKeyDictionary[keras.Model, SampleSpec] = WeakKeyDictionary()


def known_spec(model: keras.Model) -> SampleSpec | None:
    """The columns that `build_model` last built the model for."""
    return _specs.get(model)


def as_graph(model: keras.Model) -> keras.Model | None:
    """The model itself where it says what its inputs and outputs are; else one around it that does, with its weights.

    Keras knows those of functional and `Sequential` models. Of a subclassed one it knows what it was built for.

    Returns:
        None where that is not known either.

    Example:
        >>> class Net(keras.Model):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.dense = keras.layers.Dense(2)
        ...     def call(self, x):
        ...         return self.dense(x)
        >>> net = Net()
        >>> as_graph(net) is None, net(keras.ops.ones((1, 3))).shape, as_graph(net).output_shape
        (True, TensorShape([1, 2]), (None, 2))
    """
    if getattr(model, "outputs", None):
        return model
    spec = (known_spec(model) or _spec_of_call(model)) if model.built else None
    if spec is None:
        return None
    _specs[model] = spec
    # No two parts of a graph have the same name.
    named = [None if column.name == model.name else column.name for column in spec.features]
    inputs = [
        keras.Input(column.shape, dtype=column.dtype, name=name)
        for column, name in zip(spec.features, named, strict=True)
    ]
    given = structured(inputs, spec.features, spec.feature_structure)
    graph = keras.Model(given, model(given), name=model.name)
    # Past Keras's __setattr__, which would track them as parts of the graph.
    vars(graph)["made_around"] = model
    if "label_values" in vars(model):
        vars(graph)["label_values"] = vars(model)["label_values"]
    return graph


def subclassed_model(graph: keras.Model) -> keras.Model:
    """What `as_graph` made a graph around, which Keras builds again by its own class; else the model itself."""
    return vars(graph).get("made_around", graph)


def _spec_of_call(model: keras.Model) -> SampleSpec | None:
    """Columns like what the model was called with, by Keras's record of shapes, which has no dtypes."""
    shapes = (model.get_build_config() or {}).get("input_shape")
    kind: Structure = "single"
    if isinstance(shapes, dict):
        kind, named = "dict", shapes
    elif shapes and isinstance(shapes[0], list | tuple):
        kind, named = "list", {f"input_{place}": shape for place, shape in enumerate(shapes)}
    elif shapes:
        named = {"input": shapes}
    else:
        return None
    columns = tuple(TensorSpec(name, tuple(shape[1:]), backend.floatx()) for name, shape in named.items())
    return SampleSpec(columns, (), feature_structure=kind)


def structured(values: Sequence[Any], columns: Sequence[TensorSpec], structure: Structure) -> Any:
    """Columns in the form that the model takes: one tensor, a list, or a dict by name; None for no columns.

    Example:
        >>> structured([1, 2], [TensorSpec("a", (), "int64"), TensorSpec("b", (), "int64")], "dict")
        {'a': 1, 'b': 2}
    """
    if not values:
        return None
    if structure == "dict":
        return {column.name: value for column, value in zip(columns, values, strict=True)}
    return values[0] if structure == "single" else list(values)


def build_model(model: keras.Model, spec: SampleSpec) -> Any:
    """Builds the model's variables, and the losses and metrics it was compiled with, where they are not built.

    The optimizer is not built: its variables belong to the updater.

    Args:
        model: any Keras model; built or not, compiled or not.
        spec: the columns of a row.

    Returns:
        the symbolic outputs of the model, with a batch axis of None.
    """
    outputs = symbolic_outputs(model, spec)
    labels = structured(_symbols(spec.labels), spec.labels, spec.label_structure)
    weights = backend.KerasTensor((None,), "float32") if spec.weighted else None
    if not model.compiled:
        return outputs
    if model._compile_loss is not None and not model._compile_loss.built:
        backend.compute_output_spec(model._compile_loss, labels, outputs, sample_weight=weights)
    if model._compile_metrics is not None and not model._compile_metrics.built:
        backend.compute_output_spec(model._compile_metrics, labels, outputs, sample_weight=weights)
    return outputs


def symbolic_outputs(model: keras.Model, spec: SampleSpec, training: bool = False) -> Any:
    """The outputs of the model, with a batch axis of None; builds its variables."""
    _specs[model] = spec
    features = structured(_symbols(spec.features), spec.features, spec.feature_structure)
    return backend.compute_output_spec(model, features, training=training)


def _symbols(columns: Sequence[TensorSpec]) -> list[Any]:
    return [backend.KerasTensor((None, *column.shape), column.dtype) for column in columns]
