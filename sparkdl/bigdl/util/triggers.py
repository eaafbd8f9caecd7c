"""Analytics Zoo's triggers: those of `optim.optimizer` under other signatures."""

from abc import abstractmethod  # noqa: F401
from typing import Any

from sparkdl.bigdl.optim import triggers
from sparkdl.bigdl.util.bridge import JavaValue


class ZooTrigger(JavaValue):
    """A trigger."""

    def jvm_class_constructor(self) -> str:
        """What the function that made its counterpart was called."""
        return f"createZoo{type(self).__name__}"


class EveryEpoch(triggers.EveryEpoch, ZooTrigger):
    """At the end of every epoch."""

    def __init__(self) -> None:
        super().__init__()


class SeveralIteration(triggers.SeveralIteration, ZooTrigger):
    """Every so many iterations."""

    def __init__(self, interval: int) -> None:
        super().__init__(interval)


class MaxEpoch(triggers.MaxEpoch, ZooTrigger):
    """After so many epochs."""

    def __init__(self, max: int) -> None:
        super().__init__(max)


class MaxIteration(triggers.MaxIteration, ZooTrigger):
    """After so many iterations."""

    def __init__(self, max: int) -> None:
        super().__init__(max)


class MaxScore(triggers.MaxScore, ZooTrigger):
    """When the score of a validation is more than that."""

    def __init__(self, max: float) -> None:
        super().__init__(max)


class MinLoss(triggers.MinLoss, ZooTrigger):
    """When the loss is less than that."""

    def __init__(self, min: float) -> None:
        super().__init__(min)


class TriggerAnd(triggers.TriggerAnd, ZooTrigger):
    """When all of several fire."""

    def __init__(self, first: Any, *other: Any) -> None:
        super().__init__(first, *other)


class TriggerOr(triggers.TriggerOr, ZooTrigger):
    """When one of several fires."""

    def __init__(self, first: Any, *other: Any) -> None:
        super().__init__(first, *other)
