"""What no worker says: that one has fallen silent or did not come, or that Spark cannot start or end them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from sparkdl.collective.channel import Hub
from sparkdl.spark.attempt import Monitor
from sparkdl.spark.cluster import Context, is_stopped, task_slots
from sparkdl.spark.connect import ConnectContext
from sparkdl.types import TrainingPlan

# A process that shows no sign of life for so long is taken for lost; it should show one every second.
SILENCE_SECONDS = 60.0
# How long Spark may go on without the slots for all workers before the attempt is given up for a smaller one.
SLOTS_SECONDS = 30.0
# How long the others are waited for, at least, when one worker has come (Spark may have to unpack an environment).
START_SECONDS = 60.0
# How long Spark may take to see that the tasks of workers that are done have ended; a hanging executor never says it.
END_SECONDS = 30.0
SESSION_STOPPED = "its session was stopped"


@dataclass
class Vigil:
    """Watches over one attempt; call it now and then.

    Attributes:
        profile: the resource profile of the stage; None for the default one.
    """

    context: Context
    hub: Hub
    monitor: Monitor
    plan: TrainingPlan
    profile: Any = None
    _since: dict[str, float] = field(default_factory=dict)

    def __call__(self) -> str:
        """What is wrong, in words; nothing where all is well."""
        if is_stopped(self.context):
            return SESSION_STOPPED
        limit = min(self.plan.deadline, SILENCE_SECONDS)
        if silent := self.hub.silent(limit):
            return f"worker {silent[0]} has shown no sign of life for {limit:g} s"
        if not self.monitor.heard:
            return self._missing_slots()
        return self._missing_workers() or self._missing_rows() or self._missing_end()

    def _missing_workers(self) -> str:
        """Tasks of a barrier stage start together, so workers wait for a process that hangs before its first word."""
        missing = sorted(set(range(self.plan.workers)) - self.monitor.heard)
        limit = max(self.plan.deadline, START_SECONDS)
        if not missing or self._lasts("came") < limit:
            return ""
        return f"worker {missing[0]} did not come within {limit:g} s of the first one"

    def _missing_rows(self) -> str:
        """Workers meet when they have read their rows; somebody's may take far longer than the others'."""
        missing = sorted(set(range(self.plan.workers)) - self.monitor.met.keys())
        if not missing or not self.monitor.met or self._lasts("met") < self.plan.deadline:
            return ""
        return (
            f"worker {missing[0]} was still reading its rows {self.plan.deadline:g} s after worker "
            f"{min(self.monitor.met)} had read its own: spread the rows evenly (data.repartition), or give a larger "
            f"deadline="
        )

    def _missing_end(self) -> str:
        """Who is done, or gave up the others, ends; who is stuck may show signs of life all the same."""
        gave_up = {failure.rank: failure.message for failure in self.monitor.failures}
        missing = sorted(set(range(self.plan.workers)) - self.monitor.timings.keys() - gave_up.keys())
        if missing and not gave_up or self._lasts("end") < END_SECONDS:
            return ""
        if missing:
            rank, message = next(iter(gave_up.items()))
            return f"worker {missing[0]} is stuck: worker {rank} gave up {END_SECONDS:g} s ago ({message})"
        return f"Spark has not ended the stage {END_SECONDS:g} s after its last worker"

    def _lasts(self, what: str) -> float:
        """Seconds since this was seen for the first time."""
        now = time.monotonic()
        return now - self._since.setdefault(what, now)

    def _missing_slots(self) -> str:
        if isinstance(self.context, ConnectContext):
            return ""  # which cannot see them; Spark itself says after some minutes that they are too few
        slots = task_slots(self.context, self.profile)
        if slots >= self.plan.workers:
            self._since.pop("slots", None)
            return ""
        if self._lasts("slots") < SLOTS_SECONDS:
            return ""
        return f"Spark has {slots} task slot(s) left, and {self.plan.workers} workers were to start"
