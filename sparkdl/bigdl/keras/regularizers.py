"""What is added to the gradients of weights, by Keras's names."""

from __future__ import annotations

from sparkdl.bigdl.optim.optimizer import *  # noqa: F403
from sparkdl.bigdl.optim.regularizers import L1L2Regularizer, L1Regularizer, L2Regularizer


def l1(l1: float = 0.01) -> L1Regularizer:
    """Adds `l1 * sign(w)`."""
    return L1Regularizer(l1)


def l2(l2: float = 0.01) -> L2Regularizer:
    """Adds `l2 * w`."""
    return L2Regularizer(l2)


def l1l2(l1: float = 0.01, l2: float = 0.01) -> L1L2Regularizer:
    """Adds `l1 * sign(w) + l2 * w`."""
    return L1L2Regularizer(l1, l2)
