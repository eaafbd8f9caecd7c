"""`RNG`: the random numbers of BigDL, which are Torch's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

# One generator for the whole process, as BigDL has one per thread of Java.
_state = np.random.RandomState()


class RNG:
    """Torch's Mersenne Twister, with one random number of 32 bits for each value.

    Example:
        >>> rng = RNG()
        >>> rng.set_seed(100)
        >>> [f"{number:.6f}" for number in rng.uniform(0.0, 1.0, [2])]
        ['0.543405', '0.671156']
    """

    def __init__(self, bigdl_type: str = "float") -> None:
        self.bigdl_type = bigdl_type

    def set_seed(self, seed: int) -> None:
        """Begins anew, for all of this process."""
        _state.seed(int(seed) & 0xFFFFFFFF)

    def uniform(self, a: float, b: float, size: Sequence[int]) -> np.ndarray:
        """Float32 numbers between `a` and `b`.

        Args:
            size: the shape.
        """
        raw = _state.randint(0, 1 << 32, int(np.prod(size)), np.uint32)
        return _scaled(raw, a, b).reshape(tuple(size))


def _scaled(raw: Any, a: float, b: float) -> np.ndarray:
    return (raw * 2.0**-32 * (b - a) + a).astype("float32")
