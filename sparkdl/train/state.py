"""Captures the complete state of a run, and goes on from one."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from sparkdl.train.checkpoint import decode_state, encode_state
from sparkdl.train.optimizer_slices import gather_optimizer_state
from sparkdl.train.run import Run
from sparkdl.types import TrainingState

logger = logging.getLogger("sparkdl")

Arrays = Mapping[str, np.ndarray]


@dataclass
class Position:
    """Where a run is: `step` counts within the epoch, `iteration` over the whole run; `stopped` by a callback."""

    epoch: int = 0
    step: int = 0
    iteration: int = 0
    stopped: bool = False

    def advance(self) -> None:
        """A step was made."""
        self.step += 1
        self.iteration += 1

    def next_epoch(self) -> None:
        """An epoch was finished."""
        self.epoch += 1
        self.step = 0


def capture_state(
    run: Run, position: Position, rows: int = 0, *, finished: bool = False, raw: np.ndarray | None = None
) -> TrainingState | None:
    """Gathers the complete state on rank 0 (None elsewhere). Every worker calls it at the same point.

    Nothing is changed by it: neither statistics nor sums are merged before their time.

    Args:
        rows: rows of this epoch that this worker has trained on so far.
        finished: whether the training has reached its end.
        raw: the weights of the last step, where the model ends with others: a longer run goes on from them.
    """
    optimizer = gather_optimizer_state(run.updater, run.collective)
    mine = {f"local/{name}": array for name, array in run.replica.local_state().items()}
    mine |= {"statistics": run.replica.statistics(), "rows": np.array(float(rows))}
    if position.step:
        mine |= {f"epoch/{name}": array for name, array in run.replica.epoch_state().items()}
    gathered = run.collective.all_gather_bytes(encode_state(TrainingState(mine)))
    if run.collective.rank != 0:
        return None
    parts = [decode_state(payload).arrays for payload in gathered]
    arrays = {"weights": run.replica.weights.copy(), "statistics": _average(parts), **optimizer}
    if raw is not None:
        arrays |= {"weights": raw, "final_weights": arrays["weights"]}
    for rank, part in enumerate(parts):
        arrays |= _of_worker(rank, part, in_epoch=position.step > 0)
    info = {
        **asdict(position),
        "finished": finished,
        "generation": run.plan.generation,
        "workers": run.collective.size,
        "groups": [list(group) for group in run.collective.groups],
        "plan": asdict(run.plan),
        "fingerprint": dict(run.fingerprint),
    }
    return TrainingState(arrays, info)


def _average(parts: list[Arrays]) -> np.ndarray:
    """The statistics of all workers, weighted by rows: what they will be merged to at the end of the epoch."""
    weights = [float(part["rows"]) for part in parts]
    if sum(weights) == 0:  # at the end of an epoch they are the same everywhere
        return parts[0]["statistics"]
    return np.average([part["statistics"] for part in parts], axis=0, weights=weights)


def _of_worker(rank: int, arrays: Arrays, in_epoch: bool) -> dict[str, np.ndarray]:
    kept = {f"local/{rank}/{name}": array for name, array in under("local/", arrays).items()}
    if in_epoch:
        kept[f"statistics/{rank}"] = arrays["statistics"]
        kept |= {f"epoch/{rank}/{name}": array for name, array in under("epoch/", arrays).items()}
    return kept


def restore_state(run: Run, state: TrainingState) -> Position:
    """Puts a state, taken with any number of workers, into this worker; returns where to go on."""
    arrays, info, rank = state.arrays, state.info, run.collective.rank
    same_workers = info["workers"] == run.collective.size
    if same_workers and rank == 0 and info.get("groups", []) != [list(group) for group in run.collective.groups]:
        logger.warning("workers share hosts in another way than before: sums may differ from now on in their last bit.")
    run.replica.weights[:] = arrays["weights"]
    run.replica.weights_written()
    run.updater.load_state({name: array for name, array in arrays.items() if name.startswith("optimizer/")})
    run.replica.set_statistics(arrays.get(f"statistics/{rank}" if same_workers else "", arrays["statistics"]))
    if same_workers:
        run.replica.set_local_state(under(f"local/{rank}/", arrays))
    position = Position(info["epoch"], info["step"], info["iteration"], info["stopped"])
    if position.step:
        run.replica.set_epoch_state(_epoch_state(arrays, info["workers"], rank, same_workers))
    return position


def _epoch_state(arrays: Arrays, workers: int, rank: int, same_workers: bool) -> Arrays:
    """My sums of the half epoch; with another number of workers, rank 0 takes over those of all."""
    if same_workers:
        return under(f"epoch/{rank}/", arrays)
    parts = [under(f"epoch/{former}/", arrays) for former in range(workers)]
    return {name: np.sum([part[name] for part in parts], axis=0) * (rank == 0) for name in parts[0]}


def under(prefix: str, arrays: Arrays) -> dict[str, np.ndarray]:
    """The arrays whose names begin with `prefix`, without it.

    Example:
        >>> list(under("local/0/", {"local/0/seed": np.zeros(2), "weights": np.ones(2)}))
        ['seed']
    """
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
