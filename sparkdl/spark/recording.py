"""TensorBoard event files of a run, written on the driver from what the workers tell."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from sparkdl.errors import ArgumentError
from sparkdl.summary import SummaryWriter
from sparkdl.types import TrainingState, WeightLayout


class Recording:
    """Event files under `directory`, in TensorBoard's usual folders `train` and `validation`.

    Args:
        directory: local directory on the driver.
        layout: where the variables lie in the flat weights, for histograms; None for none.

    Raises:
        ArgumentError: where the directory cannot be written.
    """

    def __init__(self, directory: str, layout: WeightLayout | None = None) -> None:
        try:
            os.makedirs(directory, exist_ok=True)
        except OSError as error:
            raise ArgumentError(
                f"log_dir {directory!r} cannot be made: {error}; give a directory you can write."
            ) from error
        if not os.access(directory, os.W_OK):
            raise ArgumentError(f"log_dir {directory!r} cannot be written: give a directory you can write.")
        self._layout = layout
        self._training = SummaryWriter(os.path.join(directory, "train"))
        self._validation = SummaryWriter(os.path.join(directory, "validation"))

    def step(self, header: Mapping[str, Any]) -> None:
        """Loss and throughput of a step (a few per second are told)."""
        iteration = header["epoch"] * header["steps"] + header["step"]
        self._training.scalar("batch_loss", header["loss"], iteration)
        if header["rows_per_second"]:
            self._training.scalar("rows_per_second", header["rows_per_second"], iteration)

    def epoch(self, epoch: int, logs: Mapping[str, float], learning_rate: float) -> None:
        """Loss and metrics of an epoch, training and validation, and the learning rate."""
        self._training.scalar("epoch_learning_rate", learning_rate, epoch)
        for name, value in logs.items():
            writer = self._validation if name.startswith("val_") else self._training
            if np.ndim(value) == 0:
                writer.scalar(f"epoch_{name.removeprefix('val_')}", float(value), epoch)

    def state(self, state: TrainingState) -> None:
        """Histograms of the weights, where they were asked for."""
        for variable in self._layout.variables if self._layout is not None else ():
            values = state.arrays["weights"][variable.offset : variable.offset + variable.size]
            self._training.histogram(variable.name, values, int(state.info["epoch"]))

    def close(self) -> None:
        """Ends the files."""
        self._training.close()
        self._validation.close()
