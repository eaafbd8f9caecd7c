"""What a training can be judged by while it runs: the names in its history, and which way each gets better."""

from __future__ import annotations

from typing import Any, Literal

import keras

from sparkdl.engine.labelled_outputs import log_names

Mode = Literal["min", "max"]
_MODES: dict[str, Mode] = {"up": "max", "down": "min"}


def modes_of(model: keras.Model) -> dict[str, Mode | None]:
    """For each name that a model logs whether less ("min") or more ("max") of it is better; None where nobody knows.

    Keras itself (`mode="auto"`) knows no more than "loss", and metrics of models with one output.

    Args:
        model: compiled and built.
    """
    found = dict.fromkeys(log_names(model), None) | _of_metrics(model)
    trackers = model._compile_loss.metrics if model._compile_loss is not None else ()
    return found | dict.fromkeys(("loss", *(tracker.name for tracker in trackers)), "min")


def _of_metrics(model: Any) -> dict[str, Mode | None]:
    compiled = model._compile_metrics
    groups = [*compiled._flat_metrics, *compiled._flat_weighted_metrics] if compiled is not None else []
    return {
        f"{group.output_name}_{metric.name}" if group.output_name else metric.name: _MODES.get(
            getattr(metric, "_direction", None) or ""
        )
        for group in groups
        if group is not None
        for metric in group.metrics
    }
