"""Names of a model's outputs, as losses, labels and columns of predictions call them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_NESTS = (Mapping, list, tuple)


def output_names(model: Any) -> tuple[str, ...]:
    """For each of `model.outputs` its key where the model gives a dict, else the name of the layer that makes it.

    Args:
        model: a Keras model, or what has its `outputs` or `output_names`; not built, it has none yet.

    Example:
        >>> import keras
        >>> inputs = keras.Input((3,))
        >>> heads = {"size": keras.layers.Dense(1, name="dense_a")(inputs), "kind": keras.layers.Dense(4)(inputs)}
        >>> output_names(keras.Model(inputs, heads))
        ('kind', 'size')
    """
    functional = _functional(model)
    outputs = list(getattr(functional, "outputs", None) or ())
    structure = _structure(model)
    if gives_dict(model):
        keys = {id(tensor): str(key) for key, tensor in structure.items()}
        if len(keys) == len(outputs):
            return tuple(keys[id(tensor)] for tensor in outputs)
    return tuple(getattr(functional, "output_names", None) or (tensor.name for tensor in outputs))


def gives_dict(model: Any) -> bool:
    """Whether the model gives its outputs as a dict of tensors."""
    return isinstance(_structure(model), Mapping) and not gives_nested(model)


def gives_nested(model: Any) -> bool:
    """Whether there are lists or dicts among the model's outputs."""
    structure = _structure(model)
    items = structure.values() if isinstance(structure, Mapping) else structure
    return isinstance(structure, _NESTS) and any(isinstance(item, _NESTS) for item in items)


def without_loss(model: Any) -> frozenset[str]:
    """The outputs that need no label, as the model was compiled with losses of others only.

    Example:
        >>> import keras
        >>> inputs = keras.Input((3,))
        >>> model = keras.Model(inputs, {"size": keras.layers.Dense(1)(inputs), "code": keras.layers.Dense(4)(inputs)})
        >>> model.compile("sgd", {"size": "mse"})
        >>> sorted(without_loss(model))
        ['code']
    """
    losses = getattr(model, "loss", None)
    # Keras looks for the labels of all outputs where there is any metric.
    if not isinstance(losses, Mapping) or getattr(model, "_compile_metrics", None) is not None:
        return frozenset()
    return frozenset(name for name in output_names(model) if losses.get(name) is None)


def _structure(model: Any) -> Any:
    """A tensor, or lists and dicts of them, as the model gives them; None where it does not say."""
    return getattr(_functional(model), "_outputs_struct", None)


def _functional(model: Any) -> Any:
    """What a Sequential model runs inside of itself, or the model."""
    return getattr(model, "_functional", None) or model
