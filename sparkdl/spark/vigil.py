"""What no worker says: that one of them has fallen silent, or that Spark cannot start them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from pyspark import SparkContext

from sparkdl.collective.channel import Hub
from sparkdl.spark.attempt import Monitor
from sparkdl.spark.cluster import task_slots
from sparkdl.types import TrainingPlan

# A process that shows no sign of life for so long is taken for lost; it should show one every second.
SILENCE_SECONDS = 60.0
# How long Spark may go on without the slots for all workers before the attempt is given up for a smaller one.
SLOTS_SECONDS = 30.0


@dataclass
class Vigil:
    """Watches over one attempt; call it now and then.

    Attributes:
        profile: the resource profile of the stage; None for the default one.
    """

    context: SparkContext
    hub: Hub
    monitor: Monitor
    plan: TrainingPlan
    profile: Any = None
    _slots_seen: float = field(default_factory=time.monotonic)

    def __call__(self) -> str:
        """What is wrong, in words; nothing where all is well."""
        limit = min(self.plan.deadline, SILENCE_SECONDS)
        if silent := self.hub.silent(limit):
            return f"worker {silent[0]} has shown no sign of life for {limit:g} s"
        return "" if self.monitor.heard else self._missing_slots()

    def _missing_slots(self) -> str:
        slots = task_slots(self.context, None if self.profile is None else self.profile._java_profile)
        if slots >= self.plan.workers:
            self._slots_seen = time.monotonic()
        if time.monotonic() - self._slots_seen < SLOTS_SECONDS:
            return ""
        return f"Spark has {slots} task slot(s) left, and {self.plan.workers} workers were to start"
