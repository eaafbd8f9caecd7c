"""What follows the training on worker 0: triggers, and the curves of summaries."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from sparkdl.bigdl.optim.lines import Notes
from sparkdl.bigdl.optim.measuring import COUNT_OF
from sparkdl.bigdl.optim.schedules import Plateau
from sparkdl.bigdl.optim.triggers import EveryEpoch, Trigger
from sparkdl.summary import SummaryWriter

_FLUSH_SECONDS = 10.0
_NEVER = float("-inf")


class EventFile(keras.callbacks.Callback):
    """Collects points of curves and writes them, every few seconds, into an event file of their own.

    Args:
        log_dir: the folder; files come to the driver as they are written.
    """

    writes = ("log_dir", True)

    def __init__(self, log_dir: str) -> None:
        super().__init__()
        self.log_dir = log_dir
        self.points: list[list[Any]] = []
        self.flushed = 0.0

    def scalar(self, tag: str, value: float, step: int) -> None:
        """Adds a point."""
        self.points.append([tag, float(value), step, time.time()])

    def histograms(self, values: Mapping[str, Any], step: int) -> None:
        """Writes distributions at once."""
        with SummaryWriter(self.log_dir) as writer:
            for tag, value in values.items():
                writer.histogram(tag, value, step)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Writes what there is, now and then."""
        if time.time() - self.flushed > _FLUSH_SECONDS:
            self.flush()

    def on_train_end(self, logs: Any = None) -> None:
        """Writes what there is."""
        self.flush()

    def flush(self) -> None:
        """Writes the points that are not written yet."""
        if self.points:
            with SummaryWriter(self.log_dir) as writer:
                for point in self.points:
                    writer.scalar(*point)
        self.points.clear()
        self.flushed = time.time()


