"""Gathers the optimizer slices of all workers into one complete state."""

from __future__ import annotations

import numpy as np

from sparkdl.train.checkpoint import decode_state, encode_state
from sparkdl.types import Collective, TrainingState, Updater


def gather_optimizer_state(updater: Updater, collective: Collective) -> dict[str, np.ndarray]:
    """The merged state on rank 0, nothing on the others; see `Updater.merge_state`."""
    parts = collective.all_gather_bytes(encode_state(TrainingState(updater.state())))
    if collective.rank != 0:
        return {}
    return updater.merge_state([decode_state(part).arrays for part in parts])
