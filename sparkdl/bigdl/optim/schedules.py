"""BigDL's learning rate schedules, as numbers or schedules of Keras."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sparkdl.bigdl.util.arguments import checked
from sparkdl.bigdl.util.bridge import JavaValue
from sparkdl.errors import ArgumentError


@dataclass(frozen=True)
class Start:
    """Where a schedule begins.

    Attributes:
        rate: the learning rate it begins with.
        decay: `learningrate_decay` of the method.
        step: the iteration (from 0) that it takes for its first one.
        steps_per_epoch: iterations of an epoch, where they are known.
    """

    rate: float
    decay: float = 0.0
    step: int = 0
    steps_per_epoch: int | None = None


class LearningRateSchedule(JavaValue):
    """What all schedules have in common.

    Attributes:
        counts_epochs: whether the iterations of an epoch must be known.
    """

    counts_epochs = False

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(None, bigdl_type)

    def rates(self, start: Start) -> Any:
        """The learning rate over the iterations from `start.step` on: a number, or a schedule of Keras."""
        raise NotImplementedError


class Default(LearningRateSchedule):
    """Divides the rate by `1 + decay * iteration`."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)

    def rates(self, start: Start) -> Any:
        """See `LearningRateSchedule`."""
        return decayed(start.rate, start.decay)


class Fixed(Default):
    """The rate as it is."""

    def rates(self, start: Start) -> Any:
        """See `LearningRateSchedule`."""
        return start.rate


class Poly(LearningRateSchedule):
    """Falls to 0 at `max_iteration`: the rate times `(1 - iteration / max_iteration) ** power`."""

    def __init__(self, power: float, max_iteration: int, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)
        self.power, self.max_iteration = power, max_iteration

    def rates(self, start: Start) -> Any:
        """See `LearningRateSchedule`; counts all iterations, also behind other schedules."""
        schedules, shifted = _keras()
        falling = schedules.PolynomialDecay(start.rate, self.max_iteration, 0.0, self.power)
        return shifted([falling], [], [-start.step]) if start.step else falling


class Exponential(LearningRateSchedule):
    """The rate times `decay_rate ** (iteration / decay_step)`, in steps with `stair_case`."""

    def __init__(self, decay_step: int, decay_rate: float, stair_case: bool = False, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)
        self.decay_step, self.decay_rate, self.stair_case = decay_step, decay_rate, stair_case

    def rates(self, start: Start) -> Any:
        """See `LearningRateSchedule`."""
        return _keras()[0].ExponentialDecay(start.rate, self.decay_step, self.decay_rate, staircase=self.stair_case)


class Step(LearningRateSchedule):
    """The rate times `gamma` after every `step_size` iterations."""

    def __init__(self, step_size: int, gamma: float, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)
        self.step_size, self.gamma = step_size, gamma

    def rates(self, start: Start) -> Any:
        """See `LearningRateSchedule`."""
        return _keras()[0].ExponentialDecay(start.rate, self.step_size, self.gamma, staircase=True)


class NaturalExp(LearningRateSchedule):
    """The rate times `exp(-gamma)` after every `decay_step` iterations."""

    def __init__(self, decay_step: int, gamma: float, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)
        self.decay_step, self.gamma = decay_step, gamma

    def rates(self, start: Start) -> Any:
        """See `LearningRateSchedule`."""
        return _keras()[0].ExponentialDecay(start.rate, self.decay_step, math.exp(-self.gamma), staircase=True)


class MultiStep(LearningRateSchedule):
    """The rate times `gamma` from each of `step_sizes`, which count iterations, on."""

    def __init__(self, step_sizes: Sequence[int], gamma: float, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)
        self.step_sizes, self.gamma = list(step_sizes), gamma

    def rates(self, start: Start) -> Any:
        """See `LearningRateSchedule`."""
        values = [start.rate * self.gamma**power for power in range(len(self.step_sizes) + 1)]
        return _keras()[0].PiecewiseConstantDecay([size - 1 for size in self.step_sizes], values)


