"""Which precision training steps compute in: both are timed on the first batches, on all workers at once."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from sparkdl.data.batches import batches
from sparkdl.errors import CollectiveError
from sparkdl.train.run import Run
from sparkdl.types import Batch, Collective, Precision, Replica

# bfloat16 is taken where a step takes at least this share less time ...
MARGIN = 0.05
# ... and the loss differs by no more than this share of float32's, and by what float32's own varies where layers
# draw random numbers (Dropout).
LOSS_TOLERANCE = 0.02
MOST_BATCHES, TURN_SECONDS = 4, 1.0
FEWEST_TURNS, MOST_TURNS, SECONDS = 3, 25, 0.5


class Precise(Replica, Protocol):
    """A replica that can be tried here."""

    def compute_in(self, precision: Precision) -> None:
        """Lets training steps compute in this precision from now on."""
        ...

    def forget_other_precisions(self) -> None:
        """Frees what is kept for others."""
        ...


@dataclass(frozen=True)
class PrecisionChoice:
    """What was chosen and why.

    Attributes:
        chosen: "float32" or "bf16".
        reason: in one sentence.
        seconds: by precision, of a gradient on the slowest worker, median; empty where none was timed.
        losses: by precision, mean over the batches tried.
    """

    chosen: Precision
    reason: str
    seconds: Mapping[str, float] = field(default_factory=dict)
    losses: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Turns:
    """What the turns of one precision gave: seconds of a step on this worker, losses over all workers."""

    seconds: Sequence[float]
    losses: Sequence[float]


def choose_precision(run: Run, replica: Precise, able: bool) -> PrecisionChoice:
    """Takes the better precision for a run that has not begun; all workers call it, and choose alike.

    Weights, statistics, seed generators and sums are afterwards what they were before.

    Args:
        replica: the run's.
        able: whether the processor of this worker has instructions for bfloat16.
    """
    if not all_say(run.collective, able):
        why = "a processor of the executors has no instructions for bfloat16 (avx512_bf16, amx_bf16)"
        return PrecisionChoice("float32", f"float32 is taken: {why}.")
    statistics, local = run.replica.statistics(), run.replica.local_state()
    try:
        choice = _tried(run, replica)
    finally:
        run.replica.set_statistics(statistics)
        run.replica.set_local_state(local)
        run.replica.reset_sums()
    replica.compute_in(choice.chosen)
    replica.forget_other_precisions()
    return choice


def decide(float32: Turns, bf16: Turns) -> PrecisionChoice:
    """bfloat16 where it is faster by the margin and its losses agree; pure.

    Example:
        >>> decide(Turns([1.0, 1.1, 1.0], [0.7] * 3), Turns([0.6, 0.7, 0.6], [0.701] * 3)).chosen
        'bf16'
        >>> decide(Turns([1.0, 1.1, 1.0], [0.7] * 3), Turns([0.6, 0.7, 0.6], [0.8] * 3)).chosen
        'float32'
    """
    turns = {"float32": float32, "bf16": bf16}
    seconds = {name: float(np.median(turn.seconds)) for name, turn in turns.items()}
    losses = {name: float(np.mean(turn.losses)) for name, turn in turns.items()}
    allowed = LOSS_TOLERANCE * abs(losses["float32"]) + float(np.ptp(float32.losses))
    times = f"a gradient takes {1e3 * seconds['bf16']:.3g} ms in bfloat16 and {1e3 * seconds['float32']:.3g} in float32"
    if not abs(losses["bf16"] - losses["float32"]) <= allowed:  # so that NaN does not agree
        reason = f"its loss on the first batches is {losses['bf16']:.6g} in bfloat16 and {losses['float32']:.6g} in it"
        return PrecisionChoice("float32", f"float32 is taken: {reason}.", seconds, _finite(losses))
    if seconds["bf16"] > (1 - MARGIN) * seconds["float32"]:
        return PrecisionChoice("float32", f"float32 is taken: {times}.", seconds, _finite(losses))
    return PrecisionChoice("bf16", f"bfloat16 is taken: {times}.", seconds, _finite(losses))


def all_say(collective: Collective, mine: bool) -> bool:
    """Whether all workers say yes."""
    return bool(collective.all_sum(np.array([float(not mine)]))[0] == 0.0)


def _tried(run: Run, replica: Precise) -> PrecisionChoice:
    first = list(itertools.islice(_batches_of(run), min(MOST_BATCHES, run.epochs.steps)))
    steps = [(batch, run.epochs.batch_rows(step)) for step, batch in enumerate(first)]
    run.place = "while trying precisions"
    replica.compute_in("float32")
    _turn(replica, steps[:1])  # compiles
    taken = _slowest(run.collective, _turn(replica, steps[:1])[0])
    steps = steps[: max(1, int(TURN_SECONDS / taken))]
    replica.compute_in("bf16")
    failure = ""
    try:
        _turn(replica, steps)
    except CollectiveError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever TensorFlow says of an operation that bfloat16 lacks
        failure = " ".join(str(error).split())[:300]
    if not all_say(run.collective, not failure):
        reason = failure or "another worker says why"
        return PrecisionChoice("float32", f"float32 is taken: a step in bfloat16 failed ({reason}).")
    turns = min(MOST_TURNS, max(FEWEST_TURNS, math.ceil(SECONDS / (taken * len(steps)))))
    return decide(*_in_turns(run.collective, replica, steps, turns))


def _in_turns(
    collective: Collective, replica: Precise, steps: Sequence[tuple[Batch | None, int]], turns: int
) -> tuple[Turns, Turns]:
    """Both precisions one after the other, again and again, so that both see the same machine."""
    precisions: tuple[Precision, Precision] = ("float32", "bf16")
    seconds, losses = np.zeros((2, turns)), np.zeros((2, turns))
    for turn in range(turns):
        for index, precision in enumerate(precisions):
            replica.compute_in(precision)
            seconds[index, turn], losses[index, turn] = _turn(replica, steps)
    losses = np.asarray(collective.all_sum(losses.ravel())).reshape(2, turns)
    slowest = [_slowest(collective, float(np.median(seconds[index]))) for index in range(2)]
    return Turns([slowest[0]], losses[0].tolist()), Turns([slowest[1]], losses[1].tolist())


def _turn(replica: Precise, steps: Sequence[tuple[Batch | None, int]]) -> tuple[float, float]:
    """Seconds per step of this worker, and its part of the mean loss."""
    losses = []
    started = time.perf_counter()
    for batch, rows in steps:
        gradient, scalars = replica.gradients(batch, rows, 1.0)
        losses.append(float(scalars[0]) if np.isfinite(gradient.sum()) else math.nan)
    return (time.perf_counter() - started) / len(steps), float(np.mean(losses))


def _slowest(collective: Collective, mine: float) -> float:
    return max(float(part) for part in collective.all_gather_bytes(repr(mine).encode()))


def _batches_of(run: Run) -> Iterator[Batch | None]:
    plan = run.plan
    source = batches(
        run.training,
        run.epochs,
        run.collective.rank,
        seed=plan.seed,
        epoch=plan.initial_epoch,
        shuffle=plan.shuffle,
        prefetch=0,
        transform=run.transform,
    )
    return (None if batch is None else run.weighted(batch) for batch in source)


def _finite(losses: Mapping[str, float]) -> dict[str, float]:
    """Those that JSON has."""
    return {name: loss for name, loss in losses.items() if math.isfinite(loss)}
