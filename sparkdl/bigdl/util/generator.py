"""`RNG`: the random numbers of BigDL, which are Torch's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sparkdl.nn.torch.initial import generator
from sparkdl.nn.torch.initial import seed as begin_anew


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
        """Begins anew: for the weights of new layers and for dropout too."""
        begin_anew(int(seed))

    def uniform(self, a: float, b: float, size: Sequence[int]) -> np.ndarray:
        """Float32 numbers between `a` and `b`.

        Args:
            size: the shape.
        """
        return generator().uniform(a, b, tuple(size)).astype("float32")
