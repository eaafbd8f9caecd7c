"""Runs a training with n workers in threads, over any replica and updater."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sparkdl.data.blocks import Block
from sparkdl.data.store import PartitionStore
from sparkdl.train.loop import train
from sparkdl.train.run import Run, plan_epochs
from sparkdl.train.timing import PhaseClock
from sparkdl.types import Collective, SampleSpec, TensorSpec, TrainingPlan, TrainingState
from tests.collective.threads import threads


@dataclass
class Notes:
    """An observer that remembers."""

    rank: int
    every_epoch: bool = True
    epochs: list[Mapping[str, float]] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    states: list[TrainingState] = field(default_factory=list)
    due: list[bool] = field(default_factory=list)

    def step(self, epoch: int, step: int, steps: int, rows: int, loss: float) -> None:
        self.losses.append(loss)

    def epoch(self, epoch: int, logs: Mapping[str, float], seconds: float, learning_rate: float) -> None:
        self.epochs.append(logs)

    def wants_state(self, in_epoch: bool) -> bool:
        return self.every_epoch and not in_epoch

    def state(self, state: TrainingState, due: bool, seconds: float) -> None:
        self.states.append(state)
        self.due.append(due)

    def close(self) -> None:
        pass


def stores(columns: Sequence[np.ndarray], counts: Sequence[int], labels: int = 1) -> list[PartitionStore]:
    """A store per worker with the next `count` rows of the columns (features, then labels, then a weight)."""
    names = [TensorSpec(f"c{i}", column.shape[1:], str(column.dtype)) for i, column in enumerate(columns)]
    features = len(columns) - labels
    spec = SampleSpec(tuple(names[:features]), tuple(names[features:]))
    made, start = [], 0
    for rank, count in enumerate(counts):
        store = PartitionStore(spec)
        part = slice(start, start + count)
        store.append(Block((rank << 33) + np.arange(count), tuple(column[part] for column in columns)))
        store.freeze()
        made.append(store)
        start += count
    return made


def plan_for(workers: int, **numbers: Any) -> TrainingPlan:
    """A plan with small defaults."""
    return TrainingPlan(
        **({"generation": "g", "workers": workers, "cores_per_worker": 1, "batch_size": 32, "epochs": 2} | numbers)
    )


def run_workers(
    plan: TrainingPlan,
    filled: Sequence[PartitionStore],
    build: Callable[[Collective], tuple[Any, Any]],
    validation: Sequence[PartitionStore] | None = None,
    callbacks: Callable[[Any, Any], Any] | None = None,
    state: TrainingState | None = None,
) -> list[Run]:
    """Trains with one thread per worker; returns their runs, in rank order."""

    def work(collective: Collective) -> Run:
        replica, updater = build(collective)
        rank = collective.rank
        runner = callbacks(replica, updater) if callbacks is not None and rank == 0 else None
        held = validation[rank].view(0) if validation is not None else None
        training = filled[rank].view(0)
        epochs = plan_epochs(collective, training.rows, plan.batch_size)
        run = Run(plan, replica, updater, collective, training, epochs, held, Notes(rank), PhaseClock(), runner)
        try:
            train(run, state)
        finally:
            run.exchange.close()
            collective.close()
        return run

    with ThreadPoolExecutor(plan.workers) as pool:
        futures = [pool.submit(work, collective) for collective in threads(plan.workers, deadline=60)]
        return [future.result() for future in futures]
