"""Sums over all rows of all workers, and the state that is averaged before them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from sparkdl.train.validation_metrics import Measured, MeterMaker, ValidationMeter
from sparkdl.types import Batch, Collective, Replica


def evaluate(
    replica: Replica, collective: Collective, batches: Iterable[Batch], measured: Measured = ()
) -> dict[str, float]:
    """Loss and metrics over the rows of all workers, the same on each, whatever the batches were.

    Args:
        batches: this worker's rows; may be empty.
        measured: metrics beside those of the model.
    """
    replica.reset_sums()
    meter = measured.meter() if isinstance(measured, MeterMaker) else ValidationMeter(measured, collective.rank)
    for batch in batches:
        meter.add(batch, replica.evaluate(batch))
    logs = replica.results(collective.all_sum(replica.sums())) | meter.results(collective)
    replica.reset_sums()
    return logs


def average_statistics(replica: Replica, collective: Collective, rows: int) -> None:
    """Averages floating-point statistics (BatchNorm's) over the workers, weighted by the rows each has seen."""
    values = replica.statistics()
    if not values.size:
        return
    total = collective.all_sum(np.append(values * rows, float(rows)))
    if total[-1] > 0:
        replica.set_statistics(total[:-1] / total[-1])
