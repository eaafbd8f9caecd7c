"""Curves of a training in TensorBoard's event files."""

from __future__ import annotations

import os

from sparkdl.bigdl.optim.triggers import SeveralIteration, Trigger
from sparkdl.bigdl.util.bridge import JavaValue
from sparkdl.errors import ArgumentError
from sparkdl.summary import read_points

TAGS = ("Loss", "Throughput", "LearningRate", "Parameters")


class _Summary(JavaValue):
    """The folder of event files.

    Attributes:
        path: of the folder.
    """

    part = ""

    def __init__(self, log_dir: str, app_name: str, bigdl_type: str = "float") -> None:
        super().__init__(None, bigdl_type)
        self.log_dir, self.app_name = log_dir, app_name
        self.path = os.path.join(log_dir, app_name, self.part)

    def read_scalar(self, tag: str) -> list[list[float]]:
        """A curve, as a list of [iteration, value, wall time]."""
        return [[float(number) for number in point] for point in read_points(self.path, tag)]


class TrainSummary(_Summary):
    """Loss and throughput of every iteration; the learning rate ("LearningRate") and histograms of the weights
    ("Parameters") where `set_summary_trigger` asks for them."""

    part = "train"

    def __init__(self, log_dir: str, app_name: str, bigdl_type: str = "float") -> None:
        super().__init__(log_dir, app_name, bigdl_type)
        self.triggers: dict[str, Trigger] = {"Loss": SeveralIteration(1), "Throughput": SeveralIteration(1)}

    def set_summary_trigger(self, name: str, trigger: Trigger) -> TrainSummary:
        """When a curve gets a point.

        Raises:
            ArgumentError: there is no such curve.
        """
        if name not in TAGS:
            raise ArgumentError(f"set_summary_trigger knows {', '.join(TAGS)}, received {name!r}.")
        self.triggers[name] = trigger
        return self


class ValidationSummary(_Summary):
    """What each validation method gave at each validation."""

    part = "validation"

    def __init__(self, log_dir: str, app_name: str, bigdl_type: str = "float") -> None:
        super().__init__(log_dir, app_name, bigdl_type)
