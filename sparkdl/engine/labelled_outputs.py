"""Which label belongs to which output of a model."""

from __future__ import annotations

from dataclasses import dataclass

import keras

from sparkdl.engine.building import build_model
from sparkdl.engine.output_names import output_names
from sparkdl.types import SampleSpec


@dataclass(frozen=True)
class LabelledOutput:
    """An output of the model and its label.

    Attributes:
        name: of the output.
        shape: per row of the output, None where a size is open.
        label: number of the label among those of a row; None where it has none.
        logits: whether its loss says that it gives logits.
    """

    name: str
    shape: tuple[int | None, ...]
    label: int | None
    logits: bool = False


def labelled_outputs(model: keras.Model, spec: SampleSpec) -> list[LabelledOutput]:
    """The outputs of a model, in the order in which it gives them when they are flat.

    Args:
        model: compiled; built here where it is not.
        spec: the columns of a row.

    Example:
        >>> from sparkdl.types import TensorSpec
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(10, name="digit")])
        >>> spec = SampleSpec((TensorSpec("x", (3,), "float32"),), (TensorSpec("y", (), "int64"),))
        >>> labelled_outputs(model, spec)
        [LabelledOutput(name='digit', shape=(10,), label=0, logits=False)]
    """
    outputs = keras.tree.flatten(build_model(model, spec))
    names = list(output_names(model))
    if len(names) != len(outputs):
        names = [f"output_{number}" for number in range(len(outputs))]
    labels = [column.name for column in spec.labels]
    losses = [entry.loss for entry in model._compile_loss._flat_losses] if model._compile_loss is not None else []
    logits = [bool(getattr(loss, "_fn_kwargs", {}).get("from_logits")) for loss in losses]
    if len(logits) != len(outputs):
        logits = [False] * len(outputs)
    by_name = {name: labels.index(name) for name in names if name in labels}
    found = []
    for number, (name, output) in enumerate(zip(names, outputs, strict=True)):
        position = number if number < len(labels) else None
        label = by_name.get(name) if spec.label_structure == "dict" else position
        found.append(LabelledOutput(name, tuple(output.shape[1:]), label, logits[number]))
    return found


def log_names(model: keras.Model) -> list[str]:
    """The names of what a built and compiled model logs itself."""
    return list(model.get_metrics_result())