class Warmup(LearningRateSchedule):
    """Adds `delta` to the rate in every iteration."""

    def __init__(self, delta: float, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)
        self.delta = delta

    def rates(self, start: Start) -> Any:
        """See `LearningRateSchedule`."""
        from sparkdl.nn.torch_optim import LinearWarmup

        return LinearWarmup(start.rate, self.delta)


class EpochStep(LearningRateSchedule):
    """The rate times `gamma` after every `step_size` epochs, which count from 1."""

    counts_epochs = True

    def __init__(self, step_size: int, gamma: float, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)
        self.step_size, self.gamma = step_size, gamma

    def rates(self, start: Start) -> Any:
        """See `LearningRateSchedule`."""
        return per_epoch(start, lambda epoch: start.rate * self.gamma ** (epoch // self.step_size))


class EpochDecay(LearningRateSchedule):
    """The rate times `0.1 ** decay_type(epoch)`; epochs count from 1."""

    counts_epochs = True

    def __init__(self, decay_type: Callable[[int], float], bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)
        self.decay_type = decay_type

    def rates(self, start: Start) -> Any:
        """See `LearningRateSchedule`."""
        return per_epoch(start, lambda epoch: start.rate * 0.1 ** self.decay_type(epoch))


class EpochDecayWithWarmUp(LearningRateSchedule):
    """Adds `warm_up_delta` for `warm_up_iteration` iterations, then decays the greatest rate as `EpochDecay` does."""

    counts_epochs = True

    def __init__(
        self,
        warm_up_iteration: int,
        warm_up_delta: float,
        decay_type: Callable[[int], float],
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(bigdl_type)
        self.warm_up_iteration, self.warm_up_delta, self.decay_type = warm_up_iteration, warm_up_delta, decay_type

    def rates(self, start: Start) -> Any:
        """See `LearningRateSchedule`."""
        from sparkdl.nn.torch_optim import LinearWarmup

        greatest = start.rate + self.warm_up_delta * self.warm_up_iteration
        decaying = per_epoch(start, lambda epoch: greatest * 0.1 ** self.decay_type(epoch))
        if not self.warm_up_iteration:
            return decaying
        growing = LinearWarmup(start.rate, self.warm_up_delta)
        return _keras()[1]([growing, decaying], [self.warm_up_iteration - 1], [0, 0])


@checked
@dataclass(frozen=True)
class Regime:
    """What a method is from one epoch to another, both included: `config` holds its `learningRate`."""

    start_epoch: int
    end_epoch: int
    config: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        others = set(self.config) - {"learningRate"}
        if others:
            raise ArgumentError(
                f"Regime(config=) holds {', '.join(sorted(others))}, expected 'learningRate' only: train once for each "
                "regime where something else changes."
            )


class EpochSchedule(LearningRateSchedule):
    """The learning rate of the regime that an epoch is in; between regimes it stays."""

    counts_epochs = True

    def __init__(self, regimes: Sequence[Regime], bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)
        self.regimes = list(regimes)

    def rates(self, start: Start) -> Any:
        """See `LearningRateSchedule`."""
        return per_epoch(start, lambda epoch: self._rate(epoch, start.rate))

    def _rate(self, epoch: int, rate: float) -> float:
        for earlier in range(1, epoch + 1):
            for regime in self.regimes:
                if regime.start_epoch <= earlier <= regime.end_epoch:
                    rate = regime.config.get("learningRate", rate)
        return rate


class SequentialSchedule(LearningRateSchedule):
    """One schedule after the other; each begins with the rate that the one before ended with.

    A schedule lasts one iteration longer than its `max_iteration` says, as in BigDL.

    Example:
        >>> rates = SequentialSchedule(5).add(Warmup(0.5), 2).add(Step(1, 0.5), 10).rates(Start(0.0))
        >>> [float(rates(step)) for step in range(5)]
        [0.0, 0.5, 1.0, 0.5, 0.25]
    """

    def __init__(self, iteration_per_epoch: int, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)
        self.iteration_per_epoch = iteration_per_epoch
        self.parts: list[tuple[LearningRateSchedule, int]] = []

    def add(self, scheduler: LearningRateSchedule, max_iteration: int, bigdl_type: str = "float") -> SequentialSchedule:
        """Adds a schedule for so many iterations."""
        if isinstance(scheduler, Plateau):
            raise ArgumentError(
                "SequentialSchedule cannot hold a Plateau, which looks at the training: give Plateau alone, or train "
                "twice with the same optim method."
            )
        self.parts.append((scheduler, max_iteration))
        return self

    def rates(self, start: Start) -> Any:
        """See `LearningRateSchedule`."""
        if not self.parts:
            raise ArgumentError("the SequentialSchedule is empty: add(schedule, max_iteration) first.")
        made: list[Any] = []
        starts: list[int] = []
        lasts: list[int] = []
        rate, first = start.rate, 0
        for schedule, length in self.parts:
            made.append(schedule.rates(Start(rate, start.decay, first, self.iteration_per_epoch)))
            starts.append(first)
            first += length
            lasts.append(first)
            rate = float(made[-1](first - starts[-1])) if callable(made[-1]) else made[-1]
        return _keras()[1](made, lasts[:-1], starts)


class Plateau(LearningRateSchedule):
    """Multiplies the rate by `factor` where the loss ("Loss") or the score ("score") has not become better by
    `epsilon` for `patience` epochs."""

    def __init__(
        self,
        monitor: str,
        factor: float = 0.1,
        patience: int = 10,
        mode: str = "min",
        epsilon: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(bigdl_type)
        if factor >= 1:
            raise ArgumentError(f"Plateau(factor=) must be less than 1, received {factor!r}.")
        if mode not in ("min", "max"):
            raise ArgumentError(f'Plateau(mode=) must be "min" or "max", received {mode!r}.')
        if monitor not in ("Loss", "score"):
            raise ArgumentError(f'Plateau(monitor=) must be "Loss" or "score", received {monitor!r}.')
        self.monitor, self.factor, self.patience, self.mode = monitor, factor, patience, mode
        self.epsilon, self.cooldown, self.min_lr = epsilon, cooldown, min_lr
        self.best = math.inf if mode == "min" else -math.inf
        self.cooling = self.waited = 0

    def rates(self, start: Start) -> Any:
        """See `LearningRateSchedule`: a number, which `next_rate` changes."""
        return start.rate

    def next_rate(self, rate: float, value: float) -> float:
        """The rate of the next epoch, given what is monitored at the end of one."""
        if self.cooling > 0:
            self.cooling, self.waited = self.cooling - 1, 0
        better = value < self.best - self.epsilon if self.mode == "min" else value > self.best + self.epsilon
        if better:
            self.best, self.waited = value, 0
            return rate
        if self.cooling > 0:
            return rate
        lowers = self.waited >= self.patience and rate > self.min_lr * (1 + 1e-4)
        self.waited = 1 if lowers else self.waited + 1
        if not lowers:
            return rate
        self.cooling = self.cooldown
        return max(rate * self.factor, self.min_lr)


def decayed(rate: float, decay: float) -> Any:
    """The rate divided by `1 + decay * iteration`."""
    return _keras()[0].InverseTimeDecay(rate, 1, decay) if decay else rate


_EPOCHS = 1000  # that a schedule of epochs is worked out for; the last rate stays


def per_epoch(start: Start, rate: Callable[[int], float]) -> Any:
    """The rates of epochs, which count from 1, and from 0 behind other schedules that end with an epoch."""
    from sparkdl.nn.torch_optim import PerEpoch

    if start.steps_per_epoch is None:
        raise ArgumentError("a schedule of epochs needs the number of iterations of an epoch.")
    before = start.step // start.steps_per_epoch
    passed = start.step - before * start.steps_per_epoch
    rates = PerEpoch([float(rate(epoch)) for epoch in range(1, _EPOCHS + 1)], start.steps_per_epoch)
    return _keras()[1]([rates], [], [-passed]) if passed else rates


def _keras() -> tuple[Any, Any]:
    """Keras's schedules, and ours of several; imported where they are needed."""
    from keras.optimizers import schedules

    from sparkdl.nn.torch_optim import ScheduleSequence

    return schedules, ScheduleSequence
