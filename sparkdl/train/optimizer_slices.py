"""Gathers the optimizer slices of all workers into one complete state."""

from __future__ import annotations

import numpy as np

from sparkdl.train.checkpoint import decode_state, encode_state
from sparkdl.types import Collective, TrainingState, Updater


def gather_optimizer_state(updater: Updater, collective: Collective) -> dict[str, np.ndarray]:
    """The merged state, the same on every worker; see `Updater.merge_state`."""
    payload = encode_state(TrainingState(updater.state()))
    parts = [decode_state(part).arrays for part in collective.all_gather_bytes(payload)]
    return updater.merge_state(parts)
