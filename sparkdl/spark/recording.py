"""TensorBoard event files of a run, written on the driver from what the workers tell."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from sparkdl.spark.display import harmless
from sparkdl.spark.file_writer import FileWriter
from sparkdl.spark.storage import storage_for
from sparkdl.storage.base import check_writable
from sparkdl.storage.paths import AnyPath, join, local_path, path_text
from sparkdl.storage.temporary import TemporaryFolder
from sparkdl.summary import SummaryWriter
from sparkdl.types import TrainingState, WeightLayout


def check_log_dir(directory: AnyPath, context: Any = None) -> None:
    """Tries to write to the directory, before anything starts.

    Raises:
        ArgumentError: where that fails.
    """
    check_writable(storage_for(path_text(directory, "log_dir"), context), "log_dir")


class Recording:
    """Event files under `directory`, which can be written to, in TensorBoard's usual folders `train` and `validation`.

    Args:
        directory: local directory on the driver; or a URL, to which the files are copied at the end of each epoch.
        files: copies them.
        layout: where the variables lie in the flat weights, for histograms; None for none.
    """

    title = "the run in TensorBoard's files"

    def __init__(
        self,
        directory: AnyPath,
        files: FileWriter,
        layout: WeightLayout | None = None,
    ) -> None:
        directory = path_text(directory, "log_dir")
        self.broken = False
        self._layout = layout
        self._files = files
        self._remote: str | None = None
        local = local_path(directory)
        if local is None:
            self._remote = directory
            self._temporary = TemporaryFolder("sparkdl-logs-")
            local = self._temporary.name
        self._training = SummaryWriter(os.path.join(local, "train"))
        self._validation = SummaryWriter(os.path.join(local, "validation"))

    @property
    def histograms(self) -> bool:
        """Whether histograms of the weights are asked for."""
        return self._layout is not None

    @harmless
    def step(self, header: Mapping[str, Any]) -> None:
        """Loss and throughput of a step (a few per second are told)."""
        iteration = header["epoch"] * header["steps"] + header["step"]
        self._training.scalar("batch_loss", header["loss"], iteration)
        if header["rows_per_second"]:
            self._training.scalar("rows_per_second", header["rows_per_second"], iteration)

    @harmless
    def epoch(self, epoch: int, logs: Mapping[str, float], learning_rate: float) -> None:
        """Loss and metrics of an epoch, training and validation, and the learning rate."""
        self._training.scalar("epoch_learning_rate", learning_rate, epoch)
        for name, value in logs.items():
            writer = self._validation if name.startswith("val_") else self._training
            if isinstance(value, (int, float)):
                writer.scalar(f"epoch_{name.removeprefix('val_')}", float(value), epoch)
        self._copy()

    @harmless
    def state(self, state: TrainingState) -> None:
        """Histograms of the weights, where they were asked for."""
        for variable in self._layout.variables if self._layout is not None else ():
            values = state.arrays["weights"][variable.offset : variable.offset + variable.size]
            self._training.histogram(variable.name, values, int(state.info["epoch"]))

    def close(self) -> None:
        """Ends the files."""
        self._finish()
        if self._remote is not None:
            self._temporary.close()
            self._remote = None

    @harmless
    def _finish(self) -> None:
        self._copy()
        self._training.close()
        self._validation.close()

    def _copy(self) -> None:
        """Copies whole files: object stores know no appending."""
        if self._remote is None:
            return
        for writer in (self._training, self._validation):
            writer.flush()
            name = f"{writer.path.parent.name}/{writer.path.name}"
            self._files.submit(join(self._remote, name), writer.path.read_bytes())
