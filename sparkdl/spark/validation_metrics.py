"""`fit(validation_metrics=)`, checked on the driver: which metric measures which output against which label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sparkdl.engine.labelled_outputs import LabelledOutput, labelled_outputs, log_names
from sparkdl.errors import ArgumentError
from sparkdl.metrics.base import Metric, Rows
from sparkdl.metrics.classification import ConfusionMatrix
from sparkdl.metrics.grouped import GroupMetric
from sparkdl.metrics.meter import Meter, check_metrics
from sparkdl.train.validation_metrics import Measured, MeasuredOutput, MeterMaker
from sparkdl.types import SampleSpec, TensorSpec

ValidationMetrics = Metric | Sequence[Metric] | Mapping[str, Metric | Sequence[Metric]] | MeterMaker | None


def measured_outputs(given: ValidationMetrics, model: Any, spec: SampleSpec, validates: bool) -> Measured:
    """What the workers measure at every validation.

    Args:
        given: as the user gave it.
        model: built and compiled.
        spec: the columns of a row.
        validates: whether there are validation rows.

    Raises:
        ArgumentError: where a metric cannot be measured there.
        DataError: where labels and outputs are not what a metric measures.
    """
    if given is None or isinstance(given, MeterMaker):
        return given or ()
    if not isinstance(given, Metric) and len(given) == 0:
        return ()
    if not validates:
        raise ArgumentError(
            "validation_metrics= was given, but there are no validation rows: give validation_data=, validation_split= "
            "or validation_indicator=."
        )
    outputs = labelled_outputs(model, spec)
    measured = []
    for name, metrics in _by_output(given, [output.name for output in outputs]).items():
        number = [output.name for output in outputs].index(name)
        prefix = f"{name}_" if len(outputs) > 1 else ""
        measured.append(_measured(metrics, number, outputs[number], spec, prefix))
    taken = log_names(model)
    for name in (output.prefix + metric.name for output in measured for metric in output.metrics):
        if name in taken:
            raise ArgumentError(
                f"the model was compiled with a metric named {name!r}, and validation_metrics= holds one too: give it "
                f"another name=."
            )
    return tuple(measured)


def _by_output(given: Any, names: Sequence[str]) -> dict[str, tuple[Metric, ...]]:
    if isinstance(given, Mapping):
        for name in given:
            if name not in names:
                listed = ", ".join(map(repr, names))
                raise ArgumentError(f"validation_metrics= names the output {name!r}, but the model has {listed}.")
        return {name: check_metrics(metrics, f"validation_metrics[{name!r}]") for name, metrics in given.items()}
    if len(names) > 1:
        listed = ", ".join(map(repr, names))
        raise ArgumentError(f"the model has the outputs {listed}: give validation_metrics= as a dict by output.")
    return {names[0]: check_metrics(given, "validation_metrics")}


def _measured(
    metrics: tuple[Metric, ...], number: int, output: LabelledOutput, spec: SampleSpec, prefix: str
) -> MeasuredOutput:
    if output.label is None:
        raise ArgumentError(
            f"validation_metrics= measures the output {output.name!r}, which has no label: give label=."
        )
    for metric in metrics:
        if isinstance(metric, GroupMetric):
            raise ArgumentError(
                f"{metric.name} needs to know whose row it is, and fit has no column for that: measure it on what "
                f"sdl.predict gives, by sdl.measure(..., group=)."
            )
        if isinstance(metric, ConfusionMatrix):
            raise ArgumentError(
                f"{metric.name} is a matrix, and logs hold numbers: measure it on what sdl.predict gives, by "
                f"sdl.measure."
            )
        _check_logits(metric, output)
        _try(metric, spec.labels[output.label], output)
    return MeasuredOutput(metrics, number, output.label, prefix)


def _check_logits(metric: Metric, output: LabelledOutput) -> None:
    """Found on a worker it would be found after the first epoch."""
    single = output.shape in ((), (1,))
    if output.logits and getattr(metric, "from_logits", True) is False:
        wanted = "from_logits=True"
    elif output.logits and single and getattr(metric, "threshold", 0.0) is None:
        wanted = "threshold=0.0"
    else:
        return
    raise ArgumentError(
        f"{metric.name} expects probabilities, and the output {output.name!r} gives logits by its loss: give "
        f"{type(metric).__name__}({wanted})."
    )


def _try(metric: Metric, label: TensorSpec, output: LabelledOutput) -> None:
    """Measures a row of these shapes that every metric can measure, if it can measure such shapes."""
    if None in output.shape:
        return
    labels = np.zeros((1, *label.shape))
    labels[..., :1] = 1.0 if label.shape not in ((), (1,)) else 0.0
    classes = output.shape[-1] if output.shape else 1
    predictions = np.full((1, *(int(size or 0) for size in output.shape)), 1 / max(2, classes or 1))
    meter = Meter([metric])
    meter.add(Rows.of(labels, predictions, where=lambda row: "a row"))
