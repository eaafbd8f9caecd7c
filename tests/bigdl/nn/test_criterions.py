"""What criterions give scripts, beyond the numbers of `tests/nn/torch/test_criterions.py`."""

from __future__ import annotations

import numpy as np

from sparkdl.bigdl.keras import autograd as A
from sparkdl.bigdl.nn.criterion import AbsCriterion, ClassNLLCriterion


def test_losses_are_the_shortest_numbers_of_their_float32() -> None:
    assert ClassNLLCriterion().forward(np.array([[-0.1, -0.2]]), np.array([2.0])) == 0.2
    found = AbsCriterion().forward(np.array([1 / 3]), np.array([0.0]))
    assert found == 0.33333334 and np.float32(found) == np.float32(1 / 3)
    assert np.isnan(AbsCriterion().forward(np.array([np.nan]), np.array([0.0])))
    custom = A.CustomLoss(lambda truth, guess: A.mean(A.abs(truth - guess), axis=1), [3])
    assert custom.forward(np.zeros((1, 3)), np.array([[0.1, 0.2, 0.3]])) == 0.2
