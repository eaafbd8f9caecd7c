"""What parameters start with, in the manner of Torch, and the random numbers they are drawn from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sparkdl.nn.torch.module import Initial


class Twister(np.random.RandomState):
    """The Mersenne Twister as Torch draws from it: 32 bits for a uniform number, and pairs of normal ones.

    Example:
        >>> Twister(100).uniform(size=2).round(6).tolist()
        [0.543405, 0.671156]
    """

    _spare: float | None = None  # the second of a pair of standard normal numbers

    def seed(self, seed: Any = None) -> None:
        """Starts anew."""
        super().seed(seed)
        self._spare = None

    def uniform(self, low: Any = 0.0, high: Any = 1.0, size: Any = None) -> Any:
        """Uniform between `low` and `high`."""
        return self.randint(0, 1 << 32, size, np.uint32) * 2.0**-32 * (high - low) + low

    def normal(self, loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Any:
        """Normally distributed, by the method of Box and Muller."""
        count = int(np.prod(size if size is not None else ()))
        kept = [] if self._spare is None or count == 0 else [self._spare]
        angles, radii = self.uniform(size=((count - len(kept) + 1) // 2, 2)).T
        radii = np.sqrt(-2.0 * np.log1p(-radii))
        pairs = np.stack([radii * np.cos(2 * np.pi * angles), radii * np.sin(2 * np.pi * angles)], 1).ravel()
        numbers = np.concatenate([kept, pairs])
        if count:
            self._spare = float(numbers[count]) if len(numbers) > count else None
        return numbers[:count].reshape(size if size is not None else ()) * scale + loc


# Torch has one stream of random numbers per process, which scripts seed before they build a model.
_GENERATOR = Twister()


def generator() -> Twister:
    """The random numbers that new modules, and modules run on arrays, draw from."""
    return _GENERATOR


def seed(value: int) -> None:
    """Starts the random numbers anew."""
    _GENERATOR.seed(value & 0xFFFFFFFF)


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
