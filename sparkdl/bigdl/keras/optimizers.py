"""Optimization methods of Keras-style models."""

from __future__ import annotations

from typing import Any

from sparkdl.bigdl.keras.base import ZooKerasCreator, callZooFunc  # noqa: F401
from sparkdl.bigdl.optim.methods import OptimMethod
from sparkdl.bigdl.optim.schedules import Default, LearningRateSchedule, Start, per_epoch
from sparkdl.bigdl.util.common import *  # noqa: F403
from sparkdl.errors import ArgumentError

_SHAPES = ("linear", "cosine", "constant")


class Adam(OptimMethod, ZooKerasCreator):
    """Adam with a schedule of the rate, and `weight_decay` times the weights added to gradients."""

    def __init__(
        self,
        lr: float = 1e-3,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        decay: float = 0.0,
        schedule: LearningRateSchedule | None = None,
        weight_decay: float = 0.0,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(None, bigdl_type)
        self.lr, self.beta_1, self.beta_2, self.epsilon = lr, beta_1, beta_2, epsilon
        self.decay, self.weight_decay = decay, weight_decay
        self.schedule = schedule if schedule is not None else Default()

    def optimizer(self, steps_per_epoch: int | None = None, **clipping: Any) -> Any:
        """See `OptimMethod`."""
        from sparkdl.nn.torch_optim import PenalizedAdam

        rate = (self.schedule or Default()).rates(Start(self.lr, self.decay, 0, steps_per_epoch))
        return PenalizedAdam(rate, self.beta_1, self.beta_2, self.epsilon, self.weight_decay, **clipping)


class AdamWeightDecay(OptimMethod, ZooKerasCreator):
    """Adam for BERT: without corrections of its first means, with weight decay apart from the gradients.

    With `total`, the number of all iterations, the rate grows for `warmup_portion` of them and then follows `schedule`
    ("linear", "cosine" or "constant"), both as squares, as in BigDL. Without it, the rate stays.
    """

    def __init__(
        self,
        lr: float = 1e-3,
        warmup_portion: float = -1.0,
        total: int = -1,
        schedule: str = "linear",
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-6,
        weight_decay: float = 0.01,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(None, bigdl_type)
        if schedule.lower() not in _SHAPES:
            raise ArgumentError(f"AdamWeightDecay has schedule={schedule!r}; known are {', '.join(_SHAPES)}.")
        self.lr, self.warmup_portion, self.total, self.shape = lr, warmup_portion, total, schedule.lower()
        self.beta1, self.beta2, self.epsilon, self.weight_decay = beta1, beta2, epsilon, weight_decay

    def optimizer(self, steps_per_epoch: int | None = None, **clipping: Any) -> Any:
        """See `OptimMethod`."""
        from sparkdl.nn.torch_optim import UncorrectedAdam, WarmedUpDecay

        rate: Any = self.lr
        if self.total > 0:
            rate = WarmedUpDecay(self.lr, self.total, self.warmup_portion, self.shape, 2)
        return UncorrectedAdam(rate, self.beta1, self.beta2, self.epsilon, max(self.weight_decay, 0.0), **clipping)


class PolyEpochDecay(LearningRateSchedule, ZooKerasCreator):
    """The rate times `(1 - epoch / max_epochs) ** power`, and 0 from `max_epochs` on; epochs count from 1."""

    counts_epochs = True

    def __init__(self, power: float, max_epochs: int, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)
        self.power, self.max_epochs = power, max_epochs

    def rates(self, start: Start) -> Any:
        """See `LearningRateSchedule`."""
        return per_epoch(start, lambda epoch: start.rate * max(0.0, 1.0 - epoch / self.max_epochs) ** self.power)
