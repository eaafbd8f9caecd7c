"""Captures the complete state of a run, and goes on from one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparkdl.train.checkpoint import decode_state, encode_state
from sparkdl.train.optimizer_slices import gather_optimizer_state
from sparkdl.train.run import Run
from sparkdl.types import TrainingState


@dataclass
class Position:
    """Where a run is: `step` counts within the epoch, `iteration` over the whole run."""

    epoch: int = 0
    step: int = 0
    iteration: int = 0

    def advance(self) -> None:
        """A step was made."""
        self.step += 1
        self.iteration += 1

    def next_epoch(self) -> None:
        """An epoch was finished."""
        self.epoch += 1
        self.step = 0


def capture_state(run: Run, position: Position, finished: bool) -> TrainingState | None:
    """Gathers the complete state on rank 0 (None elsewhere). Every worker calls it at the same point."""
    optimizer = gather_optimizer_state(run.updater, run.collective)
    locals_ = run.collective.all_gather_bytes(encode_state(TrainingState(run.replica.local_state())))
    if run.collective.rank != 0:
        return None
    arrays: dict[str, np.ndarray] = {
        "weights": run.replica.weights.copy(),
        "statistics": run.replica.statistics(),
        **optimizer,
    }
    for rank, payload in enumerate(locals_):
        arrays |= {f"local/{rank}/{name}": array for name, array in decode_state(payload).arrays.items()}
    info = {
        "generation": run.plan.generation,
        "workers": run.collective.size,
        "epoch": position.epoch,
        "step": position.step,
        "iteration": position.iteration,
        "seed": run.plan.seed,
        "finished": finished,
    }
    return TrainingState(arrays, info)


def restore_state(run: Run, state: TrainingState) -> Position:
    """Puts a state, taken with any number of workers, into this worker; returns where to go on."""
    arrays = state.arrays
    run.replica.weights[:] = arrays["weights"]
    run.replica.weights_written()
    run.replica.set_statistics(arrays["statistics"])
    run.updater.load_state({name: array for name, array in arrays.items() if name.startswith("optimizer/")})
    if state.info["workers"] == run.collective.size:
        run.replica.set_local_state(_under(f"local/{run.collective.rank}/", state))
    return Position(state.info["epoch"], state.info["step"], state.info["iteration"])


def _under(prefix: str, state: TrainingState) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in state.arrays.items() if name.startswith(prefix)}
