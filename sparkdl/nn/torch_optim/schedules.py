"""Learning rates over steps that Keras's schedules lack, with Torch's and Caffe's meaning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops
from keras.optimizers import schedules


@keras.saving.register_keras_serializable("sparkdl")
class LinearWarmup(schedules.LearningRateSchedule):
    """A rate that grows by the same amount in every step, for ever.

    Args:
        initial_learning_rate: of step 0.
        delta: what each step adds.

    Example:
        >>> float(LinearWarmup(0.25, 0.5)(2))
        1.25
    """

    def __init__(self, initial_learning_rate: float, delta: float) -> None:
        self.initial_learning_rate, self.delta = initial_learning_rate, delta

    def __call__(self, step: Any) -> Any:
        grown = self.initial_learning_rate + self.delta * ops.cast(step, "float64")
        return ops.cast(grown, keras.config.floatx())

    def get_config(self) -> dict[str, Any]:
        return {"initial_learning_rate": self.initial_learning_rate, "delta": self.delta}


@keras.saving.register_keras_serializable("sparkdl")
class ScheduleSequence(schedules.LearningRateSchedule):
    """One schedule after the other.

    Args:
        parts: schedules, or numbers.
        lasts: the last step of each schedule but the last one.
        starts: the step that each schedule takes for its step 0.

    Example:
        >>> halving = keras.optimizers.schedules.ExponentialDecay(1.0, 1, 0.5)
        >>> rates = ScheduleSequence([LinearWarmup(0.0, 0.5), halving], lasts=[1], starts=[0, 1])
        >>> [float(rates(step)) for step in range(4)]
        [0.0, 0.5, 0.5, 0.25]
    """

    def __init__(self, parts: Sequence[Any], lasts: Sequence[int], starts: Sequence[int]) -> None:
        self.parts = [_restored(part) for part in parts]
        self.lasts, self.starts = list(lasts), list(starts)

    def __call__(self, step: Any) -> Any:
        step = ops.cast(step, "int64")
        rates = [_rate(part, step - start) for part, start in zip(self.parts, self.starts, strict=True)]
        rate = rates[-1]
        for earlier, last in zip(rates[-2::-1], self.lasts[::-1], strict=True):
            rate = ops.where(step <= last, earlier, rate)
        return rate

    def get_config(self) -> dict[str, Any]:
        return {"parts": [_described(part) for part in self.parts], "lasts": self.lasts, "starts": self.starts}


@keras.saving.register_keras_serializable("sparkdl")
class PerEpoch(schedules.LearningRateSchedule):
    """A rate for each epoch; the last one stays.

    Args:
        rates: of the epochs, in order.
        steps_per_epoch: how many steps an epoch has.

    Example:
        >>> rates = PerEpoch([0.5, 0.25], steps_per_epoch=2)
        >>> [float(rates(step)) for step in range(6)]
        [0.5, 0.5, 0.25, 0.25, 0.25, 0.25]
    """

    def __init__(self, rates: Sequence[float], steps_per_epoch: int) -> None:
        self.rates, self.steps_per_epoch = list(rates), steps_per_epoch

    def __call__(self, step: Any) -> Any:
        epoch = ops.minimum(ops.cast(step, "int64") // self.steps_per_epoch, len(self.rates) - 1)
        return ops.take(ops.convert_to_tensor(self.rates, keras.config.floatx()), epoch)

    def get_config(self) -> dict[str, Any]:
        return {"rates": self.rates, "steps_per_epoch": self.steps_per_epoch}


def _rate(schedule: Any, step: Any) -> Any:
    rate = schedule(ops.maximum(step, 0)) if callable(schedule) else schedule
    return ops.cast(rate, keras.config.floatx())


def _restored(schedule: Any) -> Any:
    return schedules.deserialize(schedule) if isinstance(schedule, dict) else schedule


def _described(schedule: Any) -> Any:
    return schedules.serialize(schedule) if callable(schedule) else schedule
