"""What the output of a classifier means: how many classes, and probabilities or logits."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any, Literal

import keras

from sparkdl.engine.building import as_graph
from sparkdl.engine.checks import refuse_one_unit
from sparkdl.errors import ModelError

_LINEAR, _PROBABILITY = "linear", "probability"
_ENDINGS = {
    keras.activations.linear: _LINEAR,
    keras.activations.sigmoid: _PROBABILITY,
    keras.activations.softmax: _PROBABILITY,
}


@dataclass(frozen=True)
class ClassOutput:
    """How the output of a model speaks of classes.

    Attributes:
        classes: how many there are; a single unit speaks of two.
        units: numbers per row.
        kind: what they are.
    """

    classes: int
    units: int
    kind: Literal["probability", "logit"]


def class_output(model: keras.Model) -> ClassOutput | None:
    """What the output of a compiled model means; None where the model does not know its output yet.

    Raises:
        ModelError: there are several outputs, or the output is no vector, or it is of another kind than the loss
            expects, which trains badly and says nothing, or one unit under a loss that compares several.

    Example:
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, "sigmoid")])
        >>> model.compile("sgd", "binary_crossentropy")
        >>> class_output(model)
        ClassOutput(classes=2, units=1, kind='probability')
    """
    graph = as_graph(model)
    if graph is None:
        return None
    outputs = graph.outputs
    units = _units(model, outputs)
    loss = _only(model.loss)
    if loss is not None:
        refuse_one_unit(model, loss, (units,))
    ending, from_logits = _ending(outputs[0]), _from_logits(loss)
    if from_logits is False and ending == _LINEAR:
        raise ModelError(
            f"the loss of the model {model.name!r} takes probabilities, but its last layer gives any number: give "
            f"that layer the activation {'sigmoid' if units == 1 else 'softmax'!r}, or the loss from_logits=True."
        )
    if from_logits and ending == _PROBABILITY:
        raise ModelError(
            f"the loss of the model {model.name!r} has from_logits=True, but its last layer gives probabilities: "
            f"remove the layer's activation, or from_logits=True."
        )
    logits = from_logits or (from_logits is None and ending == _LINEAR)
    return ClassOutput(2 if units == 1 else units, units, "logit" if logits else "probability")


def default_loss(model: keras.Model) -> Any:
    """The loss that a classifier has where nobody says another one.

    Example:
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "softmax")])
        >>> default_loss(model).name
        'sparse_categorical_crossentropy'
    """
    outputs = getattr(model, "outputs", None)
    if not outputs:
        raise ModelError(
            f"the model {model.name!r} is not compiled and does not know its output yet: set loss= of the stage, or "
            f"give the model an Input."
        )
    logits = _ending(outputs[0]) == _LINEAR
    one = _units(model, outputs) == 1
    kind = keras.losses.BinaryCrossentropy if one else keras.losses.SparseCategoricalCrossentropy
    return kind(from_logits=logits)


def _units(model: keras.Model, outputs: list[Any]) -> int:
    shapes = [tuple(output.shape[1:]) for output in outputs]
    if len(shapes) == 1 and shapes[0] == ():
        return 1
    if len(shapes) != 1 or len(shapes[0]) != 1 or not shapes[0][0]:
        raise ModelError(
            f"a classifier needs a model with one output of a number per class, but {model.name!r} gives "
            f"{', '.join(map(str, shapes))} per row: change its last layer, or use DLEstimator."
        )
    return int(shapes[0][0])


def _ending(output: Any) -> str | None:
    """Whether an output is anything or a probability, as far as the layer that makes it tells."""
    history: Any = getattr(output, "_keras_history", None)
    layer = None if history is None else history.operation
    if isinstance(layer, keras.Model):
        # Of a subclassed one nobody knows the last layer.
        return _ending(layer.outputs[history.tensor_index]) if getattr(layer, "outputs", None) else None
    if isinstance(layer, keras.layers.Softmax):
        return _PROBABILITY
    return _ENDINGS.get(getattr(layer, "activation", None))


def _only(loss: Any) -> Any:
    """The loss of a model with one output, which may stand in a list or a dict; None where it says nothing."""
    if isinstance(loss, (list, tuple, dict)):
        items = list(loss.values() if isinstance(loss, dict) else loss)
        return _only(items[0]) if len(items) == 1 else None
    return loss


def _from_logits(loss: Any) -> bool | None:
    """Whether a loss takes logits; None where it does not know the difference."""
    loss = keras.losses.get(loss)
    if isinstance(loss, keras.losses.Loss):
        found = getattr(loss, "_fn_kwargs", {}).get("from_logits", getattr(loss, "from_logits", None))
        return None if found is None else bool(found)
    found = inspect.signature(loss).parameters.get("from_logits") if callable(loss) else None
    return None if found is None or found.default is inspect.Parameter.empty else bool(found.default)
