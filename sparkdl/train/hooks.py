"""Rank 0 runs the callbacks and decides; everybody follows."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field

import numpy as np

from sparkdl.train.optimizer_slices import gather_optimizer_state
from sparkdl.train.timing import PhaseClock
from sparkdl.types import CallbackRunner, Collective, Decision, Replica, Updater

NOTHING = Decision()


@dataclass
class Hooks:
    """Calls the callbacks of rank 0 and applies their decisions on every worker.

    Attributes:
        runner: the callbacks on rank 0, None on the other ranks and where there are none.
        active: whether rank 0 has callbacks at all, known to everybody.
        batch_hooks: whether any of them looks at single batches, known to everybody.
        batch_begins: whether any does so before a batch.
        terminates_on_nan: whether a loss that is not finite ends the training without an error.
        wanted: what callbacks asked for, and nobody has done yet.
    """

    replica: Replica
    updater: Updater
    collective: Collective
    clock: PhaseClock
    runner: CallbackRunner | None = None
    active: bool = False
    batch_hooks: bool = False
    batch_begins: bool = False
    terminates_on_nan: bool = False
    wanted: set[str] = field(default_factory=set)

    @classmethod
    def agree(
        cls,
        replica: Replica,
        updater: Updater,
        collective: Collective,
        clock: PhaseClock,
        runner: CallbackRunner | None,
    ) -> Hooks:
        """Tells every worker whether rank 0 has callbacks."""
        mine = {
            "active": runner is not None,
            "batch_hooks": runner is not None and runner.batch_hooks,
            "batch_begins": runner is not None and runner.batch_hooks and getattr(runner, "batch_begins", True),
            "terminates_on_nan": runner is not None and runner.terminates_on_nan,
        }
        agreed = json.loads(collective.broadcast(json.dumps(mine).encode()))
        return cls(replica, updater, collective, clock, runner, **agreed)

    def __call__(self, hook: str, index: int | None = None, logs: Mapping[str, float] | None = None) -> bool:
        """Runs one hook; returns True where training is to stop."""
        if not self.active:
            return False
        with self.clock("callbacks"):
            saves = self.runner is not None and self.runner.saves_at(hook, index)
            decision = self._decided(None if saves else lambda: self._run(hook, index, logs))
            if decision is None:
                merged = gather_optimizer_state(self.updater, self.collective)
                if self.runner is not None:
                    self.runner.load_optimizer_state(merged)
                decision = self._decided(lambda: self._run(hook, index, logs)) or NOTHING
            self._apply(decision)
        return decision.stop

    def batch(self, hook: str, index: int, logs: Mapping[str, float] | None = None) -> bool:
        """Runs a batch hook where any callback looks at batches."""
        listens = self.batch_begins if hook == "on_train_batch_begin" else self.batch_hooks
        return listens and self(hook, index, logs)

    def _run(self, hook: str, index: int | None, logs: Mapping[str, float] | None) -> Decision:
        return self.runner.run(hook, index, logs) if self.runner is not None else NOTHING

    def _decided(self, decide: Callable[[], Decision] | None) -> Decision | None:
        """What rank 0 decides, on every worker; None where it cannot run the callbacks yet."""
        mine = None if decide is None or self.runner is None else decide()
        says = self.runner is not None and mine != NOTHING
        if not self.collective.all_sum(np.array([says], np.float64))[0]:  # a number is faster than JSON
            return NOTHING
        told = json.loads(self.collective.broadcast(json.dumps(mine and asdict(mine)).encode()))
        return None if told is None else Decision(**told)

    def take(self, what: str) -> bool:
        """Whether callbacks asked for that ("validate", "capture") since it was last taken."""
        found = what in self.wanted
        self.wanted.discard(what)
        return found

    def _apply(self, decision: Decision) -> None:
        self.wanted |= {what for what in ("validate", "capture") if getattr(decision, what)}
        if decision.learning_rate is not None:
            self.updater.learning_rate = decision.learning_rate
        if decision.weights_changed:
            self.share_weights()

    def share_weights(self) -> None:
        """Copies rank 0's weights and statistics to all."""
        weights = self.collective.broadcast(self.replica.weights.tobytes())
        statistics = self.collective.broadcast(self.replica.statistics().tobytes())
        self.replica.weights[:] = np.frombuffer(weights, np.float32)
        self.replica.weights_written()
        self.replica.set_statistics(np.frombuffer(statistics, np.float64))
