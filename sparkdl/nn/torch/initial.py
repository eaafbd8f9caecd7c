"""What parameters start with, in the manner of Torch, and the random numbers they are drawn from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sparkdl.nn.torch.module import Initial

# Torch has one stream of random numbers per process, which scripts seed before they build a model.
_GENERATOR = np.random.RandomState()  # Torch draws by this Mersenne twister too


def generator() -> np.random.RandomState:
    """The random numbers that new modules, and modules run on arrays, draw from."""
    return _GENERATOR


def seed(value: int) -> None:
    """Starts the random numbers anew."""
    _GENERATOR.seed(value)


def uniform(bound: float) -> Initial:
    """Uniform between -bound and bound."""
    return lambda random, shape: random.uniform(-bound, bound, shape).astype(np.float32)


def by_fan_in(fan_in: int) -> Initial:
    """Torch's default: uniform between -1/sqrt(fan_in) and 1/sqrt(fan_in)."""
    return uniform(1.0 / math.sqrt(fan_in))


def normal(mean: float = 0.0, deviation: float = 1.0) -> Initial:
    """Normally distributed."""
    return lambda random, shape: random.normal(mean, deviation, shape).astype(np.float32)


def constant(value: Any) -> Initial:
    """One value, or an array of the shape."""
    return lambda random, shape: np.broadcast_to(np.asarray(value, np.float32), shape).copy()
