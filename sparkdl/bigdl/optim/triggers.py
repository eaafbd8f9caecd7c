"""When something is to be done: BigDL's triggers, which look at the state of the training after every iteration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sparkdl.bigdl.util.bridge import JavaValue
from sparkdl.errors import ArgumentError

State = Mapping[str, Any]


class Trigger(JavaValue):
    """What all triggers have in common.

    Attributes:
        each_iteration: whether it can fire in the middle of an epoch.
    """

    each_iteration = True

    def __init__(self, jvalue: Any = None, bigdl_type: str = "float", *args: Any) -> None:
        super().__init__(self if jvalue is None else jvalue, bigdl_type)

    def fires(self, state: State) -> bool:
        """Whether it is time.

        Args:
            state: `epoch` and `neval`, the numbers (from 1) of the epoch and iteration that come next, `Loss` of the
                last minibatch, and `score` of the last validation's first method.
        """
        raise NotImplementedError

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "value"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, value=self)


class MaxIteration(Trigger):
    """After so many iterations.

    Example:
        >>> MaxIteration(20).fires({"neval": 20}), MaxIteration(20).fires({"neval": 21})
        (False, True)
    """

    def __init__(self, max: int, bigdl_type: str = "float") -> None:
        super().__init__(None, bigdl_type)
        self.max = max

    def fires(self, state: State) -> bool:
        """See `Trigger`."""
        return state["neval"] > self.max


class MaxEpoch(Trigger):
    """After so many epochs."""

    each_iteration = False

    def __init__(self, max_epoch: int, bigdl_type: str = "float") -> None:
        super().__init__(None, bigdl_type)
        self.max_epoch = max_epoch

    def fires(self, state: State) -> bool:
        """See `Trigger`."""
        return state["epoch"] > self.max_epoch


class EveryEpoch(Trigger):
    """At the end of every epoch; where an epoch is one iteration, from the second on."""

    each_iteration = False

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(None, bigdl_type)
        self.last: int | None = None

    def fires(self, state: State) -> bool:
        """See `Trigger`."""
        before, self.last = self.last, state["epoch"]
        return before is not None and before != state["epoch"]


class SeveralIteration(Trigger):
    """Whenever the number of the next iteration, which counts from 1, is a multiple of the interval."""

    def __init__(self, interval: int, bigdl_type: str = "float") -> None:
        if interval < 1:
            raise ArgumentError(f"SeveralIteration(interval=) must be at least 1, received {interval!r}.")
        super().__init__(None, bigdl_type)
        self.interval = interval

    def fires(self, state: State) -> bool:
        """See `Trigger`."""
        return state["neval"] % self.interval == 0


class MaxScore(Trigger):
    """When the first validation method gives more than that."""

    def __init__(self, max: float, bigdl_type: str = "float") -> None:
        super().__init__(None, bigdl_type)
        self.max = max

    def fires(self, state: State) -> bool:
        """See `Trigger`."""
        return state["score"] > self.max


class MinLoss(Trigger):
    """When the loss of a minibatch is less than that."""

    def __init__(self, min: float, bigdl_type: str = "float") -> None:
        super().__init__(None, bigdl_type)
        self.min = min

    def fires(self, state: State) -> bool:
        """See `Trigger`."""
        return state["Loss"] < self.min


class _Combination(Trigger):
    def __init__(self, first: Trigger, *other: Trigger) -> None:
        super().__init__(None, "float")
        self.parts = [first, *other]
        for part in self.parts:
            if not isinstance(part, Trigger):
                raise ArgumentError(
                    f"{type(self).__name__} was given a {type(part).__name__}, expected triggers (MaxEpoch, ...)."
                )

    @property
    def each_iteration(self) -> bool:  # type: ignore[override]
        """See `Trigger`."""
        return any(part.each_iteration for part in self.parts)


class TriggerAnd(_Combination):
    """When all fire."""

    def __init__(self, first: Trigger, *other: Trigger) -> None:
        super().__init__(first, *other)

    def fires(self, state: State) -> bool:
        """See `Trigger`."""
        return all(part.fires(state) for part in self.parts)


class TriggerOr(_Combination):
    """When one fires."""

    def __init__(self, first: Trigger, *other: Trigger) -> None:
        super().__init__(first, *other)

    def fires(self, state: State) -> bool:
        """See `Trigger`."""
        return any(part.fires(state) for part in self.parts)


def last_epoch(end: Trigger, epoch: int) -> int | None:
    """The number of the last epoch that can be needed, where the trigger that ends the training tells it.

    Example:
        >>> last_epoch(TriggerOr(MaxEpoch(5), MinLoss(0.1)), 1), last_epoch(MinLoss(0.1), 1)
        (5, None)
    """
    if isinstance(end, MaxEpoch):
        return max(end.max_epoch, epoch - 1)
    found = [last_epoch(part, epoch) for part in end.parts] if isinstance(end, TriggerOr) else []
    known = [last for last in found if last is not None]
    return min(known) if known else None
