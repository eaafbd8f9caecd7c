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
