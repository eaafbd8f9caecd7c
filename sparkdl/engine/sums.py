"""What Keras logs as losses, as sums that add up over workers and steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sparkdl.engine.objective import LossTerm


class LossSums:
    """Float64 sums of losses, over training steps or over the rows of an evaluation.

    Training logs the mean of the objective over steps, weighted by rows, as Keras does; evaluation divides the
    sum of all numerators by the sum of all denominators, so that it does not depend on the batches.

    Args:
        terms: the losses of the model.
    """

    def __init__(self, terms: Sequence[LossTerm]) -> None:
        self._terms = terms
        self._constant = np.array([_is_sum(term) for term in terms], bool)
        self.train = np.zeros(2 + len(terms))
        self.test = np.zeros(3 + 2 * len(terms))

    @property
    def length(self) -> int:
        """Number of sums."""
        return self.train.size + self.test.size

    def reset(self) -> None:
        """Forgets everything."""
        self.train[:] = 0.0
        self.test[:] = 0.0

    def trained(self, rows: int, global_rows: int, scalars: np.ndarray) -> None:
        """Adds a training step: this worker's parts of the objective and of each loss."""
        self.train[0] += rows
        self.train[1] += scalars[0] * global_rows
        self.train[2:] += scalars[-len(self._terms) :] * global_rows if self._terms else 0.0

    def sums(self) -> np.ndarray:
        """All sums, float64 (length,)."""
        return np.concatenate([self.train, self.test])

    def set_sums(self, sums: np.ndarray) -> None:
        """Restores what `sums` gave."""
        self.train[:], self.test[:] = np.split(sums, [self.train.size])

    def means(self, sums: np.ndarray) -> tuple[float, np.ndarray]:
        """The objective and each loss, unweighted, from sums over all workers; NaN where there were no rows."""
        train, test = np.split(sums, [self.train.size])
        if train[0] > 0:
            return float(train[1] / train[0]), train[2:] / train[0]
        rows, additive, averaged = test[:3]
        if rows == 0:
            return float("nan"), np.full(len(self._terms), np.nan)
        numerators, denominators = np.split(test[3:], 2)
        denominators = np.where(self._constant, 1.0, denominators)
        losses = np.divide(numerators, denominators, out=np.zeros_like(numerators), where=denominators != 0)
        weights = np.array([term.weight for term in self._terms])
        return float(losses @ weights + additive + averaged / rows), losses


def _is_sum(term: LossTerm) -> bool:
    """Whether the loss of a batch is a sum, divided by nothing."""
    if term.kind == "own":
        return bool(term.loss.is_sum)
    return term.kind == "sum" or (term.kind == "elements" and term.loss.reduction == "sum")
