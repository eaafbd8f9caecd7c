"""Rank 0 runs the callbacks and decides; everybody follows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import numpy as np

from sparkdl.train.optimizer_slices import gather_optimizer_state
from sparkdl.train.timing import PhaseClock
from sparkdl.types import CallbackRunner, Collective, Decision, Replica, Updater


@dataclass
class Hooks:
    """Calls the callbacks of rank 0 and applies their decisions on every worker.

    Attributes:
        runner: the callbacks on rank 0, None on the other ranks and where there are none.
        active: whether rank 0 has callbacks at all, known to everybody.
        batch_hooks: whether any of them looks at single batches, known to everybody.
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
            "terminates_on_nan": runner is not None and runner.terminates_on_nan,
        }
        agreed = json.loads(collective.broadcast(json.dumps(mine).encode()))
        return cls(replica, updater, collective, clock, runner, **agreed)

    def __call__(self, hook: str, index: int | None = None, logs: Mapping[str, float] | None = None) -> bool:
        """Runs one hook; returns True where training is to stop."""
        if not self.active:
            return False
        with self.clock("callbacks"):
            if self._rank0_says(self.runner is not None and self.runner.saves_at(hook, index)):
                merged = gather_optimizer_state(self.updater, self.collective)
                if self.runner is not None:
                    self.runner.load_optimizer_state(merged)
            decision = self.runner.run(hook, index, logs) if self.runner is not None else Decision()
            decision = Decision(**json.loads(self.collective.broadcast(json.dumps(asdict(decision)).encode())))
            self._apply(decision)
        return decision.stop

    def batch(self, hook: str, index: int, logs: Mapping[str, float] | None = None) -> bool:
        """Runs a batch hook where any callback looks at batches."""
        return self.batch_hooks and self(hook, index, logs)

    def _rank0_says(self, flag: bool) -> bool:
        return self.collective.broadcast(b"1" if flag else b"0") == b"1"

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