class Following(keras.callbacks.Callback):
    """Asks triggers, at the ends of epochs, what is to be done.

    Args:
        state: of the optim method; see `Trigger.fires`.
        end: ends the training.
        validation: when to validate.
        checkpoint: when to capture the state.
        score: the name of what a validation gives for `score`.
        plateau: the schedule that looks at the training, if there is one.
        train: the curves of the training, and when each of them gets a point.
        validated: the curves of validations, and what belongs on them.
        notes: of what the log says of the training, and the names of what a validation gives.

    Attributes:
        wanted: what the engine is asked for.
    """

    def __init__(
        self,
        state: Mapping[str, Any],
        end: Trigger,
        validation: Trigger | None = None,
        checkpoint: Trigger | None = None,
        score: str | None = None,
        plateau: Plateau | None = None,
        train: tuple[EventFile, Mapping[str, Trigger]] | None = None,
        validated: tuple[EventFile, Sequence[str]] | None = None,
        notes: tuple[Notes, Sequence[str]] | None = None,
    ) -> None:
        super().__init__()
        self.state = {"Loss": float("inf"), "score": _NEVER, **state}
        self.end, self.validation, self.checkpoint = end, validation, checkpoint
        self.score, self.plateau, self.train, self.validated = score, plateau, train, validated
        self.notes, self.done = notes, 0
        self.wanted: set[str] = set()
        self.seen: list[Any] = [trigger.last for trigger in self._every_epoch()]

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Gives an epoch the learning rate that the schedule makes of the one before."""
        if self.plateau is None or self.state.get("plateau_epoch", self.state["epoch"]) == self.state["epoch"]:
            self.state["plateau_epoch"] = self.state["epoch"]
            return
        self.state["plateau_epoch"] = self.state["epoch"]
        optimizer = self.model.optimizer
        rate = self.state.get("rate", float(optimizer.learning_rate))
        self._recall_plateau()
        self.state["rate"] = self.plateau.next_rate(rate, self.state[self.plateau.monitor])
        self.state["plateau"] = [self.plateau.best, self.plateau.cooling, self.plateau.waited]
        optimizer.learning_rate = self.state["rate"]

    def _recall_plateau(self) -> None:
        if self.plateau is not None and "plateau" in self.state:
            self.plateau.best, self.plateau.cooling, self.plateau.waited = self.state["plateau"]

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """An epoch is over."""
        self.state["neval"] += self.params["steps"]
        self.state["Loss"] = float((logs or {})["loss"])
        self.state["epoch"] += 1
        self.done = self.params["steps"]
        self.after_iteration()

    def after_iteration(self) -> None:
        """Asks the triggers, as BigDL does after each iteration."""
        for trigger, last in zip(self._every_epoch(), self.seen, strict=True):
            trigger.last = last
        validates = self.validation is not None and self.validation.fires(self.state)
        self.add_points()
        if validates:
            self.wanted.add("validate")  # and the rest in `on_test_end`
        else:
            self.conclude()
        self.seen = [trigger.last for trigger in self._every_epoch()]

    def add_points(self) -> None:
        """Nothing is known of single iterations."""

    def on_test_end(self, logs: Any = None) -> None:
        """A validation is over."""
        scores = logs or {}
        if self.score is not None:
            self.state["score"] = float(scores[self.score])
        if self.validated is not None:
            file, names = self.validated
            for name in names:
                file.scalar(name, scores[name], self.state["neval"] - 1)
        if self.notes is not None:
            results = {name: (float(scores[name]), int(scores.get(COUNT_OF + name, 0))) for name in self.notes[1]}
            self.note("validation", results=results)
            self.notes[0].flush()
        self.conclude()
        self.seen = [trigger.last for trigger in self._every_epoch()]

    def note(self, kind: str, **more: Any) -> None:
        """Notes something for the log, with the place that the training has reached."""
        if self.notes is not None:
            batch, steps = self.state["batch"], self.params["steps"]
            # At the end of an epoch the number is already that of the next one.
            epoch = self.state["epoch"] - (self.done == steps)
            place = {"epoch": epoch, "done": batch * self.done, "rows": batch * steps}
            self.notes[0].add(kind, self.state, **place, **more)

    def conclude(self) -> None:
        """What is asked for behind a validation."""
        if self.checkpoint is not None and self.checkpoint.fires(self.state):
            self.wanted.add("capture")
        if self.end.fires(self.state):
            self.model.stop_training = True

    def _every_epoch(self) -> list[EveryEpoch]:
        """The triggers with a memory, in an order: the memory goes with the state of this callback."""
        curves = self.train[1].values() if self.train is not None else ()
        triggers = [trigger for trigger in (self.validation, self.checkpoint, self.end, *curves) if trigger is not None]
        return [leaf for trigger in triggers for leaf in _leaves(trigger) if isinstance(leaf, EveryEpoch)]


def _leaves(trigger: Trigger) -> Iterator[Trigger]:
    for part in getattr(trigger, "parts", ()):
        yield from _leaves(part)
    if not hasattr(trigger, "parts"):
        yield trigger


class FollowingIterations(Following):
    """Asks after every iteration, where a trigger, a curve or a schedule needs it."""

    def on_train_begin(self, logs: Any = None) -> None:
        """The first iteration begins."""
        self.began = time.time()
        self.done = 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """An iteration is over."""
        now = time.time()
        self.state["neval"] += 1
        self.state["Loss"] = float((logs or {})["loss"])
        self.state["seconds"], self.began = max(now - self.began, 1e-9), now
        self.done = batch + 1
        if self.done < self.params["steps"]:
            self._note_iteration()
            self.after_iteration()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """An epoch is over, or was left in its middle."""
        if self.done == self.params["steps"]:
            self.state["epoch"] += 1
            self._note_iteration()
            if self.notes is not None and self.notes[0].iterations:
                self.note("epoch")
            self.after_iteration()

    def _note_iteration(self) -> None:
        if self.notes is not None and self.notes[0].iterations:
            told = {name: self.state[name] for name in ("batch", "seconds")}
            self.note("iteration", loss=self.state["Loss"], rate=self._rate(), **told)

    def add_points(self) -> None:
        """Adds what is due to the curves of the training."""
        if self.train is None:
            return
        file, triggers = self.train
        values = {
            "Loss": lambda: self.state["Loss"],
            "Throughput": lambda: self.state["batch"] / self.state["seconds"],
            "LearningRate": self._rate,
        }
        for name, trigger in triggers.items():
            if not trigger.fires(self.state):
                continue
            if name == "Parameters":
                weights = {variable.path: np.asarray(variable) for variable in self.model.trainable_variables}
                file.histograms(weights, self.state["neval"] - 1)
            else:
                file.scalar(name, values[name](), self.state["neval"] - 1)

    def _rate(self) -> float:
        """The learning rate of the last iteration."""
        optimizer = self.model.optimizer
        rate = optimizer._learning_rate
        return float(rate(optimizer.iterations - 1)) if callable(rate) else float(optimizer.learning_rate)


def following(**arguments: Any) -> Following:
    """The callback that looks as often as is needed; see `Following`."""
    triggers = [arguments.get(name) for name in ("end", "validation", "checkpoint")]
    plateau = arguments.get("plateau")
    often = any(trigger is not None and trigger.each_iteration for trigger in triggers)
    notes = arguments.get("notes")
    often |= notes is not None and notes[0].iterations
    often |= arguments.get("train") is not None or (plateau is not None and plateau.monitor == "Loss")
    return (FollowingIterations if often else Following)(**arguments)
