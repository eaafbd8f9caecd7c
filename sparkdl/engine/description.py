"""A model as Keras describes it, in JSON: no pickle, and nothing that runs when it is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import keras

from sparkdl.engine.layout import layout_of
from sparkdl.errors import ModelError


def describe_model(model: keras.Model) -> str | None:
    """Keras's configuration of a model and its compile arguments, as JSON; None where it has none.

    Example:
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        >>> rebuild_model(describe_model(model)).output_shape
        (None, 2)
    """
    try:
        return json.dumps(keras.saving.serialize_keras_object(model))
    except (NotImplementedError, TypeError, ValueError, OSError, AttributeError):
        return None


def rebuild_model(
    description: str, custom_objects: Mapping[str, Any] | None = None, safe_mode: bool = True
) -> keras.Model:
    """Builds the model; its weights are new.

    Args:
        description: of `describe_model`.
        custom_objects: the user's classes and functions by name.
        safe_mode: whether code that the description holds (lambdas) is refused.

    Raises:
        ModelError: it holds code, or names classes that are not known here.
    """
    try:
        return keras.saving.deserialize_keras_object(
            json.loads(description), custom_objects=dict(custom_objects or {}), safe_mode=safe_mode
        )
    except (ValueError, TypeError, ImportError, LookupError, AttributeError) as error:
        first = " ".join(str(error).split()).split(". ")[0]
        trust = ", or (if you trust whoever wrote it) safe_mode=False" if "safe_mode" in str(error) else ""
        raise ModelError(
            f"the model cannot be built from its description ({first}): give its own classes and functions as "
            f"custom_objects={{name: class}}, or the model itself as model={trust}."
        ) from error


def variables_of(model: keras.Model) -> list[list[Any]]:
    """Path and shape of each trainable variable, as JSON."""
    return [[spec.name, list(spec.shape)] for spec in layout_of(model.trainable_variables).variables]
